/** Reads the file's data and shows it. */

import { effect } from "@preact/signals";
import { render } from "preact";
import { Damaged, type Meta, read } from "./document.ts";
import { listen } from "./keys.ts";
import { Player } from "./player.ts";
import { App } from "./views/app.ts";
import { html } from "./views/html.ts";

/** Browsers slow down a page that changes its address more often. */
const ADDRESS_MS = 400;
/** From here on the words in the architecture's drawing can be read. */
const WIDE_PX = 1280;

async function start(place: HTMLElement): Promise<void> {
  const meta = JSON.parse(document.getElementById("durascope-meta")?.textContent ?? "{}") as Meta;
  const data = document.getElementById("durascope-data")?.textContent ?? "";
  const player = new Player(await read(meta, data), meta);
  const embedded = new URLSearchParams(location.search).has("embed") || meta.embed === true;
  const narrow = matchMedia("(max-width: 700px)");
  player.fit(narrow.matches);
  player.wantsDrawing.value = innerWidth >= WIDE_PX;
  narrow.addEventListener("change", () => player.fit(narrow.matches));
  if (location.hash) player.restore(location.hash);
  place.replaceChildren();
  render(html`<${App} player=${player} embedded=${embedded} />`, place);
  listen(player);
  play(player);
  follow(player);
  if (embedded && parent !== window) obey(player);
  document.documentElement.dataset["ready"] = "true";
  performance.mark("ready");
}

/** Moves the clock while the story plays. */
function play(player: Player): void {
  let last = 0;
  const frame = (time: number) => {
    if (!player.playing.value) return;
    player.tick(Math.min(100, last === 0 ? 16 : time - last));
    last = time;
    requestAnimationFrame(frame);
  };
  effect(() => {
    if (!player.playing.value) return;
    last = 0;
    requestAnimationFrame(frame);
  });
}

/** Keeps the moment in the address, and goes where an address leads. */
function follow(player: Player): void {
  let written = location.hash;
  let timer: ReturnType<typeof setTimeout> | undefined;
  effect(() => {
    const { hash } = player;
    clearTimeout(timer);
    timer = setTimeout(() => {
      written = hash;
      try {
        history.replaceState(null, "", hash || "#");
      } catch {
        // In a frame without an address of its own there is none to keep.
      }
    }, ADDRESS_MS);
  });
  addEventListener("hashchange", () => {
    if (location.hash !== written) player.restore(location.hash);
  });
}

/** The page around this one may lead to a moment: it posts `{durascope: "#t=…"}` once it was told that we are ready. */
function obey(player: Player): void {
  addEventListener("message", ({ source, data }: MessageEvent<{ durascope?: unknown } | null>) => {
    const asked = data?.durascope;
    if (source === parent && typeof asked === "string" && asked.startsWith("#")) player.lead(asked);
  });
  parent.postMessage({ durascope: "ready" }, "*");
}

const place = document.getElementById("app");
if (place) {
  start(place).catch((error: unknown) => {
    const why = error instanceof Damaged ? error.message : `It cannot be shown (${error instanceof Error ? error.message : String(error)}).`;
    place.replaceChildren();
    render(html`<div class="damaged" role="alert"><h1>This file's data is damaged</h1><p>${why}</p>
      <p>Create it again with “durascope report”, or get another copy.</p></div>`, place);
    document.documentElement.dataset["ready"] = "damaged";
  });
}

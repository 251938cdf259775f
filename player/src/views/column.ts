/** One engine: its state in a line, what can be broken, its map and its record. */

import { useState } from "preact/hooks";
import type { Fork } from "../document.ts";
import { breakables } from "../forks.ts";
import { spell } from "../names.ts";
import type { Player } from "../player.ts";
import { isDuplicate } from "../time/marks.ts";
import { Drawing } from "./drawing.ts";
import { html } from "./html.ts";
import { Ledger } from "./ledger.ts";
import { Record } from "./record.ts";
import { Stage } from "./stage.ts";

export function Column({ player, e }: { readonly player: Player; readonly e: number }) {
  const engine = player.engines.value[e]!;
  const alone = player.engines.value.length === 1;
  const place = player.document.engines.findIndex((each) => each.name === engine.name) + 1;
  const drawing = alone && engine.architecture && player.wantsDrawing.value && !player.narrow.value;
  return html`<section class=${`column ${alone ? "alone" : ""}`} aria-label=${engine.title} data-engine=${engine.name} style=${`--engine:${engine.colour}`}>
    <header>
      <h2><button title=${`${alone ? "All engines" : "This engine alone"} (${place})`} aria-pressed=${alone} onClick=${() => player.show(alone ? null : engine.name)}>${engine.title}<kbd>${place}</kbd></button></h2>
      <${Standing} player=${player} e=${e} />
      <${Break} player=${player} engine=${engine.name} title=${engine.title} />
    </header>
    ${alone && engine.architecture && !player.narrow.value && html`<div class="views"><button aria-pressed=${!drawing} onClick=${() => (player.wantsDrawing.value = false)}>map</button>
      <button aria-pressed=${drawing} onClick=${() => (player.wantsDrawing.value = true)}>architecture</button></div>`}
    ${drawing ? html`<${Drawing} player=${player} e=${e} key=${engine.name} />` : html`<${Stage} player=${player} e=${e} />`}
    <${Record} player=${player} e=${e} />
    ${alone && html`<${Ledger} player=${player} e=${e} />`}
  </section>`;
}

/** How the chosen run stands at this moment. */
function Standing({ player, e }: { readonly player: Player; readonly e: number }) {
  const trace = player.shown.value[e]!;
  const moment = player.moments.value[e]!;
  const now = player.now.value;
  const run = trace.runs.find((each) => each.run === player.run.value);
  const twice = trace.ledgerAt(moment.count).filter(isDuplicate).length;
  const down = [...moment.lanes].filter(([, lane]) => lane.condition !== "up").map(([name]) => name);
  const ended = run?.ended != null && run.ended <= now && moment.count > 0;
  const status = !run ? "no runs" : run.started > now || moment.count === 0 ? "not started" : ended ? run.status : now >= trace.end && run.ended === null ? run.status : "running";
  const why = !ended && run?.why && now >= trace.end ? run.why : null;
  return html`<p class="standing">
    <span class=${`status ${ended && run?.status === "completed" ? "good" : status === "running" || status === "not started" ? "" : ended || why ? "bad" : ""}`}
      title=${why ?? ""}>${status}${ended ? ` in ${spell(run!.ended! - run!.started)}` : ""}</span>
    ${twice > 0 && html`<span class="badge twice">◆ ${twice} duplicate${twice > 1 ? "s" : ""}</span>`}
    ${down.slice(0, 2).map((name) => html`<span class="badge down">✖ ${name}</span>`)}
  </p>
  ${why && html`<p class="reason" tabindex="0" title=${why}>${why}</p>`}`;
}

/** Break something at this very moment. */
function Break({ player, engine, title }: { readonly player: Player; readonly engine: string; readonly title: string }) {
  const [open, setOpen] = useState(false);
  const all = player.offers(engine);
  const plain = all.filter(({ fork }) => !fork.remedy);
  const remedied = all.filter(({ fork }) => fork.remedy);
  const possible = all.length > 0 || player.live !== null;
  const n = player.at(engine);
  const live = player.live !== null && n >= 0;
  const choose = (fork: Fork) => {
    setOpen(false);
    player.crash(engine, fork);
  };
  const leave = (event: globalThis.FocusEvent) => {
    if (!(event.currentTarget as Element).contains(event.relatedTarget as Node | null)) setOpen(false);
  };
  return html`<div class="break" onFocusOut=${leave} onKeyDown=${(event: KeyboardEvent) => event.key === "Escape" && setOpen(false)}>
    <button class="crash-here" aria-disabled=${!possible} title=${possible ? `Kill the app of ${title} right after this event (c)` : player.missing(engine, n)}
      onClick=${() => player.crash(engine)}>✖ Crash here</button>
    ${(all.length > 1 || live) && html`<button class="more" aria-label="What to break" aria-expanded=${open} onClick=${() => setOpen(!open)}>▾</button>`}
    ${open && html`<ul class="menu">
      ${[...plain, ...remedied].map(({ fork, event }) => html`<li><button onClick=${() => choose(fork)}>${WHAT[fork.what] ?? fork.what} <b>${fork.target}</b>
        ${fork.remedy ? html`<span class="dim"> with ${fork.remedy}</span>` : html`<span class="dim"> ${down(fork.down_us)}</span>`}
        ${event > n && html`<span class="dim"> after event ${event}</span>`}</button></li>`)}
      ${live && html`<li class="how-long"><label>for <select value=${String(player.downUs.value)}
        onChange=${(event: globalThis.Event) => (player.downUs.value = Number((event.currentTarget as HTMLSelectElement).value))}>
        ${DOWNS_US.map((us) => html`<option value=${String(us)}>${spell(us)}</option>`)}</select></label></li>
      ${breakables(Object.keys(player.document.scenario.services ?? {})).map((each) => html`<li><button
        onClick=${() => (setOpen(false), void player.simulate(engine, each, n))}>${WHAT[each.what]} <b>${each.target}</b></button></li>`)}`}</ul>`}
  </div>`;
}

/** Nobody notices; the default; longer than most timeouts; longer than a retry. */
const DOWNS_US = [50_000, 2_000_000, 15_000_000, 60_000_000];

function down(us: number | null | undefined): string {
  return us ? `for ${spell(us)}` : "";
}

const WHAT: Readonly<{ [what: string]: string }> = {
  crash: "Kill the", hang: "Hang the", cut: "Cut off the", outage: "Take down",
};

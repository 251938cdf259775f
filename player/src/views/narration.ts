/** One line: what has just happened, and why. */

import { useEffect, useState } from "preact/hooks";
import type { Rule } from "../document.ts";
import { spell } from "../names.ts";
import type { Player } from "../player.ts";
import { html } from "./html.ts";

export function Narration({ player }: { readonly player: Player }) {
  const spot = player.told.value;
  if (spot === null) {
    return html`<div class="narration" id="narration"><p class="what">Nothing has happened yet.${" "}
      <span class="why">Press play, or step with the arrow keys.</span></p></div>`;
  }
  const engine = player.engines.value[player.index(spot.engine)]!;
  const trace = player.shown.value[player.index(spot.engine)]!;
  const said = player.say(spot);
  return html`<div class=${`narration ${said.tone}`} id="narration" style=${`--engine:${engine.colour}`}>
    <p class="where"><span class="engine">${engine.title}</span> <time>${spell(Math.round(trace.at[spot.event]!))}</time>
      <span class="dim">event ${spot.event}</span></p>
    <p class="what"><bdi>${said.what}</bdi>
      ${said.why && html` <button class="why" disabled=${said.because === null} title="Go there"
        onMouseEnter=${() => (player.hovered.value = spot)} onMouseLeave=${() => (player.hovered.value = null)}
        onClick=${() => player.seekSpot({ engine: spot.engine, event: said.because! })}><bdi>${said.why}</bdi></button>`}
      ${said.rule && html` <${Cited} rule=${said.rule} engine=${engine.title} />`}</p>
  </div>`;
}

/** A rule's name; the rule itself where one points at it or presses it. */
function Cited({ rule, engine }: { readonly rule: Rule; readonly engine: string }) {
  const [open, setOpen] = useState(false);
  useEffect(() => setOpen(false), [rule]);
  return html`<button class="rule" aria-expanded=${open} title=${rule.text} onClick=${() => setOpen(!open)}>rule ${rule.name}</button>${
    open && html` <span class="rule-text">${engine} ${rule.name}: ${rule.text}</span>`}`;
}

/** For screen readers: each event when one steps, and while the story plays at most one in two seconds. */
export function Spoken({ player }: { readonly player: Player }) {
  const [text, setText] = useState("");
  const spot = player.told.value;
  const playing = player.playing.value;
  const key = spot === null ? "" : `${spot.engine} ${spot.event}`;
  useEffect(() => {
    const timer = setTimeout(() => {
      if (spot === null) return setText("");
      const engine = player.engines.value[player.index(spot.engine)];
      if (!engine) return;
      const { what, why } = player.say(spot);
      setText(`${engine.title}: ${what} ${why ?? ""}`);
    }, playing ? 2_000 : 60);
    return playing ? undefined : () => clearTimeout(timer);
  }, [key, playing]);
  return html`<div class="spoken" role="status" aria-live="polite">${text}</div>`;
}

/** Play, step, jump, speed: all that moves the clock. */

import { spell } from "../names.ts";
import { type Player, SPEEDS } from "../player.ts";
import type { MarkKind } from "../time/marks.ts";
import { html } from "./html.ts";

const JUMPS: readonly (readonly [MarkKind, string, string])[] = [
  ["crash", "✖", "Next crash"],
  ["replay", "↻", "Next replay"],
  ["duplicate", "◆", "Next duplicate"],
  ["difference", "≠", "First difference between the engines"],
];

export function Controls({ player }: { readonly player: Player }) {
  const playing = player.playing.value;
  const clock = player.clock.value;
  const button = (label: string, keys: string, icon: unknown, action: () => void, more = "") =>
    html`<button class=${`icon ${more}`} aria-label=${label} title=${`${label} (${keys})`} onClick=${action}>${icon}</button>`;
  return html`<div class="controls" role="toolbar" aria-label="Time">
    <div class="group">
      ${button("To the start", "Home", ICON.start, () => player.step(-clock.length))}
      ${button("One event back", "←", ICON.back, () => player.step(-1))}
      ${button(playing ? "Pause" : "Play", "space", playing ? ICON.pause : ICON.play, () => player.toggle(), "play")}
      ${button("One event forward", "→", ICON.forward, () => player.step(1))}
      ${button("To the end", "End", ICON.end, () => player.step(clock.length))}
    </div>
    <output class="clock"><b>${spell(Math.round(player.now.value))}</b><span class="dim"> of ${spell(Math.round(clock.end))}</span>
      <span class="dim event-count">event ${player.cursor.value} of ${clock.length}</span></output>
    <div class="group jumps" role="group" aria-label="Jump">
      ${JUMPS.map(([kind, icon, label]) => {
        const count = player.marks(kind).length;
        if (kind === "difference" && player.engines.value.length < 2) return null;
        return html`<button class=${`jump ${kind}`} disabled=${count === 0} title=${label} aria-label=${label} onClick=${() => player.jump(kind)}>
          <span class="glyph">${icon}</span><span class="word">${WORDS[kind]}</span>${kind !== "difference" && html`<span class="dim">${count}</span>`}</button>`;
      })}
    </div>
    <div class="group end">
      <label class="speed"><span class="word">Speed</span>
        <select aria-label="Speed" value=${String(player.speed.value)} onChange=${(event: globalThis.Event) => (player.speed.value = Number((event.currentTarget as HTMLSelectElement).value))}>
          ${SPEEDS.map((speed) => html`<option value=${String(speed)}>${speed}×</option>`)}</select></label>
      <button class="scale" aria-pressed=${player.isLinear.value} title="Idle time collapsed, or true to scale (l)"
        onClick=${() => (player.isLinear.value = !player.isLinear.value)}>${player.isLinear.value ? "linear" : "collapsed"}</button>
      <button class="icon" aria-label="Keys and signs" title="Keys and signs (?)" onClick=${() => (player.panel.value = player.panel.value === "help" ? null : "help")}>?</button>
    </div>
  </div>`;
}

const icon = (path: string) => html`<svg viewBox="0 0 16 16" width="16" height="16" aria-hidden="true"><path d=${path} /></svg>`;

const ICON = {
  start: icon("M3 3h2v10H3zM13 3v10L6 8z"),
  end: icon("M11 3h2v10h-2zM3 3v10l7-5z"),
  back: icon("M10.5 2.5L12 4L8 8l4 4l-1.5 1.5L5 8z"),
  forward: icon("M5.5 2.5L4 4l4 4l-4 4l1.5 1.5L11 8z"),
  play: icon("M4 2v12l10-6z"),
  pause: icon("M4 2h3v12H4zM9 2h3v12H9z"),
};

const WORDS: Readonly<Record<MarkKind, string>> = { crash: "crash", replay: "replay", duplicate: "duplicate", difference: "difference" };

/** The whole run on one axis, an engine below the other: steps, waits with their reasons, crashes, duplicates. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { short, spell } from "../names.ts";
import type { Player } from "../player.ts";
import { type Span, spans } from "../spans.ts";
import { isDuplicate } from "../time/marks.ts";
import type { Scale } from "../time/scale.ts";
import type { Trace } from "../time/trace.ts";
import { glow } from "./stage.ts";
import { pointing } from "./pointing.ts";
import { html } from "./html.ts";

const LEFT = 84;
const RIGHT = 14;
const AXIS = 20;
const MARKS = 17;
const WAITS = 15;
const STEP = 17;
/** More than these would not be told apart. */
const MOST_SPANS = 250;

export function Timeline({ player }: { readonly player: Player }) {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(1000);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const measure = () => setWidth(Math.max(280, element.clientWidth));
    measure();
    const observer = new ResizeObserver(measure);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const scale = player.scale.value;
  const narrow = width < 560;
  const left = narrow ? 12 : LEFT;
  const x = (at: number) => left + scale.place(at) * (width - left - RIGHT);
  const drag = (event: PointerEvent) => {
    const bounds = box.current!.getBoundingClientRect();
    player.playing.value = false;
    player.seekTime(scale.time((event.clientX - bounds.left - left) / (width - left - RIGHT)));
  };
  const bands = useBands(player, width, left);
  const height = AXIS + bands.reduce((sum, band) => sum + band.height, 0);
  const at = x(player.now.value);
  return html`<div class="timeline" ref=${box}>
    <svg width=${width} height=${height} viewBox=${`0 0 ${width} ${height}`} class="tracks" aria-hidden="true"
      onPointerDown=${(event: PointerEvent) => {
        if ((event.target as Element).closest(".mark,.span")) return;
        (event.currentTarget as Element).setPointerCapture(event.pointerId);
        drag(event);
      }}
      onPointerMove=${(event: PointerEvent) => event.buttons === 1 && (event.currentTarget as Element).hasPointerCapture(event.pointerId) && drag(event)}>
      <${Patterns} />
      <${Axis} scale=${scale} x=${x} width=${width} height=${height} />
      ${bands.map((band) => band.picture)}
      <${Lights} player=${player} bands=${bands} x=${x} />
    </svg>
    <div class="to-come" style=${`top:${AXIS}px;height:${height - AXIS}px;left:${left}px;right:${RIGHT}px`}>
      <div style=${`transform:translateX(${at - left}px)`}></div></div>
    <div class="playhead" style=${`height:${height}px;transform:translateX(${at}px)`}></div>
    <input class="scrubber" type="range" min="0" max="10000" step="any" value=${scale.place(player.now.value) * 10_000}
      style=${`left:${left - 8}px;right:${RIGHT - 8}px`} aria-label="Moment" aria-valuetext=${`${spell(Math.round(player.now.value))}, event ${player.cursor.value} of ${player.clock.value.length}`}
      onInput=${(event: globalThis.Event) => {
        player.playing.value = false;
        player.seekTime(scale.time(Number((event.currentTarget as HTMLInputElement).value) / 10_000));
      }} />
  </div>`;
}

interface Band {
  readonly engine: string;
  readonly trace: Trace;
  readonly top: number;
  readonly height: number;
  readonly picture: unknown;
}

function useBands(player: Player, width: number, left: number): Band[] {
  const scale = player.scale.value;
  const run = player.run.value;
  const engines = player.engines.value;
  const traces = player.shown.value;
  return useMemo(() => {
    let top = AXIS;
    return engines.map((engine, e) => {
      const trace = traces[e]!;
      const { spans: all, rows } = spans(trace, run, rowsFor(engines.length));
      const height = MARKS + WAITS + rows * STEP + 8;
      const x = (at: number) => left + scale.place(at) * (width - left - RIGHT);
      const picture = html`<g class="band" data-engine=${engine.name} transform=${`translate(0 ${top})`} style=${`--engine:${engine.colour}`}>
        <rect class="ground" x=${left} y="1" width=${width - left - RIGHT} height=${height - 3} rx="5" />
        ${left >= LEFT && html`<text class="engine-name" x=${left - 10} y=${MARKS + WAITS + STEP / 2}>${engine.title}</text>`}
        ${all.slice(0, MOST_SPANS).map((span) => drawn(player, engine.name, span, x))}
        ${marksOf(player, engine.name, trace, run, x, all)}
      </g>`;
      const band: Band = { engine: engine.name, trace, top, height, picture };
      top += height;
      return band;
    });
  }, [player, scale, run, engines, traces, width, left]);
}

/** Rows of steps for which there is room. */
function rowsFor(engines: number): number {
  if (innerWidth <= 700) return 4;
  return engines === 1 ? 10 : innerHeight <= 840 ? 2 : 4;
}

const TOP: Readonly<Record<Span["kind"], (row: number) => [y: number, height: number]>> = {
  down: () => [3, 13],
  code: () => [MARKS + WAITS - 3, 3],
  replay: () => [MARKS + WAITS - 6, 6],
  wait: () => [MARKS, 12],
  step: (row) => [MARKS + WAITS + 1 + row * STEP, STEP - 3],
};

function drawn(player: Player, engine: string, span: Span, x: (at: number) => number) {
  const from = x(span.from);
  const width = Math.max(span.kind === "code" ? 1 : 2.5, x(span.to) - from);
  const [y, height] = TOP[span.kind](span.row);
  const letters = Math.floor((width - 8) / 5.9);
  const label = (span.kind === "step" || span.kind === "wait" || span.kind === "down") && letters >= 4 && !span.crowded;
  return html`<g class=${`span ${span.kind} ${span.cut ? "cut" : ""}`} ...${pointing(player, { engine, event: span.event })}>
    <title>${`${span.label}: ${spell(Math.round(span.to - span.from))}`}</title>
    <rect x=${from} y=${y} width=${width} height=${height} rx="2" />
    ${label && html`<text x=${from + (span.kind === "down" ? 14 : 5)} y=${y + height - 3.2}>${short(span.label, letters - (span.kind === "down" ? 2 : 0))}</text>`}
  </g>`;
}

function marksOf(player: Player, engine: string, trace: Trace, run: string | null, x: (at: number) => number, all: readonly Span[]) {
  const found = [];
  const rowOf = new Map(all.filter((span) => span.kind === "step").map((span) => [`${span.label} ${span.to}`, span.row]));
  for (const entry of trace.ledger.slice(0, MOST_SPANS)) {
    if (run !== null && entry.run !== run) continue;
    const row = rowOf.get(`${entry.step} ${entry.at}`) ?? 0;
    const y = MARKS + WAITS + 1 + row * STEP + (STEP - 3) / 2;
    const twice = isDuplicate(entry);
    found.push(html`<g class=${`mark ${twice ? "duplicate" : "effect"}`} ...${pointing(player, { engine, event: entry.event })}>
      <title>${`${entry.step} at ${entry.service}${twice ? ": a duplicate" : ""}`}</title>
      <path transform=${`translate(${x(entry.at)} ${y})`} d=${twice ? "M0 -8l8 8l-8 8l-8 -8z" : "M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z"} />
      ${twice && html`<text x=${x(entry.at) + 11} y=${y + 4}>twice</text>`}</g>`);
  }
  for (let n = 0; n < trace.length && found.length < MOST_SPANS; n++) {
    const kind = trace.kind(n);
    if (kind !== "crashed" && kind !== "hung" && kind !== "cut" && kind !== "outage-started") continue;
    found.push(html`<g class="mark crash" ...${pointing(player, { engine, event: n })}><title>${`${trace.lane(n)}: ${kind}`}</title>
      <path transform=${`translate(${x(trace.at[n]!)} 9.5)`} d="M-5 -5L5 5M5 -5L-5 5" /></g>`);
  }
  return found;
}

/** What is lit, as ticks in the bands. */
function Lights({ player, bands, x }: { readonly player: Player; readonly bands: readonly Band[]; readonly x: (at: number) => number }) {
  const light = player.light.value;
  const band = bands.find((each) => each.engine === light?.engine);
  if (!light || !band) return null;
  return html`<g class="lights">${[light.event, ...light.causes, ...light.effects].map((n) =>
    html`<path class=${glow(player, band.engine, n)} d=${`M${x(band.trace.at[n]!)} ${band.top + 2}v${band.height - 6}`} />`)}</g>`;
}

function Axis({ scale, x, height }: { readonly scale: Scale; readonly x: (at: number) => number; readonly width: number; readonly height: number }) {
  const ticks = ticksOf(scale, x);
  return html`<g class="axis">
    ${scale.folds.map((fold) => html`<g><rect class="fold" x=${x(fold.from)} y=${AXIS} width=${Math.max(0, x(fold.to) - x(fold.from))} height=${height - AXIS} />
      <title>${`${spell(Math.round(fold.to - fold.from))} of idle time, drawn narrower than they lasted`}</title></g>`)}
    ${ticks.map((at) => html`<g><path d=${`M${x(at)} ${AXIS - 5}V${height}`} /><text x=${at === Math.round(scale.end) ? x(at) : x(at) + (at === 0 ? 8 : 3)} text-anchor=${at === Math.round(scale.end) ? "end" : "start"} y=${AXIS - 7}>${spell(at)}</text></g>`)}
  </g>`;
}

/** Round times, as many as have room. */
function ticksOf(scale: Scale, x: (at: number) => number): number[] {
  const sizes = [1e3, 1e4, 1e5, 1e6, 1e7, 6e7, 6e8, 3.6e9, 8.64e10, 6.048e11];
  const round = new Set<number>([0]);
  for (const size of sizes) {
    for (const times of [1, 2, 3, 5]) if (size * times < scale.end) round.add(size * times);
  }
  const end = Math.round(scale.end);
  const kept = [end];
  for (const at of [0, ...[...round].sort((a, b) => b - a)]) {
    // The last one's words stand to the left of it, those of the others to the right.
    if (kept.every((each) => Math.abs(x(each) - x(at)) > (each === end ? 112 : 62)) && !kept.includes(at)) kept.push(at);
  }
  return kept;
}

export function Patterns() {
  return html`<defs>
    <pattern id="hatch-down" width="6" height="6" patternUnits="userSpaceOnUse" patternTransform="rotate(45)"><path class="ink-down" d="M0 3H6" /></pattern>
    <pattern id="hatch-wait" width="4" height="4" patternUnits="userSpaceOnUse"><path class="ink-wait" d="M0 2H2" /></pattern>
    <pattern id="hatch-replay" width="5" height="5" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)"><path class="ink-replay" d="M0 2.5H5" /></pattern>
  </defs>`;
}

/** The small map of an engine, alive: messages travel, queues fill, workers work, die and come back, services count. */

import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { arrow, type Box, layout } from "../layout.ts";
import { short } from "../names.ts";
import type { Player } from "../player.ts";
import type { Lane, Moment } from "../time/moment.ts";
import type { Entry, Trace } from "../time/trace.ts";
import { isDuplicate } from "../time/marks.ts";
import { title } from "../narration.ts";
import { pointingInside } from "./pointing.ts";
import { html } from "./html.ts";

const MOST_FLYING = 24;
/** How long, as a part of the axis, an effect's arrow glows. */
const GLOW = 0.02;

export function Stage({ player, e }: { readonly player: Player; readonly e: number }) {
  const engine = player.engines.value[e]!;
  const trace = player.shown.value[e]!;
  const titles = player.document.scenario.services ?? {};
  const picture = useRef<SVGSVGElement>(null);
  const [wide, setWide] = useState(440);
  useEffect(() => {
    const observer = new ResizeObserver(() => picture.current && setWide(Math.round(picture.current.clientWidth / 20) * 20));
    observer.observe(picture.current!);
    return () => observer.disconnect();
  }, []);
  const map = useMemo(() => layout(trace, titles, engine.title, wide), [trace, engine, wide]);
  const moment = player.moments.value[e]!;
  const ledger = trace.ledgerAt(moment.count);
  const queues = new Map<string, [string, number][]>();
  for (const [name, { owner, depth }] of moment.queues) queues.set(owner, [...(queues.get(owner) ?? []), [name, depth]]);
  const now = (moment.count > 0 && player.current.value?.engine === engine.name) ? moment.count - 1 : -1;
  const place = (box: Box) => {
    const state = boxState(box, moment);
    const counts = box.tier === "service" ? ledger.filter((entry) => box.names.includes(entry.service)) : null;
    const here = now >= 0 && box.names.includes(trace.lane(now));
    return html`<g class=${`box ${box.tier} ${state.name} ${here ? "now" : ""}`} key=${box.names[0]}>
      <title>${`${box.title}: ${state.title}`}</title>
      <rect x=${box.x} y=${box.y} width=${box.width} height=${box.height} rx="6" />
      <text x=${box.x + box.width / 2} y=${box.y + (box.height < 30 ? box.height / 2 + 4 : 14)} class="name">
        ${short(box.title, Math.max(3, Math.floor(box.width / 6.4)))}</text>
      ${counts !== null && effects(player, engine.name, box, counts)}
      ${counts === null && box.height >= 30 && html`<text x=${box.x + box.width / 2} y=${box.y + 28} class="what">
        ${short(state.mark || queueText(box, queues), Math.floor(box.width / 5.6))}</text>`}
      ${counts === null && queueDots(box, queues)}
    </g>`;
  };
  return html`<svg class="stage" ref=${picture} viewBox=${`0 0 ${map.width} ${map.height}`} role="img" aria-label=${`${engine.title}: who does what at this moment`} ...${pointingInside(player, engine.name)}>
    ${map.frames.map((frame) => html`<g class=${`frame ${frame.tier}`}>
      <rect x=${frame.x} y=${frame.y} width=${frame.width} height=${frame.height} rx="8" />
      <text x=${frame.x + 9} y=${frame.y + 13}>${short(frame.title, Math.floor(frame.width / 6))}</text>
      ${frame.tier === "service" && html`<text class="paid" x=${frame.x + frame.width - 9} y=${frame.y + 13}>${paid(ledger)}</text>`}</g>`)}
    ${lines(player, trace, moment, map.where, ledger, engine.name)}
    ${map.boxes.map(place)}
    ${dots(player, trace, moment, map.where)}
  </svg>`;
}

interface BoxState {
  readonly name: string;
  readonly title: string;
  readonly mark: string;
}

function boxState(box: Box, moment: Moment): BoxState {
  const lanes = box.names.map((name) => moment.lanes.get(name)).filter((lane): lane is Lane => lane !== undefined);
  const broken = lanes.find((lane) => lane.condition !== "up");
  if (broken) return BROKEN[broken.condition]!;
  const replay = [...moment.replays.values()].find((each) => !each.over && box.names.includes(each.lane));
  if (replay) return { name: "replaying", title: "replays", mark: "replays" };
  const work = lanes.flatMap((lane) => [...lane.work.keys()]);
  if (work.length === 0) return { name: "idle", title: "idle", mark: "" };
  const steps = [...new Set(work.map((key) => key.slice(key.lastIndexOf(" ") + 1)))];
  const names = steps.map((step) => (/^\d+$/.test(step) ? "workflow code" : step));
  const said = names.filter((name) => name !== "workflow code").join(", ") || "workflow code";
  return { name: "working", title: `runs ${said}`, mark: said };
}

const BROKEN: Readonly<Record<string, BoxState>> = {
  down: { name: "down", title: "dead", mark: "✖ dead" },
  hung: { name: "hung", title: "hangs", mark: "hangs" },
  cut: { name: "cut", title: "cut off", mark: "✂ cut off" },
  away: { name: "down", title: "is down", mark: "✖ down" },
};

type Queues = ReadonlyMap<string, readonly (readonly [string, number])[]>;

function depthOf(box: Box, queues: Queues): readonly (readonly [string, number])[] {
  return box.names.flatMap((name) => queues.get(name) ?? []).filter(([, depth]) => depth > 0);
}

function queueText(box: Box, queues: Queues): string {
  const waiting = depthOf(box, queues);
  return waiting.map(([name, depth]) => `${name} ${depth}`).join(" · ");
}

function queueDots(box: Box, queues: Queues) {
  const depth = depthOf(box, queues).reduce((sum, [, each]) => sum + each, 0);
  if (depth === 0) return null;
  const shown = Math.min(depth, 12);
  const dots = Array.from({ length: shown }, (_, i) => i);
  return html`<g class="queued"><title>${`${depth} waiting`}</title>
    ${dots.map((i) => html`<rect x=${box.x + box.width - 8 - i * 6} y=${box.y - 3} width="4" height="8" rx="1" />`)}
  </g>`;
}

/** What a service has counted: a dot for each effect, a lozenge for each that had happened before. */
function effects(player: Player, engine: string, box: Box, entries: readonly Entry[]) {
  const real = entries.filter((entry) => !entry.deduplicated);
  const room = Math.max(1, Math.min(Math.floor((box.width - 44) / 11), 14));
  // Of many, the last few: it is the number that says how many.
  const shown = real.slice(-(real.length > room ? Math.ceil(room / 2) : room));
  const twice = real.filter(isDuplicate).length;
  const x = box.x + 10;
  const y = box.y + 26;
  return html`<g class="effects">
    ${shown.map((entry, i) => html`<path class=${`effect ${isDuplicate(entry) ? "twice" : ""} ${glow(player, engine, entry.event)}`} data-event=${entry.event}
      d=${isDuplicate(entry) ? `M${x + i * 11} ${y - 6}l6 6l-6 6l-6 -6z` : `M${x + i * 11 - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z`}>
      <title>${`${entry.step}, attempt ${entry.attempt}${isDuplicate(entry) ? ": it had happened before" : ""}`}</title></path>`)}
    <text x=${box.x + box.width - 8} y=${y + 4} class=${`count ${twice > 0 ? "twice" : ""}`}>${real.length === 0 ? "0" : `${real.length}×`}</text>
    ${twice > 0 && html`<rect class="alarm" x=${box.x} y=${box.y} width=${box.width} height=${box.height} rx="6" />`}
  </g>`;
}

/** What the effects have cost, and how much of that for duplicates. */
function paid(ledger: readonly Entry[]): string {
  const sum = (entries: readonly Entry[]) => entries.reduce((all, entry) => all + (entry.deduplicated ? 0 : entry.price), 0);
  const all = sum(ledger);
  const twice = sum(ledger.filter(isDuplicate));
  return all === 0 ? "" : `${all.toFixed(2)} USD${twice > 0 ? `, ${twice.toFixed(2)} for duplicates` : ""}`;
}

export function glow(player: Player, engine: string, event: number): string {
  const light = player.light.value;
  if (light === null || light.engine !== engine) return "";
  if (light.event === event) return "lit";
  if (light.causes.has(event)) return "lit-cause";
  return light.effects.has(event) ? "lit-effect" : "";
}

type Where = ReadonlyMap<string, Box>;

function ends(trace: Trace, n: number, where: Where): readonly [Box, Box] | null {
  const from = where.get(trace.lane(n));
  const detail = trace.detail(n);
  const to = Array.isArray(detail) ? where.get(String(detail[0])) : undefined;
  return from && to && from !== to ? [from, to] : null;
}

/** The messages that are drawn: of one whose end nobody has recorded, only the beginning of its way. */
export function underWay(player: Player, trace: Trace, moment: Moment): number[] {
  const scale = player.scale.value;
  const here = scale.place(player.now.value);
  const alive = (n: number) => trace.arrival(n) !== undefined || here - scale.place(trace.at[n]!) < GLOW;
  return [...moment.flying].filter(alive).slice(-MOST_FLYING);
}

/** Arrows: messages under way, effects that just happened, and what is lit. */
function lines(player: Player, trace: Trace, moment: Moment, where: Where, ledger: readonly Entry[], engine: string) {
  const drawn = underWay(player, trace, moment);
  const found = drawn.flatMap((n) => {
    const pair = ends(trace, n, where);
    const faint = isPoll(trace, n) ? "faint" : "";
    return pair ? [html`<path class=${`line ${faint} ${glow(player, engine, n)}`} d=${arrow(...pair).path} />`] : [];
  });
  const last = moment.count - 1;
  if (last >= 0 && trace.kind(last).startsWith("message-") && trace.kind(last) !== "message-sent") {
    const pair = trace.cause[last]! >= 0 ? ends(trace, trace.cause[last]!, where) : null;
    const lost = trace.kind(last) !== "message-received" ? "lost" : isPoll(trace, trace.cause[last]!) ? "faint" : "";
    if (pair) found.push(html`<path class=${`line ${lost === "faint" ? "" : "arrived"} ${lost}`} d=${arrow(...pair).path} />`);
  }
  const { scale, now } = player;
  const here = scale.value.place(now.value);
  for (const entry of ledger.slice(-6)) {
    const from = where.get(trace.lane(entry.event));
    const to = where.get(entry.service);
    const age = here - scale.value.place(entry.at);
    if (!from || !to || (age > GLOW && entry.event !== last)) continue;
    found.push(html`<path class=${`line effect-line ${isDuplicate(entry) ? "twice" : ""}`} d=${arrow(from, to).path} />`);
  }
  const light = player.light.value;
  if (light?.engine === engine) {
    for (const n of [light.event, ...light.causes, ...light.effects]) {
      if (trace.kind(n) !== "message-sent") continue;
      const pair = ends(trace, n, where);
      if (pair) found.push(html`<path class=${`line ${light.effects.has(n) ? "lit-effect" : "lit-cause"}`} d=${arrow(...pair).path} />`);
    }
  }
  return found;
}

/** The messages themselves, as far on their way as the clock says. */
function dots(player: Player, trace: Trace, moment: Moment, where: Where) {
  const { value: scale } = player.scale;
  const here = scale.place(player.now.value);
  const drawn = underWay(player, trace, moment);
  // Of several between the same two, only the last one's words can be read.
  const words = new Map(drawn.map((n) => [`${trace.lane(n)} ${String((trace.detail(n) as readonly unknown[])?.[0])}`, n]));
  const last = new Set(words.values());
  return drawn.flatMap((n) => {
    const pair = ends(trace, n, where);
    if (!pair) return [];
    const arrival = trace.arrival(n);
    const start = scale.place(trace.at[n]!);
    const end = arrival === undefined ? start : scale.place(trace.at[arrival]!);
    const part = end > start ? Math.min(1, Math.max(0, (here - start) / (end - start))) : 0.5;
    const { x, y } = arrow(...pair).at(0.06 + part * 0.88);
    // Between neighbours there is no room for words: they stand above both.
    const [from, to] = pair;
    const beside = from.tier === to.tier;
    const detail = trace.detail(n);
    const what = Array.isArray(detail) ? String(detail[1] ?? "") : "";
    const poll = isPoll(trace, n);
    return [html`<g class=${`message ${poll ? "faint" : ""}`}>
      <title>${what || "message"}</title><circle cx=${x} cy=${y} r=${poll ? 2.5 : 5} />
      ${!poll && last.has(n) && drawn.length < 8 && html`<text x=${beside ? (from.x + to.x + to.width) / 2 : x + 8} y=${beside ? Math.min(from.y, to.y) - 5 : y + 3}
        text-anchor=${beside ? "middle" : "start"}>${short(what, 26)}</text>`}</g>`];
  });
}

/** The workers' standing question for work: always there, seldom of interest. */
function isPoll(trace: Trace, n: number): boolean {
  const detail = trace.detail(n);
  const what = Array.isArray(detail) ? detail[1] : "";
  return what === "" || what === "poll";
}

export { title };

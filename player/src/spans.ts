/** A run's life on the time axis: its steps, its workflow code and replays, who was away, what was waited for. */

import { ENDS_MESSAGE, type Trace } from "./time/trace.ts";
import { spell } from "./names.ts";

export type SpanKind = "step" | "code" | "replay" | "down" | "wait";

export interface Span {
  readonly kind: SpanKind;
  readonly from: number;
  readonly to: number;
  readonly label: string;
  /** The event it begins with. */
  readonly event: number;
  /** It was cut short: by a crash, or by the end of the simulation. */
  readonly cut: boolean;
  readonly row: number;
  /** It shares its row with another: there is no room for its name. */
  readonly crowded: boolean;
}

export interface Spans {
  readonly spans: readonly Span[];
  /** Rows of steps; two steps that run at the same time are on two. */
  readonly rows: number;
}

/** Shorter waits are part of the work. */
const SHORTEST_WAIT_US = 200_000;

type Loose = Omit<Span, "row" | "crowded">;

export function spans(trace: Trace, run: string | null, mostRows: number): Spans {
  const steps: Loose[] = [];
  const code: Loose[] = [];
  const down: Loose[] = [];
  const openSteps = new Map<string, { n: number; lane: string }>();
  const openCode = new Map<string, number>();
  const openReplay = new Map<string, number>();
  const away = new Map<string, number>();
  const close = (list: Loose[], kind: SpanKind, n: number, at: number, label: string, cut: boolean) =>
    list.push({ kind, from: trace.at[n]!, to: at, label, event: n, cut });
  for (let n = 0; n < trace.length; n++) {
    const kind = trace.kind(n);
    const lane = trace.lane(n);
    const at = trace.at[n]!;
    if (kind === "crashed" || kind === "hung" || kind === "cut" || kind === "outage-started") {
      away.set(lane, n);
      if (kind !== "crashed") continue;
      for (const [step, open] of openSteps) {
        if (open.lane !== lane) continue;
        close(steps, "step", open.n, at, step, true);
        openSteps.delete(step);
      }
      const codeStart = openCode.get(lane);
      if (codeStart !== undefined) close(code, "code", codeStart, at, "workflow code", true);
      openCode.delete(lane);
      openReplay.delete(lane);
    } else if (kind === "restarted" || kind === "resumed" || kind === "healed" || kind === "outage-ended") {
      const since = away.get(lane);
      if (since !== undefined) close(down, "down", since, at, `down ${spell(at - trace.at[since]!)} · ${lane}`, false);
      away.delete(lane);
    } else if (run === null || trace.run(n) === run) {
      const step = trace.step(n) ?? "";
      if (kind === "started") openSteps.set(step, { n, lane });
      else if (kind === "reported" || kind === "failed" || kind === "dropped" || kind === "recorded") {
        const open = openSteps.get(step);
        if (open) close(steps, "step", open.n, at, step, kind === "failed" || kind === "dropped");
        openSteps.delete(step);
      } else if (kind === "work-started") openCode.set(lane, n);
      else if (kind === "work-ended") {
        const open = openCode.get(lane);
        if (open !== undefined) close(code, "code", open, at, "workflow code", false);
        openCode.delete(lane);
      } else if (kind === "replay-started") openReplay.set(lane, n);
      else if (kind === "replay-ended") {
        const open = openReplay.get(lane);
        if (open !== undefined) close(code, "replay", open, at, "replay", false);
        openReplay.delete(lane);
      }
    }
  }
  for (const [step, open] of openSteps) close(steps, "step", open.n, trace.end, step, true);
  for (const [lane, since] of away) close(down, "down", since, trace.end, `down · ${lane}`, true);
  const { placed, rows } = packed(steps, mostRows);
  const flat = (each: Loose): Span => ({ ...each, row: 0, crowded: false });
  return { spans: [...placed, ...code.map(flat), ...together(down).map(flat), ...waits(trace, run, down).map(flat)], rows };
}

/** Whoever is away at the very same time is one span: an engine's parts die together. */
function together(down: readonly Loose[]): Loose[] {
  const found = new Map<string, Loose[]>();
  for (const span of down) {
    const key = `${span.from} ${span.to}`;
    found.set(key, [...(found.get(key) ?? []), span]);
  }
  return [...found.values()].map(([first, ...others]) =>
    others.length === 0 ? first! : { ...first!, label: `${first!.label} and ${others.length} more` });
}

/** Each span on the first row that is free; what finds none shares the last. */
function packed(loose: readonly Loose[], most: number): { placed: Span[]; rows: number } {
  const free: number[] = [];
  const placed: Span[] = [];
  for (const span of loose.toSorted((a, b) => a.from - b.from || a.event - b.event)) {
    let row = free.findIndex((until) => until <= span.from);
    const crowded = row < 0 && free.length >= most;
    if (row < 0) row = Math.min(free.length, most - 1);
    free[row] = Math.max(free[row] ?? 0, span.to);
    placed.push({ ...span, row, crowded });
  }
  return { placed, rows: Math.max(1, free.length) };
}

/** What stood still for how long, and what it waited for: the pauses of the run. */
function waits(trace: Trace, run: string | null, down: readonly Loose[]): Loose[] {
  const found: Loose[] = [];
  let last = -1;
  const running = new Map<string, string>();
  let due = 0;
  for (let n = 0; n < trace.length; n++) {
    const kind = trace.kind(n);
    if (kind === "crashed") for (const [step, lane] of running) if (lane === trace.lane(n)) running.delete(step);
    if (trace.run(n) !== run || ENDS_MESSAGE.has(kind)) continue;
    const pause = last < 0 ? 0 : trace.at[n]! - trace.at[last]!;
    if (pause >= SHORTEST_WAIT_US && running.size === 0) {
      const label = overWith(trace, n, spell(pause)) ??
        (kind === "task-picked-up" && due > trace.at[last]! ? `backoff ${spell(pause)}` : waitedFor(trace, n, last, down));
      found.push({ kind: "wait", from: trace.at[last]!, to: trace.at[n]!, label, event: n, cut: false });
    }
    if (kind === "timer-set") due = Number(trace.detail(n)) || 0;
    if (kind === "started") running.set(trace.step(n) ?? "", trace.lane(n));
    if (kind === "reported" || kind === "failed") running.delete(trace.step(n) ?? "");
    last = n;
  }
  return found;
}

/** Within this time of its first event the end of a pause says what it was. */
const ENDS_WITHIN_US = 20_000;

/** What the workflow itself has waited for, where a pause is over with event `n`: its own sleep, or an event. */
function overWith(trace: Trace, n: number, long: string): string | null {
  const run = trace.run(n);
  for (let i = n; i < trace.length && trace.at[i]! - trace.at[n]! <= ENDS_WITHIN_US; i++) {
    if (trace.run(i) !== run) continue;
    const [kind, step] = [trace.kind(i), trace.step(i)];
    if (kind === "event-received") return `waits for ${String(trace.detail(i))} ${long}`;
    if (step === null || isTried(trace, run, step)) continue;
    if (kind === "timer-fired") return `${step} ${long}`;
    if (kind === "timer-cancelled") return `waits for ${step} ${long}`;
  }
  return null;
}

/** It has attempts: its timers are those of its retries. */
function isTried(trace: Trace, run: string | null, step: string): boolean {
  if (step === "back-off") return true;
  for (let i = 0; i < trace.length; i++) if (trace.kind(i) === "started" && trace.step(i) === step && trace.run(i) === run) return true;
  return false;
}

/** How long the attempt was that is given up in event `n`. */
function attempted(trace: Trace, n: number): number {
  const { run, step, attempt } = trace.event(n);
  for (let i = n - 1; i >= 0; i--) {
    if (trace.kind(i) !== "started" || trace.step(i) !== step || trace.run(i) !== run) continue;
    if (trace.event(i).attempt === attempt) return trace.at[n]! - trace.at[i]!;
  }
  return 0;
}

function waitedFor(trace: Trace, n: number, last: number, down: readonly Loose[]): string {
  const kind = trace.kind(n);
  const cause = trace.cause[n]! < 0 ? "" : trace.kind(trace.cause[n]!);
  const [from, to] = [trace.at[last]!, trace.at[n]!];
  const long = spell(to - from);
  if (kind === "retried" && typeof trace.detail(n) === "string") return `${spell(attempted(trace, n))} ${String(trace.detail(n))} timeout`;
  if (cause === "retried" || trace.kind(last) === "retried" || trace.step(n) === "back-off") return `backoff ${long}`;
  if (kind === "timer-fired") return `${trace.step(n) ?? "timer"} ${long}`;
  if (kind === "task-picked-up") return `in the queue ${long}`;
  const away = down.find((span) => span.from < to && from < span.to && span.to - from > (to - from) / 2);
  return away ? `${long} for ${trace.lane(away.event)} to come back` : `waits ${long}`;
}

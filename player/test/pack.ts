/** Small traces for tests, packed as `durascope report` packs them. */

import type { Document, Pack } from "../src/document.ts";
import { type Trace, Traces } from "../src/time/trace.ts";

/** at, lane, kind, and what else an event has. */
export interface Row {
  readonly at: number;
  readonly lane: string;
  readonly kind: string;
  readonly run?: string | null;
  readonly step?: string | null;
  readonly attempt?: number | null;
  readonly cause?: number | null;
  readonly detail?: unknown;
}

export interface Effect {
  readonly event: number;
  readonly service: string;
  readonly step: string;
  readonly run?: string;
  readonly again?: boolean;
  readonly deduplicated?: boolean;
}

export interface Packed {
  readonly rows: readonly Row[];
  readonly effects?: readonly Effect[];
  readonly runs?: readonly string[];
}

/** Equal events are one row; nothing is copied. */
export function pack(all: readonly Packed[]): Pack {
  const tokens = table("lane", "kind", "workflow", "run", "step", "attempt", "detail", "effect");
  const events = table("token", "cause", "between", "after_us");
  const effects = table("service", "step", "run", "attempt", "key", "deduplicated", "price", "again");
  const runs = table("workflow", "run", "status", "why", "started_us", "before_end_us");
  const traces = { length: [] as number[], loose: [] as number[][], runs: [] as number[][], quiet_us: [] as number[], stopped: [] as null[] };
  const order: number[] = [];
  for (const { rows, effects: theirs = [], runs: names = ["run 1"] } of all) {
    const own: number[] = [];
    rows.forEach((row, n) => {
      const entry = theirs.find((each) => each.event === n);
      const effect = entry === undefined ? null : effects.add([
        entry.service, entry.step, entry.run ?? "run 1", 1, null, entry.deduplicated ?? false, 0, entry.again ?? false,
      ]);
      const detail = row.kind === "timer-set" && typeof row.detail === "number" ? row.detail - row.at : (row.detail ?? null);
      const run = row.run === undefined ? "run 1" : row.run;
      own.push(tokens.add([row.lane, row.kind, "order", run, row.step ?? null, row.attempt ?? null, detail, effect]));
      const from = row.cause ?? null;
      const since = from !== null ? rows[from]!.at : n > 0 ? rows[n - 1]!.at : 0;
      const between = from === null ? 0 : own.slice(from + 1, n).filter((each) => each === own[from]).length;
      order.push(events.add([own[n], from === null ? -1 : own[from], between, row.at - since]));
    });
    traces.length.push(rows.length);
    traces.loose.push([]);
    traces.runs.push(names.map((run) => runs.add(["order", run, "completed", null, 0, 0])));
    traces.quiet_us.push(0);
    traces.stopped.push(null);
  }
  const copies = { fresh: order, new: [order.length], same: [0], back: [0] };
  return {
    tokens: tokens.columns, events: events.columns, effects: effects.columns, runs: runs.columns, copies, traces,
  } as unknown as Pack;
}

/** Distinct rows, as columns. */
function table(...names: string[]) {
  const columns: Record<string, unknown[]> = Object.fromEntries(names.map((name) => [name, []]));
  const known = new Map<string, number>();
  return {
    columns,
    add(row: readonly unknown[]): number {
      const key = JSON.stringify(row);
      if (!known.has(key)) {
        known.set(key, known.size);
        row.forEach((value, i) => columns[names[i]!]!.push(value));
      }
      return known.get(key)!;
    },
  };
}

export function trace(rows: readonly Row[], effects: readonly Effect[] = []): Trace {
  return new Traces(pack([{ rows, effects }])).get(0);
}

/** A worker charges, dies before it reports, comes back and charges again. */
export const CHARGED_TWICE: readonly Row[] = [
  { at: 0, lane: "client", kind: "message-sent", detail: ["server", "start"] },
  { at: 1_000, lane: "server", kind: "message-received", cause: 0, detail: ["client", "start"] },
  { at: 1_000, lane: "server", kind: "run-started", cause: 1 },
  { at: 1_000, lane: "server", kind: "record-appended", cause: 2, detail: "Started" },
  { at: 1_000, lane: "server", kind: "task-queued", cause: 2, detail: "tasks" },
  { at: 2_000, lane: "worker-1", kind: "task-picked-up", cause: 4, detail: "tasks" },
  { at: 2_000, lane: "worker-1", kind: "started", cause: 5, step: "charge", attempt: 1 },
  { at: 5_000, lane: "worker-1", kind: "after-effect", cause: 6, step: "charge", attempt: 1 },
  { at: 5_000, lane: "worker-1", kind: "crashed", cause: 7, run: null },
  { at: 2_005_000, lane: "worker-1", kind: "restarted", cause: 8, run: null },
  { at: 10_002_000, lane: "server", kind: "retried", cause: 4, step: "charge", attempt: 1, detail: "start-to-close" },
  { at: 11_002_000, lane: "worker-1", kind: "replay-started", cause: 10 },
  { at: 11_002_000, lane: "worker-1", kind: "replay-ended", cause: 11 },
  { at: 11_002_000, lane: "worker-1", kind: "started", cause: 10, step: "charge", attempt: 2 },
  { at: 11_005_000, lane: "worker-1", kind: "after-effect", cause: 13, step: "charge", attempt: 2 },
  { at: 11_005_000, lane: "worker-1", kind: "reported", cause: 14, step: "charge", attempt: 2 },
  { at: 11_006_000, lane: "server", kind: "record-appended", cause: 15, detail: "Charged" },
  { at: 11_006_000, lane: "server", kind: "recorded", cause: 16, step: "charge", attempt: 2 },
  { at: 11_006_000, lane: "server", kind: "run-ended", cause: 17, detail: "completed" },
];

export const TWO_CHARGES: readonly Effect[] = [
  { event: 7, service: "stripe", step: "charge" },
  { event: 14, service: "stripe", step: "charge", again: true },
];

/** The same without the crash. */
export const CALM: readonly Row[] = [
  ...CHARGED_TWICE.slice(0, 8),
  { at: 5_000, lane: "worker-1", kind: "reported", cause: 7, step: "charge", attempt: 1 },
  { at: 6_000, lane: "server", kind: "record-appended", cause: 8, detail: "Charged" },
  { at: 6_000, lane: "server", kind: "recorded", cause: 9, step: "charge", attempt: 1 },
  { at: 6_000, lane: "server", kind: "run-ended", cause: 10, detail: "completed" },
];

/** Two engines that do the same, one story without faults, and on each engine the crash after event 7 as the only fork. */
export function page(): Document {
  const engine = (name: string) => ({ name, title: name, colour: "#5b52c7", record: "history", architecture: null });
  const fork = { story: "calm", what: "crash", target: "app", from: 7, to: 7, phrase: "app after event 7", trace: 1 };
  return {
    version: 2, durascope: "0", seed: 0,
    scenario: { name: "order", title: "Order", services: { stripe: "Stripe API" } },
    engines: [engine("one"), engine("two")],
    stories: [{ id: "calm", title: "Calm", parent: null, fault: null, traces: { one: 0, two: 0 } }],
    opened: "calm",
    forks: Object.fromEntries(["one", "two"].map((name) => [name, [fork]])),
    left_out: { one: 3 },
    traces: pack([
      { rows: CALM, effects: TWO_CHARGES.slice(0, 1) },
      { rows: CHARGED_TWICE, effects: TWO_CHARGES },
    ]),
  };
}

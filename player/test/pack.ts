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
  readonly base?: number;
  readonly keep?: number;
  readonly runs?: readonly string[];
}

export function pack(all: readonly Packed[]): Pack {
  const tokens: Record<string, unknown[]> = { lane: [], kind: [], workflow: [], run: [], step: [], attempt: [], detail: [] };
  const parts = { token: [] as number[][], after_us: [] as number[][], cause: [] as number[][] };
  const effects: Record<string, unknown[]> = { service: [], step: [], run: [], attempt: [], key: [], deduplicated: [], price: [], again: [] };
  const runs: Record<string, unknown[]> = { workflow: [], run: [], status: [], why: [] };
  const starts: number[][] = [];
  const traces = all.map(({ rows, effects: theirs = [], base = null, keep = 0, runs: names = ["run 1"] }, index) => {
    const own = rows.slice(keep);
    let before = keep > 0 ? rows[keep - 1]!.at : 0;
    parts.token.push(own.map((row) => {
      const values = { lane: row.lane, kind: row.kind, workflow: "order", run: row.run === undefined ? "run 1" : row.run, step: row.step ?? null, attempt: row.attempt ?? null, detail: row.detail ?? null };
      for (const [name, value] of Object.entries(values)) tokens[name]!.push(value);
      return tokens["lane"]!.length - 1;
    }));
    parts.after_us.push(own.map((row) => {
      const after = row.at - before;
      before = row.at;
      return after;
    }));
    parts.cause.push(own.map((row, j) => (row.cause == null ? 0 : keep + j - row.cause)));
    starts.push([index]);
    const ledger = theirs.map((effect): [number, number] => {
      const values = { service: effect.service, step: effect.step, run: effect.run ?? "run 1", attempt: 1, key: null, deduplicated: effect.deduplicated ?? false, price: 0, again: effect.again ?? false };
      for (const [name, value] of Object.entries(values)) effects[name]!.push(value);
      return [effect.event, effects["service"]!.length - 1];
    });
    const ends = names.map((run): [number, number, number] => {
      for (const [name, value] of Object.entries({ workflow: "order", run, status: "completed", why: null })) runs[name]!.push(value);
      return [runs["run"]!.length - 1, 0, rows.at(-1)?.at ?? 0];
    });
    return { base, keep, part: index, ledger, runs: ends, ended_us: rows.at(-1)?.at ?? 0, stopped: null };
  });
  return { tokens, parts, effects, runs, traces } as unknown as Pack;
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
    version: 1, durascope: "0", seed: 0,
    scenario: { name: "order", title: "Order", services: { stripe: "Stripe API" } },
    engines: [engine("one"), engine("two")],
    stories: [{ id: "calm", title: "Calm", parent: null, fault: null, traces: { one: 0, two: 0 } }],
    opened: "calm",
    forks: Object.fromEntries(["one", "two"].map((name) => [name, [fork]])),
    left_out: { one: 3 },
    traces: pack([
      { rows: CALM, effects: TWO_CHARGES.slice(0, 1) },
      { rows: CHARGED_TWICE, effects: TWO_CHARGES, base: 0, keep: 8 },
    ]),
  };
}

/** The moments one wants to jump to: crashes, replays, duplicates, and where engines first differ. */

import type { Trace } from "./trace.ts";

export type MarkKind = "crash" | "replay" | "duplicate" | "difference";

const DISTURBANCES: ReadonlySet<string> = new Set(["crashed", "hung", "outage-started", "cut"]);

/** The numbers of the events of one kind of mark, in order. */
export function marks(trace: Trace, kind: Exclude<MarkKind, "difference">): number[] {
  if (kind === "duplicate") return trace.ledger.filter(isDuplicate).map((entry) => entry.event);
  const found: number[] = [];
  for (let n = 0; n < trace.length; n++) {
    const is = trace.kind(n);
    if (kind === "crash" ? DISTURBANCES.has(is) : is === "replay-started") found.push(n);
  }
  return found;
}

export function isDuplicate(entry: { readonly again: boolean; readonly deduplicated: boolean }): boolean {
  return entry.again && !entry.deduplicated;
}

/** Where two engines part: in each, the event that the other has not (undefined: nothing more happens there). */
export interface Difference {
  readonly run: string;
  readonly step: string | null;
  readonly at: number;
  readonly events: readonly (number | undefined)[];
}

/** What all engines tell of a step, in their common words. */
const TOLD: ReadonlySet<string> = new Set(["started", "after-effect", "failed", "replay-step", "run-ended"]);

/** The earliest moment from which the engines do not do the same for the same step of the same run. */
export function difference(traces: readonly Trace[]): Difference | null {
  if (traces.length < 2) return null;
  const tales = traces.map(tale);
  const keys = new Set(tales.flatMap((each) => [...each.keys()]));
  let first: Difference | null = null;
  for (const key of keys) {
    const theirs = tales.map((each) => each.get(key) ?? []);
    const length = Math.max(...theirs.map((each) => each.length));
    for (let i = 0; i < length; i++) {
      const words = traces.map((trace, e) => word(trace, theirs[e]![i]));
      if (new Set(words).size === 1) continue;
      const events = theirs.map((each) => each[i]);
      const at = Math.min(...events.map((n, e) => (n === undefined ? Infinity : traces[e]!.at[n]!)));
      const somewhere = events.findIndex((n) => n !== undefined);
      const n = events[somewhere]!;
      if (first === null || at < first.at) {
        first = { run: String(traces[somewhere]!.run(n)), step: traces[somewhere]!.step(n), at, events };
      }
      break;
    }
  }
  return first;
}

function tale(trace: Trace): Map<string, number[]> {
  const told = new Map<string, number[]>();
  for (let n = 0; n < trace.length; n++) {
    if (!TOLD.has(trace.kind(n))) continue;
    const key = `${trace.run(n)} ${trace.step(n)}`;
    const known = told.get(key);
    if (known) known.push(n);
    else told.set(key, [n]);
  }
  return told;
}

function word(trace: Trace, n: number | undefined): string {
  if (n === undefined) return "";
  const kind = trace.kind(n);
  return kind === "run-ended" ? `${kind} ${String(trace.detail(n))}` : kind;
}

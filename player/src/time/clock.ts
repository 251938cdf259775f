/** One clock for several engines: their events in one order. */

import type { Trace } from "./trace.ts";
import { countUpTo } from "./trace.ts";

export class Clock {
  /** Of each step of the clock: the engine (its place in the list) and the time. */
  readonly engine: Int32Array;
  readonly at: Float64Array;
  readonly end: number;
  /** counts[e][k]: how many events of engine e are among the first k of all. */
  private readonly counts: readonly Int32Array[];

  constructor(readonly traces: readonly Trace[]) {
    const length = traces.reduce((sum, trace) => sum + trace.length, 0);
    this.engine = new Int32Array(length);
    this.at = new Float64Array(length);
    this.counts = traces.map(() => new Int32Array(length + 1));
    const next = traces.map(() => 0);
    for (let k = 0; k < length; k++) {
      const e = this.earliest(next);
      this.engine[k] = e;
      this.at[k] = traces[e]!.at[next[e]!]!;
      next[e]!++;
      for (let i = 0; i < traces.length; i++) this.counts[i]![k + 1] = next[i]!;
    }
    this.end = Math.max(1, ...traces.map((trace) => Math.max(trace.end, trace.at.at(-1) ?? 0)));
  }

  get length(): number {
    return this.at.length;
  }

  /** How many events of an engine have happened after the first `cursor` of all. */
  count(engine: number, cursor: number): number {
    return this.counts[engine]![Math.max(0, Math.min(cursor, this.length))]!;
  }

  /** The event that is the last of the first `cursor`: (engine, number). */
  last(cursor: number): readonly [engine: number, n: number] | null {
    if (cursor <= 0 || this.length === 0) return null;
    const engine = this.engine[Math.min(cursor, this.length) - 1]!;
    return [engine, this.count(engine, cursor) - 1];
  }

  /** The cursor right after event `n` of an engine. */
  after(engine: number, n: number): number {
    return firstWith(this.counts[engine]!, n + 1);
  }

  cursorAt(at: number): number {
    return countUpTo(this.at, at);
  }

  private earliest(next: readonly number[]): number {
    let best = -1;
    for (let e = 0; e < this.traces.length; e++) {
      if (next[e]! >= this.traces[e]!.length) continue;
      if (best < 0 || this.traces[e]!.at[next[e]!]! < this.traces[best]!.at[next[best]!]!) best = e;
    }
    return best;
  }
}

/** In counts that only grow: the first place that has `wanted`. */
function firstWith(counts: Int32Array, wanted: number): number {
  let low = 0;
  let high = counts.length - 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (counts[middle]! >= wanted) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** One trace, unpacked: its events as columns, who caused whom, and what the services counted. */

import type { Pack, PackedTrace, WaitRow } from "../document.ts";
import { Damaged } from "../document.ts";
import { visible } from "../names.ts";

export interface Event {
  readonly n: number;
  readonly at: number;
  readonly lane: string;
  readonly kind: string;
  readonly workflow: string | null;
  readonly run: string | null;
  readonly step: string | null;
  readonly attempt: number | null;
  readonly cause: number | null;
  readonly detail: unknown;
}

/** One entry of a service's ledger: the outside has changed. */
export interface Entry {
  readonly event: number;
  readonly at: number;
  readonly service: string;
  readonly run: string;
  readonly step: string;
  readonly attempt: number;
  readonly key: string | null;
  readonly deduplicated: boolean;
  readonly price: number;
  readonly again: boolean;
}

export interface Run {
  readonly workflow: string;
  readonly run: string;
  readonly status: string;
  readonly why: string | null;
  readonly started: number;
  readonly ended: number | null;
}

/** Names that are safe to show; the tables are shared by all traces of a file. */
interface Tokens {
  readonly lane: readonly string[];
  readonly kind: readonly string[];
  readonly workflow: readonly (string | null)[];
  readonly run: readonly (string | null)[];
  readonly step: readonly (string | null)[];
  readonly attempt: readonly (number | null)[];
  readonly detail: readonly unknown[];
}

export class Trace {
  private effectsOf: Map<number, number[]> | null = null;
  private arrivals: Map<number, number> | null = null;

  constructor(
    readonly tokens: Tokens,
    readonly token: Int32Array,
    readonly at: Float64Array,
    /** -1: it came from outside. */
    readonly cause: Int32Array,
    readonly ledger: readonly Entry[],
    readonly runs: readonly Run[],
    readonly end: number,
    readonly stopped: string | null,
    readonly waits: readonly WaitRow[] | null,
    readonly headline: string | null,
  ) {}

  get length(): number {
    return this.token.length;
  }

  kind(n: number): string {
    return this.tokens.kind[this.token[n]!]!;
  }

  lane(n: number): string {
    return this.tokens.lane[this.token[n]!]!;
  }

  run(n: number): string | null {
    return this.tokens.run[this.token[n]!]!;
  }

  step(n: number): string | null {
    return this.tokens.step[this.token[n]!]!;
  }

  detail(n: number): unknown {
    const detail = this.tokens.detail[this.token[n]!];
    return this.kind(n) === "timer-set" && typeof detail === "number" ? detail + this.at[n]! : detail;
  }

  event(n: number): Event {
    const t = this.token[n]!;
    return {
      n,
      at: this.at[n]!,
      lane: this.tokens.lane[t]!,
      kind: this.tokens.kind[t]!,
      workflow: this.tokens.workflow[t] ?? null,
      run: this.tokens.run[t] ?? null,
      step: this.tokens.step[t] ?? null,
      attempt: this.tokens.attempt[t] ?? null,
      cause: this.cause[n]! < 0 ? null : this.cause[n]!,
      detail: this.detail(n),
    };
  }

  /** What event `n` led to directly. */
  effects(n: number): readonly number[] {
    if (this.effectsOf === null) {
      this.effectsOf = new Map();
      for (let i = 0; i < this.length; i++) {
        const cause = this.cause[i]!;
        if (cause < 0) continue;
        const known = this.effectsOf.get(cause);
        if (known) known.push(i);
        else this.effectsOf.set(cause, [i]);
      }
    }
    return this.effectsOf.get(n) ?? [];
  }

  /** The event with which the message sent in `n` came to its end; undefined: it never did. */
  arrival(n: number): number | undefined {
    if (this.arrivals === null) {
      this.arrivals = new Map();
      for (let i = 0; i < this.length; i++) if (ENDS_MESSAGE.has(this.kind(i))) this.arrivals.set(this.cause[i]!, i);
    }
    return this.arrivals.get(n);
  }

  /** How many events have happened by time `at`. */
  countAt(at: number): number {
    return countUpTo(this.at, at);
  }

  ledgerAt(count: number): readonly Entry[] {
    let low = 0;
    let high = this.ledger.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.ledger[middle]!.event < count) low = middle + 1;
      else high = middle;
    }
    return this.ledger.slice(0, low);
  }
}

export const ENDS_MESSAGE: ReadonlySet<string> = new Set(["message-received", "message-refused", "message-lost"]);

/** In a sorted list: how many are not greater than `value`. */
export function countUpTo(sorted: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Unpacks traces when they are first asked for. */
export class Traces {
  private readonly tokens: Tokens;
  private readonly unpacked = new Map<number, Trace>();

  constructor(private readonly pack: Pack) {
    const names = <T>(column: readonly T[]): T[] => column.map((name) => seen(name) as T);
    this.tokens = {
      lane: names(pack.tokens.lane),
      kind: pack.tokens.kind,
      workflow: names(pack.tokens.workflow),
      run: names(pack.tokens.run),
      step: names(pack.tokens.step),
      attempt: pack.tokens.attempt,
      detail: names(pack.tokens.detail),
    };
  }

  get(index: number): Trace {
    const known = this.unpacked.get(index);
    if (known) return known;
    const packed = this.pack.traces[index];
    if (!packed) throw new Damaged(`Trace ${index} is missing.`);
    const trace = this.unpack(packed);
    this.unpacked.set(index, trace);
    return trace;
  }

  private unpack(packed: PackedTrace): Trace {
    const { parts } = this.pack;
    const [tokens, after, causes] = [parts.token[packed.part], parts.after_us[packed.part], parts.cause[packed.part]];
    if (!tokens || !after || !causes) throw new Damaged(`Part ${packed.part} is missing.`);
    const keep = packed.base === null ? 0 : packed.keep;
    const length = keep + tokens.length;
    const token = new Int32Array(length);
    const at = new Float64Array(length);
    const cause = new Int32Array(length);
    if (packed.base !== null) {
      const base = this.get(packed.base);
      token.set(base.token.subarray(0, keep));
      at.set(base.at.subarray(0, keep));
      cause.set(base.cause.subarray(0, keep));
    }
    for (let j = 0; j < tokens.length; j++) {
      const n = keep + j;
      token[n] = tokens[j]!;
      at[n] = (n > 0 ? at[n - 1]! : 0) + after[j]!;
      cause[n] = causes[j] ? n - causes[j]! : -1;
    }
    return new Trace(
      this.tokens, token, at, cause,
      this.ledger(packed, at), this.runs(packed),
      packed.ended_us, packed.stopped === null ? null : visible(packed.stopped),
      packed.waits ?? null, packed.headline ?? null,
    );
  }

  private ledger(packed: PackedTrace, at: Float64Array): Entry[] {
    const { effects } = this.pack;
    const entries = packed.ledger.map(([event, row]): Entry => {
      const where = event < 0 ? at.length - 1 : event;
      return {
        event: where,
        at: at[where] ?? 0,
        service: visible(effects.service[row]!),
        run: visible(effects.run[row]!),
        step: visible(effects.step[row]!),
        attempt: effects.attempt[row]!,
        key: effects.key[row] ?? null,
        deduplicated: Boolean(effects.deduplicated[row]),
        price: effects.price[row]!,
        again: Boolean(effects.again[row]),
      };
    });
    return entries.sort((a, b) => a.event - b.event);
  }

  private runs(packed: PackedTrace): Run[] {
    const { runs } = this.pack;
    return packed.runs.map(([row, started, ended]) => ({
      workflow: visible(runs.workflow[row]!),
      run: visible(runs.run[row]!),
      status: runs.status[row]!,
      why: runs.why[row] ?? null,
      started,
      ended,
    }));
  }
}

function seen(value: unknown): unknown {
  if (typeof value === "string") return visible(value);
  return Array.isArray(value) ? value.map(seen) : value;
}

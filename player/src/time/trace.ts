/** One trace, unpacked: its events as columns, who caused whom, and what the services counted. */

import type { Pack } from "../document.ts";
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
  /** Of all traces in a row, each event's row in the pack's table of events. */
  private readonly order: Int32Array;
  private readonly starts: readonly number[];
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
    const starts = [0];
    for (const length of pack.traces.length) starts.push(starts.at(-1)! + length);
    this.starts = starts;
    this.order = inARow(pack.copies, starts.at(-1)!);
  }

  get(index: number): Trace {
    const known = this.unpacked.get(index);
    if (known) return known;
    if (this.pack.traces.length[index] === undefined) throw new Damaged(`Trace ${index} is missing.`);
    const trace = this.unpack(index);
    this.unpacked.set(index, trace);
    return trace;
  }

  private unpack(index: number): Trace {
    const { events, tokens, traces } = this.pack;
    const order = this.order.subarray(this.starts[index]!, this.starts[index + 1]!);
    const token = new Int32Array(order.length);
    const at = new Float64Array(order.length);
    const cause = new Int32Array(order.length);
    /** Of each token, its events so far. */
    const places: number[][] = [];
    const ledger: Entry[] = [];
    for (let n = 0; n < order.length; n++) {
      const row = order[n]!;
      const own = events.token[row]!;
      const of = events.cause[row]!;
      const from = of < 0 ? -1 : places[of]?.at(-1 - events.between[row]!);
      if (from === undefined) throw new Damaged(`The cause of event ${n} is missing.`);
      token[n] = own;
      cause[n] = from;
      at[n] = (from >= 0 ? at[from]! : n > 0 ? at[n - 1]! : 0) + events.after_us[row]!;
      (places[own] ??= []).push(n);
      const effect = tokens.effect[own];
      if (effect != null) ledger.push(this.entry(effect, n, at[n]!));
    }
    const last = at.at(-1) ?? 0;
    const end = last + traces.quiet_us[index]!;
    for (const effect of traces.loose[index]!) ledger.push(this.entry(effect, order.length - 1, last));
    const stopped = traces.stopped[index]!;
    return new Trace(
      this.tokens, token, at, cause, ledger, this.runs(traces.runs[index]!, end), end,
      stopped === null ? null : visible(stopped),
    );
  }

  private entry(row: number, event: number, at: number): Entry {
    const { effects } = this.pack;
    return {
      event,
      at,
      service: visible(effects.service[row]!),
      run: visible(effects.run[row]!),
      step: visible(effects.step[row]!),
      attempt: effects.attempt[row]!,
      key: effects.key[row] ?? null,
      deduplicated: Boolean(effects.deduplicated[row]),
      price: effects.price[row]!,
      again: Boolean(effects.again[row]),
    };
  }

  private runs(rows: readonly number[], end: number): Run[] {
    const { runs } = this.pack;
    return rows.map((row) => {
      const before = runs.before_end_us[row] ?? null;
      return {
        workflow: visible(runs.workflow[row]!),
        run: visible(runs.run[row]!),
        status: runs.status[row]!,
        why: runs.why[row] ?? null,
        started: runs.started_us[row]!,
        ended: before === null ? null : end - before,
      };
    });
  }
}

function inARow(copies: Pack["copies"], length: number): Int32Array {
  const row = new Int32Array(length);
  let at = 0;
  let next = 0;
  copies.new.forEach((fresh, turn) => {
    for (let i = 0; i < fresh; i++) row[at++] = copies.fresh[next++]!;
    const same = copies.same[turn]!;
    row.copyWithin(at, at - copies.back[turn]!, at - copies.back[turn]! + same);
    at += same;
  });
  if (at !== length) throw new Damaged(`There are ${at} events instead of ${length}.`);
  return row;
}

function seen(value: unknown): unknown {
  if (typeof value === "string") return visible(value);
  return Array.isArray(value) ? value.map(seen) : value;
}

/** What is in the file: the document that `durascope report` packs, and how it is read and checked. */

export interface Engine {
  readonly name: string;
  readonly title: string;
  readonly colour: string;
  /** What the engine calls its own log: "event history", "journal". */
  readonly record: string;
  /** The drawing of `durascope diagram --view architecture`. */
  readonly architecture: string | null;
}

export interface Story {
  readonly id: string;
  readonly title: string;
  readonly parent: string | null;
  readonly fault: string | null;
  readonly traces: Readonly<Record<string, number>>;
}

/** What forks have in common: all but their moments. */
export interface ForkKind {
  readonly story: string;
  readonly what: string;
  readonly target: string;
  readonly down_us?: number | null;
  /** `{}` stands for the number of the event. */
  readonly phrase: string;
  /** As in a scenario, without its moment. */
  readonly fault?: object;
  readonly remedy?: string | null;
}

/** Something more that breaks in a story, after any of the events `from` to `to`. */
export interface Fork extends ForkKind {
  readonly from: number;
  readonly to: number;
  readonly trace: number;
}

/** Forks as columns; `from` and `trace` are differences to the fork before. */
export interface PackedForks {
  readonly kind: Column<number>;
  readonly from: Column<number>;
  readonly more: Column<number>;
  readonly trace: Column<number>;
}

/** A rule of an engine, and what must hold of an event that shows it. */
export interface Rule {
  readonly name: string;
  readonly text: string;
  readonly kind: string;
  /** Stands in the event's detail. */
  readonly detail?: string;
  /** The kind of the event's cause. */
  readonly cause?: string;
  /** The effect had happened before. */
  readonly again?: boolean;
}

type Column<T> = readonly T[];

/** All traces, packed: tables of what occurs, and all events in a row as copies of what was before. */
export interface Pack {
  readonly tokens: {
    readonly lane: Column<string>;
    readonly kind: Column<string>;
    readonly workflow: Column<string | null>;
    readonly run: Column<string | null>;
    readonly step: Column<string | null>;
    readonly attempt: Column<number | null>;
    readonly detail: Column<unknown>;
    readonly effect: Column<number | null>;
  };
  /** A token, the token of its cause (-1: none), how many events of that token lie between, the time since then. */
  readonly events: {
    readonly token: Column<number>;
    readonly cause: Column<number>;
    readonly between: Column<number>;
    readonly after_us: Column<number>;
  };
  /** In turns: the next `new` of the `fresh`, then `same` that were `back` places before. */
  readonly copies: {
    readonly fresh: Column<number>;
    readonly new: Column<number>;
    readonly same: Column<number>;
    readonly back: Column<number>;
  };
  readonly traces: {
    readonly length: Column<number>;
    readonly loose: Column<Column<number>>;
    readonly runs: Column<Column<number>>;
    readonly quiet_us: Column<number>;
    readonly stopped: Column<string | null>;
  };
  readonly effects: {
    readonly service: Column<string>;
    readonly step: Column<string>;
    readonly run: Column<string>;
    readonly attempt: Column<number>;
    readonly key: Column<string | null>;
    readonly deduplicated: Column<boolean | 0 | 1>;
    readonly price: Column<number>;
    readonly again: Column<boolean | 0 | 1>;
  };
  readonly runs: {
    readonly workflow: Column<string>;
    readonly run: Column<string>;
    readonly status: Column<string>;
    readonly why: Column<string | null>;
    readonly started_us: Column<number>;
    readonly before_end_us: Column<number | null>;
  };
}

export interface Document {
  readonly version: number;
  readonly durascope: string;
  readonly seed: number;
  readonly scenario: {
    readonly name: string;
    readonly title: string;
    readonly about?: string | null;
    readonly yaml?: string;
    readonly services?: Readonly<Record<string, string>>;
  };
  readonly engines: Column<Engine>;
  /** By engine; the first that fits an event is cited. */
  readonly rules?: Readonly<Record<string, Column<Rule>>>;
  readonly stories: Column<Story>;
  readonly opened: string;
  readonly forks?: Readonly<Record<string, Column<Fork>>>;
  readonly left_out?: Readonly<Record<string, number>>;
  readonly traces: Pack;
}

export interface Meta {
  readonly title?: string;
  /** Of the compressed data, in hexadecimal. */
  readonly sha256?: string;
  /** It stands in another page. */
  readonly embed?: boolean;
  readonly live?: { readonly token: string } | null;
}

/** The file is not what was written: a sentence for the reader. */
export class Damaged extends Error {}

export async function read(meta: Meta, data: string): Promise<Document> {
  const bytes = decoded(data.trim());
  await compare(bytes, meta.sha256);
  let parsed: unknown;
  try {
    parsed = JSON.parse(await inflated(bytes));
  } catch (error) {
    throw new Damaged(`It cannot be unpacked (${error instanceof Error ? error.message : String(error)}).`);
  }
  return checked(parsed);
}

/** Ascii85, with `v` for `<`. */
function decoded(packed: string): Uint8Array<ArrayBuffer> {
  const text = packed.replaceAll("v", "<").replaceAll("z", "!!!!!");
  if (/[^!-u]/.test(text)) throw new Damaged("It contains invalid characters.");
  const bytes = new DataView(new ArrayBuffer(text.length + 4));
  for (let i = 0; i < text.length; i += 5) {
    let group = 0;
    for (let k = i; k < i + 5; k++) group = group * 85 + (k < text.length ? text.charCodeAt(k) - 33 : 84);
    bytes.setUint32((i / 5) * 4, group);
  }
  return new Uint8Array(bytes.buffer, 0, Math.floor((text.length * 4) / 5));
}

/** Without a secure context there is no digest; gzip's own checksum then has to do. */
async function compare(bytes: Uint8Array<ArrayBuffer>, sha256: string | undefined): Promise<void> {
  if (sha256 === undefined || globalThis.crypto?.subtle === undefined) return;
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== sha256) throw new Damaged("Its checksum does not match.");
}

async function inflated(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

function checked(parsed: unknown): Document {
  const document = parsed as (Partial<Document> & { fork_kinds?: Column<ForkKind>; forks?: Readonly<Record<string, PackedForks>> }) | null;
  if (document?.version !== 2) throw new Damaged("It was made for another version of this player.");
  if (!document.engines?.length || !document.stories?.length || !document.traces?.tokens) {
    throw new Damaged("Engines, stories or traces are missing.");
  }
  const kinds = document.fork_kinds ?? [];
  const forks = Object.entries(document.forks ?? {}).map(([engine, packed]) => [engine, unpacked(kinds, packed)]);
  return { ...document, forks: Object.fromEntries(forks) } as Document;
}

function unpacked(kinds: Column<ForkKind>, { kind, from, more, trace }: PackedForks): Fork[] {
  let [first, number] = [0, 0];
  return kind.map((row, i) => {
    first += from[i]!;
    number += trace[i]!;
    const to = first + more[i]!;
    return { ...kinds[row]!, phrase: kinds[row]!.phrase.replace("{}", String(to)), from: first, to, trace: number };
  });
}

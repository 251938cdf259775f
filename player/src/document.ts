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

/** One disturbance more in a story: it strikes after any of the events `from` to `to`. */
export interface Fork {
  readonly story: string;
  readonly what: string;
  readonly target: string;
  readonly from: number;
  readonly to: number;
  readonly down_us?: number | null;
  readonly phrase: string;
  readonly trace: number;
  readonly remedy?: string | null;
}

export interface Rule {
  readonly name: string;
  readonly text: string;
}

type Column<T> = readonly T[];

/** All traces, packed: tables of what occurs, and stretches of events that refer to them. */
export interface Pack {
  readonly tokens: {
    readonly lane: Column<string>;
    readonly kind: Column<string>;
    readonly workflow: Column<string | null>;
    readonly run: Column<string | null>;
    readonly step: Column<string | null>;
    readonly attempt: Column<number | null>;
    readonly detail: Column<unknown>;
  };
  readonly parts: {
    readonly token: Column<Column<number>>;
    readonly after_us: Column<Column<number>>;
    readonly cause: Column<Column<number>>;
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
  };
  readonly traces: Column<PackedTrace>;
}

export type WaitRow = readonly [from: number, to: number, kind: string, reason: string];

export interface PackedTrace {
  readonly base: number | null;
  readonly keep: number;
  readonly part: number;
  readonly ledger: Column<readonly [event: number, effect: number]>;
  readonly runs: Column<readonly [row: number, started: number, ended: number | null]>;
  readonly ended_us: number;
  readonly stopped: string | null;
  readonly waits?: Column<WaitRow>;
  readonly headline?: string | null;
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
  readonly rules?: Readonly<Record<string, Readonly<Record<string, Rule | string>>>>;
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

function decoded(base64: string): Uint8Array<ArrayBuffer> {
  try {
    return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
  } catch {
    throw new Damaged("There are characters in it that do not belong there.");
  }
}

/** Without a secure context there is no digest; gzip's own checksum then has to do. */
async function compare(bytes: Uint8Array<ArrayBuffer>, sha256: string | undefined): Promise<void> {
  if (sha256 === undefined || globalThis.crypto?.subtle === undefined) return;
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  if (hex !== sha256) throw new Damaged("Its checksum is not the one that was written with it.");
}

async function inflated(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"))).text();
}

function checked(parsed: unknown): Document {
  const document = parsed as Partial<Document> | null;
  if (document?.version !== 1) throw new Damaged("It is of another version than this player.");
  if (!document.engines?.length || !document.stories?.length || !document.traces?.tokens) {
    throw new Damaged("Engines, stories or traces are missing.");
  }
  return document as Document;
}

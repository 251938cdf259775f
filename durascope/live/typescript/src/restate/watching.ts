/**
 * Watches the attempts that reach a service: what each was sent at its start, and how it ended. It reads the frames of
 * Restate's service protocol as they pass: eight bytes of header (type, flags, length), then a protobuf message.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { Http2ServerRequest, Http2ServerResponse } from "node:http2";
import { ask } from "../ledger";
import type { Settings } from "./protocol";

type Handler = (request: Http2ServerRequest, response: Http2ServerResponse) => void;

/** Suspension, Error, End. */
const ENDINGS = new Map([[0x0001, "suspended"], [0x0002, "failed"], [0x0003, "completed"]]);
const DEBUG_ID = 2;
const KNOWN_ENTRIES = 3;
const RETRIES = 7;
const HEADER = 8;

const current = new AsyncLocalStorage<AbortSignal>();

/** Aborted when the host has killed the request that the code is part of. */
export function killed(): AbortSignal {
  return current.getStore() ?? new AbortController().signal;
}

export function watched(settings: Settings, handler: Handler): Handler {
  return (request, response) => {
    if (!request.url.includes("/invoke/")) return handler(request, response);
    const watch = new Watch(settings);
    watch.over(request, response);
    current.run(watch.killed.signal, handler, request, response);
  };
}

class Watch {
  private static count = 0;
  private readonly attempt = ++Watch.count;
  readonly killed = new AbortController();
  private invocation: string | null = null;
  private ended = false;
  private incoming = Buffer.alloc(0);
  private readonly outgoing = new Frames();
  private closedAt: number | null = null;
  private told: Promise<unknown> = Promise.resolve();

  constructor(private readonly settings: Settings) {}

  over(request: Http2ServerRequest, response: Http2ServerResponse): void {
    const push = request.push.bind(request);
    request.push = (chunk: Buffer | null, ...more: []) => {
      this.received(chunk);
      if (!this.settings.holds) return push(chunk, ...more);
      this.told.then(() => push(chunk, ...more));
      return true;
    };
    const write = response.write.bind(response) as (...given: unknown[]) => boolean;
    response.write = (chunk: Uint8Array, ...more: unknown[]) => {
      this.sending(Buffer.from(chunk));
      return write(chunk, ...more);
    };
    const limit = this.settings.longestRequest;
    const timer = limit === null ? undefined : setTimeout(() => this.kill(request), limit);
    request.once("close", () => {
      clearTimeout(timer);
      this.end("disconnected");
    });
  }

  /** The host lets no request last longer: its code goes no further, and the engine sees its stream end. */
  private kill(request: Http2ServerRequest): void {
    this.killed.abort();
    this.end("connection-lost");
    request.stream.destroy(new Error("killed by the host"));
  }

  private received(chunk: Buffer | null): void {
    if (chunk === null) this.closedAt = Date.now();
    else if (this.invocation === null) this.begin(chunk);
  }

  private sending(chunk: Buffer): void {
    for (const kind of this.outgoing.types(chunk)) {
      const ending = ENDINGS.get(kind);
      if (this.closedAt !== null && Date.now() - this.closedAt > this.settings.abortTimeout) this.end("aborted");
      else if (ending !== undefined) this.end(ending);
      if (this.closedAt !== null) this.closedAt = Date.now();
    }
  }

  private begin(chunk: Buffer): void {
    this.incoming = Buffer.concat([this.incoming, chunk]);
    if (this.incoming.length < HEADER) return;
    const length = this.incoming.readUInt32BE(4);
    if (this.incoming.length < HEADER + length) return;
    const fields = new Map(protobufFields(this.incoming.subarray(HEADER, HEADER + length)));
    const id = fields.get(DEBUG_ID);
    this.invocation = id instanceof Buffer ? id.toString() : "";
    this.tell({ ask: "attempt-started", entries: fields.get(KNOWN_ENTRIES) ?? 0, retries: fields.get(RETRIES) ?? 0 });
  }

  private end(how: string): void {
    if (this.ended || this.invocation === null) return;
    this.ended = true;
    this.tell({ ask: "attempt-ended", how });
  }

  private tell(message: object): void {
    const { ledger, process } = this.settings;
    this.told = this.told.then(() => ask(ledger, { ...message, invocation: this.invocation, attempt: this.attempt, process })).catch(() => undefined);
  }
}

/** Takes a stream apart into its frames, of which it tells the types. */
class Frames {
  private header = Buffer.alloc(0);
  private skip = 0;

  *types(chunk: Buffer): Generator<number> {
    while (chunk.length > 0) {
      const passed = Math.min(this.skip, chunk.length);
      this.skip -= passed;
      chunk = chunk.subarray(passed);
      const needed = Math.min(HEADER - this.header.length, chunk.length);
      this.header = Buffer.concat([this.header, chunk.subarray(0, needed)]);
      chunk = chunk.subarray(needed);
      if (this.header.length === HEADER) {
        this.skip = this.header.readUInt32BE(4);
        yield this.header.readUInt16BE(0);
        this.header = Buffer.alloc(0);
      }
    }
  }
}

/** The fields of a protobuf message: numbers as they are, what has a length as bytes. */
function* protobufFields(message: Buffer): Generator<[number, number | Buffer]> {
  let at = 0;
  const varint = () => {
    let value = 0;
    for (let shift = 1; ; shift *= 128) {
      const byte = message[at++] ?? 0;
      value += (byte & 127) * shift;
      if (!(byte & 128)) return value;
    }
  };
  while (at < message.length) {
    const tag = varint();
    const field = tag >>> 3;
    switch (tag & 7) {
      case 0:
        yield [field, varint()];
        break;
      case 1:
        at += 8;
        break;
      case 2: {
        const length = varint();
        yield [field, message.subarray(at, at + length)];
        at += length;
        break;
      }
      default:
        at += 4;
    }
  }
}

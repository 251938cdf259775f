/**
 * Questions that workflow code asks, and waits for: its sandbox knows no network, and no promise of it may depend on
 * one. They go through a thread of their own while this one stands still; the answer is the same on every replay, or
 * is of no consequence to the workflow.
 */

import type { Worker as Thread } from "node:worker_threads";
import { THREAD } from "../thread";

declare const URL: { constructor: (code: string) => () => NodeJS.Process };

interface Host {
  durascopeThread?: Thread;
  SharedArrayBuffer: typeof SharedArrayBuffer;
  Int32Array: typeof Int32Array;
  Atomics: typeof Atomics;
}

/** What is outside of the sandbox: the classes that the SDK puts in are made there. */
const outside = URL.constructor("return process")();
const host = URL.constructor("return globalThis")() as unknown as Host;
const threads = outside.getBuiltinModule("node:worker_threads");

const { DURASCOPE_LEDGER, DURASCOPE_PROCESS, DURASCOPE_QUEUE, DURASCOPE_WORKER } = outside.env;
export const activityQueue = DURASCOPE_QUEUE ?? "";

export function askNow(message: object): unknown {
  host.durascopeThread ??= new threads.Worker(THREAD, { eval: true });
  const { port1, port2 } = new threads.MessageChannel();
  const done = new host.Int32Array(new host.SharedArrayBuffer(4));
  host.durascopeThread.postMessage({ port: Number(DURASCOPE_LEDGER), text: JSON.stringify({ process: DURASCOPE_PROCESS, worker: DURASCOPE_WORKER, ...message }), reply: port2, done }, [port2]);
  host.Atomics.wait(done, 0, 0, 60_000);
  const answer = threads.receiveMessageOnPort(port1)?.message as string | undefined;
  port1.close();
  if (!answer) throw new Error("nobody answers");
  return JSON.parse(answer);
}

/**
 * Questions that a function's own code asks between two steps. The SDK reports the steps that it has found as soon as
 * nothing else is ready to run, and does not know of code that waits for an answer: so nothing may run meanwhile.
 */

import { MessageChannel, receiveMessageOnPort, Worker } from "node:worker_threads";
import { THREAD } from "../thread";

let thread: Worker | undefined;

export function askNow(port: number, message: object): unknown {
  thread ??= new Worker(THREAD, { eval: true });
  thread.unref();
  const { port1, port2 } = new MessageChannel();
  const done = new Int32Array(new SharedArrayBuffer(4));
  thread.postMessage({ port, text: JSON.stringify(message), reply: port2, done }, [port2]);
  Atomics.wait(done, 0, 0);
  const answer = receiveMessageOnPort(port1)?.message as string | undefined;
  port1.close();
  if (!answer) throw new Error("nobody answers");
  return JSON.parse(answer);
}

/** The function's own code is busy: nothing else runs in this process. */
export function busy(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

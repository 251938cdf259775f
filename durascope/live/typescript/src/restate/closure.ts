/** The closure of a step, as it is given to `ctx.run`. */

import { RetryableError, TerminalError } from "@restatedev/restate-sdk";
import { type Ask, carryOut, passing } from "../body";
import type { Body, Execution, Settings } from "./protocol";
import { killed } from "./watching";

/** Milliseconds after which the command that has been sent before its closure began is stored. */
const STORED = 5;

/** `ask` keeps the order in which an attempt's closures ask: of two that take the same time, the first ends first. */
export function closure(settings: Settings, asked: Ask, attempt: number, handle: number): () => Promise<unknown> {
  const { process } = settings;
  const end = killed();
  const alive = <Given extends unknown[], Found>(does: (...given: Given) => Promise<Found>) => async (...given: Given) => {
    if (!end.aborted) {
      const found = await does(...given);
      if (!end.aborted) return found;
    }
    return new Promise<Found>(() => {}); // what is killed goes no further
  };
  const ask = alive(asked);

  return async () => {
    const begun = (await ask({ ask: "closure", attempt, handle })) as Execution;
    const { run, step, execution } = begun;
    const pass = (moment: string, more: object = {}) => ask({ run, step, attempt: execution, moment, process, ...more });
    if (begun.scheduled) {
      await new Promise((resolve) => setTimeout(resolve, STORED));
      await pass("scheduled");
    }
    const limit = AbortSignal.timeout(begun.limit ?? 2 ** 31 - 1);
    await pass("started");
    const body = (await ask({ ask: "body", attempt, handle, execution })) as Body;
    const passed = passing(body, pass);
    const found = await carryOut(body, ask, passed, alive((ms) => within(limit, ms)));
    if (!found && !body.ok) throw failure(body, execution);
    await passed("reported");
    return found ? body.found : body.values;
  };
}

/** Sleeps, unless the closure's own time is over. */
function within(limit: AbortSignal, ms: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const over = () => reject(new Error("TimeoutError"));
    if (limit.aborted) return over();
    const timer = setTimeout(() => {
      limit.removeEventListener("abort", stop);
      resolve();
    }, ms);
    const stop = () => {
      clearTimeout(timer);
      over();
    };
    limit.addEventListener("abort", stop, { once: true });
  });
}

function failure({ error, retryable, retryAfter }: Body, execution: number): Error {
  const message = `${error} (execution ${execution})`;
  if (!retryable) return new TerminalError(message);
  return retryAfter === null ? new Error(message) : new RetryableError(message, { retryAfter });
}

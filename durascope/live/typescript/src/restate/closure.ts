/** The closure of a step, as it is given to `ctx.run`. */

import { RetryableError, TerminalError } from "@restatedev/restate-sdk";
import { type Ask, carryOut, passing, Time, type Until } from "../body";
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
    const now = () => new Time(alive((ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms))));
    let time = now();
    let begun = (await ask({ ask: "closure", attempt, handle })) as Execution;
    const pass = (moment: string, more: object = {}) =>
      time.standing(ask({ run: begun.run, step: begun.step, attempt: begun.execution, moment, process, ...more }));
    if (begun.scheduled) {
      await time.until(STORED);
      await pass("scheduled");
      time = now();
      begun = (await ask({ ask: "closure", attempt, handle, stored: true })) as Execution;
    }
    const { execution } = begun;
    await pass("started");
    const body = (await ask({ ask: "body", attempt, handle, execution })) as Body;
    const passed = passing(body, pass);
    const found = await carryOut(body, ask, passed, within(begun.limit, time.until));
    if (!found && !body.ok) throw failure(body, execution);
    await passed("reported");
    return found ? body.found : body.values;
  };
}

/** Until then, or until the closure's own time is over, whichever comes first: as its timers do, in their order. */
function within(limit: number | null, until: Until): Until {
  return async (ms) => {
    await until(Math.min(ms, limit ?? ms));
    if (limit !== null && limit < ms) throw new Error("TimeoutError");
  };
}

function failure({ error, retryable, retryAfter }: Body, execution: number): Error {
  const message = `${error} (execution ${execution})`;
  if (!retryable) return new TerminalError(message);
  return retryAfter === null ? new Error(message) : new RetryableError(message, { retryAfter });
}

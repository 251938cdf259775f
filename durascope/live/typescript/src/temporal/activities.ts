/** One activity for every step of a scenario: its body takes its time, has its effect, and returns or fails. */

import { Context } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";
import { carryOut, passing, Time } from "../body";
import { ask } from "../ledger";
import type { Body, Given, Settings } from "./protocol";

export function step(settings: Settings): (given: Given) => Promise<unknown> {
  const { ledger, process } = settings;

  return async (given) => {
    if ("warm-up" in given) return {};
    const { attempt } = Context.current().info;
    const time = new Time((ms) => Context.current().sleep(ms));
    const pass = (moment: string, more: object = {}) =>
      time.standing(ask(ledger, { run: given["run"], step: given["step"], attempt, moment, process, ...more }));
    await pass("started");
    const body = (await ask(ledger, { ask: "body", given, attempt })) as Body;
    const beating = body.beats === null ? null : setInterval(() => Context.current().heartbeat(), body.beats);
    const passed = passing(body, pass);
    let found: boolean;
    try {
      found = await carryOut(body, (message) => ask(ledger, message), passed, time.until);
    } finally {
      if (beating !== null) clearInterval(beating);
    }
    if (!found && !body.ok) {
      throw ApplicationFailure.create({
        message: body.error,
        type: body.error,
        nonRetryable: !body.retryable,
        ...(body.retryAfter === null ? {} : { nextRetryDelay: body.retryAfter }),
      });
    }
    await passed("reported");
    return { ok: given["step"], values: found ? body.found : body.values, padding: "x".repeat(body.padding) };
  };
}

/** One activity for every step of a scenario: its body takes its time, has its effect, and returns or fails. */

import { Context } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";
import { carryOut, passing, since } from "../body";
import { ask } from "../ledger";
import type { Body, Given, Settings } from "./protocol";

export function step(settings: Settings): (given: Given) => Promise<unknown> {
  const { ledger, process } = settings;

  return async (given) => {
    if ("warm-up" in given) return {};
    const { attempt } = Context.current().info;
    const until = since((ms) => Context.current().sleep(ms));
    const pass = (moment: string, more: object = {}) =>
      ask(ledger, { run: given["run"], step: given["step"], attempt, moment, process, ...more });
    await pass("started");
    const body = (await ask(ledger, { ask: "body", given, attempt })) as Body;
    const beating = body.beats === null ? null : setInterval(() => Context.current().heartbeat(), body.beats);
    const passed = passing(body, pass);
    let found: boolean;
    try {
      found = await carryOut(body, (message) => ask(ledger, message), passed, until);
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

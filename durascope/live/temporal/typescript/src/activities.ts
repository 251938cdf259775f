/** One activity for every step of a scenario: its body takes its time, has its effect, and returns or fails. */

import { Context } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";
import { ask } from "./ledger";
import type { Body, Given, Settings } from "./protocol";

export function step(settings: Settings): (given: Given) => Promise<unknown> {
  const { ledger, process } = settings;

  return async (given) => {
    if ("warm-up" in given) return {};
    const { attempt } = Context.current().info;
    const pass = (moment: string, more: object = {}) =>
      ask(ledger, { run: given["run"], step: given["step"], attempt, moment, process, ...more });
    await pass("started");
    const body = (await ask(ledger, { ask: "body", given, attempt })) as Body;
    const done = (values: object) => ({ ok: given["step"], values, padding: "x".repeat(body.padding) });
    if (body.check !== null) {
      await Context.current().sleep(body.check);
      if (Number(await ask(ledger, { counted: body.effect })) > 0) {
        await pass("reported");
        return done(body.found);
      }
    }
    const beating = body.beats === null ? null : setInterval(() => Context.current().heartbeat(), body.beats);
    try {
      const at = body.ms * (body.effectAt ?? 1);
      await Context.current().sleep(at);
      if (body.effectAt !== null) {
        await pass("before-effect");
        if (body.effect !== null) await ask(ledger, { count: body.effect });
        const known = body.known !== null && Number(await ask(ledger, { count: body.known })) > 1;
        await pass("after-effect", known ? { deduplicated: true } : {});
        await Context.current().sleep(body.ms - at);
      }
    } finally {
      if (beating !== null) clearInterval(beating);
    }
    if (!body.ok) {
      throw ApplicationFailure.create({
        message: body.error,
        type: body.error,
        nonRetryable: !body.retryable,
        ...(body.retryAfter === null ? {} : { nextRetryDelay: body.retryAfter }),
      });
    }
    await pass("reported");
    return done(body.values);
  };
}

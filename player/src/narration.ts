/** One event as a sentence, and why it happened, from the event that caused it. */

import type { Engine, Rule } from "./document.ts";
import { ordinal, spell } from "./names.ts";
import type { Event, Trace } from "./time/trace.ts";

export interface Said {
  readonly what: string;
  readonly why: string | null;
  /** The event that the reason speaks of. */
  readonly because: number | null;
  readonly rule: Rule | null;
  /** How loud: a crash and a duplicate are alarms. */
  readonly tone: "plain" | "good" | "alarm";
}

export interface Teller {
  readonly engine: Engine;
  readonly services: Readonly<Record<string, string>>;
  readonly rules: readonly Rule[];
}

/** Events that are worth a sentence while the story plays. */
export const NOTABLE: ReadonlySet<string> = new Set([
  "run-started", "run-ended", "started", "after-effect", "failed", "retried", "dropped", "replay-started", "timer-fired",
  "event-received", "message-refused", "message-lost", "crashed", "restarted", "hung", "resumed", "outage-started",
  "outage-ended", "cut", "healed", "deployed",
]);

export function say(trace: Trace, n: number, teller: Teller): Said {
  const event = trace.event(n);
  const twice = event.kind === "after-effect" ? again(trace, event, teller) : null;
  return {
    what: sentence(trace, event, teller),
    why: twice?.why ?? reason(trace, event, teller),
    because: twice?.because ?? event.cause,
    rule: cited(trace, event, teller),
    tone: tone(trace, event),
  };
}

function sentence(trace: Trace, event: Event, teller: Teller): string {
  const { lane, kind, detail } = event;
  const step = attempted(event);
  const run = event.run ?? "a run";
  const { record } = teller.engine;
  switch (kind) {
    case "run-started": return `${run} of ${event.workflow} starts: ${teller.engine.title} has durably accepted it.`;
    case "run-ended": return `${run} has ended: ${String(detail ?? "ended")}.`;
    case "task-queued": return `A task waits in the queue ${String(detail ?? lane)}.`;
    case "task-picked-up": return `${lane} takes the task from the queue ${String(detail ?? "")}.`;
    case "scheduled": return `${step} is scheduled: the ${record} says that it is to run.`;
    case "started": return `${lane} starts ${step}.`;
    case "before-effect": return `${step} calls out: ${served(trace, event, teller)} is about to act.`;
    case "after-effect": return effect(trace, event, teller);
    case "reported": return `The code of ${step} has returned; its result is on the way.`;
    case "recorded": return `The result of ${step} is in the ${record}: it will not run again.`;
    case "failed": return `${step} fails: ${String(detail ?? "an error")}.`;
    case "retried": return retried(event, step);
    case "dropped": return `The result of ${step} is rejected: ${String(detail ?? "it came too late")}.`;
    case "replay-started": return `${lane} runs the workflow's code again from the top, against the ${record}.`;
    case "replay-step": return `The replay passes ${step}: it is in the ${record} and does not run again.`;
    case "replay-ended": return `The replay has caught up with the ${record}.`;
    case "work-started": return `${lane} starts running workflow code (${String(detail ?? "work")}).`;
    case "work-ended": return `${lane} has run its workflow code (${String(detail ?? "done")}).`;
    case "message-sent": return `${lane} sends ${message(detail)}.`;
    case "message-received": return `${lane} receives ${received(detail)}.`;
    case "message-refused": return `Nothing is listening at ${lane}: ${received(detail)} is refused.`;
    case "message-lost": return `A message to ${lane} is lost; its sender will never know.`;
    case "timer-set": return `${lane} sets a timer${timer(event)}.`;
    case "timer-fired": return `A timer fires${event.step ? ` (${event.step})` : ""}.`;
    case "timer-cancelled": return "A timer is cancelled: it is no longer needed.";
    case "event-received": return `${teller.engine.title} accepts ${String(detail ?? "a message")} from outside.`;
    case "crashed": return crash(trace, event, teller);
    case "restarted": return `${lane} is back, with an empty memory.`;
    case "hung": return `${lane} hangs: it is up, but does nothing.`;
    case "resumed": return `${lane} carries on where it hung.`;
    case "outage-started": return `${title(lane, teller)} is down.`;
    case "outage-ended": return `${title(lane, teller)} is up again.`;
    case "cut": return `${lane} is cut off from the network.`;
    case "healed": return `The network to ${lane} works again.`;
    case "deployed": return `New code is deployed: ${String(detail ?? "")}.`;
    case "record-appended": return `A new line in the ${record}: ${String(detail ?? "")}.`;
    default: return `${lane}: ${kind}`;
  }
}

function effect(trace: Trace, event: Event, teller: Teller): string {
  const entry = trace.ledger.find((each) => each.event === event.n);
  const who = served(trace, event, teller);
  if (!entry) return `${who} has done ${event.step}.`;
  if (entry.deduplicated) return `${who} knows the idempotency key: ${event.step} has no second effect.`;
  const count = trace.ledger.filter(
    (each) => each.run === entry.run && each.step === entry.step && each.event <= event.n && !each.deduplicated,
  ).length;
  if (entry.again) return `${who} does ${event.step} a ${ordinal(Math.max(2, count))} time: a duplicate.`;
  return `${who} has done ${event.step}. Only ${event.lane} knows so far.`;
}

/** Why an effect happens again: what became of the first. */
function again(trace: Trace, event: Event, teller: Teller): { why: string; because: number } | null {
  const place = trace.ledger.findIndex((each) => each.event === event.n);
  const entry = trace.ledger[place];
  if (!entry?.again) return null;
  const first = trace.ledger.slice(0, place).findLast((each) => each.run === entry.run && each.step === entry.step);
  if (!first) return null;
  const { record } = teller.engine;
  for (let n = first.event + 1; n < event.n; n++) {
    const kind = trace.kind(n);
    if (kind === "recorded" && trace.step(n) === entry.step && trace.run(n) === entry.run) return null;
    const struck = kind === "crashed" || kind === "hung" || kind === "cut" || kind === "message-lost";
    const failed = (kind === "failed" || kind === "dropped") && trace.step(n) === entry.step && trace.run(n) === entry.run;
    if (struck) {
      const what = kind === "crashed" ? "died" : kind === "hung" ? "hung" : "was cut off";
      return { why: `The first result never got into the ${record}: ${trace.lane(n)} ${what} at ${spell(trace.at[n]!)}, before it was recorded.`, because: n };
    }
    if (failed) return { why: `The first attempt had its effect and failed afterwards, at ${spell(trace.at[n]!)}.`, because: n };
  }
  return { why: `The first was at ${spell(first.at)}, and its result was not in the ${record}.`, because: first.event };
}

function crash(trace: Trace, event: Event, teller: Teller): string {
  const cause = event.cause === null ? null : trace.event(event.cause);
  const dies = `${event.lane} dies.`;
  if (cause?.kind === "after-effect") {
    return `${dies} ${served(trace, cause, teller)} has done ${cause.step}, and nothing in the ${teller.engine.record} says so.`;
  }
  if (cause?.kind === "before-effect") return `${dies} ${cause.step} has not called out yet.`;
  if (cause?.kind === "reported") return `${dies} The result of ${cause.step} was on the way.`;
  return `${dies} What it had only in memory is lost.`;
}

function retried(event: Event, step: string): string {
  if (typeof event.detail === "number") return `${step} will be retried in ${spell(event.detail)}.`;
  return `The ${String(event.detail)} timeout has passed: ${step} counts as failed and will be retried.`;
}

/** The event that caused it, as a subordinate clause; null where it says nothing new. */
function reason(trace: Trace, event: Event, teller: Teller): string | null {
  if (event.cause === null && FAULTS.has(event.kind)) return "This fault is part of the story.";
  if (event.cause === null) return QUIET_WITHOUT_CAUSE.has(event.kind) ? null : "It comes from outside.";
  const cause = trace.event(event.cause);
  const waited = event.at - cause.at;
  const after = waited >= 1_000 ? ` ${spell(waited)} before` : "";
  const step = attempted(cause);
  switch (cause.kind) {
    case "crashed": return `Because ${cause.lane} died${after}.`;
    case "restarted": return `Because ${cause.lane} came back${after}.`;
    case "retried": return `Because ${step} was given up${after}.`;
    case "failed": return `Because ${step} failed${after}.`;
    case "timer-set":
    case "timer-fired": return `Because of the timer that was set${after}${cause.step ? ` (${cause.step})` : ""}.`;
    case "recorded": return `Because the result of ${step} is recorded.`;
    case "scheduled": return `Because ${step} was scheduled${after}.`;
    case "task-queued": return `Because a task was in the queue ${String(cause.detail ?? "")}${after}.`;
    case "message-received": return `Because of ${received(cause.detail)}.`;
    case "message-refused": return "Because nothing was listening there.";
    case "event-received": return `Because ${String(cause.detail)} arrived.`;
    case "run-started": return `Because ${cause.run} started.`;
    case "replay-started": case "replay-ended": case "replay-step": return `Because ${cause.lane} replays the ${teller.engine.record}.`;
    default: return null;
  }
}

const FAULTS: ReadonlySet<string> = new Set(["crashed", "hung", "cut", "outage-started"]);
const QUIET_WITHOUT_CAUSE: ReadonlySet<string> = new Set(["message-sent"]);

function tone(trace: Trace, event: Event): Said["tone"] {
  if (["crashed", "hung", "cut", "outage-started", "failed", "message-lost"].includes(event.kind)) return "alarm";
  if (event.kind === "after-effect") {
    const entry = trace.ledger.find((each) => each.event === event.n);
    return entry?.again && !entry.deduplicated ? "alarm" : "plain";
  }
  return event.kind === "run-ended" && event.detail === "completed" ? "good" : "plain";
}

/** The rule that an event shows. */
function cited(trace: Trace, event: Event, teller: Teller): Rule | null {
  const detail = String(Array.isArray(event.detail) ? event.detail[1] : event.detail);
  const cause = event.cause === null ? undefined : trace.kind(event.cause);
  const again = () => trace.ledger.some((each) => each.event === event.n && each.again && !each.deduplicated);
  return teller.rules.find((rule) =>
    rule.kind === event.kind && (rule.detail === undefined || detail.includes(rule.detail)) &&
    (rule.cause === undefined || rule.cause === cause) &&
    (!rule.again || again())) ?? null;
}

function attempted(event: Event): string {
  const step = event.step ?? "the work";
  return event.attempt !== null && event.attempt > 1 ? `${step} (attempt ${event.attempt})` : step;
}

/** The service that a step's effect is in, by its ledger. */
function served(trace: Trace, event: Event, teller: Teller): string {
  const entry = trace.ledger.find((each) => each.step === event.step && each.run === event.run);
  return entry ? title(entry.service, teller) : "the service";
}

export function title(service: string, teller: Pick<Teller, "services">): string {
  return teller.services[service] ?? service;
}

function message(detail: unknown): string {
  const [to, what] = Array.isArray(detail) ? detail : [String(detail), ""];
  return what ? `“${what}” to ${to}` : `a message to ${to}`;
}

function received(detail: unknown): string {
  const [from, what] = Array.isArray(detail) ? detail : [String(detail), ""];
  return what ? `“${what}” from ${from}` : `a message from ${from}`;
}

function timer(event: Event): string {
  const due = typeof event.detail === "number" ? `: due in ${spell(event.detail - event.at)}` : "";
  return `${event.step ? ` (${event.step})` : ""}${due}`;
}

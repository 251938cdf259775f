/** What led to an event and what it led to, as far as one can see it: from one thing on the screen to the next. */

import type { Trace } from "./trace.ts";

export interface Lit {
  readonly event: number;
  readonly causes: ReadonlySet<number>;
  readonly effects: ReadonlySet<number>;
}

/** Where a chain of causes may stop: these are drawn on the screen as things of their own. */
const SEEN: ReadonlySet<string> = new Set([
  "record-appended", "after-effect", "crashed", "restarted", "retried", "failed", "started", "timer-set", "timer-fired",
  "run-started", "run-ended", "event-received", "replay-started", "hung", "outage-started", "cut", "deployed",
]);

const MOST = 200;

export function lit(trace: Trace, event: number): Lit {
  const causes = new Set<number>();
  for (let n = trace.cause[event] ?? -1; n >= 0 && causes.size < MOST; n = trace.cause[n]!) {
    causes.add(n);
    if (SEEN.has(trace.kind(n))) break;
  }
  const effects = new Set<number>();
  const open = [event];
  while (open.length > 0 && effects.size < MOST) {
    const from = open.pop()!;
    for (const n of trace.effects(from)) {
      effects.add(n);
      if (!SEEN.has(trace.kind(n))) open.push(n);
    }
  }
  return { event, causes, effects };
}

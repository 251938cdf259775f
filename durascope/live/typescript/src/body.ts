/** A step's body: it takes its time, has its effect, and ends well or not, as it was planned. */

/** How a body goes. Times are in milliseconds. */
export interface Plan {
  ms: number;
  effectAt: number | null;
  known: string | null;
  check: number | null;
  effect: string | null;
  ok: boolean;
  error: string;
  retryable: boolean;
  retryAfter: number | null;
  /** The moments that something waits for: the body stands still until that has been done. */
  waits: string[];
}

export type Ask = (message: object) => Promise<unknown>;
export type Pass = (moment: string, more?: object) => Promise<unknown>;
/** Returns when so many milliseconds have passed since the body began. */
export type Until = (ms: number) => Promise<void>;

/** Milliseconds: who comes so much too late to the end of a wait has hung, and what follows the wait begins only then. */
const HUNG = 100;

/** The time of a body that begins now; `sleep` lets time pass. Where a moment sets something off, it stands still. */
export class Time {
  private began = performance.now();

  constructor(private readonly sleep: (ms: number) => Promise<void>) {}

  readonly until: Until = async (ms) => {
    await this.sleep(Math.max(0, this.began + ms - performance.now()));
    const late = performance.now() - (this.began + ms);
    if (late > HUNG) this.began += late;
  };

  /** Waits for the answer to a moment: whether it has set something off. */
  readonly standing = async (answer: Promise<unknown>): Promise<unknown> => {
    const before = performance.now();
    const struck = await answer;
    if (struck === true) this.began += performance.now() - before;
    return struck;
  };
}

/**
 * Passes moments one after the other. A body waits for its effect to be counted, and for moments that something waits
 * for, no others: of two bodies that take equally long, the one with more to tell would else end later.
 */
export function passing(plan: Plan, pass: Pass): Pass {
  let last: Promise<unknown> = Promise.resolve();
  return async (moment, more) => {
    const passed = last.then(() => pass(moment, more));
    last = passed.catch(() => undefined);
    if (moment === "after-effect" || plan.waits.includes(moment)) await passed;
  };
}

/** Its time and its effect. Whether it has found the effect there already. */
export async function carryOut(plan: Plan, ask: Ask, pass: Pass, until: Until): Promise<boolean> {
  const checked = plan.check ?? 0;
  if (plan.check !== null) {
    await until(checked);
    if (Number(await ask({ counted: plan.effect })) > 0) return true;
  }
  if (plan.effectAt !== null) {
    await until(checked + plan.ms * plan.effectAt);
    await pass("before-effect");
    if (plan.effect !== null) await ask({ count: plan.effect });
    const known = plan.known !== null && Number(await ask({ count: plan.known })) > 1;
    await pass("after-effect", known ? { deduplicated: true } : {});
  }
  await until(checked + plan.ms);
  return false;
}

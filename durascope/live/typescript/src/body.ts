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
}

export type Ask = (message: object) => Promise<unknown>;
export type Pass = (moment: string, more?: object) => Promise<unknown>;
export type Sleep = (ms: number) => Promise<void>;

/** Its time and its effect. Whether it has found the effect there already. */
export async function carryOut(plan: Plan, ask: Ask, pass: Pass, sleep: Sleep): Promise<boolean> {
  if (plan.check !== null) {
    await sleep(plan.check);
    if (Number(await ask({ counted: plan.effect })) > 0) return true;
  }
  const at = plan.ms * (plan.effectAt ?? 1);
  await sleep(at);
  if (plan.effectAt === null) return false;
  await pass("before-effect");
  if (plan.effect !== null) await ask({ count: plan.effect });
  const known = plan.known !== null && Number(await ask({ count: plan.known })) > 1;
  await pass("after-effect", known ? { deduplicated: true } : {});
  await sleep(plan.ms - at);
  return false;
}

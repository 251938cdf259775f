/** One workflow for all of a scenario: it does with Temporal's SDK what the scenario's code asks for. */

import {
  ActivityCancellationType,
  ActivityFailure,
  ApplicationFailure,
  CancellationScope,
  CancelledFailure,
  ChildWorkflowFailure,
  ContinueAsNew,
  condition,
  defineUpdate,
  getExternalWorkflowHandle,
  isCancellation,
  makeContinueAsNewFunc,
  ParentClosePolicy,
  patched,
  scheduleActivity,
  scheduleLocalActivity,
  setDefaultQueryHandler,
  setDefaultSignalHandler,
  setHandler,
  sleep,
  startChild,
  type RetryPolicy,
  workflowInfo,
} from "@temporalio/workflow";
import { activityQueue, askNow } from "./asking";
import type { Begun, Cancelling, End, Given, Next, Outcome, Request, Retry } from "./protocol";

const WARM_UP = "warm-up";
const CANCELLATION = {
  try: ActivityCancellationType.TRY_CANCEL,
  wait: ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
  abandon: ActivityCancellationType.ABANDON,
};
const CLOSE = {
  terminate: ParentClosePolicy.TERMINATE,
  cancel: ParentClosePolicy.REQUEST_CANCEL,
  abandon: ParentClosePolicy.ABANDON,
};

export default async function scenarioWorkflow(given: Given): Promise<unknown> {
  return WARM_UP in given ? warmUp(Number(given[WARM_UP]), given) : new Run(given).run();
}

/** Has the server and the workers do once what they will do, so that the first run does not wait for it. */
async function warmUp(depth: number, given: Given): Promise<void> {
  await scheduleActivity(WARM_UP, [given], { taskQueue: activityQueue, startToCloseTimeout: 10_000 });
  if (depth > 0) {
    const child = await startChild(WARM_UP, { args: [{ ...given, [WARM_UP]: depth - 1 }] });
    await child.result();
  }
}

class Run {
  private readonly events = new Map<string, Given[]>();
  private readonly errors: unknown[] = [];
  private readonly locks = new Map<string, Promise<unknown>>();
  private readonly scope = new CancellationScope({ cancellable: true });
  private cancelling: Cancelling | null = null;
  private openUpdates = 0;
  private readonly begun: Begun;

  constructor(private readonly given: Given) {
    this.begun = this.ask({ do: "begin", given, execution: this.execution }) as Begun;
  }

  private get execution(): number {
    return Number(this.given["execution"] ?? 1) + workflowInfo().attempt - 1;
  }

  async run(): Promise<unknown> {
    this.listen();
    if (this.begun.entity) {
      await condition(() => this.openUpdates === 0);
      return null;
    }
    return this.closed(await this.scope.run(() => this.drive(this.begun.code)));
  }

  /** How the run closes. */
  private closed(end: End): unknown {
    switch (end.how) {
      case "returned":
        return end.value;
      case "failed":
        throw end.error !== null ? this.errors[end.error] : ApplicationFailure.create({ message: end.message, type: "WorkflowFailure" });
      case "cancelled":
        throw new CancelledFailure("the run is cancelled");
      case "bug":
        throw new Error(end.message);
    }
  }

  // ---- handlers ------------------------------------------------------------------------------------------------

  private listen(): void {
    setDefaultQueryHandler((name) => ({ query: name }));
    setDefaultSignalHandler((name, payload) => this.signalled(name, (payload ?? {}) as Given));
    const names = Object.keys(this.begun.updates);
    for (const name of names) {
      setHandler(defineUpdate<unknown, [Given]>(name), (payload) => this.updated(name, payload ?? {}), {
        validator: (payload) => this.validate(name, payload ?? {}),
      });
    }
  }

  private signalled(name: string, payload: Given): void {
    this.keep(name, payload);
    const then = this.begun.signals[name] ?? "ignore";
    if (then === "ignore" || this.cancelling !== null) return;
    this.cancelling = { reason: name, returns: true };
    if (then === "cancel-now" && !this.begun.entity) this.scope.cancel();
  }

  private async updated(name: string, payload: Given): Promise<unknown> {
    this.openUpdates += 1;
    try {
      const turn = this.begun.updates[name]?.oneAtATime ? (this.locks.get(name) ?? Promise.resolve()) : Promise.resolve();
      const work = turn.then(() => this.workOff(name, payload));
      this.locks.set(name, work.catch(() => undefined));
      await work;
    } finally {
      this.openUpdates -= 1;
    }
    this.keep(name, payload);
    return null;
  }

  private async workOff(name: string, payload: Given): Promise<void> {
    const code = this.ask({ do: "update", code: this.begun.code, name, payload, execution: this.execution }) as number;
    const end = await this.drive(code);
    if (end.how === "bug") throw new Error(end.message);
    if (end.how !== "returned") throw ApplicationFailure.nonRetryable(end.how === "failed" ? end.message : "cancelled");
  }

  private validate(name: string, payload: Given): void {
    const refusal = this.ask({ do: "rejects", code: this.begun.code, name, payload }) as string | null;
    if (refusal !== null) throw ApplicationFailure.create({ message: refusal, type: "Rejected" });
  }

  private keep(name: string, payload: Given): void {
    const kept = this.events.get(name);
    if (kept === undefined) this.events.set(name, [payload]);
    else kept.push(payload);
  }

  // ---- the code ------------------------------------------------------------------------------------------------

  private ask(message: object): unknown {
    const { unsafe } = workflowInfo();
    return askNow({ ask: "code", replaying: unsafe.isReplaying, workflow: workflowInfo().workflowId, ...message });
  }

  /** Does what a piece of code asks for, until it ends. */
  private async drive(code: number): Promise<End> {
    let outcome: Outcome = { value: null };
    for (;;) {
      const next = this.ask({ do: "step", code, outcome, cancelling: this.cancelling }) as Next;
      if ("ended" in next) return next.ended;
      outcome = await this.done(next.request, next.shielded);
    }
  }

  private async done(request: Request, shielded: boolean): Promise<Outcome> {
    try {
      const shield = shielded && !isShielded(CancellationScope.current());
      const value = await (shield ? CancellationScope.nonCancellable(() => this.perform(request)) : this.perform(request));
      return { value: value ?? null };
    } catch (error) {
      if (error instanceof ContinueAsNew) throw error;
      if (isCancellation(error)) {
        if (this.cancelling === null && CancellationScope.current().consideredCancelled && this.rootIsCancelled()) {
          this.cancelling = { reason: "cancel request", returns: false };
        }
        return { cancelled: true };
      }
      const cause = error instanceof ActivityFailure || error instanceof ChildWorkflowFailure ? error.cause : undefined;
      return { failed: (cause ?? (error as Error)).message, error: this.errors.push(error) - 1 };
    }
  }

  private rootIsCancelled(): boolean {
    return this.scope.consideredCancelled;
  }

  private async perform(request: Request): Promise<unknown> {
    switch (request.do) {
      case "activity": {
        const { options, name, given } = request;
        const retry = request.retry === null ? {} : { retry: policy(request.retry) };
        const common = { ...options, ...retry, cancellationType: CANCELLATION[request.cancellation] };
        const result = request.local
          ? await scheduleLocalActivity<Given>(name, [given], common)
          : await scheduleActivity<Given>(name, [given], { ...common, taskQueue: request.queue ?? "" });
        return result["values"] ?? {};
      }
      case "sleep":
        return sleep(request.ms, { summary: request.summary });
      case "wait":
        return this.arrival(request);
      case "child": {
        const child = await startChild(request.workflow, {
          args: [request.given],
          workflowId: request.id,
          taskQueue: request.queue,
          ...(request.retry === null ? {} : { retry: policy(request.retry) }),
          ...(request.runTimeout === null ? {} : { workflowRunTimeout: request.runTimeout }),
          ...(request.close === null ? {} : { parentClosePolicy: CLOSE[request.close] }),
        });
        return request.wait ? child.result() : null;
      }
      case "signal":
        return getExternalWorkflowHandle(request.id).signal(request.name, request.payload);
      case "patched":
        return patched(request.id);
      case "gather":
        await Promise.all(request.codes.map((code) => this.drive(code)));
        return null;
      case "race":
        return this.race(request.codes);
      case "continue":
        return makeContinueAsNewFunc()(request.given);
      case "yield":
        return null;
    }
  }

  /** The number of the branch that ends first; the others are cancelled. */
  private async race(codes: number[]): Promise<number> {
    const scopes = codes.map(() => new CancellationScope({ cancellable: true }));
    const branches = codes.map(async (code, number) => {
      await scopes[number]?.run(() => this.drive(code));
      return number;
    });
    const first = await Promise.race(branches);
    scopes.forEach((scope, number) => {
      if (number !== first) scope.cancel();
    });
    return first;
  }

  /** The next event of that name; null where the time is over. */
  private async arrival({ event, ms, field, value }: Extract<Request, { do: "wait" }>): Promise<{ payload: Given } | null> {
    const place = () => (this.events.get(event) ?? []).findIndex((each) => field === null || !(field in each) || each[field] === value);
    if (place() < 0) {
      const arrived = ms === null ? condition(() => place() >= 0) : condition(() => place() >= 0, ms, { summary: "wait" });
      if ((await arrived) === false) return null;
    }
    return { payload: this.events.get(event)?.splice(place(), 1)[0] ?? {} };
  }
}

/** Whether nothing outside can cancel it; a branch there needs no shield of its own, which would keep a race from its losers. */
function isShielded(scope: CancellationScope | undefined): boolean {
  return scope !== undefined && (!scope.cancellable || isShielded(scope.parent));
}

function policy(retry: Retry): RetryPolicy {
  return {
    initialInterval: retry.initial,
    backoffCoefficient: retry.factor,
    ...(retry.most === null ? {} : { maximumInterval: retry.most }),
    ...(retry.attempts ? { maximumAttempts: retry.attempts } : {}),
  };
}

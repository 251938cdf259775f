/** One handler for all of a scenario's functions: it calls the SDK's steps that the scenario's code asks for. */

import { type Context, type Inngest, Middleware, NonRetriableError, referenceFunction, RetryAfterError } from "inngest";
import { carryOut, passing, Time } from "../body";
import { ask } from "../ledger";
import { askNow, busy } from "./asking";
import type { Body, Command, Execution, SentEvent, Settings, Turn } from "./protocol";

export type RequestContext = Context<Inngest.Any>;
type Tools = RequestContext["step"];

/** Runs a function's code, from the top, for one request. Where the SDK leaves it, the promise is never settled. */
export function handle(settings: Settings, name: string, context: RequestContext): Promise<unknown> {
  return new Promise((resolve, reject) => new Request(settings, context.step, resolve, reject).begin(name, context));
}

/** Who posts which event, by the event's address for luck. */
const posting = new Map<string, Request>();

class Request {
  private number = 0;
  private readonly errors = new Map<number, unknown>();
  private readonly posts = new Map<string, number>();

  constructor(
    private readonly settings: Settings,
    private readonly step: Tools,
    private readonly resolve: (value: unknown) => void,
    private readonly reject: (error: unknown) => void,
  ) {}

  begin(name: string, { runId, event }: RequestContext): void {
    const turn = this.ask({ do: "begin", function: name, run: runId, created: event.ts });
    this.number = turn.request ?? 0;
    this.follow(turn);
  }

  private ask(message: object): Turn {
    const { ledger, process } = this.settings;
    return askNow(ledger, { ask: "code", process, request: this.number, ...message }) as Turn;
  }

  private follow(turn: Turn): void {
    for (const command of turn.commands) this.perform(command);
    if (turn.ended !== undefined) return this.end(turn.ended);
    if (turn.busy !== undefined) {
      busy(turn.busy);
      this.follow(this.ask({ do: "go-on" }));
    }
  }

  private perform(command: Command): void {
    const { handle } = command;
    this.called(command).then(
      (value) => this.follow(this.ask({ do: "go-on", handle, value: value ?? null })),
      (error: unknown) => {
        this.errors.set(handle, error);
        this.follow(this.ask({ do: "go-on", handle, failure: (error as Error).message }));
      },
    );
  }

  private called(command: Command): Promise<unknown> {
    const { handle, step } = command;
    switch (command.do) {
      case "run":
        return this.step.run(step, () => this.body(handle));
      case "sleep":
        return this.step.sleep(step, command.ms);
      case "wait":
        return this.step.waitForEvent(step, command.options as never);
      case "invoke":
        return this.step.invoke(step, { function: referenceFunction({ functionId: command.function }), ...command.options } as never);
      case "send": {
        const { event } = command;
        this.posts.set(luck(event), handle);
        posting.set(luck(event), this);
        return this.step.sendEvent(step, event);
      }
    }
  }

  private async body(handle: number): Promise<unknown> {
    const { ledger, process } = this.settings;
    const time = new Time((ms) => new Promise((resolve) => setTimeout(resolve, ms)));
    const tell = (message: object) => ask(ledger, message);
    const { run, step, execution } = (await tell({ ask: "closure", request: this.number, handle })) as Execution;
    const pass = (moment: string, more: object = {}) =>
      time.standing(tell({ run, step, attempt: execution, moment, process, ...more }));
    await pass("started");
    const body = (await tell({ ask: "body", request: this.number, handle, execution })) as Body;
    const passed = passing(body, pass);
    const found = await carryOut(body, tell, passed, time.until);
    if (!found && !body.ok) throw failure(body);
    await passed("reported");
    return found ? body.found : body.values;
  }

  async posted(event: SentEvent, next: () => Promise<unknown>): Promise<unknown> {
    const message = { request: this.number, handle: this.posts.get(luck(event)) };
    await ask(this.settings.ledger, { ask: "posting", ...message });
    const sent = await next();
    await ask(this.settings.ledger, { ask: "posted", ...message });
    return sent;
  }

  private end(ended: NonNullable<Turn["ended"]>): void {
    switch (ended.how) {
      case "returned":
        return this.resolve(ended.value);
      case "rethrown":
        return this.reject(this.errors.get(ended.handle));
      case "failed":
        return this.reject(new NonRetriableError(ended.message));
      case "bug":
        return this.reject(new Error(ended.message));
    }
  }
}

function luck(event: SentEvent): string {
  return event.data._durascope.luck;
}

function failure({ error, retryable, retryAfter }: Body): Error {
  if (!retryable) return new NonRetriableError(error);
  return retryAfter === null ? new Error(error) : new RetryAfterError(error, retryAfter);
}

/** Tells whose step it is that posts. */
export class Sending extends Middleware.BaseMiddleware {
  override readonly id = "durascope";

  override async wrapSendEvent({ next, events }: Middleware.WrapSendEventArgs): Promise<Awaited<ReturnType<typeof next>>> {
    const event = events[0] as unknown as SentEvent;
    const request = posting.get(luck(event));
    return (request === undefined ? await next() : await request.posted(event, next)) as Awaited<ReturnType<typeof next>>;
  }
}

/** One handler for all of a scenario: it does with Restate's SDK what the scenario's code asks for. */

import { CancelledError, type Context, RestatePromise, type Serde, serde, TerminalError, TimeoutError, type WorkflowContext } from "@restatedev/restate-sdk";
import { ask } from "../ledger";
import { closure } from "./closure";
import type { Command, Completed, HandlerSettings, Settings, Turn } from "./protocol";

const json = serde.json as Serde<unknown>;

/** What the SDK keeps to itself, of one version that is pinned: following a promise without asking it for progress. */
interface Inside {
  publicPromise(): Promise<unknown>;
}

export async function handle(settings: Settings, target: HandlerSettings["target"], ctx: Context, request: unknown): Promise<unknown> {
  const begin = { do: "begin", target, invocation: ctx.request().id, request };
  return new Attempt(settings, ctx as WorkflowContext).run(begin);
}

/** Milliseconds after which the SDK has sent what it was asked for. */
const SENT = 3;

class Attempt {
  private readonly promises = new Map<number, RestatePromise<unknown>>();
  private readonly invocations = new Map<number, Promise<string>>();
  private completed: Completed[] = [];
  private told: Promise<unknown>[] = [];
  private readonly marks: object[] = [];
  private asked: Promise<unknown> = Promise.resolve();
  private number = 0;

  constructor(
    private readonly settings: Settings,
    private readonly ctx: WorkflowContext,
  ) {}

  async run(begin: object): Promise<unknown> {
    let turn = await this.ask(begin);
    this.number = turn.attempt ?? 0;
    for (;;) {
      for (const command of turn.commands) this.perform(command);
      await Promise.all(this.told.splice(0));
      if (turn.ended !== undefined) return closed(turn.ended);
      const waiting = this.then(turn.then);
      if (this.marks.length > 0) await this.mark();
      const cancelled = await waiting;
      turn = await this.ask({ do: "go-on", attempt: this.number, completed: this.completed.splice(0), cancelled });
    }
  }

  private async ask(message: object): Promise<Turn> {
    const { ledger, process } = this.settings;
    return (await ask(ledger, { ask: "code", process, ...message })) as Turn;
  }

  /** Whether the invocation has been cancelled meanwhile. */
  private async then(what: Turn["then"]): Promise<boolean> {
    if (what === undefined) return false;
    if ("pause" in what) {
      await new Promise((resolve) => setTimeout(resolve, what.pause));
      return false;
    }
    const awaited = what.wait.map((handle) => this.promise(handle));
    try {
      await (what.together ? RestatePromise.all(awaited) : awaited.length === 1 ? awaited[0] : RestatePromise.race(awaited));
    } catch (error) {
      if (error instanceof CancelledError) return true;
    }
    return false;
  }

  private promise(handle: number): RestatePromise<unknown> {
    const found = this.promises.get(handle);
    if (found === undefined) throw new Error(`handle ${handle} is unknown`);
    return found;
  }

  /** Keeps a promise, and notes down what comes of it. */
  private keep(handle: number, promise: unknown): void {
    this.promises.set(handle, promise as RestatePromise<unknown>);
    (promise as Inside).publicPromise().then(
      (value) => this.completed.push({ handle, value: value ?? null }),
      (error: unknown) => this.completed.push({ handle, ...failed(error) }),
    );
  }

  private perform(command: Command): void {
    const { ctx } = this;
    switch (command.do) {
      case "run":
        return this.keep(command.handle, ctx.run(command.name, closure(this.settings, this.inTurn, this.number, command.handle), command.options));
      case "sleep":
        return this.keep(command.handle, ctx.sleep(command.ms, command.name ?? undefined));
      case "or-timeout":
        return this.keep(command.handle, this.promise(command.of).orTimeout(command.ms));
      case "awakeable": {
        const { id, promise } = ctx.awakeable();
        this.tell({ ask: "awakeable", run: command.run, event: command.event, id });
        return this.keep(command.handle, promise);
      }
      case "signal":
        return this.keep(command.handle, ctx.signal(command.name));
      case "promise":
        return this.keep(command.handle, ctx.promise(command.name).get());
      case "peek-promise":
        return this.keep(command.handle, ctx.promise(command.name).peek());
      case "resolve-promise":
        return this.keep(command.handle, ctx.promise(command.name).resolve(command.payload));
      case "call": {
        const { service, handler: method, request: parameter, key } = command;
        const call = ctx.genericCall({ service, method, parameter, ...(key === null ? {} : { key }), inputSerde: json, outputSerde: json });
        return this.keep(command.handle, call);
      }
      case "send": {
        const { service, handler: method, request: parameter, key, delay } = command;
        const sent = ctx.genericSend({ service, method, parameter, ...(key === null ? {} : { key }), ...(delay ? { delay } : {}), inputSerde: json });
        return this.keep(command.handle, sent.invocationId);
      }
      case "resolve-signal":
        return ctx.invocation(command.invocation as Parameters<typeof ctx.invocation>[0]).signal(command.name).resolve(command.payload);
      case "resolve-awakeable":
        return ctx.resolveAwakeable(command.id, command.payload);
      case "get":
        return this.keep(command.handle, ctx.get(command.name));
      case "state-keys":
        return this.keep(command.handle, ctx.stateKeys());
      case "set":
        return ctx.set(command.name, command.value);
      case "clear":
        return ctx.clear(command.name);
      case "clear-all":
        return ctx.clearAll();
      case "mark":
        if ((ctx as unknown as { isProcessing(): boolean }).isProcessing()) this.marks.push({ ask: "marked", event: command.event, number: command.number });
    }
  }

  /** A question of a closure; one after the other. */
  private readonly inTurn = (message: object): Promise<unknown> => {
    const answer = this.asked.then(() => ask(this.settings.ledger, message));
    this.asked = answer.catch(() => undefined);
    return answer;
  };

  /** Tells of what has begun, once the SDK has sent it: it does so when the code waits. */
  private async mark(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, SENT));
    for (const message of this.marks.splice(0)) await ask(this.settings.ledger, { process: this.settings.process, ...message });
  }

  /** Tells the verification something before the attempt goes on. */
  private tell(message: object): void {
    this.told.push(ask(this.settings.ledger, { process: this.settings.process, ...message }));
  }
}

/** How the handler ends. */
function closed(ended: NonNullable<Turn["ended"]>): unknown {
  switch (ended.how) {
    case "returned":
      return ended.value;
    case "failed":
      throw new TerminalError(ended.message, { errorCode: ended.code });
    case "bug":
      throw new Error(ended.message);
  }
}

function failed(error: unknown): { timedOut: true } | { failure: { message: string; code: number } } {
  if (error instanceof TimeoutError) return { timedOut: true };
  return { failure: { message: (error as Error).message, code: error instanceof TerminalError ? error.code : 500 } };
}

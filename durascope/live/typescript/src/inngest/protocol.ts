/** What the verification and an app say to each other: a line of JSON each way, a connection for each question. */

import type { Inngest, InngestFunction } from "inngest";
import type { Plan } from "../body";

/** How the SDK is to call a step. */
export interface StepOptions {
  id: string;
  parallelMode?: "race";
}

/** A step that the function's code calls. The code itself runs in the verification, once for all SDKs. */
export type Command = { handle: number; step: StepOptions } & (
  | { do: "run" }
  | { do: "sleep"; ms: number }
  | { do: "wait"; options: { event: string; timeout: number; if?: string } }
  | { do: "invoke"; function: string; options: { data: Record<string, unknown>; timeout?: number } }
  | { do: "send"; event: SentEvent }
);

export interface SentEvent {
  name: string;
  data: { _durascope: { luck: string } } & Record<string, unknown>;
  ts?: number;
}

/** A turn of the code: steps that it calls, then it is busy, or over, or waits for one of those that it has called. */
export interface Turn {
  request?: number;
  commands: Command[];
  /** Milliseconds. */
  busy?: number;
  ended?: { how: "returned"; value: unknown } | { how: "rethrown"; handle: number } | { how: "failed" | "bug"; message: string };
}

/** What the body of a step begins as. */
export interface Execution {
  run: string;
  step: string;
  execution: number;
}

/** How an execution of a step's body goes. */
export interface Body extends Plan {
  found: unknown;
  values: unknown;
}

export interface FunctionSettings {
  name: string;
  /** What runs after it has failed, by its own name. */
  failure: string | null;
  options: InngestFunction.Options & { triggers: [] };
}

export interface Settings {
  ledger: number;
  process: string;
  port: number;
  serve: { serveOrigin: string; servePath: string };
  client: ConstructorParameters<typeof Inngest>[0];
  functions: FunctionSettings[];
}

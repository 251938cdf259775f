/** What the verification and a service say to each other: a line of JSON each way, a connection for each question. */

import type { Plan } from "../body";

/** What an attempt's code asks its SDK to do. The code itself runs in the verification, once for all SDKs. */
export type Command =
  | { do: "run"; handle: number; name: string; options: Record<string, number> }
  | { do: "sleep"; handle: number; ms: number; name: string | null }
  | { do: "or-timeout"; handle: number; of: number; ms: number }
  | { do: "awakeable"; handle: number; event: string; run: string }
  | { do: "signal"; handle: number; name: string }
  | { do: "promise" | "peek-promise"; handle: number; name: string }
  | { do: "resolve-promise"; handle: number; name: string; payload: unknown }
  | { do: "call"; handle: number; service: string; handler: string; request: unknown; key: string | null }
  | { do: "send"; handle: number; service: string; handler: string; request: unknown; key: string | null; delay: number }
  | { do: "resolve-signal"; invocation: string; name: string; payload: unknown }
  | { do: "resolve-awakeable"; id: string; payload: unknown }
  | { do: "get"; handle: number; name: string }
  | { do: "state-keys"; handle: number }
  | { do: "set"; name: string; value: unknown }
  | { do: "clear"; name: string }
  | { do: "clear-all" }
  | { do: "mark"; event: string; number: number };

/** A turn of the code: commands, then a wait for the first of some (or for all, together), a pause, or the end. */
export interface Turn {
  attempt?: number;
  commands: Command[];
  then?: { wait: number[]; together: boolean } | { pause: number };
  ended?: { how: "returned"; value: unknown } | { how: "failed"; message: string; code: number } | { how: "bug"; message: string };
}

/** What has come of a handle. */
export type Completed = { handle: number } & ({ value: unknown } | { failure: { message: string; code: number } } | { timedOut: true });

/** What the closure of a step begins as. */
export interface Execution {
  run: string;
  step: string;
  execution: number;
  /** The time that the closure allows itself, in milliseconds. */
  limit: number | null;
  /** Whether something waits for its command to be stored, before which the body does not begin. */
  scheduled: boolean;
}

/** How an execution of a step's body goes. */
export interface Body extends Plan {
  found: unknown;
  values: unknown;
}

export interface HandlerSettings {
  handler: string;
  kind: "plain" | "exclusive" | "shared" | "workflow";
  /** Which of the scenario's handlers it is; null: one of the verification's own. */
  target: { workflow: string; kind: string; name: string } | null;
  options: Record<string, number>;
}

export interface ServiceSettings {
  name: string;
  kind: "service" | "object" | "workflow";
  options: Record<string, unknown>;
  handlers: HandlerSettings[];
}

export interface Settings {
  ledger: number;
  process: string;
  bidirectional: boolean;
  /** In milliseconds. */
  abortTimeout: number;
  /** The longest that the host lets a request run, in milliseconds. */
  longestRequest: number | null;
  /** Whether an attempt begins only when the verification has heard of it. */
  holds: boolean;
  services: ServiceSettings[];
}

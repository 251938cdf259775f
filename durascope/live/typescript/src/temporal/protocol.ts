/** What the verification and a worker say to each other: a line of JSON each way, a connection for each question. */

import type { Plan } from "../body";

/** What the code of a workflow asks its SDK to do. The code itself runs in the verification, once for all SDKs. */
export type Request =
  | { do: "activity"; name: string; given: Given; options: Times; retry: Retry | null; cancellation: Cancellation; queue: string | null; local: boolean }
  | { do: "sleep"; ms: number; summary: string }
  | { do: "wait"; event: string; ms: number | null; field: string | null; value: unknown }
  | { do: "child"; workflow: string; given: Given; id: string; queue: string; retry: Retry | null; runTimeout: number | null; close: Close; wait: boolean }
  | { do: "signal"; id: string; name: string; payload: unknown }
  | { do: "patched"; id: string }
  | { do: "gather"; codes: number[] }
  | { do: "race"; codes: number[] }
  | { do: "continue"; given: Given }
  | { do: "yield" };

export type Cancellation = "try" | "wait" | "abandon";
export type Close = "terminate" | "cancel" | "abandon" | null;
export type Given = Record<string, unknown>;
export type Times = Partial<Record<"startToCloseTimeout" | "scheduleToCloseTimeout" | "scheduleToStartTimeout" | "heartbeatTimeout" | "localRetryThreshold", number>>;

export interface Retry {
  initial: number;
  factor: number;
  most: number | null;
  attempts: number;
}

/** How a piece of code goes on: with a request, which may have to be done although its run is cancelled, or not. */
export type Next = { request: Request; shielded: boolean } | { ended: End };
export type End =
  | { how: "returned"; value: unknown }
  | { how: "failed"; message: string; error: number | null }
  | { how: "cancelled" }
  | { how: "bug"; message: string };

/** What came of a request. `error` is the number under which the worker has kept it. */
export type Outcome = { value: unknown } | { failed: string; error: number } | { cancelled: true };

/** Why a run is being cancelled. */
export interface Cancelling {
  reason: string;
  returns: boolean;
}

/** What a run is told when its code begins. */
export interface Begun {
  code: number;
  signals: Record<string, "cancel" | "cancel-now" | "ignore">;
  updates: Record<string, { oneAtATime: boolean }>;
  entity: boolean;
}

/** How an activity's body goes. */
export interface Body extends Plan {
  found: Record<string, unknown>;
  beats: number | null;
  values: Record<string, unknown>;
  padding: number;
}

export interface Settings {
  target: string;
  ledger: number;
  process: string;
  incarnation: string;
  runs: "workflows" | "activities" | "both";
  queue: string;
  cache: number;
  slots: number;
  ready: string;
  sticky_ms: number;
  not_before: number;
  activity_queue: string;
  eager: boolean;
}

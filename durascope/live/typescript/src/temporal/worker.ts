/**
 * A worker process: `node worker.js SETTINGS`. It waits for the file, so that it can be started before anybody knows
 * what it is to be, polls until SIGTERM, and stops with a grace period of 0.
 */

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { DefaultLogger, NativeConnection, Runtime, Worker } from "@temporalio/worker";
import { step } from "./activities";
import type { Settings } from "./protocol";

const HEARTBEATS = 200;
/** What the SDK says it makes of one slot where it has a cache; 1.24 passes the one on, and its core refuses it. */
const FEWEST_SLOTS = 2;

/** Milliseconds between two tries to reach a server that is down while the worker starts. */
const RECONNECT = 50;

/** As soon as there is a server: a worker that starts before it is started again until it comes. */
async function connected(address: string): Promise<NativeConnection> {
  for (;;) {
    try {
      return await NativeConnection.connect({ address });
    } catch {
      await new Promise((resolve) => setTimeout(resolve, RECONNECT));
    }
  }
}

async function main(file: string): Promise<void> {
  const parent = process.ppid;
  Runtime.install({ logger: new DefaultLogger("WARN"), shutdownSignals: ["SIGTERM", "SIGINT"] });
  while (!existsSync(file)) {
    if (process.ppid !== parent) return; // nobody is left who could tell it anything
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const settings = JSON.parse(readFileSync(file, "utf8")) as Settings;
  process.env["DURASCOPE_LEDGER"] = String(settings.ledger);
  process.env["DURASCOPE_PROCESS"] = settings.incarnation;
  process.env["DURASCOPE_WORKER"] = settings.process;
  process.env["DURASCOPE_QUEUE"] = settings.activity_queue;
  const connection = await connected(settings.target);
  const activities = settings.runs === "workflows" ? {} : { activities: { default: step(settings) } };
  const locals = settings.runs === "workflows" ? { activities: { default: step(settings) }, enableNonLocalActivities: false } : {};
  const workflows = settings.runs === "activities" ? {} : { workflowBundle: { codePath: join(__dirname, "workflow-bundle.js") } };
  const worker = await Worker.create({
    connection,
    taskQueue: settings.queue,
    identity: settings.process,
    maxCachedWorkflows: settings.cache,
    maxConcurrentWorkflowTaskExecutions: settings.cache > 0 ? Math.max(settings.slots, FEWEST_SLOTS) : settings.slots,
    maxConcurrentActivityTaskExecutions: settings.slots,
    maxConcurrentLocalActivityExecutions: settings.slots,
    stickyQueueScheduleToStartTimeout: settings.sticky_ms,
    maxHeartbeatThrottleInterval: HEARTBEATS,
    defaultHeartbeatThrottleInterval: HEARTBEATS,
    shutdownGraceTime: 0,
    ...(settings.eager ? {} : { maxEagerActivityReservationsPerWorkflowTask: 0 }),
    ...activities,
    ...locals,
    ...workflows,
  });
  const early = settings.not_before * 1000 - Date.now();
  if (early > 0) await new Promise((resolve) => setTimeout(resolve, early));
  const running = worker.run();
  setTimeout(() => writeFileSync(settings.ready, ""), 20);
  await running;
}

main(process.argv[2] ?? "").catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

/**
 * A service of a scenario: `node service.js SETTINGS [GO]`. With GO the process gets ready, says so in GO.ready, and
 * serves from when that file is there: a restart that takes no time. The socket is in DURASCOPE_SOCKET.
 */

import "./older";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http2";
import { type Context, createEndpointHandler, handlers, object, service, type WorkflowContext } from "@restatedev/restate-sdk";
import { handle } from "./handler";
import type { HandlerSettings, ServiceSettings, Settings } from "./protocol";
import { watched } from "./watching";

type Services = Parameters<typeof createEndpointHandler>[0]["services"];
type Code = (ctx: Context, request: unknown) => Promise<unknown>;

function defined(settings: Settings, each: ServiceSettings): Services[number] {
  const { name, options } = each;
  const made = Object.fromEntries(each.handlers.map((one) => [one.handler, made_of(one, code(settings, one))]));
  switch (each.kind) {
    case "service":
      return service({ name, handlers: made as Record<string, Code>, options });
    case "object":
      return object({ name, handlers: made as Record<string, Code>, options }) as Services[number];
    case "workflow":
      // as `workflow()` makes it, which calls every main handler `run`: here it is called as in the other SDK
      return { name, workflow: made, options } as unknown as Services[number];
  }
}

function made_of({ kind, options }: HandlerSettings, fn: Code): unknown {
  switch (kind) {
    case "plain":
      return handlers.handler(options, fn);
    case "exclusive":
      return handlers.object.exclusive(options, fn as never);
    case "shared":
      return handlers.object.shared(options, fn as never);
    case "workflow":
      return handlers.workflow.workflow(options, fn as never);
  }
}

function code(settings: Settings, { target, handler }: HandlerSettings): Code {
  if (target !== null) return (ctx, request) => handle(settings, target, ctx, request);
  return handler === "send_signal" ? sendSignal : () => Promise.resolve(null);
}

/** Only handlers can send named signals. */
async function sendSignal(ctx: Context, request: unknown): Promise<unknown> {
  const { invocation, signal, payload } = request as { invocation: string; signal: string; payload: unknown };
  ctx.invocation(invocation as Parameters<WorkflowContext["invocation"]>[0]).signal(signal).resolve(payload);
  return null;
}

async function told(go: string): Promise<boolean> {
  const parent = process.ppid;
  writeFileSync(`${go}.ready`, "");
  while (!existsSync(go)) {
    if (process.ppid !== parent) return false; // nobody is left who could tell it anything
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
  return true;
}

async function main(file: string, go?: string): Promise<void> {
  const settings = JSON.parse(readFileSync(file, "utf8")) as Settings;
  const services = settings.services.map((each) => defined(settings, each));
  const handler = createEndpointHandler({ services, bidirectional: settings.bidirectional, logger: () => undefined });
  const server = createServer(watched(settings, handler));
  if (go !== undefined && !(await told(go))) return;
  server.listen({ fd: Number(process.env["DURASCOPE_SOCKET"]) });
}

main(process.argv[2] ?? "", process.argv[3]).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

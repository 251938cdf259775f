/**
 * The function host of a scenario: `node app.js SETTINGS`. The process gets ready, and serves when the file that
 * DURASCOPE_GO names is there: in it, from when on the monotonic clock, in seconds.
 */

import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { Inngest } from "inngest";
import { serve } from "inngest/node";
import { handle, type RequestContext, Sending } from "./handler";
import type { Settings } from "./protocol";

/** Milliseconds between two looks for the file. */
const GLANCE = 5;

const silent = { info: () => {}, warn: () => {}, error: () => {}, debug: () => {} };

async function gone(go: string): Promise<boolean> {
  const parent = process.ppid;
  while (!existsSync(go)) {
    if (process.ppid !== parent) return true; // nobody is left who could tell it anything
    await new Promise((resolve) => setTimeout(resolve, GLANCE));
  }
  const from = Number(readFileSync(go, "utf8")) * 1000 - Number(process.hrtime.bigint()) / 1e6;
  await new Promise((resolve) => setTimeout(resolve, from));
  return false;
}

async function main(file: string): Promise<void> {
  const settings = JSON.parse(readFileSync(file, "utf8")) as Settings;
  const client = new Inngest({ ...settings.client, logger: silent, middleware: [Sending] });
  const code = (name: string) => (context: unknown) => handle(settings, name, context as RequestContext);
  const functions = settings.functions.map(({ name, failure, options }) =>
    client.createFunction({ ...options, ...(failure === null ? {} : { onFailure: code(failure) }) }, code(name)),
  );
  const server = createServer(serve({ client, functions, ...settings.serve }));
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => process.exit(0));
  const go = process.env["DURASCOPE_GO"];
  if (go !== undefined && (await gone(go))) return;
  server.listen(settings.port, "127.0.0.1");
}

main(process.argv[2] ?? "").catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

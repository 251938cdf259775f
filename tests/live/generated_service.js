/**
 * A process that serves a generated TypeScript project's handlers, with the outside world that the model has.
 * What generated_endpoint.py is for Python: `node generated_service.js SETTINGS [GO]`.
 */

const { AsyncLocalStorage } = require("node:async_hooks");
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:http2");
const { createRequire } = require("node:module");
const { join } = require("node:path");
const { setTimeout: pause } = require("node:timers/promises");

const calls = new AsyncLocalStorage();

/** One execution of what a handler gives to `ctx.run`. */
class Call {
  constructor(own, settings, invocation, name, key) {
    Object.assign(this, { own, settings, invocation, name, key, execution: 0, body: null, drawn: [] });
  }

  pass(moment, more = {}) {
    const { run, step, execution: attempt, settings } = this;
    return this.own.ask(settings.ledger, { run, step, attempt, moment, process: settings.process, ...more });
  }

  async begin() {
    const { invocation, name, key, settings } = this;
    Object.assign(this, await this.own.ask(settings.ledger, { ask: "begun", invocation, name, key }));
    if (this.scheduled) {
      await pause(5);
      await this.pass("scheduled");
    }
    await this.pass("started");
  }

  async planned() {
    const { invocation, name, key, execution, settings } = this;
    this.body = await this.own.ask(settings.ledger, { ask: "planned", invocation, name, key, execution });
    this.drawn = this.body.drawn;
  }

  get away() {
    return !this.body.ok && this.body.error === "ServiceUnavailable";
  }

  /** The question whether the service knows the effect. */
  async look(knownBy) {
    await this.planned();
    await pause(this.body.check);
    if (this.away) return false;
    const found = Number(await this.own.ask(this.settings.ledger, { counted: `done ${knownBy}` })) > 0;
    if (found) this.drawn = this.body.found;
    return found;
  }

  async answer(knownBy) {
    await this.planned();
    const ask = (message) => this.own.ask(this.settings.ledger, message);
    const effect = this.body.effect === null || knownBy === undefined ? null : `done ${knownBy}`;
    await this.own.carryOut({ ...this.body, check: null, effect }, ask, (...more) => this.pass(...more), pause);
  }
}

/** Has the stand-ins of services, and random numbers in steps, do what the model does. */
function inTheModelsWorld(required) {
  const services = required("./services");
  services.Service.prototype.hasDone = async function (reference) {
    const now = calls.getStore();
    const found = await now.look(reference);
    if (now.away) throw new services.ServiceError("away");
    return found;
  };
  services.Service.prototype.call = async function (_operation, { key, reference } = {}) {
    const now = calls.getStore();
    await now.answer(key ?? reference);
    const { ok, error } = now.body;
    const said = `${error} (execution ${now.execution})`;
    if (!ok && ["ServiceError", "ServiceUnavailable"].includes(error)) throw new services.ServiceError(said);
    if (!ok && error === "Rejected") throw new services.Rejected(said);
  };
  services.attempt = () => calls.getStore().execution;
  const random = Math.random;
  Math.random = () => {
    const now = calls.getStore();
    return now?.drawn.length ? (now.drawn.shift() ? 0 : 1) : random();
  };
}

/** The context with its runs told to the verification. */
function watchedContext(own, settings, ctx) {
  const uses = new Map();
  const run = ctx.run.bind(ctx);
  ctx.run = (name, action, options) => {
    const used = uses.get(name) ?? 0;
    uses.set(name, used + 1);
    const call = new Call(own, settings, ctx.request().id, name, used ? `${name}:${used}` : name);
    const acted = async () => {
      await call.begin();
      const result = await calls.run(call, action);
      await call.pass("reported");
      return result;
    };
    return options === undefined ? run(name, acted) : run(name, acted, options);
  };
  return ctx;
}

function wrapped(own, settings, definition) {
  for (const kind of ["service", "object", "workflow"]) {
    const handlers = definition[kind];
    if (handlers === undefined) continue;
    for (const handler of Object.values(handlers)) {
      const wrapper = Object.getOwnPropertySymbols(handler).map((symbol) => handler[symbol]).find((each) => each?.handler);
      const original = wrapper.handler;
      wrapper.handler = (ctx, ...given) => original(watchedContext(own, settings, ctx), ...given);
    }
  }
  return definition;
}

async function main(file, go) {
  const engines = process.env["DURASCOPE_NODE"];
  const own = { ...require(join(engines, "dist", "ledger.js")), ...require(join(engines, "dist", "body.js")) };
  require(join(engines, "dist", "restate", "older.js"));
  const { watched } = require(join(engines, "dist", "restate", "watching.js"));
  const restate = createRequire(join(engines, "x.js"))("@restatedev/restate-sdk");
  const settings = JSON.parse(readFileSync(file, "utf8"));
  if (go !== undefined) {
    const parent = process.ppid;
    writeFileSync(`${go}.ready`, "");
    while (!existsSync(go)) {
      if (process.ppid !== parent) return;
      await pause(3);
    }
  }
  const required = createRequire(join(readFileSync(settings.folder, "utf8"), "lib", "x.js"));
  inTheModelsWorld(required);
  const helper = restate.service({ name: settings.helper, handlers: { [settings.ready]: async () => null } });
  const services = [...required("./handlers").services.map((each) => wrapped(own, settings, each)), helper];
  const { bidirectional } = settings;
  const handler = restate.createEndpointHandler({ services, bidirectional, logger: () => undefined });
  createServer(watched(settings, handler)).listen({ fd: Number(process.env["DURASCOPE_SOCKET"]) });
}

main(process.argv[2], process.argv[3]).catch((error) => {
  console.error(error);
  process.exit(1);
});

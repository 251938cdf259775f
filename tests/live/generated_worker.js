/**
 * A process of a generated TypeScript project's worker: its own code, with the outside world that the model has.
 * What generated_worker.py is for Python.
 */

const { AsyncLocalStorage } = require("node:async_hooks");
const { existsSync, readFileSync, writeFileSync } = require("node:fs");
const { createRequire } = require("node:module");
const { connect } = require("node:net");
const { join } = require("node:path");
const { setTimeout: pause } = require("node:timers/promises");

const calls = new AsyncLocalStorage();

function ask(port, message) {
  return new Promise((resolve, reject) => {
    let answer = "";
    const socket = connect(port, "127.0.0.1", () => socket.write(`${JSON.stringify(message)}\n`));
    socket.on("data", (data) => (answer += data));
    socket.on("end", () => resolve(JSON.parse(answer)));
    socket.on("error", reject);
  });
}

/** One attempt of an activity. */
class Call {
  constructor(settings, given, attempt) {
    Object.assign(this, { settings, given, attempt, body: null });
  }

  pass(moment, more = {}) {
    const { run, step } = this.given;
    const { ledger, process } = this.settings;
    return ask(ledger, { run, step, attempt: this.attempt, moment, process, ...more });
  }

  get away() {
    return !this.body.ok && this.body.error === "ServiceUnavailable";
  }

  /** The question whether the service knows the effect. */
  async look(knownBy) {
    await this.planned();
    await pause(this.body.check);
    if (this.away) return false;
    const found = (await ask(this.settings.ledger, { counted: `done ${knownBy}` })) > 0;
    if (found) this.body.values = this.body.found;
    return found;
  }

  async planned() {
    const { ledger } = this.settings;
    this.body = await ask(ledger, { ask: "body", given: this.given, attempt: this.attempt });
  }

  async answer(key, reference) {
    const { ledger } = this.settings;
    await this.planned();
    const { ms, effectAt } = this.body;
    await pause(ms * (effectAt ?? 1));
    if (effectAt === null) return;
    await this.pass("before-effect");
    const knownBy = key ?? reference;
    if (this.body.effect !== null && knownBy !== undefined) await ask(ledger, { count: `done ${knownBy}` });
    const known = this.body.known !== null && (await ask(ledger, { count: `key ${key}` })) > 1;
    await this.pass("after-effect", { deduplicated: known });
    await pause(ms * (1 - effectAt));
  }

  draw() {
    const name = Object.keys(this.body.values).find((each) => each !== "attempts");
    const value = this.body.values[name];
    delete this.body.values[name];
    return value ? 0 : 1;
  }
}

/** Has the stand-ins of services, and random numbers in activities, do what the model does. */
function inTheModelsWorld(required, settings) {
  const services = required("./services");
  const activities = required("./activities");
  const { Context } = required("@temporalio/activity");
  services.Service.prototype.hasDone = async function (reference) {
    const now = calls.getStore();
    const found = await now.look(reference);
    if (now.away) throw new services.ServiceError("away");
    return found;
  };
  services.Service.prototype.call = async function (operation, { key, reference } = {}) {
    const now = calls.getStore();
    await now.answer(key, reference);
    const { ok, error } = now.body;
    if (!ok && ["ServiceError", "ServiceUnavailable"].includes(error)) throw new services.ServiceError(error);
    if (!ok && error === "Rejected") throw new services.Rejected(operation);
  };
  const random = Math.random;
  Math.random = () => (calls.getStore()?.body ? calls.getStore().draw() : random());
  for (const [name, activity] of Object.entries(activities)) {
    activities[name] = async (input, ...variables) => {
      const { activityType, attempt, workflowExecution } = Context.current().info;
      const asked = { ask: "given", workflow: workflowExecution.workflowId, type: activityType, input, variables };
      const call = new Call(settings, await ask(settings.ledger, asked), attempt);
      await call.pass("started");
      const result = await calls.run(call, () => activity(input, ...variables));
      await call.pass("reported");
      return result;
    };
  }
}

async function main(file) {
  const parent = process.ppid;
  while (!existsSync(file)) {
    if (process.ppid !== parent) return;
    await pause(5);
  }
  const settings = JSON.parse(readFileSync(file, "utf8"));
  const required = createRequire(join(JSON.parse(readFileSync(file.replace(/json$/, "project"), "utf8")), "lib", "x.js"));
  inTheModelsWorld(required, settings);
  const { NativeConnection, Runtime, DefaultLogger } = required("@temporalio/worker");
  Runtime.install({ logger: new DefaultLogger("WARN") });
  const made = await required("./worker").workers(await NativeConnection.connect({ address: settings.target }));
  const early = settings.not_before * 1000 - Date.now();
  if (early > 0) await pause(early);
  const runs = made.filter((worker) => worker.options.taskQueue === settings.queue).map((worker) => worker.run());
  setTimeout(() => writeFileSync(settings.ready, ""), 20);
  await Promise.all(runs);
}

main(process.argv[2]).catch((error) => {
  console.error(error);
  process.exit(1);
});

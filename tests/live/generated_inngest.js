/**
 * A generated TypeScript app for Inngest, served: its own code on the real SDK, with the outside world that the model
 * has. `/script` is told how the outside behaves during the next request, `/told` tells what the app asked of it.
 */

const { mkdirSync, readFileSync, readdirSync, writeFileSync } = require("node:fs");
const { createServer } = require("node:http");
const { createRequire } = require("node:module");
const { basename, join } = require("node:path");
const { setTimeout: pause } = require("node:timers/promises");

const [folder, port] = process.argv.slice(2);
const required = createRequire(join(folder, "lib", "x.js"));
process.env.INNGEST_DEV = `http://127.0.0.1:${port}`;

let script = { outcomes: [], questions: [], begun: [], posts: [], checkpoints: [] };
let told = { executed: [], asked: [], begun: [], posted: [], checkpoints: [], fetched: [] };
let drawn = [];

function compile() {
  const typescript = required("typescript");
  const { compilerOptions } = JSON.parse(readFileSync(join(folder, "tsconfig.json"), "utf8"));
  const options = { ...compilerOptions, module: "commonjs", moduleResolution: "node" };
  mkdirSync(join(folder, "lib"), { recursive: true });
  for (const name of readdirSync(join(folder, "src"))) {
    const text = readFileSync(join(folder, "src", name), "utf8");
    const { outputText } = typescript.transpileModule(text, { compilerOptions: options });
    writeFileSync(join(folder, "lib", `${basename(name, ".ts")}.js`), outputText);
  }
}

/** Has the stand-ins of services, random numbers in steps, and the table of what has begun do what the model does. */
function inTheModelsWorld() {
  const services = required("./services");
  services.Service.prototype.call = async function (operation, { key } = {}) {
    told.executed.push({ operation, key });
    const done = script.outcomes.shift() ?? { ok: false, error: "Rejected", values: {}, ms: 0 };
    const { ok, error, values, ms } = done;
    if (ms > 0) await pause(ms);
    drawn = Object.entries(values).filter(([name]) => name !== "attempts").map(([, value]) => value);
    if (!ok && ["ServiceError", "ServiceUnavailable"].includes(error)) throw new services.ServiceError(error);
    if (!ok && error === "Rejected") throw new services.Rejected(error);
  };
  services.Service.prototype.hasDone = async function (reference) {
    told.asked.push(reference);
    const { found, values } = script.questions.shift() ?? { found: false, values: {} };
    drawn = Object.entries(values).filter(([name]) => name !== "attempts").map(([, value]) => value);
    return found;
  };
  const random = Math.random;
  Math.random = () => (drawn.length > 0 ? (drawn.shift() ? 0 : 1) : random());
  if (!readdirSync(join(folder, "src")).includes("begun.ts")) return;
  const begun = required("./begun");
  begun.begin = (_run, undo, id, work) => {
    told.begun.push({ undo, id });
    return work();
  };
  begun.begunIn = () => script.begun;
}

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return parts.length > 0 ? JSON.parse(Buffer.concat(parts).toString()) : undefined;
}

/** The server's own API, as far as an app asks for it. */
async function server(request, response) {
  const { pathname } = new URL(request.url, "http://x");
  const given = await body(request);
  const [status, answer] = answered(pathname, given);
  if (status === 0) return response.socket.destroy();
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(answer));
}

function answered(path, given) {
  if (path === "/script") {
    script = given;
    told = { executed: [], asked: [], begun: [], posted: [], checkpoints: [], fetched: [] };
    return [200, {}];
  }
  if (path === "/told") return [200, told];
  if (path.startsWith("/e/")) {
    told.posted.push(...[given].flat());
    return script.posts.shift() === false ? [400, { ids: [], status: 400, error: "no" }] : [200, { ids: ["1"], status: 200 }];
  }
  if (path.startsWith("/v1/checkpoint/")) {
    told.checkpoints.push(given.steps);
    return [{ saved: 200, refused: 0 }[script.checkpoints.shift()] ?? 400, {}];
  }
  const what = basename(path);
  told.fetched.push(what);
  return what in script ? [200, script[what]] : [404, {}];
}

compile();
inTheModelsWorld();
const { serve } = required("inngest/node");
const functions = serve({ client: required("./client").inngest, functions: required("./functions").functions });
createServer((request, response) =>
  request.url.startsWith("/api/inngest") ? functions(request, response) : server(request, response),
).listen(Number(port), "127.0.0.1");

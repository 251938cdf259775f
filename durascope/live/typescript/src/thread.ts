/** A thread that asks the ledger for another one that stands still meanwhile: what it runs, as text. */
export const THREAD = `
const { parentPort } = require("node:worker_threads");
const { createConnection } = require("node:net");
parentPort.on("message", ({ port, text, reply, done }) => {
  const connection = createConnection({ port, host: "127.0.0.1" }, () => connection.write(text + "\\n"));
  let answer = "";
  connection.setEncoding("utf8");
  connection.on("data", (chunk) => { answer += chunk; });
  const end = (said) => { reply.postMessage(said); Atomics.store(done, 0, 1); Atomics.notify(done, 0); };
  connection.on("end", () => end(answer));
  connection.on("error", (error) => end(JSON.stringify({ error: String(error) })));
});`;

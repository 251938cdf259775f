/** Questions to the verification's ledger. */

import { createConnection } from "node:net";

/** One question, and its answer. A worker that is killed meanwhile never gets it. */
export function ask(port: number, message: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const connection = createConnection({ port, host: "127.0.0.1" }, () => connection.write(`${JSON.stringify(message)}\n`));
    let answer = "";
    connection.setEncoding("utf8");
    connection.on("data", (chunk: string) => {
      answer += chunk;
    });
    connection.on("end", () => resolve(JSON.parse(answer)));
    connection.on("error", reject);
  });
}

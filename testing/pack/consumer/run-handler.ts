/**
 * Runs the handler of `./handler.js` to its end, from the installed packages, as a user would.
 *
 * The last line of the output is the execution's status.
 */

import { DurableClient, Worker } from "@tidemark/runtime";
import { MemoryStore } from "@tidemark/store";
import { handler } from "./handler.js";

async function main(): Promise<void> {
  const store = new MemoryStore();
  const worker = new Worker({ store, functions: { example: handler } });
  const client = new DurableClient({ store });
  await worker.start();
  try {
    const execution = await client.start("example", { input: { id: "order-1", amount: 12 } });
    console.log(JSON.stringify(await client.result(execution.executionId)));
    console.log("SUCCEEDED");
  } finally {
    await worker.stop();
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

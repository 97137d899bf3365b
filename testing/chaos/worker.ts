/** A worker process of the chaos run: `node worker.mjs <database> <bodies file> <callbacks file> <lease ms>`. */

import { Worker } from "@tidemark/runtime";
import { SqliteStore } from "@tidemark/store-sqlite";
import { type BodyRun, type CallbackRequest, LineFile } from "./body-log";
import { chaosFunctions } from "./workflow";

/** Bodies that take longer are handed over on SIGTERM. */
const DRAIN_MS = 500;

async function main([path, bodiesPath, callbacksPath, leaseMs]: readonly string[]): Promise<void> {
  const bodies = new LineFile<BodyRun>(bodiesPath as string);
  const callbacks = new LineFile<CallbackRequest>(callbacksPath as string);
  const store = await SqliteStore.open({ path: path as string });
  const worker = new Worker({
    store,
    functions: chaosFunctions({
      body: (run) => bodies.append(run),
      callback: (request) => callbacks.append(request),
    }),
    leaseMs: Number(leaseMs),
    drainMs: DRAIN_MS,
  });
  await worker.start();
  // The driver has died or is done: nobody would stop this process.
  process.on("disconnect", () => process.exit());
  process.send?.("ready");
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

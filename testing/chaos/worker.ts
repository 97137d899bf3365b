/** A worker process of the chaos run: `node worker.cjs <store as JSON> <bodies file> <callbacks file> <lease ms> [<bytes>]`. */

import { Worker } from "@tidemark/runtime";
import { type BodyRun, type CallbackRequest, LineFile } from "./body-log";
import { openStore, type StoreAddress } from "./stores";
import { chaosFunctions } from "./workflow";

/** Bodies that take longer are handed over on SIGTERM. */
const DRAIN_MS = 500;

async function main(args: readonly string[]): Promise<void> {
  const [address, bodiesPath, callbacksPath, leaseMs, snapshotAfterBytes] = args;
  const bodies = new LineFile<BodyRun>(bodiesPath as string);
  const callbacks = new LineFile<CallbackRequest>(callbacksPath as string);
  const store = await openStore(JSON.parse(address as string) as StoreAddress);
  const worker = new Worker({
    store,
    functions: chaosFunctions({
      body: (run) => bodies.append(run),
      callback: (request) => callbacks.append(request),
    }),
    leaseMs: Number(leaseMs),
    ...(snapshotAfterBytes === undefined ? {} : { snapshotAfterBytes: Number(snapshotAfterBytes) }),
    drainMs: DRAIN_MS,
    // Bodies fail by intention, and what is on stderr counts as a finding.
    onThrown: () => {},
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

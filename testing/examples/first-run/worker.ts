/** A worker process: `worker.ts <database file>`. It runs whatever is due in the file, until it is told to stop. */

import { Worker } from "@tidemark/runtime";
import { SqliteStore } from "@tidemark/store-sqlite";
import { planLaunch, translationBudget } from "./workflow";

async function main(path: string): Promise<void> {
  const store = await SqliteStore.open({ path });
  const worker = new Worker({
    store,
    functions: { "plan-launch": planLaunch, "translation-budget": translationBudget },
    // Another worker takes over this long after a crash. The default of 30 s suits production.
    leaseMs: 1500,
    // Busy services fail by intention, and are counted at the end. Without this, each is a line on stderr with its stack.
    onThrown: () => {},
  });
  await worker.start();
  // The parent process has gone: nobody would stop this one.
  process.once("disconnect", () => process.exit());
  process.send?.("ready");
}

main(process.argv[2] as string).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

/** Records the histories of this version: `npx tsx testing/histories/record.ts [handler...]`. Existing files stay. */

import { SDK_VERSION } from "@tidemark/sdk";
import { recordGolden } from "./golden";
import { goldenHandlers } from "./handlers";

async function main(): Promise<void> {
  const names = process.argv.slice(2);
  for (const name of names.length > 0 ? names : Object.keys(goldenHandlers)) {
    console.log(await recordGolden(SDK_VERSION, name));
  }
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

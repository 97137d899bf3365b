/**
 * Owns the long run: `npm run fuzz -- --runs N --seed S [--store memory|sqlite] [--plans N] [--kind calm|wild]`.
 *
 * The last line is one JSON object. The exit code is not 0 when a program failed; that program is
 * printed, minimised, with the line for `testing/fuzz/regressions`.
 */

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { ExecutionStore } from "@tidemark/store";
import { SqliteStore } from "@tidemark/store-sqlite";
import { campaign } from "./campaign";
import { survey } from "./survey";

const { values } = parseArgs({
  options: {
    runs: { type: "string", default: "1000" },
    seed: { type: "string" },
    plans: { type: "string", default: "10" },
    store: { type: "string", default: "memory" },
    kind: { type: "string", default: "both" },
    depth: { type: "string", default: "2" },
    width: { type: "string", default: "4" },
    seconds: { type: "string", default: "3600" },
    survey: { type: "boolean", default: false },
  },
});

async function main(): Promise<number> {
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
  if (values.survey) return surveyed(seed);
  const directory = await mkdtemp(join(tmpdir(), "tidemark-fuzz-"));
  let sqlite: SqliteStore | undefined;
  if (values.store === "sqlite") {
    sqlite = await SqliteStore.open({ path: join(directory, "store.db"), durability: "normal" });
  }
  const openStore = sqlite === undefined ? undefined : async (): Promise<ExecutionStore> => sqlite;
  try {
    const outcome = await campaign({
      runs: Number(values.runs),
      seed,
      plans: Number(values.plans),
      kind: values.kind as "both",
      size: { depth: Number(values.depth), width: Number(values.width) },
      openStore,
      onProgress: (line) => console.log(line),
    });
    if (outcome.report !== undefined) console.log(outcome.report);
    const { runs, interruptions, failed } = outcome;
    console.log(JSON.stringify({ runs, interruptions, failed, seed }));
    return failed === 0 ? 0 : 1;
  } finally {
    await sqlite?.close();
    await rm(directory, { recursive: true });
  }
}

/** Instead of stopping at the first failure: one program for each way to fail. */
async function surveyed(seed: number): Promise<number> {
  const { runs, plans, depth, width, kind } = values;
  const size = { depth: Number(depth), width: Number(width) };
  const failed = await survey(
    {
      runs: Number(runs),
      seed,
      plans: Number(plans),
      size,
      kind: kind as "both",
      milliseconds: Number(values.seconds) * 1000,
    },
    (line) => console.log(line),
  );
  console.log(JSON.stringify({ runs: Number(runs), failed, seed }));
  return failed === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(2);
  },
);

/**
 * Owns the long run: `npm run fuzz -- --runs N --seed S [--store memory|payloads|sqlite|dynamodb] [--plans N] [--kind calm|wild]`.
 *
 * The last line is one JSON object. The exit code is not 0 when a program failed; that program is
 * printed, minimised, with the line for `testing/fuzz/regressions`.
 */

import { parseArgs } from "node:util";
import type { ExecutionStore } from "@tidemark/store";
import { storeSource } from "../engines/stores";
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
  const source = await storeSource(values.store);
  const shared = values.store === "memory" ? undefined : await source.open();
  const openStore = shared === undefined ? undefined : async (): Promise<ExecutionStore> => shared;
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
    await source.close();
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

/** Owns golden histories: recorded once on virtual time, kept beside the tests, replayed by every later version of the code. */

import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type ExportedHistory, type OptionNames, TidemarkError } from "@tidemark/protocol";
import { creatorOf, type ExploreOptions, type HandlerToExplore } from "./explore-crashes.js";
import type { RunFacts } from "./explored-facts.js";
import { runSchedule } from "./explored-run.js";
import { HistoryDivergedError } from "./history-diverged.js";
import { limitsOf, requireFunctions, requireKitOptions, requireSurrounding } from "./kit-options.js";
import { replayHistory } from "./replay-history.js";

/** What the handler runs with. */
export type RecordOptions = Pick<
  ExploreOptions,
  "input" | "functions" | "steps" | "callbacks" | "inlineLimitBytes" | "callLimit" | "stallLimitMs"
>;

export interface GoldenOptions extends RecordOptions {
  /** Where the histories are kept. Made when it is missing. */
  readonly directory: string;
  /** Of the handler: histories are in `<name>.json` and `<name>.<anything>.json`. */
  readonly name: string;
  /** `missing`: records `<name>.json` when there is no history yet. `never`: that is an error, as in CI. Default `missing`. */
  readonly record?: "missing" | "never";
}

export const RECORD_NAMES: OptionNames<RecordOptions> = {
  input: true,
  functions: true,
  steps: true,
  callbacks: true,
  inlineLimitBytes: true,
  callLimit: true,
  stallLimitMs: true,
};

const GOLDEN_NAMES: OptionNames<GoldenOptions> = {
  ...RECORD_NAMES,
  directory: true,
  name: true,
  record: true,
};

/**
 * Runs a handler undisturbed, in virtual time and with the engine as it is, and gives its history.
 *
 * @throws TidemarkError `TIDEMARK_HISTORY_RECORD` when the execution does not end; `TIDEMARK_TEST_FUNCTION` when it
 * invokes what is not in `functions`; `TIDEMARK_EXPLORE_OPTIONS`.
 * @example
 * ```ts
 * const history = await recordHistory(greet, { input: { name: "Ada" } });
 * console.log(history.head.status, history.entries.length);
 * ```
 */
export async function recordHistory(
  handler: HandlerToExplore,
  options: RecordOptions = {},
): Promise<ExportedHistory> {
  requireKitOptions("recordHistory", options, RECORD_NAMES);
  return (await recordRun(handler, options)).history();
}

/** A run whose bodies take the times that `bodyDelayMs` says. */
export async function recordRun(
  handler: HandlerToExplore,
  options: RecordOptions,
  bodyDelayMs?: () => number,
): Promise<RunFacts> {
  requireSurrounding("recordHistory", options);
  const facts = await runSchedule({
    create: creatorOf(handler),
    input: options.input,
    functions: options.functions ?? {},
    steps: options.steps ?? {},
    callbacks: options.callbacks ?? {},
    leaseMs: 30_000,
    inlineLimitBytes: options.inlineLimitBytes,
    snapshotAfterBytes: undefined,
    schedule: [],
    bodyStarts: undefined,
    bodyDelayMs,
    keepsTimeline: false,
    ...limitsOf(options),
  });
  requireFunctions("recordHistory", facts, options.functions ?? {});
  if (facts.stuck === undefined) return facts;
  throw new TidemarkError(
    "TIDEMARK_HISTORY_RECORD",
    `the execution is ${facts.outcome.status} and does not end: ${facts.stuck}. Answer it in callbacks or functions, give it a body in steps, or raise the limit`,
  );
}

/**
 * Replays every golden history of a handler, and records the first one.
 *
 * Histories are append-only. When the code changes on purpose, keep the old ones as long as executions
 * like them may run, and add one of the new code under another name: `orders.2025-06.json`.
 *
 * @returns the files that were replayed.
 * @throws HistoryDivergedError `TIDEMARK_HISTORY_DIVERGED` at the first operation of the first history that no longer fits.
 * @throws TidemarkError `TIDEMARK_HISTORY_RECORD`, `TIDEMARK_HISTORY_FORMAT`, `TIDEMARK_EXPLORE_OPTIONS`.
 * @example
 * ```ts
 * await assertGoldenHistories(greet, { directory: "histories", name: "greet", input: { name: "Ada" } });
 * ```
 */
export async function assertGoldenHistories(
  handler: HandlerToExplore,
  options: GoldenOptions,
): Promise<readonly string[]> {
  requireKitOptions("assertGoldenHistories", options, GOLDEN_NAMES);
  const { directory, name, record = "missing", ...recording } = options;
  mkdirSync(directory, { recursive: true });
  if (filesOf(directory, name).length === 0) {
    if (record === "never") {
      throw new TidemarkError(
        "TIDEMARK_HISTORY_RECORD",
        `there is no history ${name}.json in ${directory}; record one where record is not "never", and commit it`,
      );
    }
    const history = await recordHistory(handler, recording);
    writeFileSync(join(directory, `${name}.json`), `${JSON.stringify(history, undefined, 1)}\n`, {
      flag: "wx",
    });
  }
  const files = filesOf(directory, name);
  for (const file of files) {
    const history = JSON.parse(readFileSync(join(directory, file), "utf8")) as ExportedHistory;
    const replay = await replayHistory(creatorOf(handler)(), history);
    if (replay.kind === "diverges") throw new HistoryDivergedError(file, replay);
  }
  return files;
}

function filesOf(directory: string, name: string): string[] {
  return readdirSync(directory)
    .filter((file) => file === `${name}.json` || (file.startsWith(`${name}.`) && file.endsWith(".json")))
    .sort();
}

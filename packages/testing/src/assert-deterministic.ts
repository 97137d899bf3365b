/**
 * Owns the check that a handler is deterministic: that its code, run again over what it has recorded,
 * asks for the same and ends the same, whatever order things happened in and wherever it was cut off.
 */

import { importHistory, type OptionNames, TidemarkError, valueText } from "@tidemark/protocol";
import { canonicalJson } from "./canonical-json.js";
import { creatorOf, type HandlerToExplore } from "./explore-crashes.js";
import type { ExploredOutcome } from "./explored-facts.js";
import { HistoryDivergedError } from "./history-diverged.js";
import { NamesOfRuns, requireKitOptions } from "./kit-options.js";
import { RECORD_NAMES, type RecordOptions, recordRun } from "./record-history.js";
import { type RecordedExecution, replayRecorded } from "./replay-history.js";
import { seededRandom } from "./virtual-clock.js";

export interface DeterminismOptions extends RecordOptions {
  /** How many interleavings are run. Default 10. */
  readonly runs?: number;
  /** Draws how long bodies take. Default 1. */
  readonly seed?: number;
}

const NAMES: OptionNames<DeterminismOptions> = { ...RECORD_NAMES, runs: true, seed: true };

/** How a run ended, and how often. */
export interface DeterministicOutcome {
  readonly outcome: ExploredOutcome;
  readonly runs: number;
}

/** How long bodies take, in virtual milliseconds: at once, soon, longer than a START waits, and long. */
const DELAYS_MS = [0, 0, 1, 10, 100, 700, 3_000, 30_000];

/** The replay happens on another day. */
const LATER_MS = 26 * 60 * 60 * 1000;

/**
 * Runs a handler several times, with bodies of steps that take other times in each run, so that what
 * runs side by side ends in other orders. Then each log is replayed, whole and cut off after every
 * entry, in a fresh handler, at another time of day and with other random numbers.
 *
 * @returns the different ends that the runs had. A handler that races may rightly have several.
 * @throws HistoryDivergedError `TIDEMARK_HISTORY_DIVERGED` at the first replay that does not do what was recorded.
 * @throws TidemarkError `TIDEMARK_HISTORY_RECORD` when a run does not end; `TIDEMARK_EXPLORE_OPTIONS`.
 * @example
 * ```ts
 * const outcomes = await assertDeterministic(greet, { input: { name: "Ada" } });
 * console.log(outcomes.length);
 * ```
 */
export async function assertDeterministic(
  handler: HandlerToExplore,
  options: DeterminismOptions = {},
): Promise<readonly DeterministicOutcome[]> {
  requireKitOptions("assertDeterministic", options, NAMES);
  const { runs = 10, seed = 1 } = options;
  if (!Number.isInteger(runs) || runs < 1) {
    throw new TidemarkError(
      "TIDEMARK_EXPLORE_OPTIONS",
      `assertDeterministic: runs is ${valueText(runs)}; pass a whole number from 1`,
    );
  }
  const outcomes = new Map<string, { outcome: ExploredOutcome; runs: number }>();
  const names = new NamesOfRuns("assertDeterministic");
  for (let run = 0; run < runs; run++) {
    const random = seededRandom(seed * 1_000_003 + run);
    // The first run is the plain one.
    const delay = run === 0 ? undefined : () => DELAYS_MS[Math.floor(random() * DELAYS_MS.length)] as number;
    const facts = await recordRun(handler, options, delay);
    names.take(facts);
    await replayEverywhere(handler, importHistory(await facts.history()), `run ${run} of seed ${seed}`);
    const key = canonicalJson(facts.outcome) as string;
    const known = outcomes.get(key) ?? { outcome: facts.outcome, runs: 0 };
    known.runs += 1;
    outcomes.set(key, known);
  }
  names.require("step", "steps", Object.keys(options.steps ?? {}));
  names.require("callback", "callbacks", Object.keys(options.callbacks ?? {}));
  return [...outcomes.values()];
}

async function replayEverywhere(
  handler: HandlerToExplore,
  recorded: RecordedExecution,
  run: string,
): Promise<void> {
  const { head, entries } = recorded;
  const nowMs = (head.endedAtMs ?? head.startedAtMs) + LATER_MS;
  const create = creatorOf(handler);
  for (let count = entries.length; count >= 0; count--) {
    const isWhole = count === entries.length;
    const cut: RecordedExecution = isWhole
      ? recorded
      : { head: { ...head, status: "RUNNING" }, entries: entries.slice(0, count) };
    const replay = await replayRecorded(create(), cut, { nowMs });
    if (replay.kind === "matches") continue;
    const where = isWhole ? "replayed" : `replayed up to entry ${count} of ${entries.length}`;
    throw new HistoryDivergedError(`${run}, ${where}`, replay);
  }
}

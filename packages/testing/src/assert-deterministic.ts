/**
 * Owns the check that a handler is deterministic: that its code, run again over what it has recorded,
 * asks for the same and ends the same, whatever order things happened in and wherever it was cut off.
 * Where a cut shows something is the matter of `replay-cuts`.
 */

import { importHistory, type OptionNames, TidemarkError, valueText } from "@tidemark/protocol";
import { canonicalJson } from "./canonical-json.js";
import { creatorOf, type HandlerToExplore } from "./explore-crashes.js";
import type { ExploredOutcome } from "./explored-facts.js";
import { HistoryDivergedError } from "./history-diverged.js";
import { NamesOfRuns, requireKitOptions, requireSeed } from "./kit-options.js";
import { RECORD_NAMES, type RecordOptions, recordRun } from "./record-history.js";
import { cutsOf } from "./replay-cuts.js";
import { type RecordedExecution, replayRecorded } from "./replay-history.js";
import { seededRandom } from "./virtual-clock.js";

export interface DeterminismOptions extends RecordOptions {
  /** How many interleavings are run. Default 10. */
  readonly runs?: number;
  /** Draws how long bodies take. A whole number, default 1. */
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
 * runs side by side ends in other orders. Then each log is replayed in a fresh handler at another time of
 * day: whole, with random numbers that are drawn, lowest and highest, and cut off after every entry at which a cut
 * can show what no other one shows. Logs of several runs that are the same up to a cut are replayed once up to there.
 *
 * It costs, for each run, the run itself and three replays of the whole log, and one more for each cut: before each
 * context (child, branch, item, `waitForCallback`) that ends, and where an operation is overtaken by another one's outcome. 200 steps after
 * one another take no cut, 200 child contexts after one another 200.
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
  requireSeed("assertDeterministic", seed);
  if (!Number.isInteger(runs) || runs < 1) {
    throw new TidemarkError(
      "TIDEMARK_EXPLORE_OPTIONS",
      `assertDeterministic: runs is ${valueText(runs)}; pass a whole number from 1`,
    );
  }
  const outcomes = new Map<string, { outcome: ExploredOutcome; runs: number }>();
  const names = new NamesOfRuns("assertDeterministic");
  const replays = new Replays(handler);
  for (let run = 0; run < runs; run++) {
    const random = seededRandom(seed * 1_000_003 + run);
    // The first run is the plain one.
    const delay = run === 0 ? undefined : () => DELAYS_MS[Math.floor(random() * DELAYS_MS.length)] as number;
    const facts = await recordRun(handler, options, delay);
    names.take(facts);
    await replays.of(importHistory(await facts.history()), `run ${run} of seed ${seed}`);
    const key = canonicalJson(facts.outcome) as string;
    const known = outcomes.get(key) ?? { outcome: facts.outcome, runs: 0 };
    known.runs += 1;
    outcomes.set(key, known);
  }
  names.require("step", "steps", Object.keys(options.steps ?? {}));
  names.require("callback", "callbacks", Object.keys(options.callbacks ?? {}));
  return [...outcomes.values()];
}

/** Gives nearly 0 and nearly 1 by turns: code that compares a number with any other goes both ways. Never one for ever. */
function extremes(first: "low" | "high"): () => number {
  let isLow = first === "high";
  return () => {
    isLow = !isLow;
    return isLow ? 0 : 1 - 2 ** -32;
  };
}

class Replays {
  readonly #handler: HandlerToExplore;
  readonly #names = new Map<string, number>();
  /** Cuts that have been replayed, also those of other runs. */
  readonly #done = new Set<string>();

  constructor(handler: HandlerToExplore) {
    this.#handler = handler;
  }

  async of(recorded: RecordedExecution, run: string): Promise<void> {
    const { head, entries } = recorded;
    for (const chance of [undefined, extremes("low"), extremes("high")]) {
      await this.#replay(recorded, chance, `${run}, replayed`);
    }
    for (const { count, key } of cutsOf(recorded, (text) => this.#nameOf(text)).toReversed()) {
      if (this.#done.has(key)) continue;
      this.#done.add(key);
      const cut: RecordedExecution = {
        head: { ...head, status: "RUNNING" },
        entries: entries.slice(0, count),
      };
      await this.#replay(cut, undefined, `${run}, replayed up to entry ${count} of ${entries.length}`);
    }
  }

  async #replay(
    recorded: RecordedExecution,
    chance: (() => number) | undefined,
    where: string,
  ): Promise<void> {
    const { head } = recorded;
    const nowMs = (head.endedAtMs ?? head.startedAtMs) + LATER_MS;
    const replay = await replayRecorded(creatorOf(this.#handler)(), recorded, { nowMs, chance });
    if (replay.kind === "diverges") throw new HistoryDivergedError(where, replay);
  }

  #nameOf(text: string): number {
    const name = this.#names.get(text) ?? this.#names.size + 1;
    this.#names.set(text, name);
    return name;
  }
}

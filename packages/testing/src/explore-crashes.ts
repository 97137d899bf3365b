/**
 * Owns the exploration of a handler's crashes: which schedules are run, in which order, and which of
 * them is told when one fails.
 */

import { type OptionNames, TidemarkError, valueText } from "@tidemark/protocol";
import type { DurableHandler } from "@tidemark/runtime";
import { type Finding, findingsOf, type Rules } from "./crash-findings.js";
import { CrashExplorationError, type CrashReport, type RepeatedEffect } from "./crash-report.js";
import {
  CRASH_KINDS,
  type CrashKind,
  faultsOf,
  formatSchedule,
  parseSchedule,
  type Schedule,
  type ScheduledFault,
} from "./crash-schedule.js";
import type { ExploredOutcome, RunFacts } from "./explored-facts.js";
import { type FunctionToInvoke, type RunOptions, runSchedule, type StandIn } from "./explored-run.js";
import type { CallbackAnswer } from "./explored-world.js";
import {
  limitsOf,
  NamesOfRuns,
  requireFunctions,
  requireKitOptions,
  requireSeed,
  requireSurrounding,
} from "./kit-options.js";
import { seededRandom } from "./virtual-clock.js";

export interface ExploreOptions {
  /** The event of the handler. JSON is made of it. Default `{}`. */
  readonly input?: unknown;
  /** Functions that the handler invokes, by name. */
  readonly functions?: Readonly<Record<string, FunctionToInvoke>>;
  /** Bodies in place of steps' own, by the name of the step. A name that no run has is refused at the end. */
  readonly steps?: Readonly<Record<string, StandIn>>;
  /** Answers to callbacks, by name: sent once, `afterMs` after the callback began. Unknown names are refused, too. */
  readonly callbacks?: Readonly<Record<string, CallbackAnswer>>;
  /** Effects, as `effect` names them, that may happen again after a crash. They are reported. */
  readonly atLeastOnce?: readonly string[];
  /** Names of steps whose bodies must not run again after a crash. A name that no run has is refused at the end. */
  readonly exactlyOnce?: readonly string[];
  /**
   * Says of a disturbed run that went another way, to another end or to the same one, whether that is right, too: when
   * the way depends on time, such as a race of a step and a wait. Default: never.
   */
  readonly accepts?: (outcome: ExploredOutcome) => boolean;
  /** Which faults are tried. Default: all. */
  readonly kinds?: readonly CrashKind[];
  /** How many schedules of one fault are run at most, spread evenly: for long handlers. Default: all. */
  readonly singles?: number;
  /** How many schedules of two faults are run, each beginning with one of a single fault that was. Default 100. */
  readonly pairs?: number;
  /** Draws the pairs. A whole number, default 1. */
  readonly seed?: number;
  /** How long it takes until somebody takes over from a process that has died. Virtual milliseconds up to an hour, default 30,000. */
  readonly leaseMs?: number;
  /**
   * Payloads over this go to a payload store, whose calls meet faults, too. Bytes, default 262,144. Results of contexts go
   * there only when it is given: else those over 256 KB are rebuilt, as without a payload store.
   */
  readonly inlineLimitBytes?: number;
  /** As the worker's option: `0` takes a snapshot of the log at every suspension. Bytes, default as in production. */
  readonly snapshotAfterBytes?: number;
  /**
   * A run that makes more calls to the store goes round in circles, and fails. A load counts as one more for each ten
   * records that it gives. Default 10,000: some 5,000 steps, or 250 waits one after the other.
   */
  readonly callLimit?: number;
  /** How long a body may wait for something real in one run. Real milliseconds, default 4,000. */
  readonly stallLimitMs?: number;
  /** One schedule, as an error told it: `append#7:lost-answer`. Nothing else is run. */
  readonly only?: string;
}

const NAMES: OptionNames<ExploreOptions> = {
  input: true,
  functions: true,
  steps: true,
  callbacks: true,
  atLeastOnce: true,
  exactlyOnce: true,
  accepts: true,
  kinds: true,
  singles: true,
  pairs: true,
  seed: true,
  leaseMs: true,
  inlineLimitBytes: true,
  snapshotAfterBytes: true,
  callLimit: true,
  stallLimitMs: true,
  only: true,
};

const MAX_LEASE_MS = 3_600_000;

/** A wrapped handler, or a function of no arguments that gives one as a new process has it. */
export type HandlerToExplore = DurableHandler | (() => DurableHandler);

/**
 * Runs a handler once undisturbed, and then again with a fault at each of its calls to the store, to
 * payloads and of its wake-ups: the process dies before or after it, the call fails, its answer is
 * lost, the process freezes and wakes up when another one has taken over, a second invocation runs
 * beside it. Then with pairs of faults. Each run recovers, and must end like the undisturbed one: the
 * same result, the same operations, no effect lost and none repeated that must not be.
 *
 * Everything runs in this process, in virtual time: timers, `Date` and `Math.random` are virtual for the
 * handler, and for nobody else; real I/O in steps is waited for.
 *
 * With a handler, variables of its module live as long as your test. A function that makes the
 * handler is called for each process that starts, as an import would be.
 *
 * @returns what was seen: see {@link CrashReport}. `repeated` lists at-least-once bodies that ran again,
 * which is right for them.
 * @throws CrashExplorationError `TIDEMARK_EXPLORE_FOUND` at the first schedule that fails, with the smallest schedule,
 * a timeline and the line that repeats it.
 * @throws TidemarkError `TIDEMARK_EXPLORE_OPTIONS`; `TIDEMARK_TEST_FUNCTION` when it invokes what is not in `functions`.
 * @example
 * ```ts
 * const report = await exploreCrashes(greet, { input: { name: "Ada" }, pairs: 50 });
 * console.log(report.schedules, report.repeated);
 * ```
 */
export async function exploreCrashes(
  handler: HandlerToExplore,
  options: ExploreOptions = {},
): Promise<CrashReport> {
  return new Exploration(handler, options).run();
}

class Exploration {
  readonly #options: ExploreOptions;
  readonly #rules: Rules;
  readonly #run: Omit<RunOptions, "schedule" | "bodyStarts" | "keepsTimeline">;
  readonly #repeated = new Map<string, RepeatedEffect>();
  readonly #names = new NamesOfRuns("exploreCrashes");
  #bodyStarts: RunFacts["bodyStarts"] | undefined;
  #schedules = 0;
  #pairs = 0;

  constructor(handler: HandlerToExplore, options: ExploreOptions) {
    this.#options = checked(options);
    this.#rules = {
      atLeastOnce: new Set(options.atLeastOnce),
      exactlyOnce: new Set(options.exactlyOnce),
      accepts: options.accepts ?? (() => false),
    };
    this.#run = {
      create: creatorOf(handler),
      input: options.input,
      functions: options.functions ?? {},
      steps: options.steps ?? {},
      callbacks: options.callbacks ?? {},
      leaseMs: options.leaseMs ?? 30_000,
      inlineLimitBytes: options.inlineLimitBytes,
      snapshotAfterBytes: options.snapshotAfterBytes,
      ...limitsOf(options),
    };
  }

  async run(): Promise<CrashReport> {
    const undisturbed = await this.#runOnce([], true);
    requireFunctions("exploreCrashes", undisturbed, this.#run.functions);
    this.#bodyStarts = undisturbed.bodyStarts;
    await this.#require(undisturbed, undisturbed);
    // Twice: what differs without a fault depends on something outside of the execution.
    await this.#require(undisturbed, await this.#runOnce([]));
    const { only } = this.#options;
    if (only === undefined) {
      const runs = await this.#singles(undisturbed);
      await this.#pairsOf(undisturbed, runs);
      const { exactlyOnce = [], steps = {}, callbacks = {} } = this.#options;
      this.#names.require("step", "exactlyOnce", exactlyOnce);
      this.#names.require("step", "steps", Object.keys(steps));
      this.#names.require("callback", "callbacks", Object.keys(callbacks));
    } else await this.#try(undisturbed, parseSchedule(only));
    return {
      schedules: this.#schedules,
      outcome: undisturbed.outcome,
      pairs: this.#pairs,
      calls: callsOf(undisturbed),
      repeated: [...this.#repeated.values()],
    };
  }

  /** Every fault at every call. Gives the calls that each run made after its fault. */
  async #singles(undisturbed: RunFacts): Promise<Map<ScheduledFault, readonly string[]>> {
    const callsAfter = new Map<ScheduledFault, readonly string[]>();
    const faults = callsToTry(callsOf(undisturbed)).flatMap((call) => faultsOf(call, this.#options.kinds));
    for (const fault of spread(faults, this.#options.singles ?? faults.length)) {
      const facts = await this.#try(undisturbed, [fault]);
      callsAfter.set(fault, callsOf(facts).slice(facts.callsAtLastFault));
    }
    return callsAfter;
  }

  /** A second fault somewhere after the first one, drawn. */
  async #pairsOf(
    undisturbed: RunFacts,
    callsAfter: ReadonlyMap<ScheduledFault, readonly string[]>,
  ): Promise<void> {
    const random = seededRandom(this.#options.seed ?? 1);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
    const firsts = [...callsAfter].filter(([, calls]) => calls.length > 0);
    if (firsts.length === 0) return;
    const tried = new Set<string>();
    for (let draw = 0; draw < (this.#options.pairs ?? 100); draw++) {
      const [first, calls] = pick(firsts);
      const seconds = faultsOf(pick(calls), this.#options.kinds);
      if (seconds.length === 0) continue;
      const schedule = [first, pick(seconds)];
      const text = formatSchedule(schedule);
      if (tried.has(text)) continue;
      tried.add(text);
      this.#pairs += 1;
      await this.#try(undisturbed, schedule);
    }
  }

  async #try(undisturbed: RunFacts, schedule: Schedule): Promise<RunFacts> {
    this.#schedules += 1;
    const facts = await this.#runOnce(schedule);
    if (this.#options.only !== undefined && facts.faultsMet < schedule.length) {
      throw optionsError(
        `only is ${JSON.stringify(this.#options.only)}, and the run made no such call; its calls were ${facts.calls.join(", ")}`,
      );
    }
    await this.#require(undisturbed, facts);
    this.#report(undisturbed, facts);
    return facts;
  }

  async #require(undisturbed: RunFacts, facts: RunFacts): Promise<void> {
    const findings = findingsOf(undisturbed, facts, this.#rules);
    if (findings.length > 0) await this.#fail(undisturbed, facts.schedule, findings);
  }

  /** Fewer faults may do; then once more, to tell what happens. */
  async #fail(undisturbed: RunFacts, schedule: Schedule, findings: readonly Finding[]): Promise<never> {
    for (const dropped of schedule.length > 1 ? schedule : []) {
      const smaller = schedule.filter((fault) => fault !== dropped);
      const found = findingsOf(undisturbed, await this.#runOnce(smaller), this.#rules);
      if (found.length > 0) return this.#fail(undisturbed, smaller, found);
    }
    // The undisturbed run has been kept: one that does not end is not run for as long again.
    const shown =
      schedule.length === 0 && undisturbed.stuck !== undefined
        ? undisturbed
        : await this.#runOnce(schedule, true);
    throw new CrashExplorationError(shown, findings, this.#options, this.#schedules);
  }

  async #runOnce(schedule: Schedule, keepsTimeline = false): Promise<RunFacts> {
    const facts = await runSchedule({
      ...this.#run,
      schedule,
      bodyStarts: this.#bodyStarts,
      keepsTimeline,
    });
    this.#names.take(facts);
    return facts;
  }

  #report(undisturbed: RunFacts, { schedule, bodies, effects }: RunFacts): void {
    const add = (what: string, usual: number, count: number): void => {
      if (count <= (this.#repeated.get(what)?.most ?? usual)) return;
      this.#repeated.set(what, { what, undisturbed: usual, most: count, schedule: formatSchedule(schedule) });
    };
    for (const [key, { operation, total }] of bodies) {
      add(`step ${operation}`, undisturbed.bodies.get(key)?.total ?? 0, total);
    }
    for (const [name, count] of effects) add(`effect ${name}`, undisturbed.effects.get(name) ?? 0, count);
  }
}

/** Those until the execution ended: faults after that change nothing. */
function callsOf({ calls, callsAtEnd }: RunFacts): readonly string[] {
  return calls.slice(0, callsAtEnd);
}

/** Calls that are made again and again while nothing else happens. */
const REGULAR: readonly string[] = ["renew", "due", "purgeExpired"];

/** Of regular ones the first and the last are worth a run: what lies between them is alike. */
const REGULAR_AT_EACH_END = 4;

function callsToTry(calls: readonly string[]): readonly string[] {
  const methodOf = (call: string): string => call.slice(0, call.indexOf("#"));
  const left = new Map(
    REGULAR.map((method) => [method, calls.filter((call) => methodOf(call) === method)] as const),
  );
  return calls.filter((call) => {
    const alike = left.get(methodOf(call));
    if (alike === undefined) return true;
    const at = alike.indexOf(call);
    return at < REGULAR_AT_EACH_END || at >= alike.length - REGULAR_AT_EACH_END;
  });
}

/** At most so many of them, evenly. */
function spread<T>(items: readonly T[], most: number): readonly T[] {
  if (items.length <= most) return items;
  return Array.from({ length: most }, (_, index) => items[Math.floor((index * items.length) / most)] as T);
}

/** Gives the handler as a new process has it. */
export function creatorOf(handler: HandlerToExplore): () => DurableHandler {
  if (typeof handler !== "function") {
    throw optionsError(
      `handler is ${valueText(handler)}; pass a handler of withDurableExecution, or a function that gives one`,
    );
  }
  if (handler.length > 0) return () => handler as DurableHandler;
  return () => {
    const created = (handler as () => DurableHandler)();
    if (typeof created === "function") return created;
    throw optionsError(
      `the function of no arguments gave ${valueText(created)}; let it give a wrapped handler`,
    );
  };
}

function checked(options: ExploreOptions): ExploreOptions {
  requireKitOptions("exploreCrashes", options, NAMES);
  requireSurrounding("exploreCrashes", options);
  const { kinds = CRASH_KINDS, singles = 0, pairs = 100, leaseMs = 30_000, only } = options;
  requireSeed("exploreCrashes", options.seed);
  if (!Array.isArray(kinds) || kinds.length === 0)
    throw optionsError(`kinds is ${valueText(kinds)}; pass an array with some of ${CRASH_KINDS.join(", ")}`);
  const unknown = kinds.find((kind) => !CRASH_KINDS.includes(kind));
  if (unknown !== undefined)
    throw optionsError(`kinds has ${valueText(unknown)}; use some of ${CRASH_KINDS.join(", ")}`);
  if (!Number.isInteger(singles) || singles < 0)
    throw optionsError(`singles is ${valueText(singles)}; pass a whole number from 0`);
  if (!Number.isInteger(pairs) || pairs < 0)
    throw optionsError(`pairs is ${valueText(pairs)}; pass a whole number from 0`);
  if (!Number.isInteger(leaseMs) || leaseMs < 1 || leaseMs > MAX_LEASE_MS)
    throw optionsError(`leaseMs is ${valueText(leaseMs)}; pass a whole number from 1 to ${MAX_LEASE_MS}`);
  if (only !== undefined) parseSchedule(only);
  return options;
}

function optionsError(message: string): TidemarkError {
  return new TidemarkError("TIDEMARK_EXPLORE_OPTIONS", `exploreCrashes: ${message}`);
}

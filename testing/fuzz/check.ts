/** Owns the checking of a program: undisturbed, and under the faults of a plan. */

import { MAX_INLINE_PAYLOAD_BYTES } from "@tidemark/protocol";
import type { ExecutionStore } from "@tidemark/store";
import { seededRandom } from "@tidemark/testing";
import { replayFully } from "./full-replay";
import { FAULT_KINDS, type Fault, type PayloadChoice, type RunFacts, runProgram, type Stop } from "./harness";
import { type Checked, INVARIANTS, sameOutcome } from "./invariants";
import { isKnown } from "./known";
import { readLog } from "./log-model";
import { FUNCTIONS } from "./operations";
import { hasOp, type Program } from "./program";

/** What happens to a run. */
export interface Plan {
  readonly faults: readonly Fault[];
  readonly processes?: number | undefined;
  readonly skewsMs?: readonly number[] | undefined;
  readonly stop?: Stop | undefined;
  /** 0: every load begins with a snapshot, where something has been recorded. */
  readonly snapshotAfterBytes?: number | undefined;
  readonly payloads?: PayloadChoice | undefined;
}

export interface Violation {
  readonly invariant: string;
  readonly what: string;
  readonly plan: Plan;
}

export interface CheckOptions {
  /** Gives a store for a run; a new memory store by default. */
  readonly openStore?: (() => Promise<ExecutionStore>) | undefined;
  /** In all runs of the program, as what it sees of a large result depends on it. Default: those of the plan. */
  readonly payloads?: PayloadChoice | undefined;
  /** Reports bugs that are known, too. */
  readonly findsKnown?: boolean | undefined;
  readonly onRun?: ((plan: Plan) => void) | undefined;
}

let runCount = 0;

/** Runs the program under the plan and checks every invariant. */
export async function checkRun(
  program: Program,
  plan: Plan,
  options: CheckOptions,
): Promise<{ checked: Checked; violations: Violation[] }> {
  options.onRun?.(plan);
  runCount += 1;
  const facts = await runProgram({
    program,
    ...plan,
    store: await options.openStore?.(),
    name: `run-${runCount}`,
  });
  const checked = await examine(facts);
  const violations = Object.entries(INVARIANTS).flatMap(([invariant, check]) =>
    check(checked)
      .map((what) => ({ invariant, what, plan }))
      .filter((violation) => options.findsKnown === true || !isKnown(violation)),
  );
  return { checked, violations };
}

async function examine(facts: RunFacts): Promise<Checked> {
  const logs = new Map([...facts.executions].map(([id, { entries }]) => [id, readLog(entries)]));
  const replays = new Map<string, Awaited<ReturnType<typeof replayFully>>>();
  for (const [id, loaded] of facts.executions) {
    const { status, functionName } = loaded.head;
    const hasEnded = status === "SUCCEEDED" || status === "FAILED";
    if (functionName === FUNCTIONS.program && hasEnded) {
      replays.set(
        id,
        await replayFully(loaded, {
          hasPlugin: facts.program.plugin === "all",
          payloads: facts.payloads,
        }),
      );
    }
  }
  return { facts, logs, replays };
}

/** Runs the program undisturbed and then under each plan that `plansOf` makes of the number of calls. */
export async function checkProgram(
  program: Program,
  plansOf: (calls: number) => Iterable<Plan>,
  options: CheckOptions = {},
): Promise<Violation[]> {
  const { payloads } = options;
  const chosen = payloads === undefined ? {} : { payloads };
  const undisturbed = await checkRun(program, { faults: [], ...chosen }, options);
  if (undisturbed.violations.length > 0) return undisturbed.violations;
  for (const drawn of plansOf(undisturbed.checked.facts.calls)) {
    const plan = { ...drawn, ...chosen };
    const { checked, violations } = await checkRun(program, plan, options);
    if (violations.length > 0) return violations;
    if (!program.calm || isTimeSensitive(program)) continue;
    const differences = sameOutcome(undisturbed.checked, checked);
    if (differences.length > 0) return differences.map((what) => ({ invariant: "sameOutcome", what, plan }));
  }
  return [];
}

/** Steps that are interrupted too often fail: two faults never do that, and a calm program is given no more. */
function isTimeSensitive(program: Program): boolean {
  return hasOp(program.root, (op) => op.op === "step" && op.once);
}

/** Less than what is left of a lease when it is renewed. */
const SKEWS_MS = [0, 700, -700, 5_000, -5_000];
const STOPS_MS = [0, 1, 500, 1_000, 3_000];
const THAWS = [undefined, 5_000, 31_000, 45_000, 90_000];

/** Plans of one or two faults, drawn. */
export function drawnPlans(seed: number, count: number): (calls: number) => Plan[] {
  return (calls) => {
    const random = seededRandom(seed);
    const pick = <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)] as T;
    const draw = (most: number): Fault => {
      const kind = pick(FAULT_KINDS);
      const at = Math.floor(random() * most);
      return kind.startsWith("freeze") ? { at, kind, thawAfterMs: pick(THAWS) } : { at, kind };
    };
    return Array.from({ length: count }, () => {
      // Being stopped interrupts, too: three times would fail a step.
      const isStopped = random() < 0.1;
      const isDouble = !isStopped && random() < 0.3;
      const faults = isDouble ? [draw(calls), draw(calls + 20)] : [draw(calls)];
      return {
        faults,
        ...(random() < 0.2 ? { processes: 2 } : {}),
        ...(random() < 0.3 ? { skewsMs: [pick(SKEWS_MS), pick(SKEWS_MS), pick(SKEWS_MS)] } : {}),
        ...(isStopped ? { stop: { afterMs: pick(STOPS_MS), resumesAfterMs: pick(STOPS_MS) } } : {}),
        ...(random() < 0.5 ? { snapshotAfterBytes: 0 } : {}),
      };
    });
  };
}

/** Where the payloads of a program are: in the log; the small ones elsewhere, too; the large ones, or rebuilt, as on AWS. */
const PAYLOADS: readonly (PayloadChoice | undefined)[] = [
  undefined,
  { inlineLimitBytes: 40, contextResults: "store" },
  { inlineLimitBytes: MAX_INLINE_PAYLOAD_BYTES, contextResults: "store" },
  { inlineLimitBytes: 40, contextResults: "rebuild" },
];

export function drawnPayloads(seed: number): PayloadChoice | undefined {
  return PAYLOADS[seed % PAYLOADS.length];
}

/** One fault of every kind at every call, up to a number of plans. */
export function everyPlan(most: number): (calls: number) => Iterable<Plan> {
  return function* (calls) {
    let given = 0;
    const stride = Math.max(1, Math.ceil((calls * FAULT_KINDS.length) / most));
    for (let at = 0; at < calls; at++) {
      for (const kind of FAULT_KINDS) {
        given += 1;
        if (given % stride === 0) yield { faults: [{ at, kind }] };
      }
    }
  };
}

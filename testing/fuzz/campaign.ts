/** Owns a campaign: many programs, each under some plans, and the smallest one that fails. */

import type { ExecutionStore } from "@tidemark/store";
import fc from "fast-check";
import { programs, type Size } from "./arbitrary";
import {
  checkProgram,
  checkRun,
  drawnPayloads,
  drawnPlans,
  everyPlan,
  type Plan,
  type Violation,
} from "./check";
import { avoidKnown } from "./known";
import { listing } from "./listing";
import type { Program } from "./program";

export interface CampaignOptions {
  readonly runs: number;
  readonly seed: number;
  /** Interrupted runs of each program. */
  readonly plans: number;
  readonly size: Size;
  readonly kind?: "calm" | "wild" | "both" | undefined;
  readonly openStore?: (() => Promise<ExecutionStore>) | undefined;
  readonly onProgress?: ((line: string) => void) | undefined;
}

export interface CampaignOutcome {
  readonly runs: number;
  readonly interruptions: number;
  readonly failed: number;
  /** What failed, for people. */
  readonly report?: string | undefined;
}

/** Plans that are tried on a program that is made smaller: a smaller program fails elsewhere. */
const PLANS_WHEN_SHRINKING = 150;
const SHRINK_MS = 40_000;
const PROGRESS_EVERY = 500;

class ProgramFailed extends Error {
  readonly program: Program;
  readonly violations: readonly Violation[];

  constructor(program: Program, violations: readonly Violation[]) {
    super(violations.map(({ invariant, what }) => `${invariant}: ${what}`).join("\n"));
    this.program = program;
    this.violations = violations;
  }
}

export async function campaign(options: CampaignOptions): Promise<CampaignOutcome> {
  const { openStore, seed } = options;
  let runs = 0;
  let interruptions = 0;
  let wanted: string | undefined;
  let failedAtMs = 0;
  let last: ProgramFailed | undefined;
  const onRun = ({ faults }: { faults: readonly unknown[] }): void => {
    if (wanted === undefined && faults.length > 0) interruptions += 1;
  };
  const property = fc.asyncProperty(
    programs(options.size, options.kind ?? "both").map(avoidKnown),
    fc.noShrink(fc.integer({ min: 0, max: 2 ** 31 - 1 })),
    async (program, planSeed) => {
      if (wanted === undefined) {
        runs += 1;
        if (runs % PROGRESS_EVERY === 0)
          options.onProgress?.(`${runs} programs, ${interruptions} interruptions`);
      } else if (performance.now() - failedAtMs > SHRINK_MS) return;
      const drawn = drawnPlans(planSeed, options.plans);
      const violations = await checkProgram(program, wanted === undefined ? drawn : both(drawn, last), {
        openStore,
        payloads: openStore === undefined ? drawnPayloads(planSeed) : undefined,
        onRun,
      });
      const [first] = violations;
      if (first === undefined) return;
      // While it is made smaller it must fail in the same way, or it becomes the program of another bug.
      if (wanted !== undefined && first.invariant !== wanted) return;
      if (wanted === undefined) failedAtMs = performance.now();
      wanted = first.invariant;
      last = new ProgramFailed(program, violations);
      throw last;
    },
  );
  const details = await fc.check(property, { seed, numRuns: options.runs, endOnFailure: false });
  if (!details.failed) return { runs, interruptions, failed: 0 };
  return { runs, interruptions, failed: 1, report: report(last, details, seed) };
}

function both(
  drawn: ReturnType<typeof drawnPlans>,
  last: ProgramFailed | undefined,
): ReturnType<typeof everyPlan> {
  const known = last?.violations[0]?.plan;
  return function* (calls) {
    if (known !== undefined && known.faults.length > 0) yield known;
    yield* drawn(calls);
    yield* everyPlan(PLANS_WHEN_SHRINKING)(calls);
  };
}

function report(
  failure: ProgramFailed | undefined,
  details: {
    readonly counterexamplePath: string | null;
    readonly error?: unknown;
    readonly errorInstance?: unknown;
  },
  seed: number,
): string {
  if (failure === undefined) {
    const { errorInstance } = details;
    return `seed ${seed}: ${errorInstance instanceof Error ? errorInstance.stack : String(errorInstance)}`;
  }
  const { program, violations } = failure;
  const plan = violations[0]?.plan;
  return [
    `seed ${seed}, path ${details.counterexamplePath}`,
    listing(program),
    `plan: ${JSON.stringify(plan)}`,
    ...violations.map(({ invariant, what }) => `${invariant}: ${what}`),
    `regression: ${JSON.stringify({ program, plan })}`,
  ].join("\n");
}

/** A program that once failed. */
export interface Kept {
  /** What happens, for people. */
  readonly story: string;
  /** What it violated. */
  readonly invariant: string;
  readonly program: Program;
  readonly plan: Plan;
  /** The bug is known and not mended. */
  readonly isOpen?: boolean;
}

/** The violations of a program that is kept. */
export async function replayRegression({ program, plan }: Kept): Promise<readonly Violation[]> {
  const { violations } = await checkRun(program, plan, { findsKnown: true });
  if (violations.length > 0 || !program.calm) return violations;
  return checkProgram(program, () => [plan], { findsKnown: true, payloads: plan.payloads });
}

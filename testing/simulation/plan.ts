/** Owns what a seed stands for: the programs that run, when they start, and how the system is set up. */

import fc from "fast-check";
import { programs } from "../fuzz/arbitrary";
import { hasOp, type Program } from "../fuzz/program";
import type { Setup } from "./machines";
import type { Scheduler } from "./scheduler";
import { drawWeather, type Weather } from "./weather";

export interface PlannedExecution {
  readonly name: string;
  readonly program: Program;
  readonly startsAfterMs: number;
  /** Its result and its operations do not depend on faults. */
  readonly isCalm: boolean;
  readonly timeoutSeconds: number;
  readonly retentionSeconds: number;
}

export interface Plan {
  readonly setup: Setup;
  readonly weather: Weather;
  readonly maxEntryBytes: number;
  readonly executions: readonly PlannedExecution[];
  /** Faults stop then. */
  readonly healsAfterMs: number;
}

const EXECUTIONS = 16;
const DAY_SECONDS = 24 * 60 * 60;

export function drawPlan(seed: number, scheduler: Scheduler): Plan {
  const weather = drawWeather(scheduler);
  const setup: Setup = {
    leaseMs: scheduler.pick([6_000, 15_000, 30_000]),
    inlineWaitMs: scheduler.pick([0, 0, 0, 3_000]),
    concurrency: scheduler.pick([2, 5, 100, 100]),
    inlineLimitBytes: scheduler.pick([40, 150, 262_144]),
    workers: scheduler.pick([1, 2, 3, 4]),
    functionShare: scheduler.pick([0, 0, 0.5, 1]),
    hasPlugin: scheduler.chance(0.15),
  };
  // Long enough for the collector to find old objects, sometimes.
  const healsAfterMs = scheduler.chance(0.75) ? scheduler.between(60_000, 300_000) : 1_500_000;
  // Longer than anything is on its way, by the clock that is furthest ahead of the one furthest behind.
  const shortRetentionSeconds = 400 + (2 * weather.skewMs) / 1_000;
  return {
    setup,
    weather,
    maxEntryBytes: scheduler.chance(0.3) ? 1_200 : Number.POSITIVE_INFINITY,
    executions: drawPrograms(seed, scheduler).map((program, index) => ({
      name: `e${index}`,
      program,
      startsAfterMs: scheduler.between(0, healsAfterMs * 0.8),
      isCalm: program.calm && !hasOp(program.root, (op) => op.op === "step" && op.once),
      timeoutSeconds: scheduler.chance(0.12) ? scheduler.pick([1, 2, 3, 5, 10, 40]) : 30 * DAY_SECONDS,
      retentionSeconds: scheduler.chance(0.2) ? shortRetentionSeconds : 14 * DAY_SECONDS,
    })),
    healsAfterMs,
  };
}

function drawPrograms(seed: number, scheduler: Scheduler): Program[] {
  const size = scheduler.pick([
    { depth: 1, width: 2 },
    { depth: 1, width: 4 },
    { depth: 2, width: 3 },
  ]);
  return fc.sample(programs(size), { seed, numRuns: EXECUTIONS }).map(withSmallValues);
}

/** Payloads are small here, and so is the limit above which they are kept elsewhere. */
function withSmallValues(program: Program): Program {
  const text = JSON.stringify(program, (key, value: unknown) =>
    key === "gives" && (value === "large" || value === "wide") ? "value" : value,
  );
  return JSON.parse(text) as Program;
}

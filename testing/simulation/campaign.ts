/** Owns a campaign: seed after seed until enough events have happened, or one has violated an invariant. */

import { checkSeed, type SeedReport } from "./check-seed";
import { reportOf } from "./report";

export interface CampaignOptions {
  /** Stops after the seed with which so many have happened. */
  readonly events: number;
  readonly seed: number;
  /** Runs every seed again and compares. */
  readonly twice: boolean;
  readonly onProgress?: ((line: string) => void) | undefined;
}

export interface CampaignOutcome {
  /** Of the first run of each seed; repetitions and undisturbed runs are not counted. */
  readonly events: number;
  readonly checks: number;
  readonly seeds: number;
  readonly firstSeed: number;
  readonly executions: number;
  readonly compared: number;
  readonly violations: number;
  /** The longest virtual time from the end of the faults to the end of everything. */
  readonly longestHealingMs: number;
  readonly virtualHours: number;
  readonly seconds: number;
  /** What was violated, for people. */
  readonly report?: string;
}

const PROGRESS_EVERY = 20;

export async function campaign(options: CampaignOptions): Promise<CampaignOutcome> {
  const startedMs = performance.now();
  const figures = {
    events: 0,
    checks: 0,
    seeds: 0,
    executions: 0,
    compared: 0,
    longestHealingMs: 0,
    virtualMs: 0,
  };
  let failed: SeedReport | undefined;
  for (let seed = options.seed; figures.events < options.events && failed === undefined; seed++) {
    const report = await checkSeed(seed, { twice: options.twice });
    figures.events += report.events;
    figures.checks += report.checks;
    figures.seeds += 1;
    figures.executions += report.executions;
    figures.compared += report.compared;
    figures.virtualMs += report.virtualMs;
    figures.longestHealingMs = Math.max(figures.longestHealingMs, report.healingMs);
    if (report.violations.length > 0) failed = report;
    if (figures.seeds % PROGRESS_EVERY === 0)
      options.onProgress?.(`${figures.seeds} seeds, ${figures.events} events`);
  }
  const { virtualMs, longestHealingMs, ...rest } = figures;
  return {
    ...rest,
    firstSeed: options.seed,
    violations: failed?.violations.length ?? 0,
    longestHealingMs: Math.round(longestHealingMs),
    virtualHours: Math.round(virtualMs / 3_600_000),
    seconds: Math.round((performance.now() - startedMs) / 100) / 10,
    ...(failed === undefined ? {} : { report: reportOf(failed) }),
  };
}

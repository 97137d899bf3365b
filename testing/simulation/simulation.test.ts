/**
 * Owns the simulation in CI: seeds that once found a bug, then a campaign with a fixed seed, which `SIMULATION_SEED`
 * replaces; a failure prints the seed and what led to it. Fresh seeds are for `npm run simulate`: what a change to the
 * code has broken must not depend on luck.
 */

import "./turns";
import { campaign } from "./campaign";
import { checkSeed } from "./check-seed";
import regressions from "./regressions.json";
import { reportOf } from "./report";

const FIXED_SEED = 1_000;
const TIMEOUT_MS = 300_000;

const given = process.env.SIMULATION_SEED;

async function expectHolds(events: number, seed: number): Promise<void> {
  const outcome = await campaign({ events, seed, twice: true });
  if (outcome.report !== undefined) throw new Error(outcome.report);
  expect(outcome.events).toBeGreaterThanOrEqual(events);
}

describe("seeds that once found a bug", () => {
  it.each(regressions.map(({ seed, story }) => [seed, story] as const))(
    "%d: %s",
    async (seed) => {
      const report = await checkSeed(seed, { twice: false });
      if (report.violations.length > 0) throw new Error(reportOf(report));
    },
    TIMEOUT_MS,
  );
});

describe("the whole system", () => {
  const seed = given === undefined ? FIXED_SEED : Number(given);

  it(
    `holds its invariants and is live when faults stop (seed ${seed})`,
    () => expectHolds(35_000, seed),
    TIMEOUT_MS,
  );
});

/**
 * Owns the fuzzing in CI: kept programs first, then a campaign with a fixed seed and a short one
 * with a fresh seed. `FUZZ_SEED` replaces both; a failure prints the program and the seed.
 */

import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { type CampaignOutcome, campaign, type Kept, replayRegression } from "./campaign";

const FIXED_SEED = 20_261_121;
const directory = join(__dirname, "regressions");
const CAMPAIGN_TIMEOUT_MS = 300_000;

const kept = readdirSync(directory)
  .filter((file) => file.endsWith(".json"))
  .map((file): [string, Kept] => [
    file.slice(0, -".json".length),
    JSON.parse(readFileSync(join(directory, file), "utf8")) as Kept,
  ]);

describe("kept programs", () => {
  // A bug that is mended says so here: its program then loses `isOpen`, and its entry in known.ts goes.
  it.each(kept)("%s", async (_name, program) => {
    const violated = (await replayRegression(program)).map(({ invariant }) => invariant);
    if (program.isOpen === true) expect(violated).toContain(program.invariant);
    else expect(violated).toEqual([]);
  });
});

describe("generated programs", () => {
  const given = process.env.FUZZ_SEED;
  const seed = given === undefined ? FIXED_SEED : Number(given);

  it(
    `hold the invariants, interrupted or not (seed ${seed})`,
    async () => {
      const small = await campaign({ runs: 300, seed, plans: 5, size: { depth: 1, width: 2 } });
      expectPassed(small);
      expectPassed(await campaign({ runs: 80, seed, plans: 4, size: { depth: 2, width: 3 } }));
    },
    CAMPAIGN_TIMEOUT_MS,
  );

  it(
    "hold the invariants with a fresh seed",
    async () => {
      const fresh = given === undefined ? Date.now() % 2 ** 31 : seed + 1;
      process.stdout.write(`fuzz: fresh seed ${fresh}\n`);
      expectPassed(await campaign({ runs: 120, seed: fresh, plans: 4, size: { depth: 1, width: 3 } }));
    },
    CAMPAIGN_TIMEOUT_MS,
  );
});

function expectPassed({ failed, report }: CampaignOutcome): void {
  if (failed > 0) throw new Error(report);
}

/** Mutants in CI: all of them still have their text in the sources, and some are hunted. `npm run mutants` hunts all. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MUTANTS, type Mutant } from "./mutants";
import { huntFor, mutated } from "./mutate";

const FIRST_SEED = 1;
/** Hunted here; each is caught by its first seeds. */
const HUNTED = ["answers before the entry is durable", "the second outcome of a callback wins"];

describe("a mutant", () => {
  it.each(MUTANTS.map((mutant): [string, Mutant] => [mutant.name, mutant]))(
    "is made of the sources as they are: %s",
    (_name, mutant) => {
      expect(mutated(mutant)).not.toContain(mutant.find);
    },
  );

  const hunted = MUTANTS.filter(({ name }) => HUNTED.includes(name));
  it.each(hunted.map((mutant): [string, Mutant] => [mutant.name, mutant]))(
    "is caught: %s",
    async (_name, mutant) => {
      const directory = mkdtempSync(join(tmpdir(), "tidemark-mutants-"));
      try {
        const { caughtBy, seeds } = await huntFor(mutant, {
          firstSeed: FIRST_SEED,
          seeds: mutant.seeds,
          directory,
        });
        expect(caughtBy).toBeDefined();
        expect(seeds).toBeLessThanOrEqual(mutant.seeds);
      } finally {
        rmSync(directory, { recursive: true });
      }
    },
    60_000,
  );
});

/**
 * Owns the check of the simulation itself: `npm run mutants [-- --seed S --only TEXT]`. Each mutant is built
 * and run, seed after seed, until an invariant catches it; and the sources as they are must pass as
 * many seeds as the slowest mutant may need.
 *
 * The last line is one JSON object; the exit code is not 0 when a mutant was not caught within its
 * bar.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { MUTANTS } from "./mutants";
import { huntFor } from "./mutate";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "1" }, only: { type: "string", default: "" } },
});

async function main(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-mutants-"));
  const firstSeed = Number(values.seed);
  const figures: Record<string, number | string> = {};
  const missed: string[] = [];
  try {
    for (const mutant of MUTANTS.filter(({ name }) => name.includes(values.only))) {
      const { seeds, events, caughtBy, what } = await huntFor(mutant, {
        firstSeed,
        seeds: mutant.seeds,
        directory,
      });
      const found = caughtBy === undefined ? `NOT CAUGHT: ${what ?? ""}` : `${caughtBy}: ${what}`;
      console.log(
        `${mutant.invariant}, ${mutant.name}: ${seeds} of ${mutant.seeds} seeds, ${events} events; ${found}`,
      );
      figures[mutant.name] = caughtBy === undefined ? "not caught" : seeds;
      if (caughtBy === undefined) missed.push(mutant.name);
    }
    const most = Math.max(...MUTANTS.map(({ seeds }) => seeds));
    const sound = await huntFor(undefined, { firstSeed, seeds: most, directory });
    console.log(`as it is: ${sound.seeds} seeds, ${sound.events} events; ${sound.caughtBy ?? "nothing"}`);
    if (sound.caughtBy !== undefined || sound.seeds < most) missed.push("as it is");
    console.log(
      JSON.stringify({
        mutants: Object.keys(figures).length,
        missed,
        seedsUntilCaught: figures,
        soundSeeds: sound.seeds,
      }),
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
  return missed.length === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(2);
  },
);

/**
 * Owns the check of the simulation itself: `npm run mutants [-- --seed S --only TEXT]`. Each mutant is built
 * and run, seed after seed, until an invariant catches it; and the sources as they are must pass as
 * many seeds as the slowest mutant may need.
 *
 * The last line is one JSON object; the exit code is not 0 when a mutant was not caught within its
 * bar.
 */

import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Hunt } from "./hunt";
import { MUTANTS, type Mutant } from "./mutants";
import { bundle } from "./mutate";

const { values } = parseArgs({
  options: { seed: { type: "string", default: "1" }, only: { type: "string", default: "" } },
});

/** A mutant that goes round in circles is not caught by an invariant. */
const PATIENCE_MS = 300_000;

async function huntFor(mutant: Mutant | undefined, seeds: number, directory: string): Promise<Hunt> {
  const outfile = join(directory, "hunt.cjs");
  await bundle("hunt.ts", mutant, outfile);
  const ended = spawnSync(process.execPath, [outfile, values.seed, String(seeds)], {
    encoding: "utf8",
    timeout: PATIENCE_MS,
  });
  const last = ended.stdout.trim().split("\n").at(-1) ?? "";
  if (ended.status !== 0 || !last.startsWith("{")) {
    console.log(ended.stderr.slice(-2_000));
    return {
      seeds: 0,
      events: 0,
      what: `it did not end by itself (${ended.error?.message ?? ended.status})`,
    };
  }
  return JSON.parse(last) as Hunt;
}

async function main(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-mutants-"));
  const figures: Record<string, number | string> = {};
  const missed: string[] = [];
  try {
    for (const mutant of MUTANTS.filter(({ name }) => name.includes(values.only))) {
      const { seeds, events, caughtBy, what } = await huntFor(mutant, mutant.seeds, directory);
      const found = caughtBy === undefined ? `NOT CAUGHT: ${what ?? ""}` : `${caughtBy}: ${what}`;
      console.log(
        `${mutant.invariant}, ${mutant.name}: ${seeds} of ${mutant.seeds} seeds, ${events} events; ${found}`,
      );
      figures[mutant.name] = caughtBy === undefined ? "not caught" : seeds;
      if (caughtBy === undefined) missed.push(mutant.name);
    }
    const most = Math.max(...MUTANTS.map(({ seeds }) => seeds));
    const sound = await huntFor(undefined, most, directory);
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

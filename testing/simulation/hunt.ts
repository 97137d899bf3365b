/**
 * Owns the hunt in a bundle of its own: seeds until an invariant is violated. `node hunt.cjs SEED SEEDS`
 * prints one JSON object.
 */

import "./turns";
import { checkSeed } from "./check-seed";

export interface Hunt {
  /** How many seeds were run. */
  readonly seeds: number;
  readonly events: number;
  /** What was violated first. */
  readonly caughtBy?: string;
  readonly what?: string;
}

async function hunt(firstSeed: number, seeds: number): Promise<Hunt> {
  let events = 0;
  for (let count = 1; count <= seeds; count++) {
    const report = await checkSeed(firstSeed + count - 1, { twice: false });
    events += report.events;
    const [first] = report.violations;
    if (first !== undefined)
      return { seeds: count, events, caughtBy: first.invariant, what: first.what.slice(0, 300) };
  }
  return { seeds, events };
}

hunt(Number(process.argv[2]), Number(process.argv[3])).then(
  (found) => {
    console.log(JSON.stringify(found));
    process.exit(0);
  },
  (error: unknown) => {
    console.error(error);
    process.exit(2);
  },
);

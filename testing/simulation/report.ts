/** Owns what people are told of a seed that has violated an invariant. */

import type { SeedReport } from "./check-seed";

const TAIL_LINES = 120;

/** What was violated, and what led to it. */
export function reportOf({ seed, violations, tail }: SeedReport): string {
  return [
    ...tail.slice(-TAIL_LINES),
    `seed ${seed}: npm run simulate -- --events 1 --seed ${seed}`,
    ...violations.map(({ invariant, what, event }) => `event ${event}, ${invariant}: ${what}`),
  ].join("\n");
}

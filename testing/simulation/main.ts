/**
 * Owns the long run: `npm run simulate -- --events N --seed S [--once]`.
 *
 * Seeds S, S+1, ... are run until N events have happened, each twice. The last line is one JSON
 * object; the exit code is not 0 when an invariant was violated or the bar was missed.
 */

import "./turns";
import { parseArgs } from "node:util";
import { campaign } from "./campaign";

const { values } = parseArgs({
  options: {
    events: { type: "string", default: "1000000" },
    seed: { type: "string" },
    once: { type: "boolean", default: false },
  },
});

async function main(): Promise<number> {
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed);
  const outcome = await campaign({
    events: Number(values.events),
    seed,
    twice: !values.once,
    onProgress: (line) => console.log(line),
  });
  const { report, ...figures } = outcome;
  if (report !== undefined) console.log(report);
  console.log(JSON.stringify(figures));
  return figures.violations === 0 ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (error: unknown) => {
    console.error(error);
    process.exit(2);
  },
);

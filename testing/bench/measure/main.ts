/**
 * Runs one measurement: `node --expose-gc measure.mjs <name> <rounds> [<endpoint>]`, in a process of its own,
 * from the built packages. The last line of the output is the samples, as JSON.
 */

import { MEASUREMENTS } from "./measurements";

async function main([name = "", rounds = "7", endpoint = ""]: readonly string[]): Promise<void> {
  const measure = MEASUREMENTS[name];
  if (measure === undefined) throw new Error(`no measurement ${JSON.stringify(name)}`);
  console.log(`\n${JSON.stringify(await measure(Number(rounds), endpoint))}`);
}

main(process.argv.slice(2)).then(
  // AWS's SDK leaves timers behind.
  () => process.exit(0),
  (error: unknown) => {
    console.error(error);
    process.exit(1);
  },
);

/**
 * Runs the conformance cases: `npm run conformance [-- --only 4-1,plugin] [--store memory|payloads|sqlite|dynamodb]`,
 * where `--only` takes numbers of cases and names of suites.
 *
 * Prints what is wrong with each failing case. The last line of the output is one JSON object. Fails
 * when a case fails that is not on the list of exceptions, or when that list is too long.
 */

import { type ConformanceCase, casesDirectory, loadCases } from "./cases";
import { EXCEPTIONS, MAX_EXCEPTIONS } from "./exceptions";
import { describeFailure } from "./report";
import { type CreateRuntime, runCase } from "./runner";
import { runtimesOn } from "./stores";

interface Totals {
  passed: number;
  failed: number;
  excepted: number;
}

async function main(args: readonly string[]): Promise<void> {
  const runtimes = await runtimesOn(optionOf(args, "--store") ?? "memory");
  const totals: Totals = { passed: 0, failed: 0, excepted: 0 };
  const loaded = loadCases(casesDirectory());
  if (loaded.cases === undefined) {
    console.log(`no conformance cases were run: ${loaded.missing}`);
  } else {
    const cases = chosenCases(loaded.cases, optionOf(args, "--only"));
    for (const testCase of cases) await runAndCount(testCase, runtimes.create, totals);
    console.log(`${cases.length} of ${loaded.cases.length} conformance cases were run`);
  }
  await runtimes.close();
  console.log(JSON.stringify(totals));
  if (totals.failed > 0 || totals.excepted > MAX_EXCEPTIONS) process.exitCode = 1;
}

async function runAndCount(
  testCase: ConformanceCase,
  createRuntime: CreateRuntime,
  totals: Totals,
): Promise<void> {
  const reason = EXCEPTIONS[testCase.id];
  const report = await runCase(testCase, createRuntime);
  if (report.passed && reason === undefined) {
    totals.passed++;
  } else if (report.passed) {
    totals.failed++;
    console.log(`${testCase.id} passes; take it off the list of exceptions`);
  } else if (reason === undefined) {
    totals.failed++;
    console.log(`FAILED ${describeFailure(report)}`);
  } else {
    totals.excepted++;
    console.log(`excepted ${testCase.id}: ${reason}`);
  }
}

function chosenCases(
  cases: readonly ConformanceCase[],
  only: string | undefined,
): readonly ConformanceCase[] {
  if (only === undefined) return cases;
  const names = only.split(",");
  const unknown = names.filter((name) => !cases.some(({ id, suite }) => id === name || suite === name));
  if (unknown.length > 0) throw new Error(`--only: no such case or suite: ${unknown.join(", ")}`);
  return cases.filter(({ id, suite }) => names.includes(id) || names.includes(suite));
}

function optionOf(args: readonly string[], option: string): string | undefined {
  const at = args.indexOf(option);
  return at === -1 ? undefined : (args[at + 1] ?? "");
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

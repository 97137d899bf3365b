/**
 * Runs the conformance cases: `npm run conformance [-- --only 4-1,plugin] [--store memory|payloads|sqlite|dynamodb|dynalite]`,
 * where `--only` takes numbers of cases and names of suites. On a store with a payload store all of them run twice: with
 * `contextResults: "rebuild"`, as AWS's SDK does it, and with the default, `"store"`.
 *
 * Prints what is wrong with each failing case. The last line of the output is one JSON object: the figures, with a
 * payload store those of the default, and those of each setting. A case for which the engine has not got the operations
 * is `lacking` (only `dynalite` lacks any). Fails when a case fails that is not on the list of exceptions, when one that is
 * on it passes, or when that list is too long.
 */

import { type ConformanceCase, casesDirectory, loadCases } from "./cases";
import { MAX_EXCEPTIONS } from "./exceptions";
import { describeFailure } from "./report";
import { type CaseReport, runCase } from "./runner";
import { runtimesOn, type Setting, settingsOf } from "./stores";

interface Totals {
  passed: number;
  failed: number;
  excepted: number;
  /** Absent where the engine has all operations. */
  lacking?: number;
}

async function main(args: readonly string[]): Promise<void> {
  const storeName = optionOf(args, "--store") ?? "memory";
  const loaded = loadCases(casesDirectory());
  const cases = loaded.cases === undefined ? [] : chosenCases(loaded.cases, optionOf(args, "--only"));
  if (loaded.cases === undefined) console.log(`no conformance cases were run: ${loaded.missing}`);
  const figures: [Setting, Totals][] = [];
  for (const setting of settingsOf(storeName)) {
    const { contextResults } = setting;
    const totals = await runAll(cases, storeName, setting);
    figures.push([setting, totals]);
    const where =
      contextResults === undefined ? storeName : `${storeName}, contextResults: "${contextResults}"`;
    if (loaded.cases !== undefined)
      console.log(`${cases.length} of ${loaded.cases.length} conformance cases were run on ${where}`);
    if (totals.failed > 0 || totals.excepted > MAX_EXCEPTIONS) process.exitCode = 1;
  }
  console.log(JSON.stringify(asJson(figures)));
}

/** The figures of the default, which comes last, and those of each setting where there are several. */
function asJson(figures: readonly (readonly [Setting, Totals])[]): object {
  const [{ contextResults }, totals] = figures.at(-1) as readonly [Setting, Totals];
  if (contextResults === undefined) return totals;
  return {
    ...totals,
    contextResults: Object.fromEntries(figures.map(([setting, of]) => [setting.contextResults, of])),
  };
}

async function runAll(
  cases: readonly ConformanceCase[],
  storeName: string,
  setting: Setting,
): Promise<Totals> {
  const totals: Totals = { passed: 0, failed: 0, excepted: 0 };
  const runtimes = await runtimesOn(storeName, setting);
  if (runtimes.lacking !== undefined) totals.lacking = 0;
  for (const testCase of cases) {
    const report = await runCase(testCase, runtimes.create, runtimes.lacking);
    count(report, setting.exceptions[testCase.id], totals);
  }
  await runtimes.close();
  return totals;
}

function count(report: CaseReport, reason: string | undefined, totals: Totals): void {
  if (report.lacking !== undefined) {
    totals.lacking = (totals.lacking ?? 0) + 1;
    console.log(`lacking ${report.id}: ${report.lacking}`);
    return;
  }
  if (report.passed && reason === undefined) {
    totals.passed++;
  } else if (report.passed) {
    totals.failed++;
    console.log(`${report.id} passes; take it off the list of exceptions`);
  } else if (reason === undefined) {
    totals.failed++;
    console.log(`FAILED ${describeFailure(report)}`);
  } else {
    totals.excepted++;
    console.log(`excepted ${report.id}: ${reason}`);
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

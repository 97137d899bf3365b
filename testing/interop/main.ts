/**
 * Runs handlers across both SDKs and both backends: `npm run interop [-- --only <text in case names>]`.
 *
 * The yardstick is the AWS SDK under the AWS test kit. Against it are held: our SDK under the same
 * kit, both SDKs under our runner, by the same program with another import, and both on our runtime, with the memory
 * store and SQLite, and over HTTP. The same sources are also
 * compiled against the declarations of both SDKs. The last line of the output is one JSON object.
 */

import { CASES } from "./cases/index";
import { compareHost, staleDifferences, type Verdict } from "./compare";
import { compileErrors } from "./compile-sources";
import { buildPrograms, nodeProgram, type Program, type Programs, runHost, type Sdk } from "./programs";

interface Totals {
  passed: number;
  failed: number;
  differences: number;
}

type Host = readonly [Program, Sdk, ...string[]];

const HOSTS = {
  "tidemark, test kit": ["kit-host", "tidemark"],
  "aws, our runner": ["runner-host", "aws"],
  "tidemark, our runner": ["runner-host", "tidemark"],
  "aws, memory": ["store-host", "aws", "memory"],
  "aws, sqlite": ["store-host", "aws", "sqlite"],
  "aws, http": ["store-host", "aws", "http"],
  "tidemark, memory": ["store-host", "tidemark", "memory"],
  "tidemark, sqlite": ["store-host", "tidemark", "sqlite"],
  "tidemark, http": ["store-host", "tidemark", "http"],
} as const satisfies Record<string, Host>;

async function main(args: readonly string[]): Promise<void> {
  const only = chosenCases(args);
  const totals: Totals = { passed: 0, failed: 0, differences: 0 };
  reportSources(totals);
  const programs = await buildPrograms(nodeProgram());
  try {
    const verdicts = await runAll(programs, only);
    for (const verdict of verdicts) count(verdict, totals);
    printTable(verdicts);
    if (only.length === 0) reportStale(verdicts, totals);
  } finally {
    programs.remove();
  }
  console.log(JSON.stringify(totals));
  if (totals.failed > 0) process.exitCode = 1;
}

/** The names of the cases that are run; none chosen is all of them. */
function chosenCases(args: readonly string[]): string[] {
  const at = args.indexOf("--only");
  if (at === -1) return [];
  const wanted = args[at + 1] ?? "";
  const names = CASES.map(({ name }) => name).filter((name) => name.includes(wanted));
  if (names.length === 0) throw new Error(`--only: no case has ${JSON.stringify(wanted)} in its name`);
  return names;
}

function reportSources(totals: Totals): void {
  for (const sdk of ["tidemark", "aws"] as const) {
    const errors = compileErrors(sdk);
    if (errors === undefined) {
      totals.passed += 1;
      console.log(`the sources compile against the declarations of ${sdk}`);
    } else {
      totals.failed += 1;
      console.log(`FAILED the sources do not compile against the declarations of ${sdk}\n${errors}`);
    }
  }
}

async function runAll(programs: Programs, only: readonly string[]): Promise<Verdict[]> {
  const run = ([program, sdk, ...args]: Host) => runHost(programs, program, sdk, only, ...args);
  // The kits side by side: they hardly compute. The runtimes one after the other: their clocks run fast.
  const kits = Promise.all([run(["kit-host", "aws"]), run(HOSTS["tidemark, test kit"])]);
  const [expected, ours] = await kits;
  const verdicts = compareHost("tidemark, test kit", expected, ours);
  for (const [host, program] of Object.entries(HOSTS)) {
    if (program[0] !== "kit-host") verdicts.push(...compareHost(host, expected, await run(program)));
  }
  return verdicts;
}

function count({ outcome }: Verdict, totals: Totals): void {
  if (outcome === "failed") totals.failed += 1;
  else totals.passed += 1;
  if (outcome === "differs") totals.differences += 1;
}

const MARKS = { same: "same", differs: "differs", failed: "FAILED" } as const;

function printTable(verdicts: readonly Verdict[]): void {
  const hosts = Object.keys(HOSTS);
  const names = [...new Set(verdicts.map(({ caseName }) => caseName))];
  const width = Math.max(...names.map((name) => name.length));
  console.log(["compared with the AWS SDK under its test kit".padEnd(width), ...hosts].join("  "));
  for (const name of names) {
    const row = hosts.map((host) => {
      const verdict = verdicts.find((each) => each.caseName === name && each.host === host);
      return (verdict === undefined ? "-" : MARKS[verdict.outcome]).padEnd(host.length);
    });
    console.log([name.padEnd(width), ...row].join("  "));
  }
  printReasons(verdicts);
  for (const { caseName, host, details } of verdicts) {
    if (details.length > 0) console.log(`FAILED ${caseName} (${host})\n  ${details.join("\n  ")}`);
  }
}

function printReasons(verdicts: readonly Verdict[]): void {
  for (const reason of new Set(verdicts.flatMap(({ reasons }) => reasons))) {
    const times = verdicts.filter(({ reasons }) => reasons.includes(reason)).length;
    console.log(`differs ${times} times: ${reason}`);
  }
}

function reportStale(verdicts: readonly Verdict[], totals: Totals): void {
  for (const { reason } of staleDifferences(verdicts)) {
    totals.failed += 1;
    console.log(`FAILED not needed any more, take it off the list of differences: ${reason}`);
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

/**
 * Measures Tidemark against its peers: `npm run bench -- core`, `growth`, `dynamodb`, `testkit`, `cost` or
 * `cold-start`, with
 * `--only steps` (measurements whose name contains this), `--rounds 15` (at least 7) and
 * `--profile <directory>` (a CPU profile of each measurement; its figures mean little).
 *
 * Prints one table. The last line of the output is one JSON object. Fails when a bar is missed.
 */

import { arch, cpus, loadavg, totalmem } from "node:os";
import { resolve } from "node:path";
import { type DynamoDbEngine, startDynamoDb } from "../engines/dynamodb-engine";
import { measureColdStart } from "./cold-start";
import { measureCost } from "./cost";
import { type Figure, failedFigure, figureOf } from "./figures";
import { type Laboratory, prepareLaboratory } from "./laboratory";
import type { Samples } from "./measure/sampling";
import { type FreshProcesses, SUITES, type Suite } from "./suites";
import { tableOf } from "./table";

const MIN_ROUNDS = 7;

/** A process takes a fraction of a second, and its load time scatters more than what runs warm. */
const COLD_START_ROUNDS = 21;

interface Options {
  readonly suiteName: string;
  readonly suite: Suite;
  readonly rounds: number;
  readonly only: string;
  readonly nodeFlags: readonly string[];
}

async function main(args: readonly string[]): Promise<void> {
  if (args[0] === "cost") return report("cost", {}, "counted, not timed", await measureCost());
  if (args[0] === "cold-start") return coldStart(roundsOf(args, COLD_START_ROUNDS));
  const options = optionsOf(args);
  const laboratory = prepareLaboratory();
  let engine: DynamoDbEngine | undefined;
  try {
    if (options.suite.needsDynamoDb === true) engine = await startDynamoDb();
    const machine = machineText(laboratory.nodeVersion);
    const figures = measureAll(options, laboratory, engine?.endpoint);
    const { suiteName, rounds } = options;
    report(suiteName, { rounds, machine }, `medians of ${rounds} rounds; ${machine}`, figures);
  } finally {
    await engine?.stop();
    laboratory.close();
  }
}

function coldStart(rounds: number): void {
  const laboratory = prepareLaboratory();
  try {
    const machine = machineText(laboratory.nodeVersion);
    const how = `medians of ${rounds} new processes each, side by side; ${machine}`;
    report("cold-start", { rounds, machine }, how, measureColdStart(laboratory, rounds));
  } finally {
    laboratory.close();
  }
}

function report(suite: string, facts: object, how: string, figures: readonly Figure[]): void {
  console.log(`${suite}: ${how}\n\n${tableOf(figures)}\n`);
  console.log(JSON.stringify({ suite, ...facts, figures }));
  if (figures.some(({ ours, passed }) => passed === false || Number.isNaN(ours))) process.exitCode = 1;
}

function optionsOf(args: readonly string[]): Options {
  const [suiteName = "core"] = args;
  const suite = SUITES[suiteName];
  if (suite === undefined) {
    throw new Error(`no suite ${suiteName}; use ${Object.keys(SUITES).join(" or ")}`);
  }
  const rounds = roundsOf(args, MIN_ROUNDS);
  const profile = optionOf(args, "--profile");
  const nodeFlags = profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${resolve(profile)}`];
  return { suiteName, suite, rounds, only: optionOf(args, "--only") ?? "", nodeFlags };
}

function roundsOf(args: readonly string[], byDefault: number): number {
  const rounds = Number(optionOf(args, "--rounds") ?? byDefault);
  if (!(rounds >= MIN_ROUNDS)) throw new Error(`--rounds is ${rounds}; use ${MIN_ROUNDS} or more`);
  return rounds;
}

function measureAll(
  { suite, rounds, only, nodeFlags }: Options,
  laboratory: Laboratory,
  endpoint: string | undefined,
): Figure[] {
  const rows = suite.rows.filter(({ measurement }) => measurement.includes(only));
  return [...new Set(rows.map(({ measurement }) => measurement))].flatMap((measurement) => {
    console.error(`measuring ${measurement}`);
    const rowsHere = rows.filter((row) => row.measurement === measurement);
    const fresh = suite.fresh[measurement];
    try {
      const samples =
        fresh === undefined
          ? laboratory.measure(measurement, rounds, nodeFlags, endpoint)
          : inFreshProcesses(laboratory, fresh, rounds, nodeFlags);
      return rowsHere.map((row) => figureOf(row, samples));
    } catch (error) {
      // The others are still worth measuring.
      console.error(`${measurement} failed: ${(error as Error).message}`);
      return rowsHere.map(failedFigure);
    }
  });
}

function inFreshProcesses(
  laboratory: Laboratory,
  measurements: FreshProcesses,
  rounds: number,
  flags: readonly string[],
): Samples {
  const samples: Samples = {};
  for (let round = 0; round < rounds; round++) {
    for (const [series, measurement] of Object.entries(measurements)) {
      const taken = Object.values(laboratory.measure(measurement, 1, flags)).flat();
      samples[series] = [...(samples[series] ?? []), ...taken];
    }
  }
  return samples;
}

function optionOf(args: readonly string[], option: string): string | undefined {
  const at = args.indexOf(option);
  return at === -1 ? undefined : args[at + 1];
}

function machineText(nodeVersion: string): string {
  const all = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GB`;
  const load = `load ${loadavg()[0]?.toFixed(1)} at the start`;
  return `Node ${nodeVersion}, ${all.length} × ${all[0]?.model ?? "unknown CPU"} (${arch()}), ${memory}, ${load}`;
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

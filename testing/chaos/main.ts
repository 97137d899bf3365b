/**
 * Runs executions while their workers are killed: `npm run chaos -- sqlite|dynamodb [--executions 1000]
 * [--workers 4] [--seed 1] [--disturb-every-ms N] [--lease-ms N] [--snapshot-after-bytes 0]`.
 *
 * The seed chooses values, victims and moments; how processes run is up to the machine, so a seed
 * repeats the plan and not the run. Prints figures, and as the last line one JSON object. Fails
 * when anything is lost, done twice or wrong; then the database stays, for a look at it.
 */

import { parseArgs } from "node:util";
import { type ChaosReport, type Progress, runChaos } from "./run";
import { CHAOS_STORES, type ChaosStoreName } from "./stores";

const MAX_PRINTED = 20;

/**
 * On DynamoDB an execution takes some 25 seconds, most of them until the leases of killed workers run out: what is under
 * way at a time decides how many end in a second, until the processors do (at 0.1 to 0.4 s for each execution). With 150
 * at a time on two busy processors nothing ended: workers were killed sooner than they got through what they took over.
 */
const DEFAULTS = {
  sqlite: { disturbEveryMs: "700", leaseMs: "1500", live: 200 },
  dynamodb: { disturbEveryMs: "4000", leaseMs: "6000", live: 60 },
} as const;

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      executions: { type: "string", default: "1000" },
      workers: { type: "string", default: "4" },
      seed: { type: "string", default: "1" },
      "disturb-every-ms": { type: "string" },
      "lease-ms": { type: "string" },
      "snapshot-after-bytes": { type: "string", default: "0" },
    },
  });
  const store = positionals[0] ?? "sqlite";
  if (!isChaosStore(store))
    throw new Error(`no store ${JSON.stringify(store)} for chaos; use ${CHAOS_STORES.join(" or ")}`);
  const defaults = DEFAULTS[store];
  const executions = countOf("--executions", values.executions);
  const workers = countOf("--workers", values.workers);
  const seed = countOf("--seed", values.seed);
  console.log(`${executions} executions on ${workers} worker processes and one ${store} store, seed ${seed}`);
  const report = await runChaos({
    store,
    executions,
    workers,
    seed,
    disturbEveryMs: countOf("--disturb-every-ms", values["disturb-every-ms"] ?? defaults.disturbEveryMs),
    leaseMs: countOf("--lease-ms", values["lease-ms"] ?? defaults.leaseMs),
    snapshotAfterBytes: Number(values["snapshot-after-bytes"]),
    live: defaults.live,
    stallMs: 120_000,
    onProgress: progressPrinter(),
  });
  printReport(report);
  console.log(JSON.stringify(summaryOf(report, { store, executions, workers, seed })));
  if (report.violations.length > 0) process.exitCode = 1;
}

function isChaosStore(name: string): name is ChaosStoreName {
  return CHAOS_STORES.some((known) => known === name);
}

function countOf(option: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new Error(`${option} is ${JSON.stringify(text)}; pass a whole number of at least 1`);
}

const PRINT_EVERY_SECONDS = 5;

function progressPrinter(): (progress: Progress) => void {
  let nextSeconds = PRINT_EVERY_SECONDS;
  return ({ seconds, ended, started, disturbances }) => {
    if (seconds < nextSeconds) return;
    nextSeconds = seconds + PRINT_EVERY_SECONDS;
    const { kill, freeze, terminate } = disturbances;
    console.log(
      `${seconds.toFixed(0).padStart(4)} s  ${ended} ended of ${started} started; ` +
        `${kill} killed, ${freeze} frozen, ${terminate} terminated`,
    );
  };
}

function printReport(report: ChaosReport): void {
  const { disturbances, seconds, violations, errorLines } = report;
  const figures: readonly (readonly [string, string | number])[] = [
    ["executions ended", report.ended],
    ["child executions", report.childExecutions],
    ["executions per second", (report.ended / seconds).toFixed(1)],
    ["workers killed (SIGKILL)", disturbances.kill],
    ["workers frozen past their lease", disturbances.freeze],
    ["workers terminated (SIGTERM)", disturbances.terminate],
    ["invocations", report.invocations],
    ["take-overs after a death", report.takeOvers],
    ["log entries", report.logEntries],
    ["operations settled", report.operations],
    ["step bodies begun", report.bodies],
    ["begun again in one attempt", report.bodiesAgain],
    ["attempts interrupted", report.interruptedAttempts],
    ["lines on workers' error output", errorLines.length],
    ["violations", violations.length],
  ];
  for (const [name, figure] of figures) console.log(`${name.padEnd(32)} ${String(figure).padStart(8)}`);
  for (const line of errorLines.slice(0, MAX_PRINTED)) console.log(`worker ${line}`);
  for (const violation of violations.slice(0, MAX_PRINTED)) console.log(`VIOLATED ${violation}`);
  if (violations.length > 0) console.log(`database and side files: ${report.directory}`);
}

function summaryOf(report: ChaosReport, run: object): object {
  const { violations, errorLines, directory: _directory, seconds, ...figures } = report;
  return {
    ...run,
    ...figures,
    seconds: Number(seconds.toFixed(1)),
    executionsPerSecond: Number((report.ended / seconds).toFixed(1)),
    errorLines: errorLines.length,
    violations: violations.length,
  };
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

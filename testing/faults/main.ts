/**
 * Runs executions on DynamoDB and S3 while requests and answers are lost, late, doubled and refused: `npm run faults --
 * [--executions 2000] [--rate 0.1] [--seed 1] [--workers 2] [--live 100] [--baseline 200]`.
 *
 * Executions are counted with those that they invoke: an order invokes two more, so a third of them are orders. One half
 * has AWS clients that try again by themselves, the other half clients that do not. Before that, `--baseline`
 * executions run without faults, to compare with. The seed chooses values and faults by the order in which requests
 * come, which is up to the machine: a seed repeats the plan and not the run.
 *
 * Prints figures, and as the last line one JSON object. Fails when anything is lost, done twice or wrong, or when faults
 * cost more requests than the bars allow; then the side files stay.
 */

import { parseArgs } from "node:util";
import { type CampaignReport, runCampaign } from "./run";

/**
 * A fault costs one request more, or none, and the one more may have a fault: 1 / (1 - rate), which is 1.11 at a tenth.
 * The rest is for the faults that cost more: a lost answer of a write that others follow is looked up, and a lease that
 * is lost to a row of faults is taken again, with a load and a barrier.
 */
function requestsBar(rate: number): number {
  return (1 / (1 - rate)) * 1.2;
}

/** One execution may have bad luck, and its plan may be the longest: so many times the mean without faults. */
const MOST_BAR = 4;

/** Longer than a row of faults and a busy machine take, so that few are lost. */
const LEASE_MS = 12_000;
const STALL_MS = 120_000;
const MAX_PRINTED = 20;
const PRINT_EVERY_SECONDS = 10;

/** Attempts of the AWS clients by themselves: off, and their default. */
const HALVES = { off: 1, on: 3 } as const;

/** An order, its `child` and its `plain`. */
const EXECUTIONS_PER_ORDER = 3;

interface Settings {
  readonly orders: number;
  readonly workers: number;
  readonly seed: number;
  readonly rate: number;
  readonly live: number;
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      executions: { type: "string", default: "2000" },
      baseline: { type: "string", default: "200" },
      rate: { type: "string", default: "0.1" },
      seed: { type: "string", default: "1" },
      workers: { type: "string", default: "2" },
      live: { type: "string", default: "100" },
    },
  });
  const executions = countOf("--executions", values.executions);
  const rate = Number(values.rate);
  if (!(rate > 0 && rate <= 0.5)) throw new Error(`--rate is ${values.rate}; pass a number up to 0.5`);
  const settings = {
    workers: countOf("--workers", values.workers),
    seed: countOf("--seed", values.seed),
    live: countOf("--live", values.live),
  };
  const baseline = await run("without faults", {
    ...settings,
    orders: ordersOf(countOf("--baseline", values.baseline)),
    rate: 0,
  });
  const off = await run(
    "the clients' own retries off",
    { ...settings, orders: ordersOf(executions / 2), rate },
    HALVES.off,
  );
  const on = await run(
    "the clients' own retries on",
    { ...settings, seed: settings.seed + 1, orders: ordersOf(executions / 2), rate },
    HALVES.on,
  );
  const summary = summaryOf({ baseline, off, on, rate });
  console.log(JSON.stringify({ ...settings, executions, rate, ...summary }));
  if (!summary.passed) process.exitCode = 1;
}

async function run(what: string, settings: Settings, maxAttempts = 1): Promise<CampaignReport> {
  const { orders, workers, seed, rate } = settings;
  console.log(`${orders} orders, ${what}, ${workers} worker processes, seed ${seed}, rate ${rate}`);
  let nextSeconds = PRINT_EVERY_SECONDS;
  const report = await runCampaign({
    ...settings,
    executions: orders,
    maxAttempts,
    leaseMs: LEASE_MS,
    stallMs: STALL_MS,
    onProgress({ started, ended, seconds }) {
      if (seconds < nextSeconds) return;
      nextSeconds = seconds + PRINT_EVERY_SECONDS;
      console.log(`${seconds.toFixed(0).padStart(4)} s  ${ended} orders ended of ${started} started`);
    },
  });
  print(report);
  return report;
}

function print(report: CampaignReport): void {
  const { requests, violations, errorLines } = report;
  const figures: readonly (readonly [string, string | number])[] = [
    ["orders ended", report.ended],
    ["executions that they invoked", report.childExecutions],
    ["executions per second", (executionsOf(report) / report.seconds).toFixed(1)],
    ["callbacks answered", report.answeredCallbacks],
    ["invocations", report.invocations],
    ["take-overs of a lost lease", report.takeOvers],
    ["log entries", report.logEntries],
    ["step bodies begun", report.bodies],
    ["begun again in one attempt", report.bodiesAgain],
    ["requests for an order", perOrder(report).toFixed(1)],
    ["most requests for one order", requests.most],
    ["looks for work per second", (requests.looks / report.seconds).toFixed(1)],
    ["faults", total(report.faults)],
    ["lines on workers' error output", errorLines.length],
    ["violations", violations.length],
  ];
  for (const [name, figure] of figures) console.log(`${name.padEnd(32)} ${String(figure).padStart(8)}`);
  const kinds = Object.entries(report.faults).sort(([, a], [, b]) => b - a);
  for (const [name, count] of kinds) console.log(`  ${name.padEnd(40)} ${String(count).padStart(8)}`);
  for (const [name, count] of Object.entries(requests.byAction))
    console.log(`  ${name.padEnd(40)} ${String(count).padStart(8)}`);
  for (const line of errorLines.slice(0, MAX_PRINTED)) console.log(`worker ${line}`);
  for (const violation of violations.slice(0, MAX_PRINTED)) console.log(`VIOLATED ${violation}`);
  if (violations.length > 0) console.log(`side files: ${report.directory}`);
}

interface Campaigns {
  readonly baseline: CampaignReport;
  readonly off: CampaignReport;
  readonly on: CampaignReport;
  readonly rate: number;
}

function summaryOf({ baseline, off, on, rate }: Campaigns) {
  const campaigns = [baseline, off, on];
  const fewest = perOrder(baseline);
  const violations = campaigns.reduce((sum, report) => sum + report.violations.length, 0);
  const requestsRatio = Math.max(perOrder(off), perOrder(on)) / fewest;
  const mostRatio = Math.max(off.requests.most, on.requests.most) / fewest;
  const bar = requestsBar(rate);
  const hasFaults = total(off.faults) > 0 && total(on.faults) > 0;
  return {
    executionsEnded: executionsOf(off) + executionsOf(on),
    orders: off.ended + on.ended,
    callbacksAnswered: off.answeredCallbacks + on.answeredCallbacks,
    bodies: off.bodies + on.bodies,
    bodiesAgain: off.bodiesAgain + on.bodiesAgain,
    takeOvers: off.takeOvers + on.takeOvers,
    faults: total(off.faults) + total(on.faults),
    requestsPerOrderWithoutFaults: rounded(fewest),
    requestsPerOrderRetriesOff: rounded(perOrder(off)),
    requestsPerOrderRetriesOn: rounded(perOrder(on)),
    requestsRatio: rounded(requestsRatio),
    requestsBar: rounded(bar),
    mostRatio: rounded(mostRatio),
    mostBar: MOST_BAR,
    seconds: rounded(campaigns.reduce((sum, report) => sum + report.seconds, 0)),
    errorLines: campaigns.reduce((sum, report) => sum + report.errorLines.length, 0),
    violations,
    passed: violations === 0 && hasFaults && requestsRatio <= bar && mostRatio <= MOST_BAR,
  };
}

function perOrder({ requests, ended }: CampaignReport): number {
  return requests.ofExecutions / ended;
}

/** A run with an execution that has not ended has a violation. */
function executionsOf({ ended, childExecutions }: CampaignReport): number {
  return ended + childExecutions;
}

function ordersOf(executions: number): number {
  return Math.ceil(executions / EXECUTIONS_PER_ORDER);
}

function total(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

function rounded(value: number): number {
  return Number(value.toFixed(2));
}

function countOf(option: string, text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1) return count;
  throw new Error(`${option} is ${JSON.stringify(text)}; pass a whole number of at least 1`);
}

main().catch((error: unknown) => {
  console.error(error);
  process.exitCode = 1;
});

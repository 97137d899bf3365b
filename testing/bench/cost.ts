/**
 * Owns what executions on DynamoDB cost: requests and units, as DynamoDB counts them
 * (`ReturnConsumedCapacity`), from a run of the real worker and client behind a proxy that counts.
 */

import { randomBytes } from "node:crypto";
import { encodeEntry } from "@tidemark/protocol";
import { DurableClient, Worker } from "@tidemark/runtime";
import { type DurableExecutionHandler, withDurableExecution } from "@tidemark/sdk";
import { wholeLog } from "@tidemark/store";
import type { DynamoDbStore } from "@tidemark/store-dynamodb";
import { type DynamoDbRig, startRig } from "../engines/dynamodb-rig";
import { atMost, type Cost, countedBy, figure } from "./cost-figures";
import { longHistoryFigures } from "./cost-of-history";
import type { Bar, Figure } from "./figures";
import { sequentialSteps, type Workflow } from "./measure/workflows";

/** In us-east-1, on demand. Sources: the price pages of DynamoDB, Lambda and Step Functions, November 2026. */
const WRITE_DOLLARS = 0.625 / 1e6;
const AWS_DOLLARS = { operation: 8 / 1e6, gigabyte: 0.25 };
const STEP_FUNCTIONS_DOLLARS = 25 / 1e6;
/** Of the result of a step in all workflows here. */
const RESULT_BYTES = 64;

/** Measures all rows; nothing here depends on the speed of the machine. */
export async function measureCost(): Promise<Figure[]> {
  const rig = await startRig();
  try {
    await rig.newTable();
    // What is looked for by the clock depends on the machine; what idling costs is measured by itself.
    const store = await rig.open({ pollIntervalMs: 60_000 });
    const few = await costOfRun(rig, store, "few", sequentialSteps(20));
    const many = await costOfRun(rig, store, "many", sequentialSteps(120));
    const branches = await costOfRun(rig, store, "branches", randomBranches(1_000));
    const straight = await costOfRun(rig, store, "straight", oneStep);
    const resumed = await costOfRun(rig, store, "resumed", stepWaitStep);
    const longHistory = await longHistoryFigures(rig);
    const idle = await costOfIdling(rig, await rig.open());
    const perStep = (of: (cost: Cost) => number): number => (of(many) - of(few)) / 100;
    const stepDollars = perStep((cost) => cost.writeUnits) * WRITE_DOLLARS;
    return [
      figure(
        "sequential step of 64 bytes: writes",
        "requests",
        perStep((cost) => cost.writes),
        atMost(1),
      ),
      figure(
        "sequential step of 64 bytes: write units, indexes included",
        "units",
        perStep((cost) => cost.writeUnits),
        atMost(1),
      ),
      figure(
        "sequential step of 64 bytes: reads",
        "requests",
        perStep((cost) => cost.reads),
        atMost(0),
      ),
      figure("execution of 20 steps: writes beyond one a step", "requests", few.writes - 20, atMost(3)),
      figure("1,000 branches of one step: writes", "requests", branches.writes, atMost(8)),
      figure(
        "1,000 branches: write units per KB recorded",
        "units",
        branches.writeUnits / (branches.logBytes / 1024),
        atMost(1.5),
      ),
      figure("resume after a wait: writes", "requests", resumed.writes - straight.writes - 1, atMost(3)),
      figure("resume after a wait: query pages", "requests", resumed.queries - straight.queries, atMost(1)),
      ...longHistory,
      figure("idle worker of one function and shard: writes a minute", "requests", idle.writes, atMost(0)),
      figure("idle worker of one function and shard: read units a minute", "units", idle.readUnits),
      ...priceFigures("a million steps of 64 bytes", stepDollars, 1, atMost(1)),
      ...priceFigures("the same with start and end, 20 steps each", few.writeUnits * WRITE_DOLLARS, 20),
      ...priceFigures(
        "a million branches of one step, 1,000 at once",
        branches.writeUnits * WRITE_DOLLARS,
        1_000,
      ),
    ];
  } finally {
    await rig.closeStores();
    await rig.stop();
  }
}

/** Results that do not compress: what all of them had in common would weigh nothing. */
function randomBranches(count: number): Workflow {
  return async (_event, context) => {
    const branches = Array.from({ length: count }, () => async (branch: typeof context) => {
      await branch.step("step", async () => randomBytes(46).toString("base64url"));
    });
    return (await context.parallel("branches", branches)).successCount;
  };
}

const oneStep: Workflow = async (_event, context) => context.step("step", async () => "done");

const stepWaitStep: Workflow = async (_event, context) => {
  await context.step("before", async () => "done");
  await context.wait("wait", { seconds: 1 });
};

/** One execution from its start to its end, without what a worker does besides. */
async function costOfRun(
  rig: DynamoDbRig,
  store: DynamoDbStore,
  name: string,
  workflow: Workflow,
): Promise<Cost> {
  const handler = withDurableExecution(workflow as unknown as DurableExecutionHandler);
  const worker = new Worker({ store, functions: { [name]: handler }, drainOnSigterm: false });
  await worker.start();
  const client = new DurableClient({ store });
  // The first start of a function looks up and registers it.
  const { executionId: first } = await client.start(name);
  await client.result(first);
  rig.proxy.reset();
  const { executionId } = await client.start(name);
  await client.result(executionId);
  const cost = countedBy(rig, (body) => JSON.stringify(body).includes(executionId));
  await worker.stop();
  const entries = await wholeLog(store, executionId);
  const logBytes = entries.reduce((sum, entry) => sum + Buffer.byteLength(encodeEntry(entry)), 0);
  return { ...cost, logBytes };
}

const IDLE_MS = 6_000;

/** What a worker without work asks for in a minute. */
async function costOfIdling(rig: DynamoDbRig, store: DynamoDbStore): Promise<Cost> {
  const handler = withDurableExecution(oneStep as unknown as DurableExecutionHandler);
  const worker = new Worker({ store, functions: { idle: handler }, drainOnSigterm: false });
  await worker.start();
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  rig.proxy.reset();
  await new Promise((resolve) => setTimeout(resolve, IDLE_MS));
  const { writes, writeUnits, reads, queries, readUnits } = countedBy(rig, () => true);
  await worker.stop();
  const aMinute = 60_000 / IDLE_MS;
  return {
    writes: writes * aMinute,
    writeUnits: writeUnits * aMinute,
    reads: reads * aMinute,
    queries: queries * aMinute,
    readUnits: readUnits * aMinute,
    logBytes: 0,
  };
}

/**
 * What a million steps cost, from `dollars` for `steps` of them. Of the others the least is counted: of AWS one operation
 * and its result for each step and none for starts and branches, of Step Functions one transition for each step.
 */
function priceFigures(title: string, dollars: number, steps: number, bar?: Bar): Figure[] {
  const ours = (dollars / steps) * 1e6;
  const aws = (AWS_DOLLARS.operation + (RESULT_BYTES / 1e9) * AWS_DOLLARS.gigabyte) * 1e6;
  return [
    figure(title, "$", ours, bar, aws, "AWS durable functions"),
    figure(title, "$", ours, undefined, STEP_FUNCTIONS_DOLLARS * 1e6, "Step Functions"),
  ];
}

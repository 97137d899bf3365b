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
import type { Bar, Figure } from "./figures";
import { contextsOfFiveSteps, sequentialSteps, type Workflow } from "./measure/workflows";

/** On demand in us-east-1, in dollars a million. Sources: the price pages of DynamoDB, Lambda and Step Functions, November 2026. */
const PRICES = { write: 0.625, read: 0.125, awsOperation: 8, awsGigabyte: 0.25, stepFunctions: 25 };

const WRITES = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"];

interface Cost {
  readonly writes: number;
  readonly writeUnits: number;
  readonly reads: number;
  readonly queries: number;
  readonly readUnits: number;
  /** Bytes of the entries as text. */
  readonly logBytes: number;
}

/** Measures all rows; nothing here depends on the speed of the machine. */
export async function measureCost(): Promise<Figure[]> {
  const rig = await startRig();
  try {
    await rig.newTable();
    const store = await rig.open();
    const few = await costOfRun(rig, store, "few", sequentialSteps(20));
    const many = await costOfRun(rig, store, "many", sequentialSteps(120));
    const branches = await costOfRun(rig, store, "branches", randomBranches(1_000));
    const straight = await costOfRun(rig, store, "straight", oneStep);
    const resumed = await costOfRun(rig, store, "resumed", stepWaitStep);
    const fromSnapshot = await costOfLongHistory(rig, "fromSnapshot", undefined);
    const fromLog = await costOfLongHistory(rig, "fromLog", Number.POSITIVE_INFINITY);
    const idle = await costOfIdling(rig, store);
    const perStep = (of: (cost: Cost) => number): number => (of(many) - of(few)) / 100;
    const stepDollars = perStep((cost) => cost.writeUnits) * PRICES.write;
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
      figure(
        "resume after 200 contexts of 5 steps of 1 KB: read units",
        "units",
        fromSnapshot.resume.readUnits,
        atMost(12),
        fromLog.resume.readUnits,
        "without snapshots",
      ),
      figure(
        "the same: write units of the snapshot, once",
        "units",
        fromSnapshot.history.writeUnits - fromLog.history.writeUnits,
        atMost(20),
        fromLog.history.writeUnits,
        "the execution until then",
      ),
      figure("idle worker of one function and shard: writes a minute", "requests", idle.writes, atMost(0)),
      figure("idle worker of one function and shard: read units a minute", "units", idle.readUnits),
      figure(
        "a million at-least-once steps",
        "$",
        stepDollars,
        atMost(1),
        PRICES.awsOperation,
        "AWS durable functions",
      ),
      figure(
        "the same against Step Functions",
        "$",
        stepDollars,
        undefined,
        PRICES.stepFunctions,
        "Step Functions",
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

/** Of 1 KB each, which do not compress; then a wait, and a step after it. */
function longHistory(onOver: () => void): Workflow {
  const contexts = contextsOfFiveSteps(200, () => randomBytes(765).toString("base64url"));
  return async (event, context) => {
    await contexts(event, context);
    onOver();
    await context.wait("wait", { seconds: 1 });
    await context.step("step", async () => "done");
  };
}

/** Until the execution has suspended, and from there to its end in another process. */
async function costOfLongHistory(
  rig: DynamoDbRig,
  name: string,
  snapshotAfterBytes: number | undefined,
): Promise<{ readonly history: Omit<Cost, "logBytes">; readonly resume: Omit<Cost, "logBytes"> }> {
  let onOver: () => void = () => {};
  const over = new Promise<void>((resolve) => {
    onOver = resolve;
  });
  const handler = withDurableExecution(longHistory(onOver) as unknown as DurableExecutionHandler);
  const functions = { [name]: handler };
  const options = {
    functions,
    drainOnSigterm: false,
    ...(snapshotAfterBytes === undefined ? {} : { snapshotAfterBytes }),
  };
  const first = await rig.open();
  const worker = new Worker({ store: first, ...options });
  await worker.start();
  const client = new DurableClient({ store: first });
  rig.proxy.reset();
  const { executionId } = await client.start(name);
  const counts = (body: unknown): boolean => JSON.stringify(body).includes(executionId);
  await over;
  await worker.stop();
  const history = countedBy(rig, counts);
  const second = await rig.open();
  const other = new Worker({ store: second, ...options });
  rig.proxy.reset();
  await other.start();
  await new DurableClient({ store: second }).result(executionId);
  await other.stop();
  return { history, resume: countedBy(rig, counts) };
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

function countedBy(rig: DynamoDbRig, counts: (body: unknown) => boolean): Omit<Cost, "logBytes"> {
  const seen = rig.proxy.seen.filter(({ body }) => counts(body));
  const units = (requests: typeof seen): number =>
    requests.reduce((sum, request) => sum + (rig.proxy.capacity.get(request)?.units ?? 0), 0);
  const writes = seen.filter(({ action }) => WRITES.includes(action));
  const reads = seen.filter(({ action }) => !WRITES.includes(action));
  return {
    writes: writes.length,
    writeUnits: units(writes),
    reads: reads.length,
    queries: reads.filter(({ action }) => action === "Query").length,
    readUnits: units(reads),
  };
}

function atMost(value: number): Bar {
  return { of: "figure", kind: "at most", value };
}

function figure(title: string, unit: string, ours: number, bar?: Bar, peer?: number, peerTitle = ""): Figure {
  return {
    title,
    unit,
    ours,
    ...(peer === undefined ? {} : { peer: { title: peerTitle, figure: peer, ratio: ours / peer } }),
    ...(bar === undefined ? {} : { bar, passed: ours <= bar.value }),
  };
}

/** The policies of `infra/`: each role does all of its work with its own, and needs all that is in it. */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { S3Client } from "@aws-sdk/client-s3";
import { wakingStore } from "@tidemark/lambda";
import { S3PayloadStore } from "@tidemark/payloads-s3";
import { DurableClient } from "@tidemark/runtime";
import { collectPayloads, type ExecutionStore, Payloads } from "@tidemark/store";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { type VirtualClock, watchedStore } from "@tidemark/testing";
import { type DynamoDbEngine, startDynamoDb } from "../engines/dynamodb-engine";
import { type S3Engine, startS3 } from "../engines/s3";
import { LambdaWorld } from "../lambda/lambda-world";
import { evaluate } from "./evaluated-template";
import { dynamoDbAccesses, Guard, type Statement, s3Accesses } from "./guarded-client";
import { readTemplate } from "./template-file";

const workspaceDirectory = resolve(__dirname, "../..");
const template = readTemplate(readFileSync(resolve(workspaceDirectory, "infra/template.yaml"), "utf8"));
const resources = evaluate(template);

function statementsOf(policy: string): Statement[] {
  const document = resources[policy]?.Properties?.PolicyDocument as { Statement: Statement[] };
  return document.Statement;
}

/** Where it is allowed, S3 says that an object is gone, and else that access is denied. */
const S3_LOOKS_AT = "s3:ListBucket on <Payloads.Arn>";
/** Sent by a stand-in of Lambda here. */
const WAKE_UP = "lambda:InvokeFunction on <Order.Arn>";

const DAY_MS = 24 * 60 * 60 * 1000;
const LARGE = "x".repeat(2_000);

/** Workflows that need all that workflows may need. Gives the id of the callback that the newest one waits for. */
function deployOrder(world: LambdaWorld, store: ExecutionStore): () => string {
  let callbackId = "";
  world.deploy("charge", async (event) => ({ ...event, LARGE }), { store: () => store });
  world.deploy(
    "order",
    async (event, context) => {
      const large = await context.step("large", async () => LARGE);
      const answer = await context.waitForCallback(
        "approval",
        async (id) => {
          callbackId = id;
        },
        { timeout: { hours: 2 }, heartbeatTimeout: { hours: 1 } },
      );
      const nobody = context.waitForCallback("nobody", async () => {}, { timeout: { seconds: 60 } });
      const late = await nobody.catch((error: Error) => error.name);
      const charged = await Promise.all([context.invoke("charge", event), context.invoke("charge", event)]);
      return [large.length, answer, late, ...charged];
    },
    { store: () => store },
  );
  return () => callbackId;
}

function waitedFor(client: S3Client, clock: VirtualClock): S3Client {
  client.middlewareStack.add((next) => (args) => clock.busyWhile(next(args)), { step: "initialize" });
  return client;
}

describe("the policies", () => {
  let dynamoDb: DynamoDbEngine;
  let s3: S3Engine;
  const stores: DynamoDbStore[] = [];

  beforeAll(async () => {
    [dynamoDb, s3] = await Promise.all([startDynamoDb(), startS3(["payloads"])]);
    const store = await DynamoDbStore.open({ tableName: "executions", client: dynamoDb.client() });
    await store.ensureTable();
    await store.close();
  }, 60_000);

  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()));
    await Promise.all([dynamoDb.stop(), s3.stop()]);
  }, 60_000);

  /** A store that may do what the policy says. */
  async function storeWith(guard: Guard, clock: VirtualClock): Promise<ExecutionStore> {
    const client = dynamoDb.client();
    const bucketClient = s3.client();
    guard.watch(client, dynamoDbAccesses);
    guard.watch(bucketClient, s3Accesses);
    // Virtual time waits for requests to both.
    const bucket = new S3PayloadStore({ bucket: "payloads", client: waitedFor(bucketClient, clock) });
    const payloads = new Payloads({ store: bucket, inlineLimitBytes: 1_000 });
    const store = await DynamoDbStore.open({ tableName: "executions", client, shards: 1, payloads });
    stores.push(store);
    return watchedStore(store, clock).store;
  }

  it("allow each role its work, and nothing else", async () => {
    const [workflow, waker, operator] = ["WorkflowPolicy", "WakerPolicy", "OperatorPolicy"].map(
      (policy) => new Guard(statementsOf(policy)),
    ) as [Guard, Guard, Guard];
    const world = new LambdaWorld();
    const refused = () => [...workflow.refused, ...waker.refused, ...operator.refused];
    const workflowStore = await storeWith(workflow, world.clock);
    const wakerStore = await storeWith(waker, world.clock);
    const operatorStore = await storeWith(operator, world.clock);
    const callbackId = deployOrder(world, workflowStore);
    const client = new DurableClient({
      store: wakingStore(operatorStore, { invoke: world.invoke }),
      clock: world.clock,
    });
    const wake = () => world.wake({ store: () => wakerStore });

    await wake();
    await world.call("order", { amount: 12, LARGE }, 60_000, "r1");
    await client.sendCallbackHeartbeat(callbackId());
    await client.sendCallbackSuccess(callbackId(), LARGE);
    await world.advance(61_000);
    await wake();
    expect(refused()).toEqual([]);
    const charged = { amount: 12, LARGE };
    expect(await client.result("order.r1")).toEqual([
      LARGE.length,
      LARGE,
      "CallbackTimeoutError",
      charged,
      charged,
    ]);

    // One object alone: the engine fails when it empties a directory twice at once.
    const { executionId: stopped } = await client.start("order", { name: "r2" });
    await world.advance(0);
    await client.stop(stopped);
    await client.resume(stopped);
    await client.history(stopped);
    expect((await client.list({ functionName: "order" })).executions).toHaveLength(2);
    await client.stop(stopped);
    expect(await client.purge(stopped)).toBe(true);
    await collectPayloads({ store: operatorStore, nowMs: world.clock.nowMs() });
    await client.start("charge", { name: "alone", retention: { days: 20 } });
    await world.advance(15 * DAY_MS);
    expect((await wake()).purged).toBe(3);
    // Heads of several are read together, and the one of this alone.
    await world.advance(15 * DAY_MS);
    expect((await wake()).purged).toBe(1);

    expect(refused()).toEqual([]);
    expect({ errors: world.errors, failures: world.failures }).toEqual({ errors: [], failures: [] });
    operator.used.delete(S3_LOOKS_AT);
    for (const guard of [workflow, waker, operator]) {
      const needed = guard.allowed.filter((each) => each !== S3_LOOKS_AT && each !== WAKE_UP);
      expect([...guard.used].sort()).toEqual(needed.sort());
    }
  }, 60_000);
});

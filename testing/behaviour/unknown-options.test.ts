/** An option that nobody reads is refused by everything of Tidemark's own, and by nothing that runs on AWS. */

import {
  durableApi,
  durableLambda,
  exactSchedule,
  lambdaFunction,
  lambdaHandler,
  lambdaInvoke,
  plainLambda,
  serveApi,
  wakerHandler,
  wakingStore,
} from "@tidemark/lambda";
import { S3PayloadStore } from "@tidemark/payloads-s3";
import { DurableClient, registeredFunction, runExecution, Worker } from "@tidemark/runtime";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { collectPayloads, MemoryStore, Payloads } from "@tidemark/store";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { SqliteStore } from "@tidemark/store-sqlite";
import {
  assertDeterministic,
  assertGoldenHistories,
  exploreCrashes,
  recordHistory,
  replayHistory,
} from "@tidemark/testing";
import { createRig } from "./rig";

/** What a caller without types may pass. */
const loose = (options: object): never => options as never;

const handler = withDurableExecution(async () => "done");
const store = new MemoryStore();
const client = new DurableClient({ store });
const roleArn = "arn:aws:iam::123456789012:role/wake-up";
const target = (name: string) => name;
const own = { store: () => store, functionName: "order", handler };

type Case = [call: string, run: () => unknown, code: string, message: string];

const STORES: Case[] = [
  [
    "DynamoDbStore.open",
    () => DynamoDbStore.open(loose({ tableName: "executions", shard: 4 })),
    "TIDEMARK_STORE_OPTIONS",
    "DynamoDbStore.open: shard is not an option; did you mean shards? Options: tableName, client, shards, pollIntervalMs, retryTimeoutMs, closeTimeoutMs, expiry, payloads",
  ],
  [
    "SqliteStore.open",
    () => SqliteStore.open(loose({ path: "./never-made.db", durabilty: "normal" })),
    "TIDEMARK_STORE_OPTIONS",
    "SqliteStore.open: durabilty is not an option; did you mean durability? Options: path, durability, busyTimeoutMs, pollIntervalMs, payloads",
  ],
  [
    "SqliteStore.open with a path alone",
    () => SqliteStore.open("./never-made.db" as never),
    "TIDEMARK_STORE_OPTIONS",
    'SqliteStore.open: options is "./never-made.db"; pass an object (options: path, durability, busyTimeoutMs, pollIntervalMs, payloads)',
  ],
  [
    "MemoryStore",
    () => new MemoryStore(loose({ payload: new Payloads() })),
    "TIDEMARK_STORE_OPTIONS",
    "MemoryStore: payload is not an option; did you mean payloads? Options: payloads",
  ],
  [
    "Payloads",
    () => new Payloads(loose({ inlineLimit: 0 })),
    "TIDEMARK_PAYLOAD_OPTIONS",
    "Payloads: inlineLimit is not an option; did you mean inlineLimitBytes? Options: store, codecs, inlineLimitBytes",
  ],
  [
    "collectPayloads",
    () => collectPayloads(loose({ store, nowMs: 0, minAge: 0 })),
    "TIDEMARK_PAYLOAD_OPTIONS",
    "collectPayloads: minAge is not an option; did you mean minAgeMs? Options: store, nowMs, minAgeMs",
  ],
  [
    "S3PayloadStore",
    () => new S3PayloadStore(loose({ bucket: "b", Prefix: "p/" })),
    "TIDEMARK_PAYLOAD_OPTIONS",
    "S3PayloadStore: Prefix is not an option; did you mean prefix? Options: bucket, prefix, client, clientConfig, retryTimeoutMs, serverSideEncryption",
  ],
  [
    "S3PayloadStore with a key that would be ignored",
    () =>
      new S3PayloadStore(loose({ bucket: "b", serverSideEncryption: { algorithm: "aws:kms", keyID: "k" } })),
    "TIDEMARK_PAYLOAD_OPTIONS",
    "S3PayloadStore: serverSideEncryption.keyID is not an option; did you mean keyId? Options: algorithm, keyId",
  ],
];

const RUNTIME: Case[] = [
  [
    "Worker",
    () => new Worker(loose({ store, functions: { handler }, lease: 60_000 })),
    "TIDEMARK_WORKER_CONFIG",
    "lease is not an option; did you mean leaseMs? Options: store, functions, concurrency, ",
  ],
  [
    "runExecution",
    () => {
      const fn = registeredFunction("order", handler);
      return runExecution(
        loose({ store, executionId: "e", fn, deadlineMs: 0, handOverMs: 0, handoverMs: 1, clock: undefined }),
      );
    },
    "TIDEMARK_WORKER_CONFIG",
    "runExecution: handoverMs is not an option; did you mean handOverMs? Options: store, ",
  ],
  [
    "DurableClient",
    () => new DurableClient(loose({ store, payloads: new Payloads() })),
    "TIDEMARK_CLIENT_CONFIG",
    "DurableClient: payloads is not an option; leave it out. Options: store, clock",
  ],
  [
    "DurableClient.start with the input for options",
    () => client.start("order", loose({ id: "order-1", amount: 12 })),
    "TIDEMARK_CLIENT_CONFIG",
    "start: id is not an option; leave it out. Options: input, inputJson, name, timeout, retention. What the function gets is one of them: { input }",
  ],
  [
    "DurableClient.result",
    () => client.result("e", loose({ timeout: 5000 })),
    "TIDEMARK_CLIENT_CONFIG",
    "result: timeout is not an option; did you mean timeoutMs? Options: timeoutMs",
  ],
  [
    "DurableClient.history",
    () => client.history("e", loose({ payload: false })),
    "TIDEMARK_CLIENT_CONFIG",
    "history: payload is not an option; did you mean payloads? Options: payloads",
  ],
  [
    "DurableClient.list",
    () => client.list(loose({ state: "FAILED" })),
    "TIDEMARK_CLIENT_CONFIG",
    "list: state is not an option; did you mean status? Options: functionName, status, startedAfter, startedBefore, oldestFirst, limit, cursor",
  ],
];

const LAMBDA: Case[] = (
  [
    ["lambdaHandler", () => lambdaHandler(loose({ ...own, name: "order" })), "name"],
    ["wakerHandler", () => wakerHandler(loose({ ...own, functions: ["order"] })), "functionName"],
    ["lambdaInvoke", () => lambdaInvoke(loose({ targets: target })), "targets"],
    ["wakingStore", () => wakingStore(store, loose({ send: target })), "send"],
    ["exactSchedule", () => exactSchedule(loose({ roleArn, target, group: "g" })), "group"],
    ["plainLambda", () => plainLambda("charge", loose({ idempotent: true })), "idempotent"],
    ["durableLambda", () => durableLambda("report", loose({ isIdempotent: true })), "isIdempotent"],
    ["lambdaFunction", () => lambdaFunction("order", loose({ timeout: 1 })), "timeout"],
    ["durableApi", () => durableApi(loose({ store, authorise: () => true })), "authorise"],
    ["durableApi", () => durableApi(loose({ store, firstPage: { size: 1 } })), "firstPage.size"],
    ["serveApi", () => serveApi(durableApi({ store }), loose({ hostname: "::" })), "hostname"],
  ] as const
).map(([call, run, name]) => [call, run, "TIDEMARK_LAMBDA_OPTIONS", `${call}: ${name} is not an option; `]);

const KIT: Case[] = (
  [
    ["exploreCrashes", () => exploreCrashes(handler, loose({ pair: 5 })), "pair"],
    ["assertDeterministic", () => assertDeterministic(handler, loose({ seeds: 5 })), "seeds"],
    ["recordHistory", () => recordHistory(handler, loose({ event: {} })), "event"],
    ["replayHistory", () => replayHistory(handler, loose({}), loose({ results: "ignore" })), "results"],
    ["assertGoldenHistories", () => assertGoldenHistories(handler, loose({ dir: "d", name: "n" })), "dir"],
  ] as const
).map(([call, run, name]) => [call, run, "TIDEMARK_EXPLORE_OPTIONS", `${call}: ${name} is not an option; `]);

describe("an unknown option is refused by", () => {
  it.each([...STORES, ...RUNTIME, ...LAMBDA, ...KIT])("%s", async (_call, run, code, message) => {
    const refusal = await (async () => run())().catch((error: unknown) => error);
    expect(refusal).toMatchObject({ name: "TidemarkError", code });
    expect((refusal as Error).message.slice(0, message.length)).toBe(message);
  });
});

/** AWS's SDK ignores what it does not know, and a newer one may know more: changing the import must not fail. */
describe("an unknown option is ignored, as in the AWS SDK, by", () => {
  const newer = loose({ newerThanThis: true });
  const one = async (): Promise<number> => 1;
  it.each<[string, (context: DurableContext) => Promise<unknown>]>([
    ["step", (context) => context.step("s", one, newer)],
    ["runInChildContext", (context) => context.runInChildContext("c", one, newer)],
    ["parallel", (context) => context.parallel("p", [one], newer)],
    ["map", (context) => context.map("m", [1], one, newer)],
    [
      "waitForCondition",
      (context) =>
        context.waitForCondition("w", one, {
          initialState: 0,
          waitStrategy: () => ({ shouldContinue: false }),
          ...(newer as object),
        }),
    ],
  ])("context.%s", async (_name, call) => {
    const rig = await createRig();
    const ending = await rig.run(async (_event, context) => {
      await call(context);
      return "went on";
    });
    expect(ending).toMatchObject({ status: "SUCCEEDED", result: "went on" });
  });

  it("withDurableExecution", async () => {
    const rig = await createRig();
    expect(await rig.run(async () => "ran", undefined, newer)).toMatchObject({ status: "SUCCEEDED" });
  });
});

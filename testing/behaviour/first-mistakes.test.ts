/** What somebody who uses Tidemark for the first time, from JavaScript, gets wrong: refused at once, with what to do. */

import { lambdaHandler, wakerHandler } from "@tidemark/lambda";
import { S3PayloadStore } from "@tidemark/payloads-s3";
import { DurableClient, Worker } from "@tidemark/runtime";
import { type DurableContext, errorFromObject, withDurableExecution } from "@tidemark/sdk";
import { deflateCodec, MemoryPayloadStore, MemoryStore, Payloads } from "@tidemark/store";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { SqliteStore } from "@tidemark/store-sqlite";
import { createRig } from "./rig";

/** What a caller without types may pass. */
const loose = (value: unknown): never => value as never;

const store = new MemoryStore();
const client = new DurableClient({ store });
const handler = withDurableExecution(async () => "done");
const own = { store: () => store, functionName: "order", handler };
const objects = new MemoryPayloadStore({ nowMs: () => 0 });
const inTime = { awsRequestId: "request", getRemainingTimeInMillis: () => 60_000 };

type Case = [mistake: string, run: () => unknown, code: string, message: string];

const CASES: Case[] = [
  [
    "a payload store for payloads, in memory",
    () => new MemoryStore({ payloads: loose(objects) }),
    "TIDEMARK_STORE_OPTIONS",
    "MemoryStore: payloads is a payload store; pass new Payloads({ store })",
  ],
  [
    "a payload store for payloads, in SQLite",
    () => SqliteStore.open({ path: "./never-made.db", payloads: loose(objects) }),
    "TIDEMARK_STORE_OPTIONS",
    "SqliteStore.open: payloads is a payload store; pass new Payloads({ store })",
  ],
  [
    "options for payloads, in DynamoDB",
    () => DynamoDbStore.open({ tableName: "executions", payloads: loose({ inlineLimitBytes: 0 }) }),
    "TIDEMARK_STORE_OPTIONS",
    'DynamoDbStore.open: payloads is {"inlineLimitBytes":0}; pass new Payloads(...)',
  ],
  [
    "an address for a payload store",
    () => new Payloads({ store: loose("s3://bucket") }),
    "TIDEMARK_PAYLOAD_OPTIONS",
    'Payloads: store is "s3://bucket"; pass a payload store, such as new S3PayloadStore({ bucket })',
  ],
  [
    "a codec for codecs",
    () => new Payloads({ codecs: loose(deflateCodec()) }),
    "TIDEMARK_PAYLOAD_OPTIONS",
    'Payloads: codecs is {"name":"deflate-raw","appliesTo":"large"}; pass an array of codecs, such as [deflateCodec()]',
  ],
  [
    "an address for a bucket",
    () => new S3PayloadStore({ bucket: "s3://bucket/prefix" }),
    "TIDEMARK_PAYLOAD_OPTIONS",
    'S3PayloadStore: bucket is "s3://bucket/prefix"; pass the name of a bucket',
  ],
  [
    "new instead of open, in SQLite",
    () => Reflect.construct(SqliteStore, [{ path: "./never-made.db" }]),
    "TIDEMARK_STORE_OPTIONS",
    "SqliteStore.open: a store is opened: use await SqliteStore.open(options), not new",
  ],
  [
    "new instead of open, in DynamoDB",
    () => Reflect.construct(DynamoDbStore, [{ tableName: "executions", shards: 8 }]),
    "TIDEMARK_STORE_OPTIONS",
    "DynamoDbStore.open: a store is opened: use await DynamoDbStore.open(options), not new",
  ],
  [
    "the region for the store and not for its client",
    () => DynamoDbStore.open(loose({ tableName: "executions", region: "eu-west-1" })),
    "TIDEMARK_STORE_OPTIONS",
    "DynamoDbStore.open: region is not an option; pass client: new DynamoDBClient({ region })",
  ],
  [
    "a number from the environment",
    () => DynamoDbStore.open({ tableName: "executions", shards: loose("4") }),
    "TIDEMARK_STORE_OPTIONS",
    'DynamoDbStore.open: shards is "4"; use a whole number from 1 to 256',
  ],
  [
    "an array of functions",
    () => new Worker({ store, functions: loose([handler]) }),
    "TIDEMARK_WORKER_CONFIG",
    "functions is [null]; pass an object of at least one function by name",
  ],
  [
    "a status that there is not",
    () => client.list({ status: loose("failed") }),
    "TIDEMARK_CLIENT_CONFIG",
    'list: status is "failed"; use PENDING, RUNNING, SUCCEEDED, FAILED, TIMED_OUT, STOPPED',
  ],
  [
    "a text for a date",
    () => client.list({ startedAfter: loose("2026-11-21") }),
    "TIDEMARK_CLIENT_CONFIG",
    'list: startedAfter is "2026-11-21"; pass a valid Date',
  ],
  [
    "a date that is none",
    () => client.list({ startedBefore: new Date("soon") }),
    "TIDEMARK_CLIENT_CONFIG",
    "list: startedBefore is Invalid Date; pass a valid Date",
  ],
  [
    "a store and not the function that opens it",
    () => lambdaHandler({ ...own, store: loose(Promise.resolve(store)) }),
    "TIDEMARK_LAMBDA_OPTIONS",
    "store is a promise; pass a function that opens it, such as () => DynamoDbStore.open({ tableName })",
  ],
  [
    "a function that opens nothing",
    () => lambdaHandler({ ...own, store: loose(async () => {}) })({}, inTime),
    "TIDEMARK_LAMBDA_OPTIONS",
    "store() gave undefined; let it give an open store",
  ],
  [
    "a field for the key",
    () => lambdaHandler({ ...own, key: loose("id") }),
    "TIDEMARK_LAMBDA_OPTIONS",
    'key is "id"; pass a function',
  ],
  [
    "a name for the sender of wake-ups",
    () => wakerHandler({ store: () => store, functions: ["order"], invoke: loose("order") }),
    "TIDEMARK_LAMBDA_OPTIONS",
    'invoke is "order"; pass a function',
  ],
];

it.each(CASES)("%s", async (_mistake, run, code, message) => {
  const refusal = await (async () => run())().catch((error: unknown) => error);
  expect(refusal).toMatchObject({ name: "TidemarkError", code, message });
});

it.each<[string, (context: DurableContext) => unknown, string]>([
  [
    "a step that is called and not passed",
    (context) => context.step("charge", loose(Promise.resolve(1))),
    'context.step "charge": fn is a promise; pass a function',
  ],
  [
    "a map over an object",
    (context) => context.map(loose({ a: 1 }), async () => 1),
    'context.map: items is {"a":1}; pass an array',
  ],
  [
    "a map over a set",
    (context) => context.map(loose(new Set([1])), async () => 1),
    "context.map: items is {}; pass an array",
  ],
])("%s", async (_mistake, call, message) => {
  const rig = await createRig();
  const ending = await rig.run(async (_event, context) => {
    await call(context);
  });
  expect(ending).toEqual({
    status: "FAILED",
    error: { ErrorType: "TIDEMARK_ARGUMENT", ErrorMessage: message },
  });
});

it("an error of a record has the stack of the record, or none: that of the line that makes it would mislead", () => {
  const record = { ErrorType: "StepError", ErrorMessage: "no card" };
  expect(errorFromObject(record).stack).toBe("StepError: no card");
  expect(errorFromObject({ ...record, StackTrace: ["StepError: no card", "    at there"] }).stack).toBe(
    "StepError: no card\n    at there",
  );
});

import { DescribeTimeToLiveCommand } from "@aws-sdk/client-dynamodb";
import { DurableClient, Worker } from "@tidemark/runtime";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { MemoryPayloadStore, Payloads } from "@tidemark/store";
import { DynamoDbStore, type DynamoDbStoreOptions, tableDefinition } from "@tidemark/store-dynamodb";
import {
  ending,
  entry,
  execution,
  lease,
  message,
  RETENTION_MS,
  startEnded,
  startRunning,
  step,
  suspension,
  T0,
} from "../../../testing/contract/sample-executions";
import { rigForTests } from "../../../testing/engines/dynamodb-suite";

const rig = rigForTests();

describe("open", () => {
  it.each<[keyof DynamoDbStoreOptions, unknown]>([
    ["tableName", ""],
    ["tableName", "has spaces"],
    ["client", {}],
    ["shards", 0],
    ["shards", 1.5],
    ["shards", 257],
    ["pollIntervalMs", 10],
    ["retryTimeoutMs", -1],
    ["closeTimeoutMs", Number.NaN],
    ["expiry", "never"],
  ])("refuses %s %j", async (option, value) => {
    const options = { tableName: "executions", [option]: value } as DynamoDbStoreOptions;
    await expect(DynamoDbStore.open(options)).rejects.toMatchObject({
      code: "TIDEMARK_STORE_OPTIONS",
      message: expect.stringMatching(`^DynamoDbStore.open: ${option} is .+`),
    });
  });

  it("takes an ARN, and sends nothing", async () => {
    const tableName = "arn:aws:dynamodb:eu-west-1:123456789012:table/executions";
    const store = await DynamoDbStore.open({ tableName });
    await store.close();
    expect(rig.proxy.seen).toEqual([]);
  });
});

describe("start", () => {
  it("makes a function that nobody has registered known with one request, however many come at once", async () => {
    const store = await rig.open();
    rig.proxy.reset();
    await Promise.all(Array.from({ length: 10 }, (_, index) => store.start(execution(`many-${index}`))));

    expect(rig.proxy.seen.filter(({ action }) => action === "PutItem")).toHaveLength(11);
  });
});

describe("ensureTable", () => {
  it("does without the TTL where a local engine has none", async () => {
    rig.tableNameForNext("without-ttl");
    rig.proxy.fault = ({ action }) =>
      action === "UpdateTimeToLive" ? { kind: "error", name: "UnknownOperationException" } : undefined;
    const store = await rig.open();
    await store.ensureTable();

    const { TimeToLiveDescription } = await rig.direct.send(
      new DescribeTimeToLiveCommand({ TableName: "without-ttl" }),
    );
    expect(TimeToLiveDescription?.TimeToLiveStatus).toBe("DISABLED");
    expect(await store.list({ limit: 1 })).toEqual({ heads: [] });
  });

  it("may be called again, and by several at once", async () => {
    rig.tableNameForNext("ensured");
    const stores = await Promise.all([1, 2, 3].map(() => rig.open()));
    await Promise.all(stores.map((store) => store.ensureTable()));
    await stores[0]?.ensureTable();
    expect(await stores[1]?.start(execution("e1"))).toMatchObject({ created: true });
  });

  it("refuses a table and indexes of other keys", async () => {
    const { table } = tableDefinition("other");
    const swapped = (table.GlobalSecondaryIndexes ?? []).map((index) => ({
      ...index,
      IndexName: `${index.IndexName}2`,
    }));
    await rig.create({ ...table, TableName: "other-index", GlobalSecondaryIndexes: swapped });
    await rig.create({
      TableName: "other-keys",
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    });

    const refusal = async (tableName: string) => (await rig.open({ tableName })).ensureTable();
    await expect(refusal("other-index")).rejects.toMatchObject({
      code: "TIDEMARK_STORE_INDEX",
      message: expect.stringContaining("index due is missing"),
    });
    await expect(refusal("other-keys")).rejects.toMatchObject({
      code: "TIDEMARK_STORE_TABLE",
      message: expect.stringContaining("has the keys id, not pk and sk"),
    });
  });
});

describe("items", () => {
  it("carry a TTL from timeout and retention", async () => {
    const store = await rig.open();
    await startRunning(store, "e1", { input: JSON.stringify("i".repeat(2_000)) });
    await store.append("e1", entry(1));
    await store.post(message("e1"));
    await store.finish(ending("e1"));

    const items = await rig.items("E#e1");
    const seconds = String((execution("e1").timeoutAtMs + RETENTION_MS) / 1000);
    expect(items.map(({ sk }) => (sk as { S: string }).S.slice(0, 1))).toEqual(["H", "I", "L", "P"]);
    expect(items.map(({ ttl }) => ttl)).toEqual(Array(4).fill({ N: seconds }));
  });

  it("leave the due index when nothing is due, and log entries are in no index", async () => {
    const store = await rig.open();
    const inDue = async (id: string) =>
      (await rig.items(`E#${id}`)).filter((item) => "duePk" in item || "dueAt" in item).length;
    await startRunning(store, "waits");
    await store.append("waits", entry(1));
    expect(await inDue("waits")).toBe(1);
    await store.suspend(suspension("waits"));
    await startEnded(store, "ended");
    expect([await inDue("waits"), await inDue("ended")]).toEqual([0, 0]);
  });

  it("hold any text, with NUL and with halves of surrogate pairs", async () => {
    const store = await rig.open();
    const odd = "a\0b\ud83d";
    await store.start(execution("e1", { name: odd, tenantId: odd, input: odd }));
    await store.acquire(lease("e1", { owner: odd }));
    await store.append("e1", entry(1, { records: [step("1", odd)] }));
    const event = { kind: "callback_succeeded", id: "1", result: odd } as const;
    await store.post(message("e1", { key: "a\0c", event }));
    await store.finish(ending("e1", { result: odd, error: { ErrorMessage: odd } }));

    expect(await store.load("e1")).toMatchObject({
      head: { name: odd, tenantId: odd, input: odd, result: odd, error: { ErrorMessage: odd } },
      entries: [{ records: [step("1", odd)] }],
      inbox: [{ key: "a\0c", event }],
    });
  });
});

describe("purge", () => {
  it("leaves empty items in the places of barriers and fences, for a week", async () => {
    const store = await rig.open();
    await startRunning(store, "e1", { incarnation: "first" });
    const barrier = { previous: { epoch: 1, startedAtMs: T0, endedAtMs: T0 } };
    await store.append("e1", entry(1));
    await store.append("e1", entry(2, { barrier }));
    await store.append("e1", entry(3));
    await store.append("e1", entry(4, { records: [] }));
    await store.post(message("e1"));
    await store.finish(ending("e1", { epoch: undefined }));
    const beforeMs = Date.now();

    expect(await store.purge("e1")).toBe(true);

    const items = await rig.items("E#e1");
    expect(items).toEqual(
      [2, 4].map((sequence) => ({
        pk: { S: "E#e1" },
        sk: { S: `L#!first#000000000${sequence}` },
        ttl: { N: expect.any(String) },
      })),
    );
    const [ttlMs] = items.map(({ ttl }) => Number((ttl as { N: string }).N) * 1_000);
    expect(ttlMs).toBeGreaterThanOrEqual(beforeMs + 7 * 86_400_000);
    expect(ttlMs).toBeLessThan(beforeMs + 8 * 86_400_000);
  });
});

describe("load", () => {
  it("reads as many pages as there are, a query for each MB", async () => {
    const store = await rig.open();
    await startRunning(store, "e1");
    const entries = Array.from({ length: 12 }, (_, index) =>
      entry(index + 1, { records: [step("1", noise(250_000, index + 1))] }),
    );
    for (const each of entries) await store.append("e1", each);
    rig.proxy.reset();

    expect((await store.load("e1"))?.entries).toEqual(entries);

    const queries = rig.proxy.seen.filter(({ action }) => action === "Query");
    // Compressed, 160 KB each.
    expect(queries).toHaveLength(2);
    expect(queries.every(({ body }) => body.ConsistentRead === true)).toBe(true);
  });

  it("counts no event as seen that it does not give (invariant 6)", async () => {
    const store = await rig.open();
    await startRunning(store, "e1");
    await store.post(message("e1", { key: "a" }));
    await store.post(message("e1", { key: "b" }));
    // As a query sees it that comes between the two writes of a transaction.
    rig.proxy.fault = ({ action }) =>
      action !== "Query" ? undefined : { kind: "answer", change: (answer) => without(answer, /#b$/) };

    const loaded = await store.load("e1");

    expect(loaded?.inbox).toHaveLength(1);
    expect(await store.suspend(suspension("e1", { inboxCount: loaded?.head.inboxCount as number }))).toBe(
      "inbox",
    );
  });
});

function without(answer: Record<string, unknown>, sortKey: RegExp): Record<string, unknown> {
  const items = answer.Items as { sk: { S: string } }[];
  return { ...answer, Items: items.filter(({ sk }) => !sortKey.test(sk.S)) };
}

function noise(length: number, start: number): string {
  let seed = start;
  let text = "";
  while (text.length < length) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    text += seed.toString(36).slice(0, 5);
  }
  return text;
}

describe("a result that no item holds", () => {
  const order = withDurableExecution(async () => noise(800_000, 1));
  const parent = withDurableExecution(async (_: unknown, context: DurableContext) =>
    context.invoke("order", "order", {}),
  );
  const functions = { order, parent };

  it("stops the execution, which ends once the store has a place for payloads", async () => {
    const store = await rig.open();
    const errors: unknown[] = [];
    const worker = new Worker({ store, functions, onError: (error) => errors.push(error) });
    await worker.start();
    const client = new DurableClient({ store });
    const { executionId } = await client.start("order");

    await expect(client.result(executionId)).rejects.toMatchObject({
      status: "STOPPED",
      message: expect.stringMatching(/execution \S+ makes an item of \d+ bytes, at most 409600 are allowed/),
      cause: { code: "TIDEMARK_STORE_ITEM_TOO_LARGE" },
    });
    expect(errors).toEqual([]);
    await worker.stop();

    const payloads = new Payloads({ store: new MemoryPayloadStore({ nowMs: Date.now }) });
    const second = await rig.open({ payloads });
    const itsWorker = new Worker({ store: second, functions });
    await itsWorker.start();
    const itsClient = new DurableClient({ store: second });
    expect(await itsClient.resume(executionId)).toBe(true);
    expect(await itsClient.result(executionId)).toHaveLength(noise(800_000, 1).length);
    await itsWorker.stop();
  }, 10_000);

  it("is told to whoever invoked it", async () => {
    const store = await rig.open();
    const worker = new Worker({ store, functions });
    await worker.start();
    const client = new DurableClient({ store });
    const { executionId } = await client.start("parent");

    await expect(client.result(executionId)).rejects.toMatchObject({
      status: "FAILED",
      message: expect.stringMatching(/makes an item of \d+ bytes, at most 409600 are allowed/),
    });
    await worker.stop();
  }, 10_000);
});

describe("several processes on one table", () => {
  it("run executions together, with steps, children and waits", async () => {
    const open = () => rig.open({ shards: 2, pollIntervalMs: 100 });
    const stores = await Promise.all([open(), open(), open()]);
    const double = withDurableExecution(async (value: number, context: DurableContext) =>
      context.step(async () => 2 * value),
    );
    const sum = withDurableExecution(async (value: number, context: DurableContext) => {
      const doubled = await context.invoke<number, number>("double", "double", value);
      await context.wait({ seconds: 1 });
      return context.step(async () => doubled + 1);
    });
    const workers = stores.slice(0, 2).map((store) => new Worker({ store, functions: { sum, double } }));
    await Promise.all(workers.map((worker) => worker.start()));
    const client = new DurableClient({ store: stores[2] as DynamoDbStore });

    const values = Array.from({ length: 10 }, (_, index) => index);
    const started = await Promise.all(values.map((input) => client.start("sum", { input })));
    const results = await Promise.all(started.map(({ executionId }) => client.result(executionId)));
    await Promise.all(workers.map((worker) => worker.stop()));

    expect(results).toEqual(values.map((value) => 2 * value + 1));
  }, 20_000);
});

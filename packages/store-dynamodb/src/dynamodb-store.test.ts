import { DeleteTableCommand, PutItemCommand, UpdateItemCommand } from "@aws-sdk/client-dynamodb";
import { DurableClient, Worker } from "@tidemark/runtime";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
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

describe("ensureTable", () => {
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

describe("what DynamoDB refuses", () => {
  it("says that the table is missing", async () => {
    const store = await rig.open({ tableName: "nowhere" });
    await expect(store.start(execution("e1"))).rejects.toMatchObject({
      name: "TidemarkError",
      code: "TIDEMARK_STORE_TABLE",
      message: expect.stringMatching(/^store table nowhere: PutItem: the table does not exist .+ensureTable/),
    });
  });

  it("says that an index is missing, or that the table is another one", async () => {
    const { table } = tableDefinition("no-index");
    const { GlobalSecondaryIndexes: _indexes, ...bare } = table;
    const keys = (table.AttributeDefinitions ?? []).slice(0, 2);
    await rig.create({ ...bare, AttributeDefinitions: keys });
    await rig.create({
      TableName: "of-others",
      BillingMode: "PAY_PER_REQUEST",
      KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
      AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
    });

    const store = await rig.open({ tableName: "no-index" });
    await expect(store.due(T0, 1, ["order"])).rejects.toMatchObject({
      code: "TIDEMARK_STORE_INDEX",
      message: expect.stringMatching(/^store table no-index: Query on index due: .+tableDefinition/),
    });
    const other = await rig.open({ tableName: "of-others" });
    await expect(other.head("e1")).rejects.toMatchObject({ code: "TIDEMARK_STORE_TABLE" });
    await expect(other.start(execution("e1"))).rejects.toMatchObject({ code: "TIDEMARK_STORE_TABLE" });
  });

  it("says which action on which resource is not allowed", async () => {
    const store = await rig.open();
    rig.proxy.fault = () => ({ kind: "error", name: "AccessDeniedException", message: "not authorized" });
    await expect(store.due(T0, 1, ["order"])).rejects.toMatchObject({
      code: "TIDEMARK_STORE_ACCESS",
      message: expect.stringContaining(
        `allow dynamodb:Query on table/${rig.tableName}/index/due to this role`,
      ),
    });
    await expect(store.start(execution("e1"))).rejects.toMatchObject({
      message: expect.stringContaining(`allow dynamodb:PutItem on table/${rig.tableName} to this role`),
    });
    rig.proxy.fault = () => ({ kind: "error", name: "ExpiredTokenException" });
    await expect(store.head("e1")).rejects.toMatchObject({
      code: "TIDEMARK_STORE_ACCESS",
      message: expect.stringContaining("credentials"),
    });
  });

  it("passes on what it does not know, with its cause", async () => {
    const store = await rig.open();
    rig.proxy.fault = () => ({ kind: "error", name: "ValidationException", message: "something new" });
    await expect(store.head("e1")).rejects.toMatchObject({
      code: "TIDEMARK_STORE_UNEXPECTED",
      message: expect.stringContaining("ValidationException: something new"),
      cause: { name: "ValidationException" },
    });
  });

  it("goes on when the table is there again", async () => {
    const store = await rig.open();
    await rig.direct.send(new DeleteTableCommand({ TableName: rig.tableName }));
    await expect(store.head("e1")).rejects.toMatchObject({ code: "TIDEMARK_STORE_TABLE" });
    await store.ensureTable();
    expect(await store.head("e1")).toBeUndefined();
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

  it("of a newer format are refused and left as they are, and others go on", async () => {
    const store = await rig.open();
    await startRunning(store, "newer");
    await store.start(execution("other"));
    await rig.direct.send(
      new UpdateItemCommand({
        TableName: rig.tableName,
        Key: { pk: { S: "E#newer" }, sk: { S: "H" } },
        UpdateExpression: "SET f = :f, n = :n",
        ExpressionAttributeValues: { ":f": { N: "99" }, ":n": { S: "newer" } },
      }),
    );
    const before = await rig.items("E#newer");
    const refusal = {
      code: "TIDEMARK_STORE_VERSION",
      message: expect.stringContaining("execution newer has format 99, this version of Tidemark knows 1"),
    };

    await expect(store.load("newer")).rejects.toMatchObject(refusal);
    await expect(store.renew("newer", 1, T0)).rejects.toMatchObject(refusal);
    await expect(store.finish(ending("newer"))).rejects.toMatchObject(refusal);
    await expect(store.start(execution("newer"))).rejects.toMatchObject(refusal);
    expect(await rig.items("E#newer")).toEqual(before);
    expect(await store.acquire(lease("other"))).toMatchObject({ epoch: 1 });
  });

  it("that are damaged are told from those that are of a newer format", async () => {
    const store = await rig.open();
    await startRunning(store, "e1");
    await store.append("e1", entry(1));
    const [, item] = await rig.items("E#e1");
    const put = (e: object) =>
      rig.direct.send(new PutItemCommand({ TableName: rig.tableName, Item: { ...item, e } as never }));
    await put({ S: '{"v":99}' });
    await expect(store.load("e1")).rejects.toMatchObject({ code: "TIDEMARK_LOG_VERSION" });
    await put({ B: Uint8Array.of(1, 2, 3) });
    await expect(store.load("e1")).rejects.toMatchObject({
      code: "TIDEMARK_LOG_CORRUPT",
      message: expect.stringContaining("execution e1: log entry 1 cannot be unpacked"),
    });
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

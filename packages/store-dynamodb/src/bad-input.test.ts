/** What a table that is missing, another one, closed to us or newer than us gets: an error that says what to do. */

import {
  CreateTableCommand,
  DeleteTableCommand,
  PutItemCommand,
  UpdateItemCommand,
  UpdateTableCommand,
} from "@aws-sdk/client-dynamodb";
import { DurableClient, Worker } from "@tidemark/runtime";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { DynamoDbStore, tableDefinition } from "@tidemark/store-dynamodb";
import {
  ending,
  entry,
  execution,
  lease,
  message,
  RETENTION_MS,
  startEnded,
  startRunning,
  T0,
} from "../../../testing/contract/sample-executions";
import { rigForTests } from "../../../testing/engines/dynamodb-suite";
import type { Fault, SeenRequest } from "../../../testing/engines/faulty-proxy";

const rig = rigForTests();

const ACCOUNT = "arn:aws:dynamodb:eu-west-1:123456789012:table";
const ROLE = "arn:aws:sts::123456789012:assumed-role/worker/i-0a1b2c";

/** What AWS says when the policy of a role lacks an action. */
function denied(action: string, resource = `${ACCOUNT}/${rig.tableName}`): Fault {
  return {
    kind: "error",
    name: "AccessDeniedException",
    message: `User: ${ROLE} is not authorized to perform: ${action} on resource: ${resource} because no identity-based policy allows the ${action} action`,
  };
}

async function createTableOfOthers(tableName: string): Promise<void> {
  await rig.create({
    TableName: tableName,
    BillingMode: "PAY_PER_REQUEST",
    KeySchema: [{ AttributeName: "id", KeyType: "HASH" }],
    AttributeDefinitions: [{ AttributeName: "id", AttributeType: "S" }],
  });
}

describe("a table", () => {
  it("that is missing is named, and work goes on when it is there again", async () => {
    const store = await rig.open();
    await rig.direct.send(new DeleteTableCommand({ TableName: rig.tableName }));
    for (const call of [
      () => store.head("e1"),
      () => store.start(execution("e1")),
      () => store.due(T0, 1, ["order"]),
    ])
      await expect(call()).rejects.toMatchObject({
        name: "TidemarkError",
        code: "TIDEMARK_STORE_TABLE",
        message: expect.stringMatching(
          `^store table ${rig.tableName}: \\w+.*: the table does not exist .+ensureTable`,
        ),
      });
    await store.ensureTable();
    expect(await store.head("e1")).toBeUndefined();
  });

  it("that is another one is told from a missing index", async () => {
    const { table } = tableDefinition("no-index");
    const { GlobalSecondaryIndexes: _indexes, ...bare } = table;
    await rig.create({ ...bare, AttributeDefinitions: (table.AttributeDefinitions ?? []).slice(0, 2) });
    await createTableOfOthers("of-others");

    const store = await rig.open({ tableName: "no-index" });
    await expect(store.due(T0, 1, ["order"])).rejects.toMatchObject({
      code: "TIDEMARK_STORE_INDEX",
      message: expect.stringMatching(/^store table no-index: Query on index due: .+tableDefinition/),
    });
    const other = await rig.open({ tableName: "of-others" });
    const anotherTable = {
      code: "TIDEMARK_STORE_TABLE",
      message: expect.stringContaining("the table has other keys than it should"),
    };
    await expect(other.head("e1")).rejects.toMatchObject(anotherTable);
    await expect(other.load("e1")).rejects.toMatchObject(anotherTable);
    await expect(other.start(execution("e1"))).rejects.toMatchObject(anotherTable);
    await expect(other.registerFunctions(["order"])).rejects.toMatchObject(anotherTable);
  });

  it("whose index has lost its name gets its executions run once the index is there", async () => {
    const { table } = tableDefinition("late-index");
    const [due, list] = table.GlobalSecondaryIndexes ?? [];
    await rig.direct.send(
      new CreateTableCommand({
        ...table,
        TableName: "late-index",
        AttributeDefinitions: (table.AttributeDefinitions ?? []).filter(
          ({ AttributeName }) => !AttributeName?.startsWith("due"),
        ),
        GlobalSecondaryIndexes: list === undefined ? [] : [list],
      }),
    );
    const store = await rig.open({ tableName: "late-index" });
    await store.start(execution("e1"));
    await expect(store.due(T0, 1, ["order"])).rejects.toMatchObject({ code: "TIDEMARK_STORE_INDEX" });
    await rig.direct.send(
      new UpdateTableCommand({
        TableName: "late-index",
        AttributeDefinitions: table.AttributeDefinitions,
        GlobalSecondaryIndexUpdates: due === undefined ? [] : [{ Create: due as never }],
      }),
    );
    expect(await store.due(T0, 1, ["order"])).toEqual({ executionIds: ["e1"] });
  });
});

describe("a role", () => {
  const order: [string, (store: DynamoDbStore) => Promise<unknown>, string, string][] = [
    ["read", (store) => store.head("e1"), "dynamodb:GetItem", ""],
    ["write", (store) => store.start(execution("e1")), "dynamodb:PutItem", ""],
    ["look for work", (store) => store.due(T0, 1, ["order"]), "dynamodb:Query", "/index/due"],
    ["list", (store) => store.list({ limit: 1, functionName: "order" }), "dynamodb:Query", "/index/list"],
    ["post", (store) => store.post(message("e2")), "dynamodb:ConditionCheckItem", ""],
    ["register", (store) => store.registerFunctions(["new"]), "dynamodb:BatchWriteItem", ""],
  ];
  it.each(order)("that may not %s is told what to allow on what", async (_, call, action, index) => {
    const store = await rig.open();
    await store.registerFunctions(["order"]);
    await startRunning(store, "e2");
    const resource = `${ACCOUNT}/${rig.tableName}${index}`;
    rig.proxy.fault = () => denied(action, resource);
    await expect(call(store)).rejects.toMatchObject({
      code: "TIDEMARK_STORE_ACCESS",
      message: expect.stringMatching(`; allow ${action} on ${resource} to this role$`),
    });
    rig.proxy.fault = () => undefined;
    await call(store);
  });

  it("is told as much as is known when AWS does not say what it denies", async () => {
    const store = await rig.open();
    await startRunning(store, "e1");
    rig.proxy.fault = () => ({ kind: "error", name: "AccessDeniedException", message: "no" });
    await expect(store.due(T0, 1, ["order"])).rejects.toMatchObject({
      code: "TIDEMARK_STORE_ACCESS",
      message: expect.stringContaining(
        `allow dynamodb:Query on table/${rig.tableName}/index/due to this role`,
      ),
    });
    // IAM knows no permission for transactions.
    await expect(store.post(message("e1"))).rejects.toMatchObject({
      message: expect.stringContaining(
        `allow dynamodb:PutItem, dynamodb:UpdateItem, dynamodb:DeleteItem and dynamodb:ConditionCheckItem on table/`,
      ),
    });
  });

  it.each(["ExpiredTokenException", "UnrecognizedClientException", "InvalidSignatureException"])(
    "whose credentials are refused with %s is told so",
    async (name) => {
      const store = await rig.open();
      rig.proxy.fault = () => ({ kind: "error", name, message: "The security token is not valid" });
      await expect(store.head("e1")).rejects.toMatchObject({
        code: "TIDEMARK_STORE_ACCESS",
        message: expect.stringContaining("the credentials are missing, expired or not valid"),
      });
    },
  );

  it("whose client has no region is told so", async () => {
    const { AWS_REGION, AWS_CONFIG_FILE } = process.env;
    delete process.env.AWS_REGION;
    process.env.AWS_CONFIG_FILE = "/dev/null";
    try {
      const store = await DynamoDbStore.open({ tableName: "executions" });
      await expect(store.head("e1")).rejects.toMatchObject({
        code: "TIDEMARK_STORE_OPTIONS",
        message:
          "store table executions: GetItem: the client has no region; set AWS_REGION, or pass a client: new DynamoDBClient({ region })",
      });
      await store.close();
    } finally {
      Object.assign(process.env, { AWS_REGION, AWS_CONFIG_FILE });
      if (AWS_REGION === undefined) delete process.env.AWS_REGION;
      if (AWS_CONFIG_FILE === undefined) delete process.env.AWS_CONFIG_FILE;
    }
  });

  it("that gets its permission back gets its executions on, from where they were", async () => {
    const store = await rig.open({ pollIntervalMs: 50 });
    const errors: { code?: string }[] = [];
    const ran: string[] = [];
    const order = withDurableExecution(async (_input: unknown, context: DurableContext) => {
      await context.step("first", async () => void ran.push("first"));
      await context.step("second", async () => void ran.push("second"));
      return "done";
    });
    const worker = new Worker({
      store,
      functions: { order },
      onError: (error) => errors.push(error as { code?: string }),
    });
    await worker.start();
    // The entry of the second step.
    rig.proxy.fault = ({ action, body }: SeenRequest) => {
      const sk = (body.Item as { sk?: { S?: string } } | undefined)?.sk?.S ?? "";
      return action === "PutItem" && sk.startsWith("L#") && ran.includes("second")
        ? denied("dynamodb:PutItem")
        : undefined;
    };
    const client = new DurableClient({ store });
    const { executionId } = await client.start("order");
    await new Promise<void>((resolve) => {
      const stop = store.onChange(() => {
        if (errors.length === 0) return;
        stop();
        resolve();
      });
    });
    rig.proxy.fault = () => undefined;

    expect(await client.result(executionId)).toBe("done");
    expect(errors[0]).toMatchObject({
      code: "TIDEMARK_INVOCATION_FAILED",
      message: expect.stringContaining("allow dynamodb:PutItem on arn:aws:dynamodb"),
    });
    expect(ran).toEqual(["first", "second", "second"]);
    await worker.stop();
  }, 20_000);
});

describe("DynamoDB", () => {
  it("is quoted where it says something that is not known, with the cause", async () => {
    const store = await rig.open();
    rig.proxy.fault = () => ({ kind: "error", name: "ValidationException", message: "something new" });
    await expect(store.head("e1")).rejects.toMatchObject({
      code: "TIDEMARK_STORE_UNEXPECTED",
      message: expect.stringContaining("ValidationException: something new"),
      cause: { name: "ValidationException" },
    });
  });

  it("is quoted for the part of a transaction that it refuses", async () => {
    const store = await rig.open();
    await startRunning(store, "e1");
    const refuse = (Message: string): void => {
      rig.proxy.fault = () => ({
        kind: "error",
        name: "TransactionCanceledException",
        message:
          "Transaction cancelled, please refer cancellation reasons for specific reasons [None, ValidationError]",
        reasons: [{ Code: "None" }, { Code: "ValidationError", Message }],
      });
    };
    refuse("Item size has exceeded the maximum allowed size");
    await expect(store.post(message("e1"))).rejects.toMatchObject({ code: "TIDEMARK_STORE_ITEM_TOO_LARGE" });
    refuse("The provided key element does not match the schema");
    await expect(store.post(message("e1"))).rejects.toMatchObject({ code: "TIDEMARK_STORE_TABLE" });
    refuse("something new");
    await expect(store.post(message("e1"))).rejects.toMatchObject({
      code: "TIDEMARK_STORE_UNEXPECTED",
      message: expect.stringContaining("TransactionCanceledException: something new"),
    });
  });
});

describe("items of a newer version", () => {
  const refusal = {
    code: "TIDEMARK_STORE_VERSION",
    message: expect.stringContaining(
      "upgrade @tidemark/store-dynamodb in this process. The execution is unchanged",
    ),
  };

  async function set(executionId: string, sk: string, name: string, value: object): Promise<void> {
    await rig.direct.send(
      new UpdateItemCommand({
        TableName: rig.tableName,
        Key: { pk: { S: `E#${executionId}` }, sk: { S: sk } },
        UpdateExpression: "SET #n = :v",
        ExpressionAttributeNames: { "#n": name },
        ExpressionAttributeValues: { ":v": value as never },
      }),
    );
  }

  it("are refused and left as they are, and others go on", async () => {
    const store = await rig.open();
    await startRunning(store, "newer");
    await store.start(execution("other"));
    await set("newer", "H", "n", { S: "newer" });
    await set("newer", "H", "f", { N: "99" });
    const before = await rig.items("E#newer");

    for (const call of [
      () => store.load("newer"),
      () => store.renew("newer", 1, T0),
      () => store.finish(ending("newer")),
      () => store.start(execution("newer")),
      () => store.post(message("newer")),
    ])
      await expect(call()).rejects.toMatchObject({
        ...refusal,
        message: expect.stringContaining("execution newer has format 99, this version of Tidemark knows 1"),
      });
    expect(await rig.items("E#newer")).toEqual(before);
    expect(await store.acquire(lease("other"))).toMatchObject({ epoch: 1 });
  });

  it("that are packed in an unknown form are refused, and can be read once they are known", async () => {
    const store = await rig.open();
    await startRunning(store, "e1");
    await store.append("e1", entry(1));
    const [, item] = await rig.items("E#e1");
    const sk = item?.sk as { S: string };
    await set("e1", sk.S, "e", { B: Uint8Array.of(9, 2, 3) });
    await expect(store.load("e1")).rejects.toMatchObject(refusal);
    await rig.direct.send(new PutItemCommand({ TableName: rig.tableName, Item: item as never }));
    expect((await store.load("e1"))?.entries).toEqual([entry(1)]);
  });

  it("do not keep expired ones of this version from being removed", async () => {
    const store = await rig.open();
    for (const id of ["a", "newer", "c"]) await startEnded(store, id);
    await set("newer", "H", "f", { N: "99" });

    const nowMs = T0 + 1_000 + RETENTION_MS;
    expect(await store.purgeExpired(nowMs, 10)).toBe(2);
    expect(await rig.items("E#newer")).toHaveLength(1);
  });

  it("do not hide expired ones of this version, however many of them come first", async () => {
    const store = await rig.open({ shards: 1 });
    const newer = Array.from({ length: 25 }, (_, index) => `newer-${index}`);
    for (const id of newer) {
      await startEnded(store, id);
      await set(id, "H", "f", { N: "99" });
    }
    const later = { startedAtMs: T0 + 1 };
    const known = ["a", "b", "c"];
    for (const id of known) {
      await store.start(execution(id, later));
      await store.finish(ending(id, { epoch: undefined }));
    }
    const nowMs = T0 + 1_000 + RETENTION_MS;
    const purged: number[] = [];
    for (let call = 0; call < 4; call++) purged.push(await store.purgeExpired(nowMs, 2));

    expect(purged).toEqual([0, 2, 1, 0]);
    for (const id of known) expect(await rig.items(`E#${id}`)).toEqual([]);
    for (const id of newer) expect(await rig.items(`E#${id}`)).toHaveLength(1);
  });
});

describe("items that are damaged", () => {
  it("are told from those of a newer version", async () => {
    const store = await rig.open();
    await startRunning(store, "e1");
    await store.append("e1", entry(1));
    await store.post(message("e1"));
    const [, event, item] = await rig.items("E#e1");
    const put = (whole: object | undefined, e: object) =>
      rig.direct.send(new PutItemCommand({ TableName: rig.tableName, Item: { ...whole, e } as never }));
    const corrupt = (what: string) => ({
      code: "TIDEMARK_LOG_CORRUPT",
      message: expect.stringContaining(`execution e1: ${what}; restore`),
    });
    await put(item, { S: '{"v":99}' });
    await expect(store.load("e1")).rejects.toMatchObject({
      code: "TIDEMARK_LOG_VERSION",
      message: expect.stringContaining("execution e1: log entry 1 has format 99"),
    });
    await put(item, { B: Uint8Array.of(1, 2, 3) });
    await expect(store.load("e1")).rejects.toMatchObject(corrupt("log entry 1 cannot be unpacked"));
    await put(event, { S: "{" });
    await expect(store.load("e1")).rejects.toMatchObject(corrupt("inbox event settle/1 cannot be read"));
  });
});

describe("an id that DynamoDB does not take as a key", () => {
  it.each([
    ["is too long", "x".repeat(2047)],
    ["is no text", "\ud800"],
  ])("because it %s fails its own reads, and none that go with them", async (_why, id) => {
    const store = await rig.open();
    await startRunning(store, "e1");
    rig.proxy.reset();
    const ids = ["e1", id, "nobody"];
    const found = await Promise.allSettled(ids.map((executionId) => store.head(executionId)));

    expect(found).toEqual([
      { status: "fulfilled", value: expect.objectContaining({ executionId: "e1", status: "RUNNING" }) },
      { status: "rejected", reason: expect.objectContaining({ code: "TIDEMARK_STORE_UNEXPECTED" }) },
      { status: "fulfilled", value: undefined },
    ]);
    expect(rig.proxy.seen.map(({ action }) => action)).toEqual(["BatchGetItem", ...Array(3).fill("GetItem")]);
  });
});

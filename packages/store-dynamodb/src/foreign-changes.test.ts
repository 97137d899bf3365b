/** What a store learns of changes by others, and what looking for them costs. */

import { QueryCommand } from "@aws-sdk/client-dynamodb";
import type { DynamoDbStore } from "@tidemark/store-dynamodb";
import {
  ending,
  entry,
  execution,
  LEASE_MS,
  lease,
  message,
  startRunning,
  suspension,
  T0,
} from "../../../testing/contract/sample-executions";
import { rigForTests } from "../../../testing/engines/dynamodb-suite";

const POLL_MS = 50;

const rig = rigForTests();

/** Resolves with what the store tells next. */
function nextTold(store: DynamoDbStore): Promise<string> {
  return new Promise((resolve) => {
    const stop = store.onChange((executionId) => {
      stop();
      resolve(executionId);
    });
  });
}

/** Resolves when the proxy has seen so many more requests of this action. */
function moreRequests(action: string, count: number): Promise<void> {
  let left = count;
  return new Promise((resolve) => {
    rig.proxy.fault = (request) => {
      if (request.action === action) left -= 1;
      if (left <= 0) resolve();
      return undefined;
    };
  });
}

describe("a store that somebody listens to", () => {
  it("tells who claims work of an execution that another process has made due", async () => {
    const store = await rig.open({ pollIntervalMs: POLL_MS });
    const other = await rig.open();
    await store.due(T0, 10, ["order"]);
    const told = nextTold(store);
    await other.start(execution("e1"));
    expect(await told).toBe("e1");
  });

  it("tells of an event for an execution that runs here, and of no lease of its own", async () => {
    const store = await rig.open({ pollIntervalMs: POLL_MS });
    const other = await rig.open();
    await startRunning(store, "e1");
    await store.due(T0, 10, ["order"]);
    const told = nextTold(store);
    await moreRequests("BatchGetItem", 2);
    await other.post(message("e1"));
    expect(await told).toBe("e1");
  });

  it("looks no longer after an execution that another process has taken over", async () => {
    const store = await rig.open({ pollIntervalMs: POLL_MS });
    const other = await rig.open();
    await startRunning(store, "e1");
    await store.due(T0, 10, ["order"]);
    store.onChange(() => {});
    await moreRequests("BatchGetItem", 1);
    await other.acquire(lease("e1", { owner: "worker-b", nowMs: T0 + LEASE_MS }));
    await moreRequests("Query", 3);
    rig.proxy.reset();
    await moreRequests("Query", 2);
    expect(rig.proxy.seen.map(({ action }) => action)).not.toContain("BatchGetItem");
  });

  it("tells who only waits that something may have changed, and reads nothing", async () => {
    const store = await rig.open({ pollIntervalMs: POLL_MS });
    expect(await nextTold(store)).toBe("");
    expect(rig.proxy.seen).toEqual([]);
  });

  it("reads an idle table once in an interval for each function and shard, writes nothing and tells nothing", async () => {
    const store = await rig.open({ pollIntervalMs: POLL_MS, shards: 4 });
    await store.due(T0, 10, ["order", "refund"]);
    rig.proxy.reset();
    const told: string[] = [];
    const stop = store.onChange((executionId) => told.push(executionId));

    await moreRequests("Query", 3 * 2 * 4);
    stop();

    const actions = new Set(rig.proxy.seen.map(({ action }) => action));
    expect([...actions]).toEqual(["Query"]);
    const units = [...rig.proxy.capacity.values()].map((capacity) => capacity.units);
    expect(new Set(units)).toEqual(new Set([0.5]));
    expect(told).toEqual([]);
  });

  it("tells of an execution once while it stays due", async () => {
    const store = await rig.open({ pollIntervalMs: POLL_MS });
    const other = await rig.open();
    await store.due(T0, 10, ["order"]);
    await other.start(execution("e1"));
    const told: string[] = [];
    store.onChange((executionId) => told.push(executionId));

    await moreRequests("Query", 4);

    expect(told).toEqual(["e1"]);
  });

  it("stops looking with its last listener", async () => {
    const store = await rig.open({ pollIntervalMs: POLL_MS });
    await store.due(T0, 10, ["order"]);
    const stops = [store.onChange(() => {}), store.onChange(() => {})];
    await moreRequests("Query", 1);
    for (const stop of stops) stop();
    await store.head("after-the-last-look");
    rig.proxy.reset();

    await new Promise((resolve) => setTimeout(resolve, 3 * POLL_MS));

    expect(rig.proxy.seen).toEqual([]);
  });
});

describe("the due index, which follows the table with a delay", () => {
  const empty = (answer: Record<string, unknown>) => ({ ...answer, Items: [], Count: 0 });

  it("is helped by what this process has written", async () => {
    const store = await rig.open();
    await store.registerFunctions(["order"]);
    rig.proxy.fault = ({ action, body }) =>
      action === "Query" && body.IndexName === "due" ? { kind: "answer", change: empty } : undefined;

    await store.start(execution("e1"));
    expect(await store.due(T0, 10, ["order"])).toEqual({ executionIds: ["e1"] });
    expect(await store.due(T0, 10, ["refund"])).toEqual({ executionIds: [] });
    await store.acquire(lease("e1"));
    expect((await store.due(T0, 10, ["order"])).executionIds).toEqual([]);
    await store.finish(ending("e1"));
    expect(await store.due(T0 * 2, 10, ["order"])).toEqual({ executionIds: [] });
  });

  it("offers what another has taken once, and not again", async () => {
    const store = await rig.open();
    const other = await rig.open();
    await store.start(execution("e1"));
    await other.acquire(lease("e1"));

    expect((await store.due(T0, 10, ["order"])).executionIds).toEqual(["e1"]);
    expect(await store.acquire(lease("e1"))).toBeUndefined();
    expect((await store.due(T0, 10, ["order"])).executionIds).toEqual([]);
  });

  it("is not asked about the same row again and again while it is behind", async () => {
    const store = await rig.open();
    const other = await rig.open();
    await other.start(execution("e1"));
    await other.start(execution("e2"));
    const stale = (await rig.direct.send(dueRows())).Items;
    await other.acquire(lease("e1"));
    rig.proxy.fault = ({ action, body }) =>
      action === "Query" && body.IndexName === "due"
        ? { kind: "answer", change: (answer) => ({ ...answer, Items: stale }) }
        : undefined;

    expect((await store.due(T0, 10, ["order"])).executionIds.sort()).toEqual(["e1", "e2"]);
    expect(await store.acquire(lease("e1"))).toBeUndefined();
    // Looked at later, should it be true again.
    expect(await store.due(T0, 10, ["order"])).toEqual({ executionIds: ["e2"], nextDueAtMs: T0 + 1_000 });

    await other.suspend(suspension("e1", { dueAtMs: T0 + 40 }));
    rig.proxy.fault = () => undefined;
    expect((await store.due(T0 + 40, 10, ["order"])).executionIds.sort()).toEqual(["e1", "e2"]);
    expect(await store.acquire(lease("e1", { nowMs: T0 + 40 }))).toMatchObject({ epoch: 2 });
  });
});

function dueRows(): QueryCommand {
  return new QueryCommand({
    TableName: rig.tableName,
    IndexName: "due",
    KeyConditionExpression: "duePk = :p",
    ExpressionAttributeValues: { ":p": { S: "0#order" } },
  });
}

describe("close", () => {
  it("aborts what hangs, after closeTimeoutMs, and leaves a client of others usable", async () => {
    const client = rig.engine.client({ endpoint: rig.proxy.endpoint });
    const store = await rig.open({ client, closeTimeoutMs: 100 });
    await startRunning(store, "e1");
    rig.proxy.fault = ({ action }) => (action === "PutItem" ? { kind: "hang" } : undefined);
    const append = store.append("e1", entry(1));
    const refused = expect(append).rejects.toMatchObject({
      code: "TIDEMARK_STORE_CLOSED",
      message: expect.stringContaining(`store table ${rig.tableName} has been closed`),
    });

    await store.close();

    await refused;
    rig.proxy.fault = () => undefined;
    const next = await rig.open({ client });
    expect(await next.append("e1", entry(1))).toEqual({ appended: true });
  });

  it("ends a request that waits to be sent again", async () => {
    const store = await rig.open({ closeTimeoutMs: 50, retryTimeoutMs: 60_000 });
    rig.proxy.fault = () => ({ kind: "error", name: "ThrottlingException" });
    const refused = expect(store.head("e1")).rejects.toMatchObject({ code: "TIDEMARK_STORE_CLOSED" });
    await store.close();
    await refused;
  });

  it("stops telling, and takes no listener", async () => {
    const store = await rig.open({ pollIntervalMs: POLL_MS });
    const told: string[] = [];
    store.onChange((executionId) => told.push(executionId));
    await store.close();
    store.onChange((executionId) => told.push(executionId))();
    await new Promise((resolve) => setTimeout(resolve, 2 * POLL_MS));
    expect(told).toEqual([]);
  });
});

describe("expiry", () => {
  it("is left to DynamoDB where that is asked for", async () => {
    const store = await rig.open({ expiry: "ttl" });
    await startRunning(store, "e1");
    await store.finish(ending("e1"));
    rig.proxy.reset();
    expect(await store.purgeExpired(T0 * 2, 10)).toBe(0);
    expect(rig.proxy.seen).toEqual([]);
    expect(await store.head("e1")).toBeDefined();
  });
});

/** What is tried again, and what comes of it. */

import { setTimeout as sleep } from "node:timers/promises";
import type { DynamoDbStore } from "@tidemark/store-dynamodb";
import {
  ending,
  entry,
  execution,
  message,
  startEnded,
  startRunning,
  T0,
} from "../../../testing/contract/sample-executions";
import { rigForTests } from "../../../testing/engines/dynamodb-suite";
import type { Fault } from "../../../testing/engines/faulty-proxy";

const rig = rigForTests();

/** The next requests of this action have this fault. */
function failNext(times: number, action: string, fault: Fault): void {
  let left = times;
  rig.proxy.fault = (request) => (request.action === action && left-- > 0 ? fault : undefined);
}

const CONFLICT: Fault = {
  kind: "error",
  name: "TransactionCanceledException",
  reasons: [{ Code: "None" }, { Code: "TransactionConflict" }],
};

describe("requests that are refused for a while", () => {
  const PASSING: [string, Fault][] = [
    [
      "ProvisionedThroughputExceededException",
      { kind: "error", name: "ProvisionedThroughputExceededException" },
    ],
    ["ThrottlingException", { kind: "error", name: "ThrottlingException" }],
    ["RequestLimitExceeded", { kind: "error", name: "RequestLimitExceeded" }],
    ["InternalServerError", { kind: "error", name: "InternalServerError", status: 500 }],
    ["TransactionConflictException", { kind: "error", name: "TransactionConflictException" }],
  ];

  describe.each(PASSING)("with %s", (_, fault) => {
    it.each([1, 3])("are sent again, where the client makes %i attempts itself", async (maxAttempts) => {
      const store = await rig.open({ clientConfig: { maxAttempts } });
      await startRunning(store, "e1");
      failNext(maxAttempts + 1, "PutItem", fault);

      expect(await store.append("e1", entry(1))).toEqual({ appended: true });
      expect((await store.load("e1"))?.entries).toEqual([entry(1)]);
    });
  });

  it("are sent again when a transaction is in conflict or throttled, and land once", async () => {
    const store = await rig.open();
    await startRunning(store, "e1");
    failNext(3, "TransactWriteItems", CONFLICT);
    expect(await store.post(message("e1"))).toEqual({ kind: "posted" });
    failNext(3, "TransactWriteItems", { ...CONFLICT, reasons: [{ Code: "ThrottlingError" }] });
    expect(await store.post(message("e1", { key: "b" }))).toEqual({ kind: "posted" });

    expect((await store.load("e1"))?.head.inboxCount).toBe(2);
  });

  it("are given up after some seconds without an answer, and given longer when they are sent again", async () => {
    const store = await rig.open();
    await startRunning(store, "e1");
    let attempts = 0;
    rig.proxy.fault = async ({ action }) => {
      if (action !== "PutItem") return undefined;
      attempts += 1;
      if (attempts === 1) return { kind: "hang" };
      await sleep(4_500);
      return undefined;
    };
    expect(await store.append("e1", entry(1))).toEqual({ appended: true });
    expect(attempts).toBe(2);
  }, 20_000);

  it("are not given up because they wait for those that were asked for before", async () => {
    const store = await rig.open();
    await store.registerFunctions(["order"]);
    let attempts = 0;
    rig.proxy.fault = async () => {
      attempts += 1;
      await sleep(600);
      return undefined;
    };
    const ids = Array.from({ length: 400 }, (_, index) => `e${index}`);
    const started = await Promise.all(ids.map((id) => store.start(execution(id))));

    // What is sent twice is found, and given as it was found: created all the same.
    expect([attempts, started.filter(({ created }) => created).length]).toEqual([400, 400]);
  }, 20_000);

  it("are not given up when their answer has come while the event loop was held up", async () => {
    const client = rig.engine.client();
    const store = await rig.open({ client });
    await startRunning(store, "e1");
    const holdUp = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 4_200);
    client.middlewareStack.add(
      (next) => (args) => {
        const answer = next(args);
        // The request is on its way.
        setImmediate(holdUp);
        return answer;
      },
      { step: "finalizeRequest", priority: "low" },
    );
    // It would be `existing` if it had been sent again.
    expect(await store.append("e1", entry(1))).toEqual({ appended: true });
  }, 20_000);

  it("keep their token, so that a transaction is carried out once", async () => {
    const store = await rig.open();
    await startRunning(store, "e1");
    rig.proxy.reset();
    failNext(2, "TransactWriteItems", CONFLICT);
    await store.post(message("e1"));

    const tokens = rig.proxy.seen.map(({ body }) => body.ClientRequestToken);
    expect(tokens).toHaveLength(3);
    expect(new Set(tokens).size).toBe(1);
  });

  it.each([
    ["THROTTLED", { kind: "error", name: "ThrottlingException" }],
    ["CONFLICT", { kind: "error", name: "TransactionConflictException" }],
    ["UNREACHABLE", { kind: "error", name: "InternalServerError", status: 500 }],
    ["UNREACHABLE", { kind: "lose-request" }],
  ] as const)("fail with %s after retryTimeoutMs", async (code, fault) => {
    const store = await rig.open({ retryTimeoutMs: 100 });
    await startRunning(store, "e1");
    failNext(Number.POSITIVE_INFINITY, "PutItem", fault);

    await expect(store.append("e1", entry(1))).rejects.toMatchObject({
      code: `TIDEMARK_STORE_${code}`,
      message: expect.stringMatching(`^store table ${rig.tableName}: PutItem: .+`),
    });
    rig.proxy.fault = () => undefined;
    expect(await store.append("e1", entry(1))).toEqual({ appended: true });
  });
});

describe("batches of which a part is not processed", () => {
  let store: DynamoDbStore;
  beforeEach(async () => {
    store = await rig.open({ retryTimeoutMs: 500 });
  });

  it("send the rest again", async () => {
    const ids = ["a", "b", "c"];
    for (const [index, id] of ids.entries()) await store.start(execution(id, { startedAtMs: T0 + index }));
    let isFirst = true;
    rig.proxy.fault = ({ action }) => {
      if (action !== "BatchGetItem" || !isFirst) return undefined;
      isFirst = false;
      return { kind: "answer", change: (answer) => halfRead(answer, rig.tableName) };
    };
    expect(
      (await store.list({ limit: 10, oldestFirst: true })).heads.map((head) => head.executionId),
    ).toEqual(ids);
  });

  it("write the rest again, and give up when it goes on", async () => {
    failNext(1, "BatchWriteItem", { kind: "answer", change: () => unwritten(rig.tableName) });
    await store.registerFunctions(["f"]);
    expect(await store.hasFunction("f")).toBe(true);

    failNext(Number.POSITIVE_INFINITY, "BatchWriteItem", {
      kind: "answer",
      change: () => unwritten(rig.tableName),
    });
    await expect(store.registerFunctions(["g"])).rejects.toMatchObject({ code: "TIDEMARK_STORE_THROTTLED" });
  });

  it("are deleted in portions", async () => {
    await startRunning(store, "e1");
    for (let sequence = 1; sequence <= 60; sequence++) await store.append("e1", entry(sequence));
    await store.finish(ending("e1"));
    rig.proxy.reset();

    expect(await store.purge("e1")).toBe(true);

    expect(await rig.items("E#e1")).toEqual([]);
    expect(rig.proxy.seen.filter(({ action }) => action === "BatchWriteItem")).toHaveLength(3);
  });

  it("leave nothing that matters when the process dies in the middle of a removal", async () => {
    await startEnded(store, "e1");
    await startRunning(store, "e2");
    await store.append("e2", entry(1));
    await store.post(message("e2"));
    await store.finish(ending("e2"));
    failNext(Number.POSITIVE_INFINITY, "BatchWriteItem", { kind: "lose-request" });
    await expect(store.purge("e2")).rejects.toMatchObject({ code: "TIDEMARK_STORE_UNREACHABLE" });
    rig.proxy.fault = () => undefined;
    expect((await rig.items("E#e2")).length).toBeGreaterThan(0);

    await startRunning(store, "e2");
    const next = entry(1, { nonce: "of the next" });
    expect(await store.append("e2", next)).toEqual({ appended: true });
    expect(await store.post(message("e2"))).toEqual({ kind: "posted" });
    expect(await store.load("e2")).toMatchObject({ entries: [next], inbox: [{ key: "settle/1" }] });
  });
});

function halfRead(answer: Record<string, unknown>, tableName: string): Record<string, unknown> {
  const items = (answer.Responses as Record<string, { pk: unknown; sk: unknown }[]>)[tableName] ?? [];
  const [first, ...rest] = items;
  const keys = rest.map(({ pk, sk }) => ({ pk, sk }));
  return { Responses: { [tableName]: [first] }, UnprocessedKeys: { [tableName]: { Keys: keys } } };
}

function unwritten(tableName: string): Record<string, unknown> {
  const Item = { pk: { S: "F" }, sk: { S: "f" }, r: { N: "1" } };
  return { UnprocessedItems: { [tableName]: [{ PutRequest: { Item } }] } };
}

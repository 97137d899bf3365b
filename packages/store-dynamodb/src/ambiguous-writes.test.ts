/** What is answered when a write has landed and its answer was lost (invariant 4). */

import type { DynamoDbStore } from "@tidemark/store-dynamodb";
import {
  callbackResult,
  ending,
  entry,
  execution,
  LEASE_MS,
  lease,
  message,
  startEnded,
  startRunning,
  suspension,
  T0,
} from "../../../testing/contract/sample-executions";
import { rigForTests } from "../../../testing/engines/dynamodb-suite";

const rig = rigForTests();

/** The answer to the next write is lost; `meanwhile` happens before the write is sent again. */
function loseNextAnswer(meanwhile: () => Promise<unknown> = async () => {}): void {
  let writes = 0;
  rig.proxy.fault = async ({ action }) => {
    if (!["PutItem", "TransactWriteItems", "DeleteItem"].includes(action)) return undefined;
    writes += 1;
    if (writes === 2) {
      rig.proxy.fault = () => undefined;
      await meanwhile();
    }
    return writes === 1 ? { kind: "lose-answer" } : undefined;
  };
}

describe.each([
  ["the store sends again", 1],
  ["the client sends again by itself", 3],
])("a write whose answer was lost, where %s", (_, maxAttempts) => {
  let store: DynamoDbStore;
  beforeEach(async () => {
    store = await rig.open({ clientConfig: { maxAttempts } });
    await store.registerFunctions(["order"]);
  });

  it("has started the execution", async () => {
    loseNextAnswer();
    expect(await store.start(execution("e1"))).toMatchObject({ created: true, head: { epoch: 0 } });
    expect(await store.start(execution("e1"))).toMatchObject({ created: false });
  });

  it("has taken the lease", async () => {
    await store.start(execution("e1"));
    loseNextAnswer();
    expect(await store.acquire(lease("e1"))).toMatchObject({ epoch: 1, owner: "worker-a" });
    expect(await store.acquire(lease("e1"))).toBeUndefined();
  });

  it("is in the log, as the entry's nonce tells", async () => {
    await startRunning(store, "e1");
    loseNextAnswer();
    expect(await store.append("e1", entry(1))).toEqual({ appended: false, existing: entry(1) });
    expect(await store.append("e1", entry(2))).toEqual({ appended: true });
    expect((await store.load("e1"))?.entries).toEqual([entry(1), entry(2)]);
  });

  it("has renewed and given back the lease", async () => {
    await startRunning(store, "e1");
    loseNextAnswer();
    expect(await store.renew("e1", 1, T0 + 2 * LEASE_MS)).toBe(true);
    loseNextAnswer();
    expect(await store.suspend(suspension("e1", { dueAtMs: T0 + 500 }))).toBe("suspended");
    expect(await store.head("e1")).toMatchObject({ status: "PENDING", dueAtMs: T0 + 500 });
  });

  it("has ended the execution", async () => {
    await startRunning(store, "e1");
    loseNextAnswer();
    expect(await store.finish(ending("e1", { result: "1" }))).toBe("finished");
    expect(await store.finish(ending("e1", { result: "2" }))).toBe("ended");
  });

  it("has ended a child and posted its outcome once", async () => {
    await startRunning(store, "parent");
    await startRunning(store, "child", { parent: { executionId: "parent", operationId: "3" } });
    loseNextAnswer();
    expect(await store.finish(ending("child", { result: "1" }))).toBe("finished");
    expect(await store.load("parent")).toMatchObject({
      head: { inboxCount: 1 },
      inbox: [{ key: "settle/3" }],
    });
  });

  it.each(["once", "replace"] as const)("has posted in mode %s, and counts once", async (mode) => {
    await startRunning(store, "e1");
    loseNextAnswer();
    expect(await store.post(message("e1", { mode }))).toEqual({ kind: "posted" });
    expect(await store.load("e1")).toMatchObject({ head: { inboxCount: 1 }, inbox: [{ key: "settle/1" }] });
  });

  it("has resumed, and has purged", async () => {
    await startEnded(store, "e1", { status: "STOPPED" });
    loseNextAnswer();
    expect(await store.resume("e1", T0)).toBe(true);
    await store.finish(ending("e1", { epoch: undefined }));
    loseNextAnswer();
    expect(await store.purge("e1")).toBe(true);
    expect(await store.load("e1")).toBeUndefined();
  });

  it("is sent again when it had not landed", async () => {
    await startRunning(store, "e1");
    rig.proxy.fault = ({ index }) => (index === 0 ? { kind: "lose-request" } : undefined);
    rig.proxy.seen.length = 0;
    expect(await store.append("e1", entry(1))).toEqual({ appended: true });
  });
});

describe("a write whose answer was lost, and that another write has followed", () => {
  let store: DynamoDbStore;
  let other: DynamoDbStore;
  beforeEach(async () => {
    store = await rig.open();
    other = await rig.open();
    await store.registerFunctions(["order"]);
  });

  it("has taken the lease, though two events have come since", async () => {
    await store.start(execution("e1"));
    loseNextAnswer(async () => {
      await other.post(message("e1", { key: "a" }));
      await other.post(message("e1", { key: "b" }));
    });
    expect(await store.acquire(lease("e1"))).toMatchObject({ epoch: 1, owner: "worker-a" });
  });

  it("has taken its own lease, and not that of another who took over since", async () => {
    await store.start(execution("e1"));
    loseNextAnswer(() => other.acquire(lease("e1", { owner: "worker-b", nowMs: T0 + LEASE_MS })));
    expect(await store.acquire(lease("e1"))).toMatchObject({ epoch: 1, owner: "worker-a" });
    expect(await store.head("e1")).toMatchObject({ epoch: 2, owner: "worker-b" });
  });

  it("has given the lease back, though an event has woken the execution since", async () => {
    await startRunning(store, "e1");
    loseNextAnswer(() => other.post(message("e1", { nowMs: T0 + 40 })));
    expect(await store.suspend(suspension("e1", { dueAtMs: T0 + 500 }))).toBe("suspended");
    expect(await store.head("e1")).toMatchObject({ status: "PENDING", dueAtMs: T0 + 40, inboxCount: 1 });
  });

  it("is somebody else's when it had not landed", async () => {
    await store.start(execution("e1"));
    let isFirst = true;
    rig.proxy.fault = async ({ action }) => {
      if (action !== "PutItem" || !isFirst) return undefined;
      isFirst = false;
      await other.acquire(lease("e1", { owner: "worker-b" }));
      return { kind: "lose-request" };
    };
    expect(await store.acquire(lease("e1"))).toBeUndefined();
    expect(await store.head("e1")).toMatchObject({ owner: "worker-b", epoch: 1 });
  });

  it("gives a key that another has taken to the other", async () => {
    await startRunning(store, "e1");
    let isFirst = true;
    rig.proxy.fault = async ({ action }) => {
      if (action !== "TransactWriteItems" || !isFirst) return undefined;
      isFirst = false;
      await other.post(message("e1", { event: callbackResult("1", '"first"') }));
      return { kind: "lose-request" };
    };
    expect(await store.post(message("e1"))).toEqual({ kind: "taken", by: callbackResult("1", '"first"') });
  });
});

/** How snapshots are kept in the table, what they cost, and what a crash or another process leaves behind. */

import { DeleteItemCommand, PutItemCommand } from "@aws-sdk/client-dynamodb";
import type { SnapshotRequest } from "@tidemark/store";
import type { DynamoDbStore } from "@tidemark/store-dynamodb";
import {
  ending,
  entry,
  lease,
  message,
  startRunning,
  step,
  suspension,
  T0,
} from "../../../testing/contract/sample-executions";
import { rigForTests } from "../../../testing/engines/dynamodb-suite";
import type { SeenRequest } from "../../../testing/engines/faulty-proxy";

const rig = rigForTests();
let store: DynamoDbStore;
beforeEach(async () => {
  store = await rig.open();
  await store.registerFunctions(["order"]);
  await startRunning(store, "e1");
  for (const sequence of [1, 2, 3, 4]) await store.append("e1", entry(sequence));
  rig.proxy.reset();
});

function snapshot(sequence: number, text = `snapshot of ${sequence}`): SnapshotRequest {
  return { executionId: "e1", sequence, nonce: `nonce-${sequence}`, text };
}

/** Hardly compressible. */
function noise(length: number): string {
  let seed = 7;
  let text = "";
  while (text.length < length) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    text += seed.toString(36).slice(0, 5);
  }
  return text;
}

/** Parts of snapshots: of which entries, and which part. */
async function parts(): Promise<string[]> {
  const items = (await rig.items("E#e1")) as { sk: { S: string }; e?: unknown }[];
  return items
    .filter(({ e }) => e !== undefined)
    .map(({ sk }) => sk.S.split("#"))
    .filter(([kind]) => kind === "S")
    .map(([, , sequence, part]) => `${9_999_999_999 - Number(sequence)}/${Number(part)}`);
}

function actions(): string[] {
  return rig.proxy.seen.map(({ action }) => action);
}

/** Does `work` once, before the first request that `isNext` is true of goes on. */
function before(isNext: (request: SeenRequest) => boolean, work: () => Promise<unknown>): void {
  let isDone = false;
  rig.proxy.fault = async (request) => {
    if (isDone || !isNext(request)) return undefined;
    isDone = true;
    await work();
    return undefined;
  };
}

const isHeadWrite = ({ action, body }: SeenRequest) =>
  action === "PutItem" && JSON.stringify(body.Item).includes('"sk":{"S":"H"}');
const isPartWrite = (request: SeenRequest) => request.action === "PutItem" && !isHeadWrite(request);
const isQuery = ({ action }: SeenRequest) => action === "Query";

describe("a snapshot", () => {
  it("is parts, and then a pointer on the head; those of the one before are emptied", async () => {
    const text = noise(300_000);
    expect(await store.saveSnapshot(snapshot(2, text))).toBe(true);

    expect(actions()).toEqual(["GetItem", "GetItem", "PutItem", "PutItem", "PutItem", "PutItem"]);
    expect(await parts()).toEqual(["2/0", "2/1", "2/2"]);
    expect((await store.load("e1"))?.snapshot?.text === text).toBe(true);

    rig.proxy.reset();
    expect(await store.saveSnapshot(snapshot(3))).toBe(true);
    expect(actions()).toEqual(["GetItem", "GetItem", ...Array(5).fill("PutItem")]);
    expect(await parts()).toEqual(["3/0"]);
    const items = (await rig.items("E#e1")) as { sk: { S: string }; ttl: { N: string }; e?: unknown }[];
    const emptied = items.filter(({ sk, e }) => sk.S.startsWith("S#") && e === undefined);
    expect(emptied.map((item) => Object.keys(item).sort())).toEqual(Array(3).fill(["pk", "sk", "ttl"]));
    for (const { ttl } of emptied) expect(Number(ttl.N) * 1000).toBeLessThanOrEqual(Date.now());
  });

  it("carries the TTL of its execution, and goes with it", async () => {
    await store.saveSnapshot(snapshot(2));
    const items = (await rig.items("E#e1")) as { sk: { S: string }; ttl: { N: string } }[];
    expect(new Set(items.map(({ ttl }) => ttl.N)).size).toBe(1);

    await store.finish(ending("e1"));
    expect(await store.purge("e1")).toBe(true);
    expect(await rig.items("E#e1")).toEqual([]);
  });

  it("makes a load two queries of what is live, for who knows of it", async () => {
    const dead = entry(5, { records: [step("5", noise(200_000))] });
    await store.append("e1", dead);
    await store.append("e1", entry(6));
    await store.post(message("e1"));
    const before = await store.load("e1");
    expect(rig.proxy.capacity.get(rig.proxy.seen.at(-1) as SeenRequest)?.units).toBeGreaterThan(30);
    await store.saveSnapshot(snapshot(5));
    rig.proxy.reset();

    const loaded = await store.load("e1");

    expect(loaded).toEqual({
      ...before,
      snapshot: { sequence: 5, text: "snapshot of 5" },
      entries: [entry(6)],
    });
    const units = rig.proxy.seen.map((seen) => rig.proxy.capacity.get(seen)?.units ?? 0);
    expect(actions()).toEqual(["Query", "Query"]);
    expect(units.reduce((sum, each) => sum + each)).toBeLessThanOrEqual(3);
  });

  it("is found by a process that did not know of it", async () => {
    const elsewhere = await rig.open();
    await elsewhere.load("e1");
    await store.saveSnapshot(snapshot(3));
    await store.suspend(suspension("e1", { dueAtMs: T0 + 5 }));

    expect(await elsewhere.acquire(lease("e1", { nowMs: T0 + 5 }))).toMatchObject({ epoch: 2 });
    expect(await elsewhere.load("e1")).toMatchObject({ snapshot: { sequence: 3 }, entries: [entry(4)] });
    expect(await (await rig.open()).load("e1")).toMatchObject({ snapshot: { sequence: 3 } });
  });

  it("costs an execution without one nothing", async () => {
    const elsewhere = await rig.open();
    rig.proxy.reset();
    await elsewhere.load("e1");
    await store.load("e1");

    expect(actions()).toEqual(["Query", "Query"]);
    const [head] = (await rig.items("E#e1")) as Record<string, unknown>[];
    expect(head).not.toHaveProperty("ss");
  });
});

describe("a process that dies while it saves a snapshot", () => {
  it("leaves the one before in place, until its parts are all there", async () => {
    await store.saveSnapshot(snapshot(1));
    rig.proxy.fault = (request) =>
      isHeadWrite(request) ? { kind: "error", name: "ValidationException" } : undefined;
    await expect(store.saveSnapshot(snapshot(3))).rejects.toMatchObject({
      code: "TIDEMARK_STORE_UNEXPECTED",
    });
    rig.proxy.fault = () => undefined;

    expect(await parts()).toEqual(["3/0", "1/0"]);
    const elsewhere = await rig.open();
    expect(await elsewhere.load("e1")).toMatchObject({ snapshot: { sequence: 1, text: "snapshot of 1" } });
    // The same again is the same.
    expect(await elsewhere.saveSnapshot(snapshot(3))).toBe(true);
    expect(await parts()).toEqual(["3/0"]);
  });

  it("leaves parts of the one before, which no load reads", async () => {
    await store.saveSnapshot(snapshot(1, noise(300_000)));
    let writes = 0;
    rig.proxy.fault = (request) =>
      isPartWrite(request) && ++writes === 2 ? { kind: "error", name: "ValidationException" } : undefined;
    await expect(store.saveSnapshot(snapshot(4))).rejects.toMatchObject({
      code: "TIDEMARK_STORE_UNEXPECTED",
    });
    rig.proxy.reset();

    expect(await store.load("e1")).toMatchObject({
      snapshot: { sequence: 4, text: "snapshot of 4" },
      entries: [],
    });
    const units = rig.proxy.seen.filter(isQuery).map((seen) => rig.proxy.capacity.get(seen)?.units ?? 0);
    expect(units.reduce((sum, each) => sum + each)).toBeLessThanOrEqual(3);
  });
});

describe("a snapshot and another process", () => {
  it("that has the lease: each write of the head leaves what the other one wrote", async () => {
    const other = await rig.open();
    before(isHeadWrite, async () => {
      await other.renew("e1", 1, T0 + 99_000);
      await other.post(message("e1"));
    });

    expect(await store.saveSnapshot(snapshot(3))).toBe(true);

    expect(await store.load("e1")).toMatchObject({
      head: { dueAtMs: T0 + 99_000, inboxCount: 1 },
      snapshot: { sequence: 3 },
      inbox: [{ key: "settle/1" }],
    });
    await other.suspend(suspension("e1", { inboxCount: 1, dueAtMs: T0 + 5 }));
    expect(await other.load("e1")).toMatchObject({ head: { status: "PENDING" }, snapshot: { sequence: 3 } });
  });

  it("that saves a later one first: the earlier one is not pointed at", async () => {
    const other = await rig.open();
    before(isHeadWrite, () => other.saveSnapshot(snapshot(4)));

    expect(await store.saveSnapshot(snapshot(3))).toBe(false);

    expect(await store.load("e1")).toMatchObject({
      snapshot: { sequence: 4, text: "snapshot of 4" },
      entries: [],
    });
  });

  it("that replaces it while it is loaded: the load begins again", async () => {
    await store.saveSnapshot(snapshot(1));
    const other = await rig.open();
    let queries = 0;
    before(
      (request) => isQuery(request) && ++queries === 2,
      () => other.saveSnapshot(snapshot(4)),
    );

    expect(await store.load("e1")).toMatchObject({
      snapshot: { sequence: 4, text: "snapshot of 4" },
      entries: [],
    });
  });

  it("that removes the execution while it is loaded: it is unknown", async () => {
    await store.saveSnapshot(snapshot(4));
    await store.finish(ending("e1"));
    const other = await rig.open();
    before(isQuery, () => other.purge("e1"));

    expect(await store.load("e1")).toBeUndefined();
  });

  it("that starts another execution under its id: it gets none of it", async () => {
    const other = await rig.open();
    before(isHeadWrite, async () => {
      await other.finish(ending("e1"));
      await other.purge("e1");
      await startRunning(other, "e1", { startedAtMs: T0 + 1 });
      await other.append("e1", entry(1, { nonce: "of the next" }));
    });

    expect(await store.saveSnapshot(snapshot(3))).toBe(false);

    const loaded = await store.load("e1");
    expect(loaded).toMatchObject({ head: { startedAtMs: T0 + 1 }, entries: [{ nonce: "of the next" }] });
    expect(loaded).not.toHaveProperty("snapshot");
  });
});

describe("a snapshot of which", () => {
  async function keyOfFirstPart() {
    const items = (await rig.items("E#e1")) as Record<string, { S: string }>[];
    const item = items.find(({ sk }) => sk?.S.startsWith("S#")) as Record<string, { S: string }>;
    return { pk: item.pk as { S: string }, sk: item.sk as { S: string } };
  }

  it("a part is missing is given as damaged, and the log is there", async () => {
    await store.saveSnapshot(snapshot(3, noise(300_000)));
    await rig.direct.send(new DeleteItemCommand({ TableName: rig.tableName, Key: await keyOfFirstPart() }));

    const loaded = await store.load("e1");

    expect(loaded?.snapshot).toEqual({ sequence: 3, text: undefined });
    expect(await store.entries("e1", 0, 10)).toEqual([entry(1), entry(2), entry(3), entry(4)]);
  });

  it("a part cannot be unpacked is given as damaged", async () => {
    await store.saveSnapshot(snapshot(3));
    const Item = { ...(await keyOfFirstPart()), e: { B: Uint8Array.of(1, 2, 3) } };
    await rig.direct.send(new PutItemCommand({ TableName: rig.tableName, Item }));

    expect((await store.load("e1"))?.snapshot).toEqual({ sequence: 3, text: undefined });
    expect(await store.saveSnapshot(snapshot(4))).toBe(true);
    expect((await store.load("e1"))?.snapshot).toEqual({ sequence: 4, text: "snapshot of 4" });
  });
});

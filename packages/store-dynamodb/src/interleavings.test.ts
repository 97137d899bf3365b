/** What happens when another process writes between two requests of one call. */

import { DeleteItemCommand } from "@aws-sdk/client-dynamodb";
import {
  ending,
  entry,
  execution,
  LEASE_MS,
  lease,
  message,
  RETENTION_MS,
  startEnded,
  startRunning,
  step,
  T0,
} from "../../../testing/contract/sample-executions";
import { rigForTests } from "../../../testing/engines/dynamodb-suite";
import type { SeenRequest } from "../../../testing/engines/faulty-proxy";

const rig = rigForTests();

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

/** Hardly compressible, so that eight of them are more than one page. */
function noise(start: number): string {
  let seed = start;
  let text = "";
  while (text.length < 250_000) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    text += seed.toString(36).slice(0, 5);
  }
  return text;
}

const isSecondPage = ({ action, body }: SeenRequest) =>
  action === "Query" && body.ExclusiveStartKey !== undefined;

describe("purgeExpired", () => {
  it("leaves an execution alone that has been started and ended again under the same id meanwhile", async () => {
    const store = await rig.open();
    const other = await rig.open();
    await startEnded(store, "e1");
    const nowMs = T0 + 1_000 + RETENTION_MS;
    before(
      ({ action }) => action === "GetItem",
      async () => {
        await other.purge("e1");
        await other.start(execution("e1", { startedAtMs: nowMs }));
        await other.finish(ending("e1", { epoch: undefined, endedAtMs: nowMs }));
      },
    );

    expect(await store.purgeExpired(nowMs, 10)).toBe(0);
    expect(await store.head("e1")).toMatchObject({ status: "SUCCEEDED", startedAtMs: nowMs });
  });
});

describe("purge", () => {
  it("leaves an execution alone that is started under the same id meanwhile", async () => {
    const store = await rig.open();
    const other = await rig.open();
    await startRunning(store, "e1");
    await store.append("e1", entry(1));
    await store.post(message("e1"));
    await store.finish(ending("e1"));
    const next = execution("e1", { input: JSON.stringify("i".repeat(2_000)), startedAtMs: T0 + 5 });
    before(
      ({ action }) => action === "Query",
      async () => {
        await other.start(next);
        await other.acquire(lease("e1", { nowMs: T0 + 5 }));
        await other.append("e1", entry(1, { nonce: "of the next" }));
        await other.post(message("e1", { key: "settle/2" }));
      },
    );

    expect(await store.purge("e1")).toBe(true);

    expect(await other.load("e1")).toMatchObject({
      head: { startedAtMs: T0 + 5, input: next.input, inboxCount: 1 },
      entries: [{ nonce: "of the next" }],
      inbox: [{ key: "settle/2" }],
    });
    expect((await rig.items("E#e1")).map(({ sk }) => (sk as { S: string }).S.slice(0, 1))).toEqual([
      "H",
      "I",
      "L",
      "P",
    ]);
  });
});

describe("load", () => {
  it("gives the head of whoever has taken over, when it gives an entry of its own (invariant 2)", async () => {
    const store = await rig.open();
    const other = await rig.open();
    await startRunning(store, "e1");
    const large = Array.from({ length: 8 }, (_, index) =>
      entry(index + 1, { records: [step("1", noise(index + 1))] }),
    );
    for (const each of large) await store.append("e1", each);
    const barrier = entry(9, { epoch: 2, nonce: "barrier" });
    before(isSecondPage, async () => {
      await other.acquire(lease("e1", { owner: "worker-b", nowMs: T0 + LEASE_MS }));
      await other.append("e1", barrier);
    });

    const loaded = await store.load("e1");

    expect(loaded?.entries.at(-1)).toEqual(barrier);
    expect(loaded?.head).toMatchObject({ epoch: 2, owner: "worker-b" });
  });

  it("gives nothing of an execution that is purged while it is read", async () => {
    const store = await rig.open();
    const other = await rig.open();
    await startRunning(store, "e1");
    for (let sequence = 1; sequence <= 8; sequence++)
      await store.append("e1", entry(sequence, { records: [step("1", noise(sequence))] }));
    await store.finish(ending("e1"));
    before(isSecondPage, async () => {
      // A purge that has begun: the head and one entry are gone, the rest is not.
      await remove("H");
      await remove("L", 7);
    });

    expect(await other.load("e1")).toBeUndefined();
  });

  it("says that a log is damaged when an entry is missing, and that an input is", async () => {
    const store = await rig.open();
    const more = { timeoutAtMs: 2 * T0, input: JSON.stringify("i".repeat(2_000)) };
    await startRunning(store, "e1", more);
    for (let sequence = 1; sequence <= 3; sequence++) await store.append("e1", entry(sequence));
    await remove("P");
    const withoutInput = {
      code: "TIDEMARK_LOG_CORRUPT",
      message: expect.stringMatching(/execution e1: the input is missing; restore/),
    };
    await expect(store.load("e1")).rejects.toMatchObject(withoutInput);
    await expect(store.head("e1")).rejects.toMatchObject(withoutInput);
    // Whoever has the lease finds out by the load, and can give it back.
    const held = await store.acquire(lease("e1", { nowMs: T0 + LEASE_MS }));
    expect([held?.epoch, held?.input]).toEqual([2, undefined]);

    await remove("L", 2);
    await expect(store.load("e1")).rejects.toMatchObject({
      code: "TIDEMARK_LOG_CORRUPT",
      message: expect.stringMatching(/execution e1: log entry 2 is missing and entry 3 is there; restore/),
    });
  });

  it("gives nothing when the TTL has begun to remove what is left", async () => {
    const store = await rig.open();
    const past = { startedAtMs: 1_000, timeoutAtMs: 2_000, retentionMs: 1_000 };
    await startRunning(store, "e1", past);
    for (let sequence = 1; sequence <= 3; sequence++) await store.append("e1", entry(sequence));
    await remove("L", 2);

    expect(await store.load("e1")).toBeUndefined();
  });
});

async function remove(kind: string, sequence?: number): Promise<void> {
  const items = await rig.items("E#e1");
  const sortKey = items.map(({ sk }) => (sk as { S: string }).S).find((sk) => sk.startsWith(kind)) as string;
  const sk = sequence === undefined ? sortKey : sortKey.replace(/\d+$/, String(sequence).padStart(10, "0"));
  await rig.direct.send(
    new DeleteItemCommand({ TableName: rig.tableName, Key: { pk: { S: "E#e1" }, sk: { S: sk } } }),
  );
}

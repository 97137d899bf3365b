/** What calls cost, in requests and in units, as DynamoDB counts them. */

import type { DynamoDbStore } from "@tidemark/store-dynamodb";
import {
  ending,
  entry,
  execution,
  lease,
  message,
  startRunning,
  step,
  suspension,
  T0,
} from "../../../testing/contract/sample-executions";
import { rigForTests } from "../../../testing/engines/dynamodb-suite";

const rig = rigForTests();
let store: DynamoDbStore;
beforeEach(async () => {
  store = await rig.open();
  await store.registerFunctions(["order"]);
  rig.proxy.reset();
});

const WRITES = ["PutItem", "UpdateItem", "DeleteItem", "TransactWriteItems", "BatchWriteItem"];

/** What a call has sent: each request with its units, in the table and in the indexes. */
async function costOf(call: () => Promise<unknown>): Promise<string[]> {
  rig.proxy.reset();
  await call();
  return rig.proxy.seen.map((seen) => {
    const { units = 0, indexUnits = 0 } = rig.proxy.capacity.get(seen) ?? {};
    return `${seen.action} ${units - indexUnits}+${indexUnits}`;
  });
}

function isWrite(cost: string): boolean {
  return WRITES.includes(cost.split(" ")[0] as string);
}

/** An id as long as those that clients give. */
const ID = "01JD5Z8Q4K6Y7XW3V2T1S0R9PN";

function stepOf64Bytes(sequence: number) {
  return entry(sequence, {
    nonce: "k3j9x2ab1",
    records: [step(String(sequence), JSON.stringify("r".repeat(62)))],
  });
}

describe("a call costs", () => {
  it("for a checkpoint: one request of one unit, and nothing in an index", async () => {
    await startRunning(store, ID);
    for (const sequence of [1, 2, 3]) {
      expect(await costOf(() => store.append(ID, stepOf64Bytes(sequence)))).toEqual(["PutItem 1+0"]);
    }
    const many = entry(4, {
      records: Array.from({ length: 10 }, (_, index) => step(`4-${index}`, '"done"')),
    });
    expect(await costOf(() => store.append(ID, many))).toEqual(["PutItem 1+0"]);
  });

  it("for a whole execution of n steps: n + 3 writes", async () => {
    const steps = 20;
    const costs = await costOf(async () => {
      await store.start(execution(ID, { input: JSON.stringify("i".repeat(98)) }));
      await store.acquire(lease(ID));
      await store.load(ID);
      for (let sequence = 1; sequence <= steps; sequence++) await store.append(ID, stepOf64Bytes(sequence));
      await store.finish(ending(ID, { result: JSON.stringify("o".repeat(98)) }));
    });

    expect(costs).toEqual([
      "PutItem 1+2",
      "PutItem 1+2",
      "Query 1+0",
      ...Array(steps).fill("PutItem 1+0"),
      "PutItem 1+2",
    ]);
    expect(costs.filter(isWrite)).toHaveLength(steps + 3);
  });

  it("for resuming a suspended execution: three writes, and a read for each MB", async () => {
    await startRunning(store, ID);
    await store.append(ID, stepOf64Bytes(1));
    await store.suspend(suspension(ID, { dueAtMs: T0 + 500 }));
    const elsewhere = await rig.open();

    const costs = await costOf(async () => {
      await elsewhere.acquire(lease(ID, { nowMs: T0 + 500 }));
      await elsewhere.load(ID);
      const barrier = { previous: { epoch: 1, startedAtMs: T0, endedAtMs: T0 + 5 } };
      await elsewhere.append(ID, entry(2, { epoch: 2, barrier, records: [] }));
      await elsewhere.suspend(suspension(ID, { epoch: 2, dueAtMs: T0 + 900 }));
    });

    expect(costs).toEqual(["GetItem 1+0", "PutItem 1+2", "Query 1+0", "PutItem 1+0", "PutItem 1+2"]);
  });

  it("for an event that wakes: one transaction", async () => {
    await startRunning(store, ID);
    expect(await costOf(() => store.post(message(ID)))).toEqual(["TransactWriteItems 4+0"]);
  });

  it("for the end of a child: one transaction", async () => {
    await startRunning(store, "parent");
    await startRunning(store, ID, { parent: { executionId: "parent", operationId: "1" } });
    const costs = await costOf(() => store.finish(ending(ID)));
    expect(costs.filter(isWrite)).toHaveLength(1);
  });

  it("for renewing a lease: one write, and the due index", async () => {
    await startRunning(store, ID);
    expect(await costOf(() => store.renew(ID, 1, T0 + 60_000))).toEqual(["PutItem 1+2"]);
  });

  it("for looking for work: half a read unit for each function and shard, however much waits for later", async () => {
    for (let index = 0; index < 60; index++)
      await store.start(execution(`${ID}${index}`, { startedAtMs: T0 + index }));
    expect(await costOf(() => store.due(T0 - 1, 100, ["order", "refund"]))).toEqual([
      "Query 0+0.5",
      "Query 0+0.5",
    ]);
    expect((await store.due(T0 + 100, 50, ["order"])).executionIds).toHaveLength(50);
  });

  it("for taking what another has: one read, and no write", async () => {
    await startRunning(store, ID);
    const other = await rig.open();
    expect(await costOf(() => other.acquire(lease(ID)))).toEqual(["GetItem 1+0"]);
  });

  it("for the heads that are asked for in one turn: one request for up to a hundred, with what is not there", async () => {
    const ids = Array.from({ length: 101 }, (_, index) => `e${index}`);
    for (const id of ids.slice(1)) await store.start(execution(id));
    let heads: unknown[] = [];
    const cost = await costOf(async () => {
      heads = await Promise.all(ids.map(async (id) => (await store.head(id))?.executionId));
    });
    expect(heads).toEqual([undefined, ...ids.slice(1)]);
    expect(cost.map((request) => request.split(" ")[0])).toEqual(["BatchGetItem", "BatchGetItem"]);
    expect(await costOf(() => store.head("e1"))).toEqual(["GetItem 1+0"]);
  });

  it("for a large input: one write more, and not its size with every write of the head", async () => {
    const input = JSON.stringify(Array.from({ length: 1_000 }, (_, index) => `${index * 7919} of many`));
    expect(await costOf(() => store.start(execution(ID, { input })))).toEqual([
      expect.stringMatching(/^PutItem \d+\+0$/),
      "PutItem 1+2",
    ]);
    expect((await costOf(() => store.acquire(lease(ID)))).filter(isWrite)).toEqual(["PutItem 1+2"]);
    expect((await store.head(ID))?.input).toBe(input);
    expect((await store.load(ID))?.head.input).toBe(input);
    expect((await store.list({ limit: 1 })).heads[0]?.input).toBe(input);
  });
});

describe("the size of items", () => {
  it("is compressed above 3 KB when that saves a unit, and readable below", async () => {
    await startRunning(store, ID);
    const words = (bytes: number) =>
      "a sentence that says the same ".repeat(Math.ceil(bytes / 30)).slice(0, bytes);
    const noise = Array.from({ length: 3_500 }, (_, index) =>
      String.fromCharCode(33 + ((index * index * 31) % 90)),
    );
    const entries = [words(2_000), words(60_000), noise.join("")].map((payload, index) =>
      entry(index + 1, { records: [step("1", payload)] }),
    );
    for (const each of entries) await store.append(ID, each);

    const items = (await rig.items(`E#${ID}`)).filter(({ e }) => e !== undefined);
    const forms = items.map(({ e }) => Object.keys(e as object)[0]);
    expect(forms[0]).toBe("S");
    expect(forms[1]).toBe("B");
    expect((await store.load(ID))?.entries).toEqual(entries);
  });

  it("takes an entry of maxEntryBytes that does not compress, and refuses a larger one", async () => {
    await startRunning(store, ID);
    const { maxEntryBytes } = store.manifest;
    const emptyBytes = 120;
    const fits = entry(1, { records: [step("1", noiseOf(maxEntryBytes - emptyBytes))] });
    expect(await store.append(ID, fits)).toEqual({ appended: true });
    expect((await store.load(ID))?.entries).toEqual([fits]);

    const tooLarge = entry(2, { records: [step("2", noiseOf(maxEntryBytes))] });
    await expect(store.append(ID, tooLarge)).rejects.toMatchObject({
      code: "TIDEMARK_ENTRY_TOO_LARGE",
      message: expect.stringContaining(`at most ${maxEntryBytes} are allowed`),
    });
  });

  it("refuses inputs, results and events that no item can hold, and says which", async () => {
    const large = JSON.stringify(noiseOf(700_000));
    const refusal = (what: string) => ({
      code: "TIDEMARK_STORE_ITEM_TOO_LARGE",
      message: expect.stringContaining(what),
    });
    await expect(store.start(execution("e1", { input: large }))).rejects.toMatchObject(
      refusal("input of execution e1"),
    );
    await startRunning(store, "e2");
    await expect(store.finish(ending("e2", { result: large }))).rejects.toMatchObject(
      refusal("result of execution e2"),
    );
    const event = { kind: "callback_succeeded", id: "1", result: large } as const;
    await expect(store.post(message("e2", { event }))).rejects.toMatchObject(refusal("event settle/1"));
    expect(await store.head("e2")).toMatchObject({ status: "RUNNING", inboxCount: 0 });
  });
});

/** ASCII without a pattern, from a linear congruential generator. */
function noiseOf(length: number): string {
  let seed = 1;
  let text = "";
  while (text.length < length) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    text += seed.toString(36).slice(0, 5);
  }
  return text.slice(0, length);
}

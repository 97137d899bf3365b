/** Executions whose logs cannot be read here. */

import { TidemarkError } from "@tidemark/protocol";
import { type DurableExecutionHandler, withDurableExecution } from "@tidemark/sdk";
import { aesGcmCodec, type ExecutionStore, localDataKeys, Payloads, settleKey } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { Fleet } from "../../../testing/kit/fleet";
import { DurableClient } from "./client.js";

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet();
});
afterEach(() => fleet.close());

const wrap = (handler: DurableExecutionHandler) => ({ main: withDurableExecution(handler) });
const waiting = wrap(async (_event, context) => {
  await context.wait({ seconds: 10 });
  return "waited";
});

/** The store as somebody sees it who cannot read a log that has entries. */
function unreadable(code: string, seconds: number[] = []): ExecutionStore {
  return storeWith(fleet.store, {
    load: async (executionId) => {
      const loaded = await fleet.store.load(executionId);
      if (loaded === undefined || loaded.entries.length === 0) return loaded;
      seconds.push(fleet.elapsedMs() / 1000);
      throw new TidemarkError(code, "log entry 1 cannot be read");
    },
  });
}

/** The store as a process of an older version sees it. */
function older(seconds?: number[]): ExecutionStore {
  return unreadable("TIDEMARK_LOG_VERSION", seconds);
}

function clientOf(store: ExecutionStore): DurableClient {
  return new DurableClient({ store, clock: fleet.clock });
}

/** The store as somebody sees it who cannot read the heads of these executions. */
function tooNew(executionIds: readonly string[], asked: string[] = []): ExecutionStore {
  return storeWith(fleet.store, {
    acquire: async (request) => {
      if (!executionIds.includes(request.executionId)) return fleet.store.acquire(request);
      asked.push(request.executionId);
      throw new TidemarkError("TIDEMARK_STORE_VERSION", `execution ${request.executionId} has format 2`);
    },
  });
}

/** An execution with an entry in its log that fits nothing. */
async function damaged(): Promise<string> {
  await fleet.store.registerFunctions(["main"]);
  const { executionId } = await fleet.client.start("main");
  const update = { Id: "1", Type: "WAIT", Action: "START" } as const;
  const entry = { sequence: 1, epoch: 0, nonce: "n", atMs: fleet.startMs, records: [{ update }] };
  await fleet.store.append(executionId, entry);
  return executionId;
}

function delaysOf(seconds: readonly number[]): number[] {
  return seconds.slice(1).map((at, index) => at - (seconds[index] as number));
}

describe("an execution whose log cannot be read", () => {
  it("is tried again with delays that double from a second up to 5 minutes, for ever", async () => {
    const seconds: number[] = [];
    await fleet.worker(waiting, { store: older(seconds) });
    const id = await fleet.begin();
    await fleet.advance(3_600_000);

    expect(seconds[0]).toBe(10);
    expect(delaysOf(seconds)).toEqual([1, 1, 2, 4, 8, 16, 32, 64, 128, 256, ...Array(10).fill(300)]);
    expect((await fleet.client.describe(id)).status).toBe("PENDING");
  });

  it("is reported each time, with when it is tried again, and shown to who asks", async () => {
    const id = await damaged();
    await fleet.worker(waiting);
    await fleet.advance(1999);

    const message = expect.stringContaining(
      `execution ${id} cannot be read here: execution ${id}, log entry 1: `,
    );
    const report = expect.objectContaining({ code: "TIDEMARK_LOG_CORRUPT", message });
    expect(fleet.errors).toEqual([report, report]);
    expect((fleet.errors[1] as Error).message).toMatch(/Nothing has been changed; it is tried again in 1 s$/);
    const described = await fleet.client.describe(id);
    expect(described).toMatchObject({ status: "PENDING", invocations: 2 });
    expect(described.dueAt).toEqual(new Date(fleet.startMs + 2000));
    expect(described.failing).toEqual({
      ErrorType: "TIDEMARK_LOG_CORRUPT",
      ErrorMessage: expect.any(String),
    });
    const { executions } = await fleet.client.list();
    expect(executions[0]?.failing).toEqual(described.failing);
    const waited = fleet.client.result(id, { timeoutMs: 0 });
    await expect(waited).rejects.toThrow(`its log cannot be read: ${described.failing?.ErrorMessage}`);
  });

  it("goes on, as if nothing had been, with a worker that can read it", async () => {
    const old = await fleet.worker(waiting, { store: older() });
    const id = await fleet.begin();
    const before = (await fleet.store.head(id))?.lastInvocation;
    await fleet.advance(12_500);
    expect((await fleet.store.head(id))?.lastInvocation).toEqual({
      ...before,
      unread: {
        sinceMs: fleet.startMs + 10_000,
        error: { ErrorType: "TIDEMARK_LOG_VERSION", ErrorMessage: "log entry 1 cannot be read" },
      },
    });
    await fleet.stop(old);
    await fleet.worker(waiting);
    await fleet.advance(2000);

    const described = await fleet.client.describe(id);
    expect(described).toMatchObject({ status: "SUCCEEDED", result: "waited" });
    expect(described).not.toHaveProperty("failing");
    const entries = await fleet.store.entries(id, 0, 100);
    expect(entries?.flatMap(({ barrier }) => barrier?.previous ?? [])).toEqual([before]);
  });

  it("is not taken for one whose process has not died, if it has", async () => {
    const attempts: number[] = [];
    const dying = wrap((_event, context) =>
      context.step(({ attempt }) => {
        attempts.push(attempt);
        return attempts.length === 1 ? new Promise<string>(() => {}) : Promise.resolve("stepped");
      }),
    );
    // It cannot renew its lease, as if it were dead.
    await fleet.worker(dying, { store: storeWith(fleet.store, { renew: () => new Promise(() => {}) }) });
    const id = await fleet.begin();
    await fleet.advance(1000);
    const old = await fleet.worker(dying, { store: older() });
    await fleet.advance(30_000);
    await fleet.stop(old);
    const dead = (await fleet.store.head(id))?.lastInvocation;
    expect(dead).toMatchObject({ epoch: 2, error: { ErrorType: "TIDEMARK_LOG_VERSION" } });
    await fleet.worker(dying);
    await fleet.advance(60_000);

    expect((await fleet.client.describe(id)).result).toBe("stepped");
    const entries = (await fleet.store.entries(id, 0, 100)) ?? [];
    expect(entries.flatMap(({ records }) => records.flatMap(({ event }) => event?.kind ?? []))).toEqual([
      "step_interrupted",
    ]);
  });

  it("is tried at once when something has happened to it", async () => {
    const seconds: number[] = [];
    await fleet.worker(waiting, { store: older(seconds) });
    const executionId = await fleet.begin();
    await fleet.advance(100_000);
    const tries = seconds.length;
    const event = { kind: "callback_succeeded", id: "9" } as const;
    const nowMs = fleet.clock.nowMs();
    await fleet.store.post({ executionId, key: settleKey("9"), event, nowMs, mode: "once", wake: true });
    await fleet.settle();

    expect(seconds.slice(tries)).toEqual([100]);
  });

  it("is tried at its timeout, and with the same delays after it", async () => {
    const seconds: number[] = [];
    await fleet.worker(waiting, { store: older(seconds) });
    await fleet.client.start("main", { timeout: { seconds: 400 } });
    await fleet.advance(2_000_000);

    expect(seconds).toEqual([10, 11, 12, 14, 18, 26, 42, 74, 138, 266, 400, 700, 1000, 1300, 1600, 1900]);
  });

  it("can be stopped and removed when it is damaged, but not resumed", async () => {
    await fleet.worker(waiting);
    const id = await fleet.begin();
    const client = clientOf(unreadable("TIDEMARK_LOG_CORRUPT"));

    expect(await client.stop(id)).toBe(true);
    expect((await client.describe(id)).status).toBe("STOPPED");
    await expect(client.resume(id)).rejects.toThrow(
      expect.objectContaining({ code: "TIDEMARK_LOG_CORRUPT" }),
    );
    expect(await client.purge(id)).toBe(true);
    expect(await fleet.store.head(id)).toBeUndefined();
  });

  it("can be stopped only by those who can read it when it is not damaged", async () => {
    await fleet.worker(waiting);
    const id = await fleet.begin();
    const stopped = clientOf(unreadable("TIDEMARK_LOG_VERSION")).stop(id);

    await expect(stopped).rejects.toThrow(expect.objectContaining({ code: "TIDEMARK_LOG_VERSION" }));
    expect((await fleet.client.describe(id)).status).toBe("PENDING");
  });
});

describe("an execution with a payload that cannot be decoded", () => {
  it("is not stopped for it, however often it is tried, and goes on where it can be", async () => {
    const keys = localDataKeys({ current: "a", keys: { a: new Uint8Array(32) } });
    const payloads = new Payloads({ codecs: [aesGcmCodec(keys)] });
    const invokedAtSeconds: number[] = [];
    const main = withDurableExecution(async (_event, context) => {
      invokedAtSeconds.push(fleet.elapsedMs() / 1000);
      const text = await context.step(async () => "secret");
      await context.wait({ seconds: 10 });
      return text;
    });
    const encrypting = storeWith(fleet.store, { payloads });
    const first = await fleet.worker({ main }, { store: encrypting });
    const id = await fleet.begin();
    await fleet.stop(first);
    const without = await fleet.worker(
      { main },
      { store: storeWith(fleet.store, { payloads: new Payloads() }) },
    );
    await fleet.advance(3_600_000);
    const delays = delaysOf(invokedAtSeconds.slice(1));
    expect(delays).toEqual([1, 1, 2, 4, 8, 16, 32, 64, 128, 256, ...Array(10).fill(300)]);
    expect(await fleet.client.describe(id)).toMatchObject({
      status: "PENDING",
      failing: { ErrorType: "TIDEMARK_PAYLOAD_CODEC" },
    });
    await fleet.stop(without);
    await fleet.worker({ main }, { store: encrypting });
    await fleet.advance(300_000);

    expect((await clientOf(encrypting).describe(id)).result).toBe("secret");
  });
});

describe("executions whose heads cannot be read", () => {
  const done = wrap(async () => "done");

  it("keep no room from the others, and are asked for once a minute", async () => {
    await fleet.store.registerFunctions(["main"]);
    const newer = [await fleet.begin(), await fleet.begin(), await fleet.begin()];
    const known = await fleet.begin();
    const asked: string[] = [];
    await fleet.worker(done, { store: tooNew(newer, asked), concurrency: 1 });
    await fleet.advance(59_999);
    expect((await fleet.client.describe(known)).status).toBe("SUCCEEDED");
    expect(asked).toEqual(newer);
    expect(fleet.errors).toHaveLength(3);
    await fleet.advance(1);

    expect(asked).toEqual([...newer, ...newer]);
    for (const id of newer) expect(await fleet.store.head(id)).toMatchObject({ status: "PENDING", epoch: 0 });
  });

  it("are taken at once when they can be: another one has the name by then", async () => {
    await fleet.store.registerFunctions(["main"]);
    await fleet.client.start("main", { name: "nightly" });
    const newer = ["main.nightly"];
    await fleet.worker(done, { store: tooNew(newer) });
    await fleet.settle();
    await fleet.client.stop("main.nightly");
    await fleet.client.purge("main.nightly");
    newer.pop();
    await fleet.client.start("main", { name: "nightly" });
    await fleet.settle();

    expect((await fleet.client.describe("main.nightly")).status).toBe("SUCCEEDED");
  });
});

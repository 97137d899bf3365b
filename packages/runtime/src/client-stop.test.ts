/** The client from outside: callbacks, stopping, resuming and purging. */

import { type DurableExecutionHandler, withDurableExecution } from "@tidemark/sdk";
import { storeWith } from "@tidemark/testing";
import { defer } from "../../../testing/behaviour/rig";
import { Fleet } from "../../../testing/kit/fleet";
import { DurableClient } from "./client.js";

let fleet: Fleet;
let client: DurableClient;
beforeEach(async () => {
  fleet = new Fleet();
  client = fleet.client;
  await fleet.store.registerFunctions(["main"]);
});
afterEach(() => fleet.close());

const wrap = (handler: DurableExecutionHandler) => ({ main: withDurableExecution(handler) });

/** An execution in each status. */
const statuses: Record<string, () => Promise<string>> = {
  PENDING: () => fleet.begin(),
  RUNNING: async () => {
    await fleet.worker(wrap((_event, context) => context.step(() => new Promise(() => {}))));
    return fleet.begin();
  },
  SUCCEEDED: async () => {
    await fleet.worker(wrap(async () => "done"));
    return fleet.begin();
  },
  FAILED: async () => {
    await fleet.worker(wrap(() => Promise.reject(new Error("broken"))));
    return fleet.begin();
  },
  TIMED_OUT: async () => {
    await fleet.worker(wrap(async (_event, context) => context.wait({ hours: 1 })));
    const { executionId } = await client.start("main", { timeout: { seconds: 1 } });
    await fleet.advance(1000);
    return executionId;
  },
  STOPPED: async () => {
    const id = await fleet.begin();
    await client.stop(id);
    return id;
  },
};

describe.each(Object.entries(statuses))("an execution that is %s", (status, begin) => {
  const hasEnded = status !== "PENDING" && status !== "RUNNING";
  let id: string;
  beforeEach(async () => {
    id = await begin();
    expect((await client.describe(id)).status).toBe(status);
  });

  it(`is ${hasEnded ? "not " : ""}stopped`, async () => {
    expect(await client.stop(id)).toBe(!hasEnded);
    expect((await client.describe(id)).status).toBe(hasEnded ? status : "STOPPED");
  });

  it(`is ${status === "STOPPED" ? "" : "not "}resumed`, async () => {
    expect(await client.resume(id)).toBe(status === "STOPPED");
    expect((await client.describe(id)).status).toBe(status === "STOPPED" ? "PENDING" : status);
  });

  it(`is ${hasEnded ? "" : "not "}purged`, async () => {
    expect(await client.purge(id)).toBe(hasEnded);
    expect((await fleet.store.head(id)) === undefined).toBe(hasEnded);
  });
});

describe("stop", () => {
  it("says that it was stopped, and when", async () => {
    const id = await fleet.begin();
    await fleet.advance(1000);
    await client.stop((await client.describe(id)).executionArn);

    expect(await client.describe(id)).toMatchObject({
      endedAt: new Date(fleet.startMs + 1000),
      error: { ErrorType: "TIDEMARK_STOPPED", ErrorMessage: "the execution was stopped" },
    });
  });

  it("takes an error of one's own instead", async () => {
    const id = await fleet.begin();
    const error = { ErrorType: "Cancelled", ErrorMessage: "by Ada", ErrorData: "42" };
    await client.stop(id, error);

    expect((await client.describe(id)).error).toEqual(error);
  });

  it("takes a message as the reason, and an error itself", async () => {
    const [first, second] = [await fleet.begin(), await fleet.begin()];
    await client.stop(first, "wrong customer");
    await client.stop(second, new RangeError("too many"));

    expect((await client.describe(first)).error).toEqual({
      ErrorType: "TIDEMARK_STOPPED",
      ErrorMessage: "wrong customer",
    });
    expect((await client.describe(second)).error).toEqual({
      ErrorType: "RangeError",
      ErrorMessage: "too many",
    });
  });

  it("fences off whoever runs it with empty entries, which are never older than the log", async () => {
    await fleet.store.append(await fleet.begin(), {
      sequence: 1,
      epoch: 0,
      nonce: "ahead",
      atMs: fleet.startMs + 60_000,
      records: [],
    });
    const [execution] = (await client.list()).executions;
    await client.stop(execution?.executionId as string);
    const loaded = await fleet.store.load(execution?.executionId as string);

    const fences = loaded?.entries.slice(1) ?? [];
    expect(fences.length).toBeGreaterThan(0);
    for (const { atMs, records } of fences) expect([atMs, records]).toEqual([fleet.startMs + 60_000, []]);
  });

  it("fences off an execution without entries no earlier than it began, by whatever clock", async () => {
    const id = await fleet.begin();
    const clock = { ...fleet.clock, nowMs: () => fleet.startMs - 600_000, setTimer: () => () => {} };
    await new DurableClient({ store: fleet.store, clock }).stop(id);

    const times = (await fleet.store.load(id))?.entries.map(({ atMs }) => atMs);
    expect(times).toEqual([fleet.startMs, fleet.startMs]);
  });

  it("tries again when somebody else records at the same moment", async () => {
    const id = await fleet.begin();
    let entriesBefore = 2;
    const store = storeWith(fleet.store, {
      append: async (executionId, entry) => {
        if (entriesBefore-- > 0) await fleet.store.append(executionId, { ...entry, nonce: "other" });
        return fleet.store.append(executionId, entry);
      },
    });

    expect(await new DurableClient({ store, clock: fleet.clock }).stop(id)).toBe(true);
    const nonces = (await fleet.store.load(id))?.entries.map(({ nonce }) => nonce);
    expect(nonces?.slice(0, 2)).toEqual(["other", "other"]);
    expect(nonces?.slice(2)).not.toHaveLength(0);
    expect(nonces?.slice(2)).not.toContain("other");
  });

  it("of an execution that has ended writes nothing", async () => {
    await fleet.worker(wrap(async () => "done"));
    const id = await fleet.begin();
    await client.stop(id);

    expect((await fleet.store.load(id))?.entries).toEqual([]);
  });

  it("leaves nobody who records, also when a worker claims it meanwhile", async () => {
    const gate = defer();
    const id = await fleet.begin();
    const store = storeWith(fleet.store, {
      finish: async (request) => {
        await fleet.worker(wrap((_event, context) => context.step(() => gate.promise)));
        await fleet.advance(1000);
        return fleet.store.finish(request);
      },
    });
    expect(await new DurableClient({ store, clock: fleet.clock }).stop(id)).toBe(true);
    const entries = (await fleet.store.load(id))?.entries.length;
    gate.resolve();
    await fleet.settle();

    expect((await fleet.store.load(id))?.entries).toHaveLength(entries as number);
  });
});

describe("resume", () => {
  it("leaves no trace of the end, and keeps the deadline", async () => {
    await fleet.worker(wrap(async (_event, context) => context.wait({ hours: 1 })));
    const { executionId } = await client.start("main", { timeout: { minutes: 1 } });
    await fleet.settle();
    await client.stop(executionId);
    await fleet.advance(30_000);
    await client.resume(executionId);
    await fleet.settle();
    const head = await fleet.store.head(executionId);
    expect(head?.status).toBe("PENDING");
    for (const absent of ["endedAtMs", "error", "expiresAtMs"]) expect(absent in (head ?? {})).toBe(false);
    await fleet.advance(30_000);

    expect((await client.describe(executionId)).status).toBe("TIMED_OUT");
  });

  it("finds the waits over that have passed meanwhile", async () => {
    await fleet.worker(
      wrap(async (_event, context) => {
        await context.wait({ minutes: 1 });
        return "woken";
      }),
    );
    const id = await fleet.begin();
    await client.stop(id);
    await fleet.advance(60_000);
    await client.resume(id);
    await fleet.settle();

    expect(await client.describe(id)).toMatchObject({
      result: "woken",
      endedAt: new Date(fleet.startMs + 60_000),
    });
  });
});

describe("purge", () => {
  it("of an unknown execution is false; a second time, too", async () => {
    const id = await fleet.begin();
    await client.stop(id);

    expect([await client.purge("nobody"), await client.purge(id), await client.purge(id)]).toEqual([
      false,
      true,
      false,
    ]);
  });
});

describe("a callback", () => {
  const ids: string[] = [];
  beforeEach(() => {
    ids.length = 0;
  });

  /** An execution that waits for a callback, and gives the id. */
  async function ask(
    options: { timeout?: { seconds: number }; heartbeatTimeout?: { seconds: number } } = {},
  ) {
    await fleet.worker(
      wrap(async (_event, context) => {
        const [answer, callbackId] = await context.createCallback(options);
        ids.push(callbackId);
        return answer.catch((error: Error) => ({ name: error.name, message: error.message }));
      }),
    );
    const { executionId } = await client.start("main", { name: "one" });
    await fleet.settle();
    return { executionId, callbackId: ids[0] as string };
  }

  it("that has timed out refuses what comes late, and says what came first", async () => {
    const { callbackId } = await ask({ timeout: { seconds: 5 } });
    const late = expect.objectContaining({
      code: "TIDEMARK_CALLBACK_SETTLED",
      message: `callback ${callbackId}: its execution has ended as SUCCEEDED; the first outcome counts, drop this one`,
    });
    await fleet.advance(5000);

    await expect(client.sendCallbackSuccess(callbackId, "late")).rejects.toEqual(late);
    await expect(client.sendCallbackFailure(callbackId)).rejects.toEqual(late);
    await expect(client.sendCallbackHeartbeat(callbackId)).rejects.toEqual(late);
  });

  it("that was timed out by an execution that goes on names the timeout", async () => {
    await fleet.worker(
      wrap(async (_event, context) => {
        const [answer, callbackId] = await context.createCallback({ timeout: { seconds: 5 } });
        ids.push(callbackId);
        await answer.catch(() => {});
        await context.wait({ hours: 1 });
      }),
    );
    await fleet.begin();
    await fleet.advance(5000);

    await expect(client.sendCallbackSuccess(ids[0] as string)).rejects.toMatchObject({
      code: "TIDEMARK_CALLBACK_SETTLED",
      message: expect.stringContaining("it has an outcome already (callback_timed_out); "),
    });
  });

  it("fails with the error that was sent", async () => {
    const { callbackId, executionId } = await ask();
    await client.sendCallbackFailure(callbackId, { ErrorType: "Refused", ErrorMessage: "no budget" });
    await fleet.settle();

    expect((await client.describe(executionId)).result).toEqual({
      name: "CallbackExternalError",
      message: "no budget",
    });
  });

  it.each([
    [{ StackTrace: "at charge" }, 'error.StackTrace is "at charge"; pass a list of texts'],
    [{ StackTrace: ["at charge", null] }, 'error.StackTrace is ["at charge",null]; pass a list of texts'],
    [{ ErrorMessage: 5 }, "error.ErrorMessage is 5; pass a text"],
    [{ Cause: { ErrorData: {} } }, "error.Cause.ErrorData is {}; pass a text"],
    [null, "error is null; pass a record such as { ErrorMessage: text }"],
  ])("is not failed with what nobody could read back: %j", async (error, message) => {
    const { callbackId, executionId } = await ask();
    const refused = expect.objectContaining({ code: "TIDEMARK_ERROR_OBJECT", message });

    await expect(client.sendCallbackFailure(callbackId, error as never)).rejects.toEqual(refused);
    await expect(client.stop(executionId, error as never)).rejects.toEqual(refused);
    await client.sendCallbackFailure(callbackId, { ErrorMessage: "no budget", StackTrace: null } as never);
    await fleet.settle();
    expect((await client.describe(executionId)).result).toMatchObject({ message: "no budget" });
  });

  it("of an execution that was purged is not found, nor is one of an earlier execution of the name", async () => {
    const { callbackId, executionId } = await ask();
    await client.stop(executionId);
    await client.purge(executionId);
    const notFound = {
      code: "TIDEMARK_CALLBACK_NOT_FOUND",
      message: `callback ${callbackId} does not exist in this store; pass the id that the handler gave, to the store it runs on`,
    };
    await expect(client.sendCallbackSuccess(callbackId)).rejects.toMatchObject(notFound);
    await fleet.advance(1000);
    await client.start("main", { name: "one" });
    await fleet.settle();

    await expect(client.sendCallbackSuccess(callbackId)).rejects.toMatchObject(notFound);
    expect(ids[1]).not.toBe(callbackId);
  });

  it("keeps the newest heartbeat alone, and wakes nobody for it", async () => {
    const { callbackId, executionId } = await ask({ heartbeatTimeout: { seconds: 60 } });
    const { invocations, dueAt } = await client.describe(executionId);
    for (let count = 0; count < 3; count++) {
      await fleet.advance(1000);
      await client.sendCallbackHeartbeat(callbackId);
    }
    await fleet.settle();

    expect((await fleet.store.load(executionId))?.inbox).toMatchObject([
      { event: { kind: "callback_heartbeat", atMs: fleet.startMs + 3000 } },
    ]);
    expect(await client.describe(executionId)).toMatchObject({ invocations, dueAt });
  });

  it("that expects no heartbeats takes them, and still waits", async () => {
    const { callbackId, executionId } = await ask();
    await client.sendCallbackHeartbeat(callbackId);
    await fleet.advance(1000);

    expect((await client.describe(executionId)).status).toBe("PENDING");
  });

  it("refuses a text that is no id with what to pass", async () => {
    await expect(client.sendCallbackSuccess("abc")).rejects.toMatchObject({
      code: "TIDEMARK_CALLBACK_ID",
      message:
        'callbackId "abc" is not a callback id; pass the id that createCallback or waitForCallback gave, unchanged',
    });
  });

  it("refuses a BigInt, as a payload and as an id, with the code for it", async () => {
    const { callbackId } = await ask();

    await expect(client.sendCallbackSuccess(callbackId, 5n as never)).rejects.toMatchObject({
      code: "TIDEMARK_CALLBACK_PAYLOAD",
    });
    await expect(client.sendCallbackSuccess(5n as never)).rejects.toMatchObject({
      code: "TIDEMARK_CALLBACK_ID",
    });
  });
});

/** The client: what it starts, waits for and lists, and what it refuses. Stopping is in client-stop.test.ts. */

import { withDurableExecution } from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { defer } from "../../../testing/behaviour/rig";
import { Fleet } from "../../../testing/kit/fleet";
import { DurableClient } from "./client.js";
import type { DurableHandler } from "./invocation.js";

const DAY_MS = 86_400_000;

let fleet: Fleet;
let client: DurableClient;
beforeEach(async () => {
  fleet = new Fleet();
  client = fleet.client;
  await fleet.store.registerFunctions(["main", "other"]);
});
afterEach(() => fleet.close());

const echo = { main: withDurableExecution(async (event) => event) };
const suspended = { main: withDurableExecution(async (_event, context) => context.wait({ hours: 1 })) };

function withErrors(isFailure: (event: string) => boolean) {
  return {
    main: withDurableExecution(async (event: string) => {
      if (isFailure(event)) throw new RangeError("limit");
      return event;
    }),
  };
}

describe("start", () => {
  it("gives an execution 366 days, keeps it 14 days, and names it by time", async () => {
    const { executionId, created } = await client.start("main");
    await fleet.advance(1);
    const later = await client.start("main");

    expect(created).toBe(true);
    expect(executionId < later.executionId).toBe(true);
    expect(await fleet.store.head(executionId)).toEqual({
      executionId,
      functionName: "main",
      status: "PENDING",
      epoch: 0,
      inboxCount: 0,
      startedAtMs: fleet.startMs,
      dueAtMs: fleet.startMs,
      timeoutAtMs: fleet.startMs + 366 * DAY_MS,
      retentionMs: 14 * DAY_MS,
    });
  });

  it("takes a timeout, a retention, a name and an input", async () => {
    const { executionId } = await client.start("main", {
      name: "one",
      input: [1],
      timeout: { hours: 1 },
      retention: { days: 2 },
    });

    expect(await fleet.store.head(executionId)).toMatchObject({
      name: "one",
      input: "[1]",
      timeoutAtMs: fleet.startMs + 3_600_000,
      retentionMs: 2 * DAY_MS,
    });
  });

  it("has one execution of a name for each function", async () => {
    const ids = [await client.start("main", { name: "one" }), await client.start("other", { name: "one" })];

    expect(ids).toMatchObject([
      { executionId: "main.one", created: true },
      { executionId: "other.one", created: true },
    ]);
  });

  it("of a name that has ended gives the one that has ended, as it was started", async () => {
    await fleet.worker(echo);
    await client.start("main", { name: "one", input: 5, timeout: { hours: 1 } });
    await fleet.settle();
    const head = await fleet.store.head("main.one");

    expect(await client.start("main", { name: "one", input: 5, timeout: { hours: 9 } })).toEqual({
      executionId: "main.one",
      executionArn: (await client.describe("main.one")).executionArn,
      created: false,
    });
    expect(await fleet.store.head("main.one")).toBe(head);
  });

  it("compares inputs as JSON text: the order of members counts, undefined members do not", async () => {
    await client.start("main", { name: "one", input: { a: 1, b: 2 } });

    expect((await client.start("main", { name: "one", input: { a: 1, b: 2, c: undefined } })).created).toBe(
      false,
    );
    await expect(client.start("main", { name: "one", input: { b: 2, a: 1 } })).rejects.toMatchObject({
      code: "TIDEMARK_EXECUTION_EXISTS",
      message:
        'execution "one" of main was started with another input; choose another name, or pass the same input',
    });
  });

  it("may use a name again once its execution has been purged", async () => {
    await client.start("main", { name: "one", input: 1 });
    await client.stop("main.one");
    await client.purge("main.one");

    expect(await client.start("main", { name: "one", input: 2 })).toMatchObject({ created: true });
  });

  it("refuses an input that refers to itself, and gives the reason as the cause", async () => {
    const input: { self?: unknown } = {};
    input.self = input;

    await expect(client.start("main", { input })).rejects.toMatchObject({
      code: "TIDEMARK_INPUT",
      message: expect.stringMatching(/^input cannot be written as JSON \(.*circular.*\); pass plain data$/s),
      cause: expect.any(TypeError),
    });
  });

  it.each([
    [() => 1, "function (anonymous)"],
    [Symbol("s"), "Symbol(s)"],
    [{ toJSON: () => undefined }, "object"],
  ])("refuses %p as an input", async (input, text) => {
    await expect(client.start("main", { input })).rejects.toMatchObject({
      code: "TIDEMARK_INPUT",
      message: `input cannot be written as JSON (it is ${text}); pass plain data`,
    });
  });

  it("refuses a function that nobody has registered, and says what to do", async () => {
    await expect(client.start("grete")).rejects.toMatchObject({
      code: "TIDEMARK_UNKNOWN_FUNCTION",
      message: 'no worker has registered function "grete"; start a worker that has it, or correct the name',
    });
  });
});

describe("result", () => {
  it("of an execution that has ended comes without a wait, by id or ARN", async () => {
    await fleet.worker(echo);
    const id = await fleet.begin({ n: 1 });
    const { executionArn } = await client.describe(id);

    expect([await client.result(id), await client.result(executionArn)]).toEqual([{ n: 1 }, { n: 1 }]);
  });

  it("is undefined when the function gave none", async () => {
    await fleet.worker({ main: withDurableExecution(async () => {}) });

    expect(await client.result(await fleet.begin())).toBeUndefined();
  });

  it("of an execution that timed out says so", async () => {
    await fleet.worker(suspended);
    const { executionId } = await client.start("main", { timeout: { seconds: 5 } });
    await fleet.advance(5000);

    await expect(client.result(executionId)).rejects.toMatchObject({
      code: "TIDEMARK_EXECUTION_FAILED",
      status: "TIMED_OUT",
      message: `execution ${executionId} ended as TIMED_OUT: the execution timed out after 5 s`,
      cause: { code: "TIDEMARK_EXECUTION_TIMEOUT" },
    });
  });

  it("of a stopped execution says so, and can be asked again when it goes on", async () => {
    const id = await fleet.begin("done");
    await client.stop(id);
    await expect(client.result(id)).rejects.toMatchObject({
      status: "STOPPED",
      message: `execution ${id} ended as STOPPED: the execution was stopped`,
    });
    await fleet.worker(echo);
    await client.resume(id);
    const result = client.result(id);
    await fleet.settle();

    expect(await result).toBe("done");
  });

  it("without an error that was recorded says that", async () => {
    await fleet.worker({ main: async (_event, _context) => ({ Status: "FAILED" }) as never });
    const id = await fleet.begin();

    await expect(client.result(id)).rejects.toMatchObject({
      message: `execution ${id} ended as FAILED: no error was recorded`,
    });
  });

  it("does not wait with a patience of nothing", async () => {
    const id = await fleet.begin();

    await expect(client.result(id, { timeoutMs: 0 })).rejects.toMatchObject({
      code: "TIDEMARK_RESULT_TIMEOUT",
      message: expect.stringContaining(`execution ${id} is PENDING after 0 ms (no worker has claimed it`),
    });
  });

  it("is looked for once a second where other processes write, should nobody tell", async () => {
    const silent = storeWith(fleet.store, {
      manifest: { ...fleet.store.manifest, multiProcess: true },
      onChange: () => () => {},
    });
    const elsewhere = new DurableClient({ store: silent, clock: fleet.clock });
    const { executionId } = await client.start("main", { input: "done" });
    let seenAtMs: number | undefined;
    const result = elsewhere.result(executionId).finally(() => {
      seenAtMs = fleet.elapsedMs();
    });
    await fleet.advance(1500);
    await fleet.worker(echo);
    await fleet.advance(1000);

    expect([await result, seenAtMs]).toEqual(["done", 2000]);
  });

  it("is looked for by all who wait in the same turn, so that a store can read for all of them at once", async () => {
    const looks: number[] = [];
    const silent = storeWith(fleet.store, {
      manifest: { ...fleet.store.manifest, multiProcess: true },
      onChange: () => () => {},
      head: (id) => {
        looks.push(fleet.elapsedMs());
        return fleet.store.head(id);
      },
    });
    const elsewhere = new DurableClient({ store: silent, clock: fleet.clock });
    const first = await client.start("main", { input: 1 });
    const second = await client.start("main", { input: 2 });
    const results = [elsewhere.result(first.executionId)];
    await fleet.advance(300);
    results.push(elsewhere.result(second.executionId));
    await fleet.advance(1000);
    expect(looks).toEqual([0, 300, 1000, 1000]);

    const worker = await fleet.worker(echo);
    await fleet.advance(1000);
    expect(await Promise.all(results)).toEqual([1, 2]);
    await fleet.stop(worker);
    expect([looks, fleet.clock.nextTimerMs]).toEqual([[0, 300, 1000, 1000, 2000, 2000], undefined]);
  });

  it("leaves no timer and no listener when it has come, or its time is over", async () => {
    const listeners = new Set<unknown>();
    const store: ExecutionStore = storeWith(fleet.store, {
      onChange: (listener) => {
        listeners.add(listener);
        const stop = fleet.store.onChange(listener);
        return () => {
          listeners.delete(listener);
          stop();
        };
      },
    });
    const watching = new DurableClient({ store, clock: fleet.clock });
    const { executionId } = await client.start("main", { input: 1 });
    const impatient = watching.result(executionId, { timeoutMs: 10 }).catch(({ code }) => code);
    await fleet.advance(10);
    const patient = watching.result(executionId, { timeoutMs: 5000 });
    await fleet.stop(await fleet.worker(echo));

    expect([await impatient, await patient]).toEqual(["TIDEMARK_RESULT_TIMEOUT", 1]);
    expect([listeners.size, fleet.clock.nextTimerMs]).toEqual([0, undefined]);
  });

  it("that is no JSON is given as its text, as describe gives it", async () => {
    await fleet.worker({
      main: async (_event, _context) => ({ Status: "SUCCEEDED", Result: "plain" }) as never,
    });
    const id = await fleet.begin();

    expect((await client.describe(id)).result).toBe("plain");
    expect(await client.result(id)).toBe("plain");
  });

  it("ends with the reason of a signal, at once and later, and leaves the execution alone", async () => {
    await fleet.worker(suspended);
    const { executionId } = await client.start("main");
    const controller = new AbortController();
    const waiting = client.result(executionId, { signal: controller.signal });
    const reason = new Error("nobody waits any more");
    controller.abort(reason);

    await expect(waiting).rejects.toBe(reason);
    await expect(client.result(executionId, { signal: controller.signal })).rejects.toBe(reason);
    await expect(client.result(executionId, { signal: controller as never })).rejects.toMatchObject({
      code: "TIDEMARK_CLIENT_CONFIG",
      message: expect.stringContaining("signal is "),
    });
    await fleet.advance(3_600_000);
    expect((await client.describe(executionId)).status).toBe("SUCCEEDED");
  });
});

describe("describe", () => {
  it("shows an execution that nobody has claimed", async () => {
    await client.start("main", { name: "one", input: { n: 1 } });

    expect(await client.describe("main.one")).toEqual({
      executionId: "main.one",
      executionArn: expect.stringMatching(
        /^arn:tidemark:durable:local:0:function:main\/durable-execution\/main\.one\/main\.one!\w+$/,
      ),
      functionName: "main",
      name: "one",
      status: "PENDING",
      startedAt: new Date(fleet.startMs),
      dueAt: new Date(fleet.startMs),
      invocations: 0,
      input: { n: 1 },
    });
  });

  it("shows why one is tried again, until it runs again", async () => {
    const gate = defer();
    let runs = 0;
    const flaky: DurableHandler = async (_event, _context) => {
      if (++runs === 2) await gate.promise;
      throw new RangeError("no disk");
    };
    await fleet.worker({ main: flaky });
    const id = await fleet.begin();
    const failing = { ErrorType: "RangeError", ErrorMessage: "no disk" };
    expect(await client.describe(id)).toMatchObject({ status: "PENDING", failing });
    expect((await client.list()).executions).toMatchObject([{ failing }]);
    await fleet.advance(1000);

    const described = await client.describe(id);
    expect(described.status).toBe("RUNNING");
    expect(described).not.toHaveProperty("failing");
    gate.resolve();
  });

  it("shows when one that waits is looked at again, and what has come of one that has ended", async () => {
    await fleet.worker({ ...suspended, other: echo.main });
    const waiting = await fleet.begin();
    const { executionId: ended } = await client.start("other", { input: [1] });
    await fleet.settle();

    expect(await client.describe(waiting)).toMatchObject({
      status: "PENDING",
      dueAt: new Date(fleet.startMs + 3_600_000),
      invocations: 1,
    });
    const description = await client.describe(ended);
    expect(description).toMatchObject({ status: "SUCCEEDED", endedAt: new Date(fleet.startMs), result: [1] });
    for (const absent of ["dueAt", "error", "name", "parentExecutionId"])
      expect(absent in description).toBe(false);
  });

  it("names the caller of an execution that was invoked", async () => {
    await fleet.worker({
      main: withDurableExecution(async (_event, context) => context.invoke("other", {})),
      other: echo.main,
    });
    const id = await fleet.begin();

    expect(await client.describe(`${id}~1`)).toMatchObject({ functionName: "other", parentExecutionId: id });
  });
});

describe("the number of invocations in a description", () => {
  it("counts claims: also one whose process died before it invoked anything", async () => {
    const { executionId } = await client.start("main");
    expect((await client.describe(executionId)).invocations).toBe(0);
    const nowMs = fleet.clock.nowMs();
    await fleet.store.acquire({ executionId, owner: "dies", nowMs, leaseUntilMs: nowMs + 30_000 });
    await fleet.worker(echo);
    await fleet.advance(30_000);

    expect(await client.describe(executionId)).toMatchObject({ status: "SUCCEEDED", invocations: 2 });
  });
});

describe("history", () => {
  it("of an execution that runs is what has happened so far, by id or ARN", async () => {
    await fleet.worker(suspended);
    const id = await fleet.begin();
    const events = await client.history(id);

    expect(events.map(({ EventId, EventType }) => [EventId, EventType])).toEqual([
      [1, "ExecutionStarted"],
      [2, "WaitStarted"],
      [3, "InvocationCompleted"],
    ]);
    expect(await client.history((await client.describe(id)).executionArn)).toEqual(events);
  });

  it("goes with its execution", async () => {
    await fleet.worker(echo);
    const id = await fleet.begin();
    await client.purge(id);

    await expect(client.history(id)).rejects.toMatchObject({
      code: "TIDEMARK_EXECUTION_NOT_FOUND",
      message: `execution ${id} does not exist in this store; it may have been purged after its retention`,
    });
  });
});

describe("list", () => {
  /** Three executions of `main`, a second apart; the second one fails. */
  async function three(): Promise<void> {
    await fleet.worker(withErrors((event) => event === "b"));
    for (const input of ["a", "b", "c"]) {
      await fleet.begin(input);
      await fleet.advance(1000);
    }
  }

  const inputs = async (options: Parameters<DurableClient["list"]>[0]): Promise<unknown[]> =>
    (await client.list(options)).executions.map(({ input }) => input);

  it("shows the newest first, or the oldest", async () => {
    await three();

    expect([await inputs({}), await inputs({ oldestFirst: true })]).toEqual([
      ["c", "b", "a"],
      ["a", "b", "c"],
    ]);
  });

  it("shows executions as describe does", async () => {
    await three();
    const { executions } = await client.list();

    expect(executions[1]).toMatchObject({ status: "FAILED", error: { ErrorType: "RangeError" } });
    for (const execution of executions)
      expect(execution).toEqual(await client.describe(execution.executionId));
  });

  it("filters by function, status and time of start, the limits not included", async () => {
    await three();
    const at = (seconds: number) => new Date(fleet.startMs + seconds * 1000);

    expect(await inputs({ functionName: "other" })).toEqual([]);
    expect(await inputs({ functionName: "main", status: "FAILED" })).toEqual(["b"]);
    expect(await inputs({ status: "SUCCEEDED" })).toEqual(["c", "a"]);
    expect(await inputs({ startedAfter: at(0) })).toEqual(["c", "b"]);
    expect(await inputs({ startedBefore: at(2) })).toEqual(["b", "a"]);
    expect(await inputs({ startedAfter: at(0), startedBefore: at(2), status: "SUCCEEDED" })).toEqual([]);
  });

  it("gives a cursor while there is more, also over the filter, and none with the last page", async () => {
    await three();
    const first = await client.list({ limit: 1, status: "SUCCEEDED" });
    expect(first.executions.map(({ input }) => input)).toEqual(["c"]);
    const last = await client.list({ limit: 1, status: "SUCCEEDED", cursor: first.cursor as string });

    expect(last.executions.map(({ input }) => input)).toEqual(["a"]);
    expect([typeof first.cursor, "cursor" in last]).toEqual(["string", false]);
  });

  it("has 100 on a page by default, and at most 1000", async () => {
    await Promise.all(Array.from({ length: 101 }, () => client.start("main")));
    const page = await client.list();

    expect([page.executions.length, typeof page.cursor]).toEqual([100, "string"]);
    expect((await client.list({ limit: 1000 })).executions).toHaveLength(101);
    await expect(client.list({ limit: 5000 })).rejects.toMatchObject({
      code: "TIDEMARK_LIST_LIMIT",
      message: "limit is 5000; pass a whole number from 1 to 1000",
    });
  });

  it.each([
    [Number.NaN, "limit is NaN; "],
    [5n, "limit is 5n; "],
  ])("refuses a limit of %p as it is", async (limit, message) => {
    await expect(client.list({ limit: limit as number })).rejects.toMatchObject({
      code: "TIDEMARK_LIST_LIMIT",
      message: expect.stringContaining(message),
    });
  });

  it.each(["page-2", "", Buffer.from("[1]").toString("base64url")])(
    "refuses the cursor %p, which no listing gave",
    async (cursor) => {
      await expect(client.list({ cursor })).rejects.toMatchObject({
        code: "TIDEMARK_CURSOR",
        message: `cursor ${JSON.stringify(cursor)} is not one that a listing gave; pass the cursor of the previous page unchanged`,
      });
    },
  );
});

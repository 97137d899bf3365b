import { readFile } from "node:fs/promises";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { LocalDurableTestRunner } from "./local-durable-test-runner.js";
import { WaitingOperationStatus } from "./test-types.js";

const START = new Date("2031-05-04T03:02:01.000Z");

const later = (seconds: number): Date => new Date(START.getTime() + seconds * 1000);

/** A runner of this handler, from a fixed time on. */
function runnerOf<TResult = unknown>(
  handler: (input: never, context: DurableContext) => Promise<TResult>,
  options: Partial<ConstructorParameters<typeof LocalDurableTestRunner>[0]> = {},
): LocalDurableTestRunner<TResult> {
  const handlerFunction = withDurableExecution(
    handler as (input: unknown, context: DurableContext) => unknown as never,
  );
  return new LocalDurableTestRunner<TResult>({ handlerFunction, startTime: START, ...options });
}

/** What a real timer of the process does, which no runner may touch. */
const realMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

describe("time", () => {
  it("moves to what is due next, so that a year takes none", async () => {
    const runner = runnerOf(async (_: unknown, context) => {
      await context.wait("a year", { days: 365 });
      return context.step("after", async () => "done");
    });
    const result = await runner.run();

    expect(result.getResult()).toBe("done");
    expect(runner.getOperation("a year").getWaitDetails()).toEqual({
      waitSeconds: 365 * 86_400,
      scheduledEndTimestamp: later(365 * 86_400),
    });
    expect(runner.getOperation("after").getStartTimestamp()).toEqual(later(365 * 86_400));
    expect(result.getInvocations()).toEqual([
      expect.objectContaining({ startTimestamp: START, endTimestamp: START, error: undefined }),
      expect.objectContaining({ startTimestamp: later(365 * 86_400), endTimestamp: later(365 * 86_400) }),
    ]);
  });

  it("goes in order of due dates: of two waits that race, the short one wins", async () => {
    const runner = runnerOf(async (_: unknown, context) =>
      context.promise.race("race", [
        context.wait("long", { seconds: 100 }).then(() => "long"),
        context.wait("short", { seconds: 1 }).then(() => "short"),
      ] as never),
    );
    const result = await runner.run();

    expect(result.getResult()).toBe("short");
    expect(result.getHistoryEvents().at(-1)?.EventTimestamp).toEqual(later(1));
    expect(runner.getOperation("long").getStatus()).toBe("STARTED");
  });

  it("stands still while a body does real I/O", async () => {
    const runner = runnerOf(async (_: unknown, context) => {
      const order: string[] = [];
      await Promise.all([
        context.step("real", () => realMs(20)).then(() => order.push("real")),
        context.wait("wait", { seconds: 1 }).then(() => order.push("wait")),
      ]);
      return order;
    });
    const result = await runner.run();

    expect(result.getResult()).toEqual(["real", "wait"]);
    expect(runner.getOperation("real").getEndTimestamp()).toEqual(START);
  });

  it("runs retries at the delays of their strategy", async () => {
    let calls = 0;
    const runner = runnerOf(async (_: unknown, context) =>
      context.step(
        "flaky",
        async () => {
          calls += 1;
          if (calls < 3) throw new Error(`call ${calls}`);
          return calls;
        },
        { retryStrategy: (_error, attempt) => ({ shouldRetry: true, delay: { minutes: attempt } }) },
      ),
    );
    const result = await runner.run();

    expect(result.getResult()).toBe(3);
    expect(runner.getOperation("flaky").getStepDetails()).toEqual(
      expect.objectContaining({ attempt: 3, result: 3 }),
    );
    expect(runner.getOperation("flaky").getEndTimestamp()).toEqual(later(60 + 120));
    expect(result.getInvocations()).toHaveLength(3);
  });

  it("passes a body that never ends, when the test moves it", async () => {
    const runner = runnerOf(async (_: unknown, context) =>
      Promise.race([
        context.step("hung", () => new Promise<string>(() => {})),
        context.wait("patience", { seconds: 10 }).then(() => "gave up"),
      ]),
    );
    const run = runner.run();
    await runner.advanceTime({ seconds: 10 });
    expect((await run).getResult()).toBe("gave up");
  });

  it("moves as far as the test says, and no further, until the test awaits the run", async () => {
    const runner = runnerOf(async (_: unknown, context) => {
      await context.wait("first", { minutes: 10 });
      await context.wait("second", { minutes: 10 });
      return "done";
    });
    const run = runner.run();
    const second = runner.getOperation("second");
    await runner.advanceTime({ minutes: 9 });
    expect([runner.getOperation("first").getStatus(), second.getStatus()]).toEqual(["STARTED", undefined]);
    await runner.advanceTime({ minutes: 2 });
    expect(second.getStartTimestamp()).toEqual(later(600));
    await realMs(5);
    expect(second.getStatus()).toBe("STARTED");

    expect((await run).getHistoryEvents().at(-1)?.EventTimestamp).toEqual(later(1200));
  });
});

describe("a result", () => {
  it("prints its operations as a table, with the columns that are wanted", async () => {
    const table = jest.spyOn(console, "table").mockImplementation(() => {});
    const log = jest.spyOn(console, "log").mockImplementation(() => {});
    const runner = runnerOf(async (_: unknown, context) => {
      await context.runInChildContext("child", async (child) => child.wait({ seconds: 2 }));
    });
    (await runner.run()).print({ startTime: false, endTime: false });
    (await runnerOf(async () => 1).run()).print();

    expect(table.mock.calls).toEqual([
      [
        [
          {
            parentId: "-",
            name: "child",
            type: "CONTEXT",
            subType: "RunInChildContext",
            status: "SUCCEEDED",
            duration: "2000ms",
          },
          {
            parentId: "1",
            name: "-",
            type: "WAIT",
            subType: "Wait",
            status: "SUCCEEDED",
            duration: "2000ms",
          },
        ],
      ],
    ]);
    expect(log.mock.calls).toEqual([["No operations."]]);
    jest.restoreAllMocks();
  });

  it("has no error when the execution succeeded", async () => {
    const result = await runnerOf(async () => 1).run();
    expect(() => result.getError()).toThrow("the execution succeeded, so it has no error");
  });
});

describe("callbacks", () => {
  const approval = async (_: unknown, context: DurableContext): Promise<string> =>
    context.waitForCallback("approval", async () => {}, {
      timeout: { hours: 1 },
      heartbeatTimeout: { minutes: 10 },
    });

  it("are completed by a test that takes its time, before any timeout", async () => {
    const runner = runnerOf(approval);
    const run = runner.run();
    const callback = runner.getOperation("approval");
    expect(await callback.waitForData(WaitingOperationStatus.SUBMITTED)).toBe(callback);
    await realMs(10);
    await callback.sendCallbackSuccess("yes");
    const result = await run;

    expect(result.getResult()).toBe("yes");
    expect(callback.getCallbackDetails()).toEqual({
      callbackId: expect.any(String),
      result: "yes",
      error: undefined,
    });
    expect(result.getHistoryEvents().at(-1)?.EventTimestamp).toEqual(START);
  });

  it("fail as the test says", async () => {
    const runner = runnerOf(approval);
    const run = runner.run();
    const callback = runner.getOperation("approval");
    await callback.waitForData(WaitingOperationStatus.SUBMITTED);
    await callback.sendCallbackFailure({ ErrorType: "Refused", ErrorMessage: "no" });
    const result = await run;

    expect(result.getStatus()).toBe("FAILED");
    expect(result.getError()).toEqual(expect.objectContaining({ errorMessage: "no" }));
    expect(() => result.getResult()).toThrow("no");
  });

  it("time out when nobody beats, and when nobody answers", async () => {
    const silent = await runnerOf(approval).run();
    expect(silent.getHistoryEvents().find(({ EventType }) => EventType === "CallbackTimedOut")).toEqual(
      expect.objectContaining({ EventTimestamp: later(600) }),
    );

    const runner = runnerOf(approval);
    const run = runner.run();
    const callback = runner.getOperation("approval");
    await callback.waitForData(WaitingOperationStatus.SUBMITTED);
    for (let minutes = 9; minutes < 60; minutes += 9) {
      await runner.advanceTime({ minutes: 9 });
      await callback.sendCallbackHeartbeat();
    }
    const result = await run;
    expect(result.getStatus()).toBe("FAILED");
    expect(result.getHistoryEvents().find(({ EventType }) => EventType === "CallbackTimedOut")).toEqual(
      expect.objectContaining({ EventTimestamp: later(3600) }),
    );
  });

  it("that come late are refused", async () => {
    const runner = runnerOf(approval);
    await runner.run();
    await expect(runner.getOperation("approval").sendCallbackSuccess("late")).rejects.toMatchObject({
      code: "TIDEMARK_CALLBACK_SETTLED",
    });
  });
});

describe("an operation", () => {
  it("is seen while its body runs", async () => {
    let release = (): void => {};
    const runner = runnerOf(async (_: unknown, context) =>
      context.step("long", () => new Promise((resolve) => (release = () => resolve("done")))),
    );
    const run = runner.run();
    const step = await runner.getOperation("long").waitForData();
    expect([step.getStatus(), step.getStepDetails()?.result]).toEqual(["STARTED", undefined]);
    release();
    expect((await run).getResult()).toBe("done");
    expect([step.getStatus(), step.getStepDetails()?.result]).toEqual(["SUCCEEDED", "done"]);
  });

  it("is found by name, by name and index, by index and by id, with its children", async () => {
    const runner = runnerOf(async (_: unknown, context) => {
      await context.step("same", async () => 1);
      await context.step("same", async () => 2);
      await context.runInChildContext("child", async (child) =>
        child.step("inner", async () => ({ deep: true })),
      );
    });
    const result = await runner.run();
    const details = (operation = runner.getOperation("same")) => operation.getStepDetails()?.result;

    expect(result.getOperations().map((operation) => operation.getName())).toEqual([
      "same",
      "same",
      "child",
      "inner",
    ]);
    expect([
      details(),
      details(runner.getOperation("same", 1)),
      details(runner.getOperationByNameAndIndex("same", 1)),
    ]).toEqual([1, 2, 2]);
    expect([details(runner.getOperationByIndex(0)), details(runner.getOperationById("2"))]).toEqual([1, 2]);
    const [inner] = runner.getOperation("child").getChildOperations() ?? [];
    expect([inner?.getId(), inner?.getParentId(), inner?.getStepDetails()?.result]).toEqual([
      "3-1",
      "3",
      { deep: true },
    ]);
    expect(runner.getOperation("child").getContextDetails()).toEqual({
      result: { deep: true },
      error: undefined,
    });
    expect(inner?.getEvents()?.map(({ EventType }) => EventType)).toEqual(["StepStarted", "StepSucceeded"]);
    expect(result.getOperations({ status: "FAILED" })).toEqual([]);
  });

  it("that never comes is not waited for after the end", async () => {
    const runner = runnerOf(async (_: unknown, context) => context.step("approve", async () => 1));
    const run = runner.run();
    const never = runner.getOperation("aprove").waitForData();
    await expect(never).rejects.toMatchObject({
      code: "TIDEMARK_TEST_OPERATION",
      message:
        'operation "aprove" was to be STARTED, and the execution ended as SUCCEEDED; the operation has not been started. Recorded are: "approve" (Step 1, SUCCEEDED). Correct the name, or the handler',
    });
    await run;
    await expect(runner.getOperation("aprove").waitForData()).rejects.toMatchObject({
      code: "TIDEMARK_TEST_OPERATION",
    });
  });

  it("says what it is not", async () => {
    const runner = runnerOf(async (_: unknown, context) => context.step("work", async () => 1));
    expect(runner.getOperation("work").getStepDetails()).toBeUndefined();
    await runner.run();
    expect(() => runner.getOperation("work").getWaitDetails()).toThrow(
      'operation "work" (Step 1, SUCCEEDED) is not of type WAIT',
    );
    expect(() => runner.getOperation("work").getCallbackDetails()).toThrow(
      'operation "work" (Step 1, SUCCEEDED) is no callback',
    );
    await expect(runner.getOperation("other").sendCallbackSuccess()).rejects.toMatchObject({
      code: "TIDEMARK_TEST_OPERATION",
      message: 'operation "other" has not been started; wait for it with waitForData()',
    });
  });
});

describe("functions", () => {
  it("are invoked by the names under which they are registered", async () => {
    const runner = runnerOf(async (_: unknown, context) => [
      await context.invoke("durable:$LATEST", { n: 1 }),
      await context.invoke("plain", { n: 2 }),
      await context.invoke("old", { n: 3 }),
    ])
      .registerDurableFunction(
        "durable:$LATEST",
        withDurableExecution(async ({ n }: { n: number }, context: DurableContext) => {
          await context.wait({ days: 1 });
          return n * 10;
        }),
      )
      .registerFunction("plain", async ({ n }: { n: number }) => n * 10)
      .registerFunction("old", ({ n }: { n: number }, _context, callback) => callback(null, n * 10));
    expect((await runner.run()).getResult()).toEqual([10, 20, 30]);
    expect(runner.getOperationByIndex(1).getChainedInvokeDetails()).toEqual({ result: 20, error: undefined });
  });

  it("that are not registered fail the run, whatever the handler catches", async () => {
    const runner = runnerOf(async (_: unknown, context) =>
      context.invoke("bill:$LATEST", {}).catch(() => "fine"),
    );
    runner.registerFunction("bill", async () => 1);
    await expect(runner.run()).rejects.toMatchObject({
      code: "TIDEMARK_TEST_FUNCTION",
      message:
        'the handler invokes function "bill:$LATEST", which is not registered (registered are: "bill"); call runner.registerDurableFunction() or runner.registerFunction() with exactly this name before run()',
    });
  });
});

describe("a runner", () => {
  const greet = async (name: string, context: DurableContext): Promise<string> => {
    await context.wait("pause", { seconds: 5 });
    return `Hello ${name}`;
  };

  it("runs beside any number of others", async () => {
    const names = Array.from({ length: 50 }, (_, index) => `name ${index}`);
    const results = await Promise.all(names.map((payload) => runnerOf(greet).run({ payload })));
    expect(results.map((result) => result.getResult())).toEqual(names.map((name) => `Hello ${name}`));
  });

  it("has one run at a time, and another after it", async () => {
    const runner = runnerOf(greet);
    const first = runner.run({ payload: "Ada" });
    await expect(runner.run()).rejects.toMatchObject({ code: "TIDEMARK_TEST_RUN" });
    expect((await first).getResult()).toBe("Hello Ada");
    expect((await runner.run({ payload: "Bo" })).getResult()).toBe("Hello Bo");
    runner.reset();
    expect(runner.getOperation("pause").getStatus()).toBeUndefined();
  });

  it("leaves a run behind that is reset", async () => {
    const runner = runnerOf(greet);
    const run = runner.run();
    runner.reset();
    await expect(run).rejects.toMatchObject({ code: "TIDEMARK_TEST_RUN" });
    expect((await runner.run({ payload: "Cy" })).getResult()).toBe("Hello Cy");
  });

  it("does not need the timers of the process, which a test may have faked", async () => {
    jest.useFakeTimers();
    try {
      expect((await runnerOf(greet).run({ payload: "Di" })).getResult()).toBe("Hello Di");
    } finally {
      jest.useRealTimers();
    }
  });

  it("says what an execution waits for that can never go on", async () => {
    const runner = runnerOf(async (_: unknown, context) =>
      context.waitForCallback("approve", async () => {}),
    );
    await expect(runner.run()).rejects.toMatchObject({
      code: "TIDEMARK_TEST_DEADLOCK",
      message: expect.stringContaining(
        "(Callback 1-1, STARTED) waits to be completed: get it with runner.getOperation()",
      ),
    });
  });

  it("refuses a handler that is not wrapped, and options that cannot work", async () => {
    const unwrapped = (handlerFunction: unknown) =>
      new LocalDurableTestRunner({ handlerFunction: handlerFunction as never });
    expect(() => unwrapped(async () => 5)).toThrow("handlerFunction is not wrapped: a wrapped handler takes");
    expect(() => unwrapped(greet)).toThrow("handlerFunction is not wrapped, and calls ");
    // Nobody can tell before it runs.
    await expect(unwrapped(async (_event: unknown, _context: unknown) => 5).run()).rejects.toMatchObject({
      code: "TIDEMARK_INVOCATION_FAILED",
    });
    const handlerFunction = withDurableExecution(greet);
    expect(() => new LocalDurableTestRunner({ handlerFunction, checkpointDelay: -1 })).toThrow(
      "checkpointDelay is -1",
    );
    expect(() => new LocalDurableTestRunner({ handlerFunction, fakeTimers: true, skipTime: false })).toThrow(
      "fakeTimers",
    );
    expect(() => new LocalDurableTestRunner({ handlerFunction, startTime: 5 as never })).toThrow(
      "startTime is 5; pass a valid Date",
    );
    expect(() => new LocalDurableTestRunner({} as never)).toThrow("handlerFunction is not a function");
    const runner = new LocalDurableTestRunner({ handlerFunction });
    expect(() => runner.registerFunction("function-under-test", async () => 1)).toThrow(
      "choose another name",
    );
    await expect(
      new LocalDurableTestRunner({ handlerFunction }).advanceTime({ seconds: 1 }),
    ).rejects.toMatchObject({
      code: "TIDEMARK_TEST_RUN",
    });
  });
});

describe("the environment", () => {
  afterEach(() => LocalDurableTestRunner.teardownTestEnvironment());

  it("has real time, when it is set up without more", async () => {
    await LocalDurableTestRunner.setupTestEnvironment();
    const startedMs = performance.now();
    const handlerFunction = withDurableExecution(async (_: unknown, context: DurableContext) =>
      context.wait({ seconds: 1 }),
    );
    await new LocalDurableTestRunner({ handlerFunction }).run();
    expect(performance.now() - startedMs).toBeGreaterThan(990);
  });

  it("delays each checkpoint by time of the runner", async () => {
    await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true, checkpointDelay: 250 });
    const runner = runnerOf(async (_: unknown, context) => {
      await context.step("one", async () => 1);
      await context.step("two", async () => 2);
    });
    const result = await runner.run();
    expect(result.getHistoryEvents().at(-1)?.EventTimestamp).toEqual(later(0.5));
  });

  it("fakes timers and dates of handlers alone, where it is asked to", async () => {
    const { setTimeout: realSet, Date: RealDate } = globalThis;
    const handler = async (_: unknown, context: DurableContext): Promise<unknown> =>
      Promise.race([
        context.step("sleeper", async () => {
          await new Promise((resolve) => setTimeout(resolve, 60_000));
          return ["sleeper", Date.now(), new Date().toISOString()];
        }),
        context.wait("wait", { seconds: 61 }),
      ]);
    const runner = runnerOf(handler, { fakeTimers: true });
    const run = runner.run();
    expect(globalThis.setTimeout).not.toBe(realSet);
    const real = Date.now();
    expect(Math.abs(real - RealDate.now())).toBeLessThan(1000);
    await new Promise((resolve) => setTimeout(resolve, 1));
    const result = await run;

    expect(result.getResult()).toEqual(["sleeper", later(60).getTime(), later(60).toISOString()]);
    expect([globalThis.setTimeout, globalThis.Date]).toEqual([realSet, RealDate]);
  });

  it("lets time stand still for a body that nothing is due beside, also with fake timers", async () => {
    const body = async (): Promise<string> => {
      for (let read = 0; read < 20; read++) await readFile(__filename);
      return new Date().toISOString();
    };
    const runner = runnerOf(async (_: unknown, context) => context.step("reads", body), { fakeTimers: true });
    expect((await runner.run()).getResult()).toBe(START.toISOString());
  });
});

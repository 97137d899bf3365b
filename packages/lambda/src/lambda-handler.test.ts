import { TidemarkError } from "@tidemark/protocol";
import { MemoryStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { LambdaWorld, LOST, ONCE, TWICE } from "../../../testing/lambda/lambda-world";
import { lambdaHandler, wakeUpEvent } from "./index";

/** The code of what a promise rejects with. */
async function codeOf(rejected: Promise<unknown>): Promise<unknown> {
  return rejected.then(
    (value) => ({ value }),
    (error) => (error as TidemarkError).code,
  );
}

describe("an ordinary event", () => {
  it("is answered with the result when the execution ends within the invocation", async () => {
    const world = new LambdaWorld();
    world.deploy("main", async (event, context) => context.step(async () => event.n * 2));

    expect(await world.call("main", { n: 21 }, 60_000, "r1")).toEqual({
      executionId: "main.r1",
      status: "SUCCEEDED",
      result: 42,
    });
    expect(world.wakeUps).toEqual([]);
  });

  it("is answered with the error when the handler fails", async () => {
    const world = new LambdaWorld();
    world.deploy("main", async () => {
      throw new RangeError("too much");
    });

    expect(await world.call("main", {})).toMatchObject({
      status: "FAILED",
      error: { ErrorType: "RangeError", ErrorMessage: "too much" },
    });
  });

  it("runs a plain function", async () => {
    const world = new LambdaWorld();
    const handler = { handler: (event: unknown) => [event], durable: false } as const;
    world.deploy("main", async () => {}, { handler });

    expect(await world.call("main", "in")).toMatchObject({ status: "SUCCEEDED", result: ["in"] });
  });

  it("is answered with the id when the execution suspends, and the waker resumes it when it is due", async () => {
    const world = new LambdaWorld();
    world.deploy("main", async (_event, context) => {
      await context.wait({ seconds: 90 });
      return "rested";
    });

    expect(await world.call("main", {}, 60_000, "r1")).toEqual({ executionId: "main.r1", status: "PENDING" });
    await world.advance(60_000);
    expect(await world.wake()).toEqual({ woken: 0, failed: 0, failures: [], purged: 0, isComplete: true });
    await world.advance(60_000);
    expect(await world.wake()).toMatchObject({ woken: 1 });
    expect(await world.client.result("main.r1")).toBe("rested");
  });

  it("sleeps a short wait in the invocation", async () => {
    const world = new LambdaWorld();
    world.deploy("main", async (_event, context) => context.wait({ seconds: 2 }), { inlineWaitMs: 5000 });

    const answer = world.call("main", {});
    await world.advance(2000);
    expect(await answer).toMatchObject({ status: "SUCCEEDED" });
  });

  it.each([
    [60_000, 1],
    // The process may be gone before a snapshot is saved.
    [5500, undefined],
  ])("saves a snapshot after it has suspended, if there is time (%d ms)", async (remainingMs, sequence) => {
    const world = new LambdaWorld();
    world.deploy("main", async (_event, context) => context.wait({ seconds: 60 }), { snapshotAfterBytes: 0 });

    expect(await world.call("main", {}, remainingMs, "r1")).toMatchObject({ status: "PENDING" });
    expect((await world.store.load("main.r1"))?.snapshot?.sequence).toBe(sequence);
  });

  it("suspends a short wait that ends after the deadline", async () => {
    const world = new LambdaWorld();
    world.deploy("main", async (_event, context) => context.wait({ seconds: 3 }), { inlineWaitMs: 5000 });

    expect(await world.call("main", {}, 3500)).toMatchObject({ status: "PENDING" });
  });

  it("with the same key is the same execution, and its answer is the same", async () => {
    const world = new LambdaWorld();
    let runs = 0;
    world.deploy(
      "main",
      async (event, context) =>
        context.step(async () => {
          runs += 1;
          return event;
        }),
      {
        key: (event) => (event as { id?: string }).id,
        input: (event) => (event as { body?: unknown }).body,
      },
    );

    const first = await world.call("main", { id: "o-1", body: 1, time: "now" });
    const second = await world.call("main", { id: "o-1", body: 1, time: "later" });
    expect([first, second, runs]).toEqual([
      { executionId: "main.o-1", status: "SUCCEEDED", result: 1 },
      { executionId: "main.o-1", status: "SUCCEEDED", result: 1 },
      1,
    ]);
    expect(await codeOf(world.call("main", { id: "o-1", body: 2 }))).toBe("TIDEMARK_EXECUTION_EXISTS");
    expect(await codeOf(world.call("main", { id: "o 1" }))).toBe("TIDEMARK_EXECUTION_NAME");
    expect(await world.call("main", { body: 3 }, 60_000, "r9")).toMatchObject({ executionId: "main.r9" });
  });

  it("that comes twice at a time runs once, and both are answered", async () => {
    const world = new LambdaWorld();
    let runs = 0;
    let release = (): void => {};
    world.deploy("main", async (_event, context) =>
      context.step(async () => {
        runs += 1;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
      }),
    );

    const both = [1, 2].map(() => world.call("main", {}, 60_000, "same"));
    await world.advance(0);
    release();
    const answers = (await Promise.all(both)) as { status: string }[];
    expect(answers.map(({ status }) => status).sort()).toEqual(["RUNNING", "SUCCEEDED"]);
    expect(runs).toBe(1);
  });

  it("is answered as the option says, and has no key when the request has no id that is a name", async () => {
    const world = new LambdaWorld();
    world.deploy("main", async () => "done", {
      answer: ({ status, result }) => ({ statusCode: status === "SUCCEEDED" ? 200 : 202, body: result }),
      timeout: { hours: 1 },
      retention: { days: 1 },
    });

    expect(await world.call("main", {}, 60_000, "not a name")).toEqual({ statusCode: 200, body: "done" });
    const [execution] = (await world.client.list()).executions;
    expect(execution).not.toHaveProperty("name");
  });

  it("is answered with the id when the store fails while it runs; the waker goes on after the lease", async () => {
    const memory = new MemoryStore();
    let isBroken = true;
    const world = new LambdaWorld(
      storeWith(memory, {
        finish: async (request) => {
          if (isBroken) throw new Error("no network");
          return memory.finish(request);
        },
      }),
    );
    world.deploy("main", async () => "done");

    expect(await world.call("main", {}, 60_000, "r1")).toEqual({ executionId: "main.r1", status: "RUNNING" });
    expect(world.errors).toEqual([new Error("no network")]);
    isBroken = false;
    await world.advance(30_000);
    await world.wake();
    expect(await world.client.result("main.r1")).toBe("done");
  });
});

describe("a wake-up", () => {
  it("does nothing when it is early, late, doubled or for something that is gone", async () => {
    const world = new LambdaWorld();
    let runs = 0;
    world.deploy("main", async (_event, context) => {
      await context.wait({ seconds: 60 });
      await context.step(async () => {
        runs += 1;
      });
    });
    await world.call("main", {}, 60_000, "r1");

    const early = await world.call("main", wakeUpEvent("main.r1"));
    await world.advance(60_000);
    world.delivery = TWICE;
    await world.wake();
    expect(await world.status("main.r1")).toBe("SUCCEEDED");
    const late = await world.call("main", wakeUpEvent("main.r1"));
    const gone = await world.call("main", wakeUpEvent("main.gone"));
    expect([early, late, gone, runs, world.failures]).toEqual([undefined, undefined, undefined, 1, []]);
    expect((await world.client.describe("main.r1")).invocations).toBe(2);
  });

  it.each([
    [{ tidemark: {} }],
    [{ tidemark: null }],
    [{ tidemark: { executionId: 7 } }],
    [{ tidemark: { executionId: "" } }],
    [{ tidemark: { executionId: "main.r1" }, order: 7 }],
  ])("that is malformed is refused: %j", async (event) => {
    const world = new LambdaWorld();
    world.deploy("main", async () => {});

    expect(await codeOf(world.call("main", event))).toBe("TIDEMARK_WAKE_UP");
    expect((await world.client.list()).executions).toEqual([]);
  });

  it("for an execution of another function is refused", async () => {
    const world = new LambdaWorld();
    world.deploy("main", async () => {});
    world.deploy("other", async (_event, context) => context.wait({ seconds: 1 }));
    await world.call("other", {}, 60_000, "r1");

    expect(await codeOf(world.call("main", wakeUpEvent("other.r1")))).toBe("TIDEMARK_WAKE_UP");
  });

  it("fails when the store does, so that Lambda tries it again", async () => {
    const memory = new MemoryStore();
    let isBroken = false;
    const world = new LambdaWorld(
      storeWith(memory, {
        load: async (executionId) => {
          if (isBroken) throw new Error("no network");
          return memory.load(executionId);
        },
      }),
    );
    world.deploy("main", async (_event, context) => context.wait({ seconds: 1 }));
    await world.call("main", {}, 60_000, "r1");
    await world.advance(1000);
    isBroken = true;

    await expect(world.call("main", wakeUpEvent("main.r1"))).rejects.toThrow("no network");
  });
});

describe("a callback", () => {
  it("wakes its execution at once when it is completed, and while the execution runs no wake-up is sent", async () => {
    const world = new LambdaWorld();
    const ids: string[] = [];
    world.deploy("main", async (_event, context) => {
      const [first, firstId] = await context.createCallback();
      ids.push(firstId);
      const answer = await first;
      const [second, secondId] = await context.createCallback();
      await context.step(async () => world.client.sendCallbackSuccess(secondId, "two"));
      return [answer, await second];
    });
    await world.call("main", {}, 60_000, "r1");

    await world.client.sendCallbackSuccess(ids[0] as string, "one");
    await world.advance(0);
    expect(await world.client.result("main.r1")).toEqual(["one", "two"]);
    expect(world.wakeUps).toHaveLength(1);
  });

  it("is not lost when its wake-up is", async () => {
    const world = new LambdaWorld();
    let id = "";
    world.deploy("main", async (_event, context) => {
      const [answer, callbackId] = await context.createCallback();
      id = callbackId;
      return answer;
    });
    await world.call("main", {}, 60_000, "r1");
    world.delivery = LOST;
    await world.client.sendCallbackSuccess(id, "one");
    world.delivery = ONCE;

    expect(await world.wake()).toMatchObject({ woken: 1 });
    expect(await world.client.result("main.r1")).toBe("one");
  });
});

describe("a chained invoke", () => {
  const deploy = (world: LambdaWorld): void => {
    world.deploy("child", async (event, context) => {
      await context.wait({ seconds: 30 });
      return `child of ${event.of}`;
    });
    world.deploy("main", async (event, context) => context.invoke<unknown, string>("child", event));
  };

  it.each(Object.entries({ once: ONCE, twice: TWICE }))(
    "wakes the child and then the caller, delivered %s",
    async (_name, delivery) => {
      const world = new LambdaWorld();
      world.delivery = delivery;
      deploy(world);
      await world.wake();
      await world.call("main", { of: "main" }, 60_000, "r1");
      await world.advance(30_000);
      await world.wake();

      expect(await world.client.result("main.r1")).toBe("child of main");
      const child = expect.stringMatching(/^main\.r1!\w+~1$/);
      const woken = world.wakeUps.map(({ executionId }) => executionId);
      expect(woken.filter((id) => id.startsWith("main."))).toEqual([child, child, "main.r1"]);
      expect(world.failures).toEqual([]);
      expect(world.errors).toEqual([]);
    },
  );

  it("goes on by the waker when all wake-ups are held, and out of order", async () => {
    const world = new LambdaWorld();
    world.delivery = LOST;
    deploy(world);
    await world.wake();
    await world.call("main", { of: "main" }, 60_000, "r1");
    for (const _round of [1, 2, 3]) {
      await world.advance(30_000);
      await world.wake();
      for (const wakeUp of [...world.wakeUps].reverse()) world.deliver(wakeUp);
      await world.advance(0);
    }

    expect(await world.client.result("main.r1")).toBe("child of main");
    expect(world.failures).toEqual([]);
  });
});

describe("lambdaHandler", () => {
  it.each([
    [{ handOverMs: -1 }, "TIDEMARK_LAMBDA_OPTIONS"],
    [{ leaseMs: 0 }, "TIDEMARK_LAMBDA_OPTIONS"],
    [{ inlineWaitMs: 0.5 }, "TIDEMARK_LAMBDA_OPTIONS"],
    [{ snapshotAfterBytes: -1 }, "TIDEMARK_LAMBDA_OPTIONS"],
    [{ maxBarrenInvocations: 0 }, "TIDEMARK_LAMBDA_OPTIONS"],
    [{ functionName: "no name" }, "TIDEMARK_FUNCTION_NAME"],
    [{ functionName: undefined as never }, "TIDEMARK_FUNCTION_NAME"],
    [{ timeout: { day: 1 } as never }, "TIDEMARK_DURATION"],
    [{ retention: { days: 0 } }, "TIDEMARK_DURATION"],
    [{ store: new MemoryStore() as never }, "TIDEMARK_LAMBDA_OPTIONS"],
    [{ store: undefined as never }, "TIDEMARK_LAMBDA_OPTIONS"],
    [{ handler: undefined as never }, "TIDEMARK_HANDLER"],
  ])("refuses %j", (options, code) => {
    const create = () =>
      lambdaHandler({
        store: () => new MemoryStore(),
        functionName: "main",
        handler: { handler: () => {}, durable: false },
        ...options,
      });
    expect(create).toThrow(expect.objectContaining({ code }));
  });

  it("opens the store again after it has failed", async () => {
    const world = new LambdaWorld();
    let opened = 0;
    world.deploy("main", async () => "done", {
      store: () => {
        opened += 1;
        if (opened === 1) throw new TidemarkError("TIDEMARK_STORE_TABLE", "no table");
        return world.store;
      },
    });

    expect(await codeOf(world.call("main", {}))).toBe("TIDEMARK_STORE_TABLE");
    await world.call("main", {});
    await world.call("main", {});
    expect(opened).toBe(2);
  });

  it("opens the store once when the function cannot be made known at first", async () => {
    const memory = new MemoryStore();
    let tries = 0;
    let opened = 0;
    const store = storeWith(memory, {
      registerFunctions: async (names) => {
        tries += 1;
        if (tries === 1) throw new TidemarkError("TIDEMARK_STORE_ACCESS", "not allowed");
        return memory.registerFunctions(names);
      },
    });
    const world = new LambdaWorld(memory);
    world.deploy("main", async () => "done", {
      store: () => {
        opened += 1;
        return store;
      },
    });

    expect(await codeOf(world.call("main", {}))).toBe("TIDEMARK_STORE_ACCESS");
    expect(await world.call("main", {})).toMatchObject({ status: "SUCCEEDED" });
    expect([opened, tries]).toEqual([1, 2]);
  });
});

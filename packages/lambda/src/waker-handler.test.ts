import { TidemarkError } from "@tidemark/protocol";
import { MemoryStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { LambdaWorld, LOST } from "../../../testing/lambda/lambda-world";
import { wakerHandler } from "./index";

/** A world with executions of `main` that are due in a minute. */
async function waiting(count: number, world = new LambdaWorld()): Promise<LambdaWorld> {
  world.deploy("main", async (_event, context) => context.wait({ seconds: 60 }));
  for (let index = 0; index < count; index++) await world.call("main", {}, 60_000, `r${index}`);
  await world.advance(60_000);
  return world;
}

describe("the waker", () => {
  it("wakes all that is due, page by page, each once, and not too many at a time", async () => {
    const world = await waiting(25);
    world.delivery = LOST;
    let underWay = 0;
    let most = 0;
    const result = await world.wake({
      pageSize: 4,
      concurrency: 3,
      invoke: async (wakeUp) => {
        underWay += 1;
        most = Math.max(most, underWay);
        await Promise.resolve();
        underWay -= 1;
        await world.invoke(wakeUp);
      },
    });

    expect(result).toEqual({ woken: 25, failed: 0, failures: [], purged: 0, isComplete: true });
    expect(new Set(world.wakeUps.map(({ executionId }) => executionId)).size).toBe(25);
    expect([world.wakeUps.length, most]).toEqual([25, 3]);
  });

  it("goes on when wake-ups fail, reports them, and wakes them at the next run", async () => {
    const world = await waiting(15);
    const result = await world.wake({
      invoke: async (wakeUp) => {
        if (wakeUp.executionId === "main.r3")
          throw new TidemarkError("TIDEMARK_LAMBDA_THROTTLED", "slow down");
        if (wakeUp.executionId === "main.r4") throw new Error("no network");
        await world.invoke(wakeUp);
      },
    });

    expect(result).toMatchObject({ woken: 13, failed: 2, isComplete: true });
    expect(result.failures).toEqual([
      {
        functionName: "main",
        executionId: "main.r3",
        code: "TIDEMARK_LAMBDA_THROTTLED",
        message: "slow down",
      },
      { functionName: "main", executionId: "main.r4", code: "Error", message: "no network" },
    ]);
    expect(world.errors).toHaveLength(2);
    expect(await world.status("main.r3")).toBe("PENDING");
    expect(await world.wake()).toMatchObject({ woken: 2, failed: 0 });
    expect(await world.status("main.r3")).toBe("SUCCEEDED");
  });

  it("lists the first ten of many failures", async () => {
    const world = await waiting(15);
    const result = await world.wake({ invoke: async () => Promise.reject(new Error("no network")) });

    expect([result.woken, result.failed, result.failures.length, world.errors.length]).toEqual([
      0, 15, 10, 15,
    ]);
  });

  it("looks after the other functions when the store fails for one", async () => {
    const memory = new MemoryStore();
    const world = new LambdaWorld(
      storeWith(memory, {
        due: async (nowMs, limit, names) => {
          if (names?.includes("broken")) throw new TidemarkError("TIDEMARK_STORE_THROTTLED", "too much");
          return memory.due(nowMs, limit, names);
        },
      }),
    );
    await waiting(1, world);

    expect(await world.wake({ functions: ["broken", "main", "main"] })).toEqual({
      woken: 1,
      failed: 1,
      failures: [{ functionName: "broken", code: "TIDEMARK_STORE_THROTTLED", message: "too much" }],
      purged: 0,
      isComplete: true,
    });
  });

  it("stops when its own time is nearly over, and says so", async () => {
    const world = await waiting(10);
    const result = await world.wake(
      {
        concurrency: 1,
        stopMs: 1000,
        invoke: async (wakeUp) => {
          await world.invoke(wakeUp);
          world.clock.setTimer(() => {}, 0);
          await world.clock.advanceTo(world.clock.nowMs() + 1000);
        },
      },
      4000,
    );

    expect(result).toMatchObject({ woken: 3, isComplete: false });
    expect(await world.wake()).toMatchObject({ woken: 7, isComplete: true });
  });

  it.each([
    [{ functions: [] }, "functions is []; pass the names of the durable functions to look after"],
    [
      { functions: { main: () => {} } as never },
      "functions is {}; pass the names of the durable functions to look after",
    ],
    [
      { store: undefined as never },
      "store is undefined; pass a function that opens it, such as () => DynamoDbStore.open({ tableName })",
    ],
  ])("refuses %j", (options, message) => {
    const create = () => wakerHandler({ store: () => new MemoryStore(), functions: ["main"], ...options });
    expect(create).toThrow(expect.objectContaining({ code: "TIDEMARK_LAMBDA_OPTIONS", message }));
  });

  it("refuses to run in less time than it stops before its deadline", async () => {
    const world = await waiting(1);
    await expect(world.wake({}, 3000)).rejects.toMatchObject({
      code: "TIDEMARK_LAMBDA_OPTIONS",
      message: expect.stringContaining("raise the timeout of the Lambda function"),
    });
  });

  it("asks for twice as many each time, as those that are woken are listed still", async () => {
    const memory = new MemoryStore();
    const limits: number[] = [];
    const world = await waiting(
      25,
      new LambdaWorld(
        storeWith(memory, {
          due: async (nowMs, limit, names) => {
            limits.push(limit);
            return memory.due(nowMs, limit, names);
          },
        }),
      ),
    );
    world.delivery = LOST;

    expect(await world.wake({ pageSize: 4 })).toMatchObject({ woken: 25, isComplete: true });
    expect(limits).toEqual([4, 8, 16, 32]);
  });

  it("gives every function its share when there is not enough time", async () => {
    const world = await waiting(10);
    world.deploy("other", async (_event, context) => context.wait({ seconds: 60 }));
    for (let index = 0; index < 10; index++) await world.call("other", {}, 60_000, `r${index}`);
    await world.advance(60_000);
    let sent = 0;
    const waker = wakerHandler({
      store: () => world.store,
      functions: ["main", "other"],
      concurrency: 1,
      invoke: async ({ functionName, executionId }) => {
        sent += 1;
        world.wakeUps.push({ functionName, executionId });
      },
      clock: world.clock,
    });
    const getRemainingTimeInMillis = () => (sent < 8 ? 60_000 : 0);

    expect(await waker({}, { awsRequestId: "r", getRemainingTimeInMillis })).toMatchObject({
      woken: 8,
      isComplete: false,
    });
    const names = world.wakeUps.map(({ functionName }) => functionName);
    expect(names.filter((name) => name === "main")).toHaveLength(4);
  });

  it("removes executions whose retention has passed", async () => {
    const world = new LambdaWorld();
    world.deploy("main", async () => "done", { retention: { days: 1 } });
    for (let index = 0; index < 101; index++) await world.call("main", {}, 60_000, `r${index}`);
    await world.advance(86_400_001);

    expect(await world.wake()).toMatchObject({ woken: 0, purged: 101 });
    expect((await world.client.list()).executions).toEqual([]);
  });

  it("makes its functions known to the store, and survives a reporter that throws", async () => {
    const log = jest.spyOn(console, "error").mockImplementation(() => {});
    const world = await waiting(1);
    const result = await world.wake({
      functions: ["main", "charge"],
      invoke: async () => Promise.reject(new Error("no network")),
      onError: () => {
        throw new Error("no log");
      },
    });

    expect([result.failed, log.mock.calls.length]).toEqual([1, 1]);
    log.mockRestore();
    expect(await world.store.hasFunction("charge")).toBe(true);
  });

  it("reports when executions cannot be removed", async () => {
    const purgeExpired = async () => Promise.reject(new Error("no network"));
    const world = await waiting(1, new LambdaWorld(storeWith(new MemoryStore(), { purgeExpired })));

    expect(await world.wake()).toMatchObject({
      woken: 1,
      failed: 1,
      failures: [{ code: "Error", message: "no network" }],
    });
  });

  it.each([
    [{ functions: [] }],
    [{ functions: ["main", ""] }],
    [{ functions: [undefined as never] }],
    [{ concurrency: 0 }],
    [{ pageSize: 0 }],
    [{ stopMs: -1 }],
  ])("refuses %j", (options) => {
    const create = () => wakerHandler({ store: () => new MemoryStore(), functions: ["main"], ...options });
    expect(create).toThrow(expect.objectContaining({ code: "TIDEMARK_LAMBDA_OPTIONS" }));
  });
});

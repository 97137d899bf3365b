/** Deadlines, sandboxes that are killed, and stores that fail in the middle of an invocation. */

import type { TidemarkError } from "@tidemark/protocol";
import { StepSemantics } from "@tidemark/sdk";
import { MemoryStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { LambdaWorld } from "../../../testing/lambda/lambda-world";
import { lambdaHandler } from "./index";

const never = (): Promise<never> => new Promise(() => {});

/** The code of what a promise rejects with. */
async function codeOf(rejected: Promise<unknown>): Promise<unknown> {
  return rejected.then(
    (value) => ({ value }),
    (error) => (error as TidemarkError).code,
  );
}

describe("a store that fails in the middle of an event", () => {
  it("and stays away does not hide that the execution has been started", async () => {
    const memory = new MemoryStore();
    let isBroken = false;
    const failing = async () => {
      isBroken = true;
      throw new Error("no network");
    };
    const head = async (id: string) => (isBroken ? failing() : memory.head(id));
    const world = new LambdaWorld(storeWith(memory, { acquire: failing, head }));
    world.deploy("main", async () => "done");

    expect(await world.call("main", {}, 60_000, "r1")).toEqual({ executionId: "main.r1", status: "RUNNING" });
    expect(world.errors).toEqual([new Error("no network"), new Error("no network")]);
    expect((await memory.head("main.r1"))?.status).toBe("PENDING");
  });
});

describe("near the deadline", () => {
  it("an event is answered with the id when the store hangs", async () => {
    const memory = new MemoryStore();
    const world = new LambdaWorld(storeWith(memory, { suspend: () => never() }));
    world.deploy("main", async (_event, context) => context.step(never));

    const answer = world.call("main", {}, 10_000, "r1");
    await world.advance(9500);
    expect(await answer).toEqual({ executionId: "main.r1", status: "RUNNING" });
    expect(world.errors).toEqual([]);
  });

  it("an execution is handed over, and goes on at once in another invocation", async () => {
    const world = new LambdaWorld();
    const attempts: number[] = [];
    world.deploy("main", async (_event, context) => {
      const first = await context.step("first", async () => attempts.push(1));
      await context.step("slow", async () => {
        attempts.push(2);
        if (attempts.length < 3) await never();
      });
      return first;
    });

    const answer = world.call("main", {}, 10_000, "r1");
    await world.advance(8999);
    expect(world.wakeUps).toEqual([]);
    await world.advance(1);
    expect(world.wakeUps).toEqual([{ functionName: "main", executionId: "main.r1" }]);
    await answer;
    expect(await world.client.result("main.r1")).toBe(1);
    expect(attempts).toEqual([1, 2, 2]);
    const history = await world.client.history("main.r1");
    expect(JSON.stringify(history)).toContain("TIDEMARK_DEADLINE");
  });

  it("a step that never fits into the time fails, instead of being run for ever", async () => {
    const world = new LambdaWorld();
    let runs = 0;
    world.deploy("main", async (_event, context) =>
      context.step(
        async () => {
          runs += 1;
          await never();
        },
        { retryStrategy: () => ({ shouldRetry: false }) },
      ),
    );

    void world.call("main", {}, 10_000, "r1");
    for (let minute = 0; minute < 10; minute++) {
      await world.advance(60_000);
      await world.wake();
    }
    expect(await world.client.describe("main.r1")).toMatchObject({
      status: "FAILED",
      error: { ErrorType: "StepError" },
    });
    expect(runs).toBe(3);
  });

  it("an execution that never records anything backs off and is stopped", async () => {
    const world = new LambdaWorld();
    let runs = 0;
    world.deploy(
      "main",
      () => {
        runs += 1;
        return never();
      },
      { maxBarrenInvocations: 3 },
    );

    void world.call("main", {}, 10_000, "r1");
    for (let minute = 0; minute < 10; minute++) {
      await world.advance(60_000);
      await world.wake();
    }
    expect(await world.client.describe("main.r1")).toMatchObject({
      status: "STOPPED",
      error: { ErrorType: "TIDEMARK_BARREN" },
    });
    expect(runs).toBe(3);
  });

  it("steps that take less time than is left for them are not cut off, nor begun again", async () => {
    const world = new LambdaWorld();
    const bodies: number[] = [];
    world.deploy(
      "main",
      async (_event, context) => {
        for (let index = 0; index < 10; index++) {
          const body = async () => {
            bodies.push(index);
            await new Promise<void>((resolve) => world.clock.setTimer(resolve, 2500));
          };
          await context.step(body, {
            semantics: StepSemantics.AtMostOncePerRetry,
            retryStrategy: () => ({ shouldRetry: false }),
          });
        }
      },
      { drainMs: 3000 },
    );
    world.timeoutMs = () => 10_000;

    void world.call("main", {}, 10_000, "r1");
    await world.advance(60_000);
    const { status, invocations } = await world.client.describe("main.r1");
    expect([status, invocations, world.wakeUps.length]).toEqual(["SUCCEEDED", 4, 3]);
    expect(bodies).toEqual(Array.from({ length: 10 }, (_, index) => index));
  });

  it("what may not begin any more waits for the next invocation, also when others are running", async () => {
    const world = new LambdaWorld();
    const bodies: string[] = [];
    world.deploy(
      "main",
      async (_event, context) => {
        const step = (name: string, ms: number) =>
          context.step(name, async () => {
            bodies.push(`${name} at ${world.clock.nowMs() - startMs}`);
            await new Promise<void>((resolve) => world.clock.setTimer(resolve, ms));
          });
        const chain = async () => {
          await step("first", 8500);
          await step("second", 100);
        };
        await Promise.all([chain(), step("long", 8800)]);
      },
      { drainMs: 900 },
    );
    const startMs = world.clock.nowMs();

    void world.call("main", {}, 10_000, "r1");
    await world.advance(20_000);
    expect(await world.status("main.r1")).toBe("SUCCEEDED");
    expect(bodies).toEqual(["first at 0", "long at 0", "second at 8800"]);
  });

  it("an event is refused that leaves less time than it takes to hand over", async () => {
    const world = new LambdaWorld();
    world.deploy("main", async () => {});

    expect(await codeOf(world.call("main", {}, 1000))).toBe("TIDEMARK_LAMBDA_OPTIONS");
    expect((await world.client.list()).executions).toEqual([]);
  });

  it("an event without the context of an invocation is refused", async () => {
    const handler = { handler: () => {}, durable: false } as const;
    const lambda = lambdaHandler({ store: () => new MemoryStore(), functionName: "main", handler });

    expect(await codeOf(lambda({}, undefined as never))).toBe("TIDEMARK_LAMBDA_OPTIONS");
  });
});

describe("a sandbox that is killed", () => {
  it.each([
    ["early in a long invocation, after its lease", 900_000, 30_000],
    ["in a short invocation, a second after the deadline", 10_000, 11_000],
  ])("%s, is made up for", async (_name, timeoutMs, leaseMs) => {
    const world = new LambdaWorld();
    let runs = 0;
    world.deploy("main", async (_event, context) =>
      context.step(async () => {
        runs += 1;
        if (runs === 1) await never();
        return runs;
      }),
    );

    void world.call("main", {}, timeoutMs, "r1");
    await world.advance(1000);
    world.kill("main.r1");
    await world.advance(leaseMs - 1001);
    expect(await world.wake()).toMatchObject({ woken: 0 });
    await world.advance(1);
    expect(await world.wake()).toMatchObject({ woken: 1 });
    expect(await world.client.result("main.r1")).toBe(2);
  });
});

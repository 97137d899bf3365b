/** Whatever Lambda does to wake-ups and sandboxes, every execution ends, with its result. Each seed is one run. */

import { seededRandom } from "@tidemark/testing";
import { LambdaWorld } from "../../../testing/lambda/lambda-world";

const SEEDS = Array.from({ length: 25 }, (_, index) => index + 1);
const EXECUTIONS = 6;

/** A function whose every operation may take longer than the invocation has. */
function deploy(world: LambdaWorld, random: () => number): Map<string, string> {
  const callbackIds = new Map<string, string>();
  const slowStep = async (): Promise<void> => {
    if (random() < 0.3) {
      const seconds = Math.floor(random() * 80);
      await new Promise<void>((resolve) => world.clock.setTimer(resolve, seconds * 1000));
    }
  };
  world.deploy("child", async (event, context) => {
    await context.step(slowStep);
    await context.wait({ seconds: 1 + (event.n % 90) });
    return event.n * 2;
  });
  world.deploy("main", async (event, context) => {
    await context.step(slowStep);
    const answer = context.waitForCallback<string>(async (id) => {
      callbackIds.set(`main.r${event.n}`, id);
    });
    const doubled = await Promise.all(
      [1, 2].map((factor) => context.invoke<object, number>("child", { n: event.n * factor })),
    );
    await context.step(slowStep);
    return { answer: await answer, doubled };
  });
  return callbackIds;
}

describe("in bad weather", () => {
  /** What all histories say. */
  let histories = "";

  it.each(SEEDS)("every execution ends (seed %i)", async (seed) => {
    const random = seededRandom(seed);
    const world = new LambdaWorld();
    const callbackIds = deploy(world, random);
    // Lost, late, doubled, and so out of order.
    world.delivery = () =>
      Array.from({ length: Math.floor(random() * 3) }, () => Math.floor(random() * 3) * 7000);
    world.timeoutMs = () => 20_000 + Math.floor(random() * 60_000);
    await world.wake();
    const ids = Array.from({ length: EXECUTIONS }, (_, n) => `main.r${n}`);
    for (const n of ids.keys()) {
      void world.call("main", { n }, 60_000, `r${n}`);
      void world.call("main", { n }, 60_000, `r${n}`);
    }
    for (let round = 0; round < 200; round++) {
      await world.advance(Math.floor(random() * 20_000));
      const { executions } = await world.client.list({ status: "RUNNING" });
      for (const { executionId } of executions) if (round < 60 && random() < 0.3) world.kill(executionId);
      const victim = `main.r${Math.floor(random() * EXECUTIONS)}`;
      const id = callbackIds.get(victim);
      if (id !== undefined) await world.client.sendCallbackSuccess(id, victim).catch(() => {});
      if (random() < 0.4) await world.wake();
    }

    for (const [n, executionId] of ids.entries()) {
      const { status, result } = await world.client.describe(executionId);
      histories += JSON.stringify(await world.client.history(executionId));
      expect([executionId, status, result]).toEqual([
        executionId,
        "SUCCEEDED",
        { answer: executionId, doubled: [n * 2, n * 4] },
      ]);
    }
    expect(world.failures).toEqual([]);
    expect(world.errors).toEqual([]);
  });

  it("sandboxes were killed, and invocations handed over", () => {
    expect(histories).toContain("Runtime.ExitError");
    expect(histories).toContain("TIDEMARK_DEADLINE");
  });
});

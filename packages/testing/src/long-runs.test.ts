/** Runs with so many waits that not each of them can end its invocation. */

import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { LocalDurableTestRunner } from "./local-durable-test-runner.js";

const WAITS = 300;
const HOUR_MS = 3_600_000;

const realMs = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

it("three hundred waits end in time, in fewer invocations than waits, and every step runs once", async () => {
  let bodies = 0;
  const handlerFunction = withDurableExecution(async (_: unknown, context: DurableContext) => {
    for (let n = 0; n < WAITS; n++) {
      await context.step(`step ${n}`, async () => {
        bodies += 1;
      });
      await context.wait(`wait ${n}`, { hours: 1 });
    }
  });
  const runner = new LocalDurableTestRunner({ handlerFunction, startTime: new Date(0) });
  const result = await runner.run();

  expect([result.getStatus(), bodies]).toEqual(["SUCCEEDED", WAITS]);
  expect(
    runner
      .getOperation(`wait ${WAITS - 1}`)
      .getEndTimestamp()
      ?.getTime(),
  ).toBe(WAITS * HOUR_MS);
  expect(result.getInvocations().length).toBeGreaterThan(30);
  expect(result.getInvocations().length).toBeLessThan(WAITS / 2);
});

it("a body holds time up there, too, and so does a test that answers a callback", async () => {
  const handlerFunction = withDurableExecution(async (_: unknown, context: DurableContext) => {
    await context.parallel(
      "many",
      Array.from({ length: 60 }, (_unused, n) => async (branch: DurableContext) => {
        for (let round = 0; round < 5; round++) await branch.wait({ seconds: n + 1 });
      }),
    );
    const order: string[] = [];
    await Promise.all([
      context.step("real", () => realMs(20)).then(() => order.push("real")),
      context.wait("wait", { seconds: 1 }).then(() => order.push("wait")),
    ]);
    order.push(await context.waitForCallback("answer", async () => {}, { timeout: { minutes: 1 } }));
    return order;
  });
  const runner = new LocalDurableTestRunner({ handlerFunction });
  const run = runner.run();
  const answer = await runner.getOperation("answer").waitForData();
  await realMs(20);
  await answer.sendCallbackSuccess("answer");

  expect((await run).getResult()).toEqual(["real", "wait", "answer"]);
});

/** Handlers that are wrapped with AWS's SDK run on the runner as they are. */

import { type DurableContext, withDurableExecution } from "@aws/durable-execution-sdk-js";
import { LocalDurableTestRunner, WaitingOperationStatus } from "@tidemark/testing";

it("a handler of AWS's SDK runs in virtual time, with its callbacks and functions", async () => {
  const handlerFunction = withDurableExecution(async (name: string, context: DurableContext) => {
    const greeting = await context.step("greet", async () => `Hello ${name}`);
    await context.wait("a week", { days: 7 });
    const answer = await context.waitForCallback("approval", async () => {}, { timeout: { hours: 1 } });
    const doubled = await context.invoke("double", 21);
    return { greeting, answer, doubled };
  });
  const runner = new LocalDurableTestRunner({ handlerFunction }).registerFunction(
    "double",
    async (n: number) => n * 2,
  );
  const run = runner.run({ payload: "Ada" });
  const approval = runner.getOperation("approval");
  await approval.waitForData(WaitingOperationStatus.SUBMITTED);
  await approval.sendCallbackSuccess("yes");
  const result = await run;

  expect(result.getResult()).toEqual({ greeting: "Hello Ada", answer: "yes", doubled: 42 });
  expect(runner.getOperation("a week").getWaitDetails()?.waitSeconds).toBe(7 * 86_400);
  expect(result.getOperations().map((operation) => [operation.getName(), operation.getStatus()])).toEqual([
    ["greet", "SUCCEEDED"],
    ["a week", "SUCCEEDED"],
    ["approval", "SUCCEEDED"],
    [undefined, "SUCCEEDED"],
    [undefined, "SUCCEEDED"],
    [undefined, "SUCCEEDED"],
  ]);
});

/**
 * Owns what the documentation of AWS's testing package shows, written anew: the same file is run by
 * Jest, by Vitest and by `node:test`. Only the import of the runner differs from a test of theirs.
 */

import assert from "node:assert/strict";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { LocalDurableTestRunner, WaitingOperationStatus } from "@tidemark/testing";

/** What the three frameworks have in common. */
export interface Framework {
  describe(name: string, body: () => void): void;
  it(name: string, body: () => Promise<void>): void;
  beforeAll(body: () => Promise<void>): void;
  afterAll(body: () => Promise<void>): void;
  beforeEach(body: () => void): void;
}

interface User {
  readonly userId: string;
  readonly name: string;
}

/** Services that a test puts its own in place of. */
const services = {
  fetchUser: async (userId: string): Promise<User> => ({ userId, name: "nobody" }),
  processUser: async (user: User): Promise<object> => ({ ...user, processed: true }),
};

const userHandler = withDurableExecution(async (event: { userId: string }, context: DurableContext) => {
  const user = await context.step("fetch-user", async () => services.fetchUser(event.userId));
  await context.wait({ seconds: 5 });
  return context.step("process-user", async () => services.processUser(user));
});

const callbackHandler = withDurableExecution(async (_event: unknown, context: DurableContext) => {
  const answer = await context.waitForCallback("my-callback", async () => {}, { timeout: { hours: 24 } });
  const [second] = await context.createCallback("second-callback", { heartbeatTimeout: { minutes: 5 } });
  return { answer, second: await second.catch((error: Error) => error.message) };
});

const invokingHandler = withDurableExecution(async (event: { amount: number }, context: DurableContext) => {
  const first = await context.invoke<object, number>("workflow-a:$LATEST", event);
  const second = await context.invoke<object, number>("workflow-b:$LATEST", { amount: first });
  return context.invoke("utility-function", { amount: second });
});

const addTax = async (event: { amount: number }, context: DurableContext): Promise<number> => {
  await context.wait("settlement", { days: 2 });
  return event.amount + 1;
};

export function documentedExamples({ describe, it, beforeAll, afterAll, beforeEach }: Framework): void {
  beforeAll(() => LocalDurableTestRunner.setupTestEnvironment({ skipTime: true }));
  afterAll(() => LocalDurableTestRunner.teardownTestEnvironment());

  describe("a user that is fetched and processed", () => {
    let runner: LocalDurableTestRunner;

    beforeEach(() => {
      runner = new LocalDurableTestRunner({ handlerFunction: userHandler });
    });

    it("waits for 5 seconds and returns the result", async () => {
      const execution = await runner.run({ payload: { userId: "123" } });

      assert.equal(execution.getStatus(), "SUCCEEDED");
      assert.deepEqual(execution.getResult(), { userId: "123", name: "nobody", processed: true });
      assert.equal(execution.getOperations().length, 3);
      assert.equal(execution.getOperations({ status: "SUCCEEDED" }).length, 3);
      assert.equal(execution.getInvocations().length, 2);

      const fetchStep = runner.getOperation("fetch-user");
      await fetchStep.waitForData(WaitingOperationStatus.COMPLETED);
      assert.deepEqual(fetchStep.getStepDetails()?.result, { userId: "123", name: "nobody" });
      assert.equal(runner.getOperationByIndex(1).getWaitDetails()?.waitSeconds, 5);
      assert.equal(runner.getOperation("process-user").getStepDetails()?.attempt, 1);
    });

    it("uses the services of the test", async () => {
      const calls: string[] = [];
      const real = { ...services };
      services.fetchUser = async (userId) => {
        calls.push(userId);
        return { userId, name: "John Doe" };
      };
      const execution = await runner.run({ payload: { userId: "7" } });
      Object.assign(services, real);

      assert.deepEqual(calls, ["7"]);
      assert.equal(execution.getResult().name, "John Doe");
    });

    it("tells what happened, as events and as operations", async () => {
      const execution = await runner.run({ payload: { userId: "123" } });
      const first = execution.getHistoryEvents()[0];

      assert.equal(first?.EventType, "ExecutionStarted");
      assert.equal(first?.ExecutionStartedDetails?.Input?.Payload, '{"userId":"123"}');
      const operation = runner.getOperationById(runner.getOperationByIndex(0).getId() as string);
      assert.deepEqual(
        [operation.getName(), operation.getType(), operation.getStatus()],
        ["fetch-user", "STEP", "SUCCEEDED"],
      );
      assert.ok((operation.getStartTimestamp() as Date) <= (operation.getEndTimestamp() as Date));
    });

    it("runs again after a reset", async () => {
      await runner.run({ payload: { userId: "1" } });
      runner.reset();
      assert.equal(runner.getOperation("fetch-user").getStatus(), undefined);
      const execution = await runner.run({ payload: { userId: "2" } });
      assert.equal(execution.getResult().userId, "2");
    });
  });

  describe("callbacks", () => {
    it("are completed and failed by the test", async () => {
      const runner = new LocalDurableTestRunner({ handlerFunction: callbackHandler });
      const running = runner.run();
      const callback = runner.getOperation("my-callback");
      await callback.waitForData(WaitingOperationStatus.SUBMITTED);
      await callback.sendCallbackSuccess("Hello World");
      const second = await runner.getOperation("second-callback").waitForData();
      await second.sendCallbackHeartbeat();
      await second.sendCallbackFailure({ ErrorMessage: "Failed" });
      const execution = await running;

      assert.deepEqual(execution.getResult(), { answer: "Hello World", second: "Failed" });
      assert.equal(callback.getCallbackDetails()?.result, "Hello World");
      assert.equal(second.getCallbackDetails()?.error?.errorMessage, "Failed");
    });

    it("time out without the test", async () => {
      const runner = new LocalDurableTestRunner({ handlerFunction: callbackHandler });
      const execution = await runner.run();

      assert.equal(execution.getStatus(), "FAILED");
      assert.throws(() => execution.getResult(), /timed out/);
    });
  });

  describe("functions", () => {
    it("are registered, durable or not, and chained", async () => {
      const runner = new LocalDurableTestRunner({ handlerFunction: invokingHandler });
      runner
        .registerDurableFunction("workflow-a:$LATEST", withDurableExecution(addTax))
        .registerDurableFunction("workflow-b:$LATEST", withDurableExecution(addTax))
        .registerFunction("utility-function", async ({ amount }: { amount: number }) => ({ total: amount }));
      const execution = await runner.run({ payload: { amount: 40 } });

      assert.deepEqual(execution.getResult(), { total: 42 });
      assert.equal(runner.getOperationByIndex(0).getChainedInvokeDetails()?.result, 41);
    });
  });
}

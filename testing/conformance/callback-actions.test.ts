// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is how the cases write variables.

import { withDurableExecution } from "@tidemark/sdk";
import { createTestRuntime, type TestRuntime } from "../kit/test-runtime";
import { playCallbackActions } from "./callback-actions";
import type { CallbackAction } from "./cases";
import { Variables } from "./variables";

async function submit(): Promise<void> {}

const twoAtOnce = withDurableExecution(async (_event: unknown, context) => {
  const [first] = await context.createCallback("first");
  const [second] = await context.createCallback("second", { heartbeatTimeout: { seconds: 3 } });
  return [await first, await second];
});

const oneAfterTheOther = withDurableExecution(async (_event: unknown, context) => [
  await context.waitForCallback("first", submit),
  await context.waitForCallback("second", submit),
]);

const caught = withDurableExecution(async (_event: unknown, context) => {
  try {
    return await context.waitForCallback(submit);
  } catch (error) {
    return (error as Error).message;
  }
});

interface Played {
  readonly problems: readonly string[];
  readonly result: string | undefined;
  /** Callbacks with an outcome, in order, with the seconds after the start. */
  readonly settled: readonly string[];
}

async function play(
  handler: Parameters<TestRuntime["register"]>[1],
  actions: readonly CallbackAction[],
): Promise<Played> {
  const runtime = await createTestRuntime();
  try {
    runtime.register("played", handler);
    const executionId = await runtime.start("played", null);
    const problems = await playCallbackActions(actions, runtime, executionId, new Variables([["X", "x"]]));
    const { result } = await runtime.runToEnd(executionId);
    const history = await runtime.history(executionId);
    const startMs = history[0]?.EventTimestamp.getTime() ?? 0;
    const settled = history
      .filter(({ EventType }) => /^Callback(Succeeded|Failed|TimedOut)$/.test(EventType))
      .map((event) => `${event.Name ?? event.Id} at ${(event.EventTimestamp.getTime() - startMs) / 1000}`);
    return { problems, result, settled };
  } finally {
    await runtime.close();
  }
}

describe("playing callback actions", () => {
  it("counts the delay of each named action from the start of its own callback", async () => {
    const { problems, result, settled } = await play(twoAtOnce, [
      { CallbackName: "second", Operation: "heartbeat", Delay: 2 },
      { CallbackName: "second", Operation: "success", Payload: "${X}2", Delay: 4 },
      { CallbackName: "first", Operation: "success", Payload: "${X}1", Delay: 1 },
    ]);
    expect(problems).toEqual([]);
    expect(settled).toEqual(["first at 1", "second at 4"]);
    // A callback's result is the payload as it was sent: a JSON text.
    expect(JSON.parse(result as string)).toEqual(['"x1"', '"x2"']);
  });

  it("plays the actions for the open callback one after the other", async () => {
    const { problems, result, settled } = await play(oneAfterTheOther, [
      { CallbackName: "*", Operation: "heartbeat" },
      { CallbackName: "*", Operation: "success", Payload: 1, Delay: 1 },
      { CallbackName: "*", Operation: "success", Payload: { two: 2 }, Delay: 1 },
    ]);
    expect(problems).toEqual([]);
    expect(settled).toEqual(["1-1 at 1", "2-1 at 2"]);
    expect(JSON.parse(result as string)).toEqual(["1", '{"two":2}']);
  });

  it("sends a failure as the API takes it", async () => {
    const Payload = { ErrorType: "RejectedError", ErrorMessage: "not approved" };
    const { problems, result } = await play(caught, [{ CallbackName: "*", Operation: "failure", Payload }]);
    expect(problems).toEqual([]);
    expect(result).toContain("not approved");
  });

  it("tells what it could not play", async () => {
    const { problems } = await play(caught, [
      { CallbackName: "*", Operation: "success" },
      { CallbackName: "another", Operation: "heartbeat" },
    ]);
    expect(problems).toEqual(["the callback another was not there for heartbeat"]);
  });
});

/** What a test kit sees of a handler: every operation where it is asked for, and every body. */

import {
  type DurableExecutionClient,
  DurableExecutionInvocationInputWithClient,
  type ExecutionProbe,
  type Operation,
} from "@tidemark/protocol";
import { type DurableLambdaHandler, StepSemantics } from "@tidemark/sdk";
import { createRig } from "./rig";

/** Runs handlers with this probe. */
const probed =
  (probe: ExecutionProbe) =>
  (handler: DurableLambdaHandler): DurableLambdaHandler =>
  (event, context) => {
    if (!DurableExecutionInvocationInputWithClient.isInstance(event))
      throw new Error("no client in the event");
    const { durableExecutionClient: inner } = event;
    const client: DurableExecutionClient = {
      checkpoint: (request) => inner.checkpoint(request),
      getExecutionState: (request) => inner.getExecutionState(request),
      hostOptions: { ...inner.hostOptions, probe },
    };
    return handler(new DurableExecutionInvocationInputWithClient(event, client), context);
  };

test("operations are seen within their call, live and on replay, with whether somebody awaits them", async () => {
  const seen: { operation: Operation; isObserved: () => boolean; inCall: boolean }[] = [];
  const asked: ExecutionProbe["asked"] = (operation, isObserved) =>
    seen.push({ operation, isObserved, inCall: new Error("here").stack?.includes("askForThem") === true });
  const rig = await createRig({ around: probed({ asked }) });
  await rig.run(async function askForThem(_event, context) {
    void context.step("forgotten", async () => 1);
    await context.step("awaited", async () => 2);
    await context.wait("pause", { seconds: 1 });
  });
  expect(
    seen.map(({ operation: { Id, Name }, isObserved, inCall }) => [Id, Name, isObserved(), inCall]),
  ).toEqual([
    ["1", "forgotten", false, true],
    ["2", "awaited", true, true],
    ["3", "pause", true, expect.any(Boolean)],
    ["1", "forgotten", false, true],
    ["2", "awaited", true, true],
    ["3", "pause", true, expect.any(Boolean)],
  ]);
});

test("bodies run through it, and something else may run in their place", async () => {
  const bodies: unknown[] = [];
  const body: ExecutionProbe["body"] = async ({ operation, attempt, atMostOnce }, run) => {
    bodies.push([operation.Name, operation.SubType, attempt, atMostOnce]);
    return operation.Name === "replaced" ? "stand-in" : run();
  };
  const rig = await createRig({ around: probed({ body }) });
  const ending = await rig.run(async (_event, context) => [
    await context.step("own", async () => "own", { semantics: StepSemantics.AtMostOncePerRetry }),
    await context.step("replaced", async () => "own"),
    await context.waitForCondition("poll", async (state: number) => state + 1, {
      initialState: 0,
      waitStrategy: (state) =>
        state < 2 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
    }),
  ]);
  expect(ending).toEqual({ status: "SUCCEEDED", result: ["own", "stand-in", 2] });
  expect(bodies).toEqual([
    ["own", "Step", 1, true],
    ["replaced", "Step", 1, false],
    ["poll", "WaitForCondition", 1, false],
    ["poll", "WaitForCondition", 2, false],
  ]);
});

test("the default logger is silent when it says so", async () => {
  const lines: string[] = [];
  const write = jest
    .spyOn(process.stdout, "write")
    .mockImplementation((text) => lines.push(String(text)) > 0);
  const logs = (_event: unknown, context: { logger: { info(text: string): void } }) =>
    Promise.resolve(context.logger.info("hello"));
  await (await createRig({ around: probed({ isSilent: true }) })).run(logs);
  expect(lines).toEqual([]);
  await (await createRig({ around: probed({}) })).run(logs);
  write.mockRestore();
  expect(lines.join("")).toContain("hello");
});

/** Contexts that are kept where executions share them: code of one never acts in another. */

import type { DurableContext } from "@tidemark/sdk";
import { createRig } from "./rig";

const REFUSED = {
  ErrorType: "ContextUsageError",
  ErrorMessage: expect.stringMatching(
    /^context\.step of context \(root\) was called by code of another invocation than the one of arn:\S+ that it was given to; use the context that the handler was given/,
  ),
};

describe("a context in a variable of the module", () => {
  it("is that of the newest execution: the code of others fails, and records nothing in it", async () => {
    const rig = await createRig();
    let shared: DurableContext | undefined;
    rig.deploy("main", async (event: { id: string }, context) => {
      shared = context;
      await context.wait("pause", { seconds: 1 });
      // The newest is what every execution has found when the waits are over.
      await context.step("own", async () => event.id);
      return shared.step(`charge ${event.id}`, async () => event.id);
    });
    const ids = [await rig.runtime.start("main", { id: "a" }), await rig.runtime.start("main", { id: "b" })];
    for (const id of ids) await rig.runtime.runToEnd(id);

    const endings = await Promise.all(ids.map((id) => rig.ending(id)));
    expect(endings).toEqual([
      { status: "FAILED", error: REFUSED },
      { status: "SUCCEEDED", result: "b" },
    ]);
    expect(await rig.tree(ids[0] as string)).toEqual(["1 WAIT pause SUCCEEDED", "2 STEP own SUCCEEDED"]);
    expect(await rig.tree(ids[1] as string)).toEqual([
      "1 WAIT pause SUCCEEDED",
      "2 STEP own SUCCEEDED",
      "3 STEP charge b SUCCEEDED",
    ]);
  });

  it("is that of an invocation that has ended: the code does not wait for it for ever", async () => {
    const rig = await createRig();
    let first: DurableContext | undefined;
    const handler = async (event: { id: string }, context: DurableContext) => {
      first ??= context;
      return first.step("charge", async () => event.id);
    };

    expect(await rig.run(handler, { id: "a" })).toEqual({ status: "SUCCEEDED", result: "a" });
    expect(await rig.run(handler, { id: "b" })).toEqual({ status: "FAILED", error: REFUSED });
  });

  it("is not used by code of an invocation that has ended: nothing of that goes on", async () => {
    const rig = await createRig();
    let goOn = (): void => {};
    const gone = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const seen: string[] = [];
    let shared: DurableContext | undefined;
    rig.deploy("main", async (event: { id: string }, context) => {
      shared = context;
      if (event.id === "b") return context.step("body", async () => goOn());
      const late = gone
        .then(() => shared?.step("late", async () => seen.push("ran")))
        .then(
          () => seen.push("resolved"),
          () => seen.push("rejected"),
        );
      await context.wait("pause", { hours: 1 });
      return late;
    });
    await rig.runtime.start("main", { id: "a" });
    await rig.runtime.settle();
    const id = await rig.runtime.start("main", { id: "b" });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
    expect(seen).toEqual([]);
    expect(await rig.events(id)).toEqual([
      "ExecutionStarted",
      "StepStarted 1 body",
      "StepSucceeded 1 body",
      "InvocationCompleted",
      "ExecutionSucceeded",
    ]);
  });
});

/** Plugins that take their time, or run code elsewhere: code ends where it would have ended without them (invariant 14). */

import type { DurableInstrumentationPlugin } from "@tidemark/sdk";
import { createRig, defer } from "./rig";

describe("a slow hook", () => {
  it("does not let a body begin when the execution has ended meanwhile", async () => {
    const rig = await createRig();
    const gate = defer();
    let ran = false;
    const plugin: DurableInstrumentationPlugin = {
      onOperationAttemptStart: async ({ name }) => (name === "abandoned" ? gate.promise : undefined),
    };
    const ending = await rig.run(
      async (_event, context) => {
        void context.step("abandoned", async () => {
          ran = true;
        });
        return context.step("quick", async () => "done");
      },
      undefined,
      { plugins: [plugin] },
    );
    gate.resolve();
    await rig.runtime.settle();

    expect(ending).toEqual({ status: "SUCCEEDED", result: "done" });
    expect(ran).toBe(false);
  });

  it("does not let code go on past an error of the invocation", async () => {
    const rig = await createRig();
    const [ending, misuse] = [defer(), defer()];
    const seen: string[] = [];
    const plugin: DurableInstrumentationPlugin = {
      onOperationEnd: async ({ name }) => {
        if (name !== "a") return;
        misuse.resolve();
        await ending.promise;
      },
    };
    const outcome = await rig.run(
      async (_event, context) => {
        void misuse.promise.then(() => {
          void context.runInChildContext("x", async () => context.step("wrong scope", async () => 1));
          setImmediate(() => setImmediate(() => ending.resolve()));
        });
        await context.step("a", async () => 1);
        seen.push("after a");
      },
      undefined,
      { plugins: [plugin] },
    );

    expect(outcome).toMatchObject({ status: "FAILED", error: { ErrorType: "ContextUsageError" } });
    expect(seen).toEqual([]);
  });

  it("may run the code of contexts from a queue of its own, one after the other", async () => {
    const rig = await createRig();
    const queue: (() => Promise<unknown>)[] = [];
    let isBusy = false;
    const drain = async (): Promise<void> => {
      if (isBusy) return;
      isBusy = true;
      for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job();
      isBusy = false;
    };
    const plugin: DurableInstrumentationPlugin = {
      wrapChildContextFn: (_info, fn) =>
        new Promise((resolve, reject) => {
          queue.push(async () => Promise.resolve(fn()).then(resolve, reject));
          void drain();
        }),
    };
    const ending = await rig.run(
      async (_event, context) => {
        const [a, b] = ["a", "b"].map((name) =>
          context.runInChildContext(name, async (inner) => inner.step(async () => name)),
        );
        return [await a, await b];
      },
      undefined,
      { plugins: [plugin] },
    );

    expect(ending).toEqual({ status: "SUCCEEDED", result: ["a", "b"] });
  });
});

/** What is on purpose not as in the AWS SDK (design section 10). What has a suite of its own is named there. */

import { createRetryStrategy, JitterStrategy, NestingType, retryPresets } from "@tidemark/sdk";
import { createRig } from "./rig";

// Replay in the order of the log: combinators.test.ts. Log lines: log-lines.test.ts. Payloads over 256 KB:
// large-results.test.ts. Arguments: bad-arguments.test.ts. Error types: error-graphs.test.ts. Conditions: mismatch.test.ts.

describe("options that are present but undefined", () => {
  it("maxAttempts is its default, not infinite retries", async () => {
    const rig = await createRig();
    let bodies = 0;
    const retryStrategy = createRetryStrategy({ maxAttempts: undefined, jitter: JitterStrategy.NONE });

    const { status } = await rig.run(async (_event, context) =>
      context.step(
        async () => {
          bodies += 1;
          throw new Error("always");
        },
        { retryStrategy },
      ),
    );

    expect([status, bodies]).toEqual(["FAILED", 3]);
  });

  it("a step's configuration is its defaults", async () => {
    const rig = await createRig();
    const ending = await rig.run(async (_event, context) => {
      const config = { retryStrategy: undefined, semantics: undefined, serdes: undefined } as never;
      return context.step("s", async () => 7, config);
    });

    expect(ending).toEqual({ status: "SUCCEEDED", result: 7 });
  });
});

describe("invoke with two texts", () => {
  it("is a name and a function, and says so when there is no such function", async () => {
    const rig = await createRig();
    rig.deploy("greet", async (name) => `Hello, ${name}`);

    const ending = await rig.run(async (_event, context) => {
      const error = await context.invoke("greet", "Ada").catch((thrown: Error) => thrown);
      return [(error as Error).message, await context.invoke("say hello", "greet", "Ada")];
    });

    expect(ending.result).toEqual([
      'no worker has registered function "Ada"; register it, or correct the name. ' +
        "Two texts are a name and a function: to pass a text as the input, call invoke(name, function, input)",
      "Hello, Ada",
    ]);
  });
});

describe("errors of a batch", () => {
  it("have the type that was thrown, in NESTED and FLAT alike", async () => {
    const rig = await createRig();
    const { live, replayed } = await rig.twice(async (context) => {
      const types: (string | undefined)[] = [];
      for (const nesting of [NestingType.NESTED, NestingType.FLAT]) {
        const batch = await context.map(
          [1],
          async (item) =>
            item.step(
              async () => {
                throw new RangeError("deep");
              },
              { retryStrategy: retryPresets.noRetry },
            ),
          { nesting },
        );
        let cause: unknown = batch.getErrors()[0];
        while (cause instanceof Error && cause.cause !== undefined) cause = cause.cause;
        types.push((cause as Error).name);
      }
      return types;
    });

    expect([live, replayed]).toEqual([
      ["RangeError", "RangeError"],
      ["RangeError", "RangeError"],
    ]);
  });
});

describe("the number of operations", () => {
  it("is not limited: 3,000 in a row and 3,000 side by side, more than the service's quota", async () => {
    const rig = await createRig();
    const ending = await rig.run(async (_event, context) => {
      let sum = 0;
      for (let step = 0; step < 3000; step++) sum += await context.step(async () => 1);
      const batch = await context.map(
        Array.from({ length: 3000 }, () => 1),
        async (item, one) => item.step(async () => one),
        { nesting: NestingType.FLAT },
      );
      await context.wait({ seconds: 1 });
      return [sum, batch.successCount];
    });

    expect(ending).toEqual({ status: "SUCCEEDED", result: [3000, 3000] });
  }, 60_000);
});

describe("time in tests", () => {
  it("does not pass unless it is moved, however many suspensions there are", async () => {
    const rig = await createRig();
    const startMs = rig.runtime.clock.nowMs();

    await rig.run(async (_event, context) => {
      for (let hour = 0; hour < 15; hour++) await context.wait({ hours: 1 });
    });

    expect(rig.runtime.clock.nowMs() - startMs).toBe(15 * 3_600_000);
  });
});

describe("a promise of an operation", () => {
  it("starts its work at the call, and settles without being awaited", async () => {
    const rig = await createRig();
    const seen: unknown[] = [];
    await rig.run(async (_event, context) => {
      const promise = context.step("eager", async () => void seen.push("body"));
      seen.push((promise as { isExecuted?: boolean }).isExecuted);
      await context.step("other", async () => {});
      seen.push((promise as { isExecuted?: boolean }).isExecuted);
      await promise;
      seen.push((promise as { isExecuted?: boolean }).isExecuted, Object.prototype.toString.call(promise));
    });

    expect(seen).toEqual([false, "body", false, true, "[object DurablePromise]"]);
  });

  it("can be awaited many times, and by then, catch and finally", async () => {
    const rig = await createRig();
    const ending = await rig.run(async (_event, context) => {
      const promise = context.step(async () => 7);
      const failing = context.runInChildContext(async () => Promise.reject(new Error("no")));
      return [
        await promise,
        await promise,
        await promise.then((value) => value + 1),
        await promise.finally(() => {}),
        await failing.catch((error: Error) => error.message),
        await failing.then(undefined, (error: Error) => error.name),
      ];
    });

    expect(ending.result).toEqual([7, 7, 8, 7, "no", "ChildContextError"]);
  });
});

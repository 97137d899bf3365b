/** Functions that users configure: what they throw or wrongly return has an outcome that can be understood, and nothing crashes. */

import { type AnySerdes, type DurableContext, errorObjectOf, NestingType } from "@tidemark/sdk";
import { createRig } from "./rig";

const wrong = (value: unknown): never => value as never;
const boom = (): never => {
  throw new RangeError("boom");
};
const rejects = async (): Promise<never> => {
  throw new Error("the operation failed");
};

/** Something that `await` takes for a promise. */
function thenable(value: unknown): object {
  // biome-ignore lint/suspicious/noThenProperty: a thenable that is no promise is what is tested.
  return Object.defineProperty({}, "then", { value: (resolve: (value: unknown) => void) => resolve(value) });
}

async function outcomeOf(operate: (context: DurableContext) => PromiseLike<unknown>): Promise<unknown> {
  const rig = await createRig({ maxBarrenInvocations: 2 });
  const id = await rig.begin(async (_event, context) => {
    try {
      return { value: await operate(context) };
    } catch (error) {
      return { thrown: (error as Error).message };
    }
  });
  await rig.runtime.advance(200_000);
  const { status, result, error } = await rig.ending(id);
  // Invocations that failed are reported, and nothing else is.
  const failed = expect.objectContaining({ code: "TIDEMARK_INVOCATION_FAILED" });
  expect(rig.errors).toEqual(rig.errors.map(() => failed));
  expect(rig.errors.length > 0).toBe(status === "STOPPED");
  return status === "SUCCEEDED" ? result : { status, error: error?.ErrorMessage };
}

describe("what a function throws is the outcome of its operation", () => {
  it.each<[string, (context: DurableContext) => PromiseLike<unknown>, unknown]>([
    [
      "retryStrategy of a step",
      (context) => context.step(rejects, { retryStrategy: boom }),
      { thrown: "boom" },
    ],
    [
      "retryStrategy of waitForCallback",
      (context) => context.waitForCallback(rejects, { retryStrategy: boom }),
      { thrown: "boom" },
    ],
    [
      "waitStrategy",
      (context) => context.waitForCondition(async () => 1, { initialState: 1, waitStrategy: boom }),
      { thrown: "boom" },
    ],
    ["itemNamer", (context) => context.map([1], async () => 1, { itemNamer: boom }), { thrown: "boom" }],
    [
      "itemNamer of a later item",
      (context) =>
        context.map([1, 2], async () => 1, {
          maxConcurrency: 1,
          itemNamer: (_item, index) => (index === 1 ? boom() : "first"),
        }),
      { thrown: "boom" },
    ],
    [
      "shouldComplete",
      (context) => context.map([1], async () => 1, { completionConfig: { shouldComplete: boom } }),
      { thrown: "boom" },
    ],
    [
      "shouldComplete of a FLAT map, after an item",
      (context) =>
        context.map([1], async () => 1, {
          nesting: NestingType.FLAT,
          completionConfig: {
            shouldComplete: ({ completedCount }) => (completedCount > 0 ? boom() : { complete: false }),
          },
        }),
      { thrown: "boom" },
    ],
    [
      "summaryGenerator of a child context",
      (context) => context.runInChildContext(async () => "x".repeat(300_000), { summaryGenerator: boom }),
      { thrown: "boom" },
    ],
    [
      "summaryGenerator of a map",
      (context) => context.map([1, 2], async () => "x".repeat(200_000), { summaryGenerator: boom }),
      { thrown: "boom" },
    ],
    [
      "a synchronous step",
      (context) => context.step(wrong(boom), { retryStrategy: () => ({ shouldRetry: false }) }),
      { thrown: "boom" },
    ],
    ["a synchronous child context", (context) => context.runInChildContext(wrong(boom)), { thrown: "boom" }],
    [
      "a synchronous virtual context",
      (context) => context.runInChildContext(wrong(boom), { virtualContext: true }),
      { thrown: "boom" },
    ],
    [
      "a synchronous check",
      (context) =>
        context.waitForCondition(wrong(boom), {
          initialState: 1,
          waitStrategy: () => ({ shouldContinue: false }),
        }),
      { thrown: "boom" },
    ],
    [
      "a synchronous submitter",
      (context) => context.waitForCallback(wrong(boom), { retryStrategy: () => ({ shouldRetry: false }) }),
      { thrown: "boom" },
    ],
  ])("%s", async (_name, operate, expected) => {
    expect(await outcomeOf(operate)).toEqual(expected);
  });

  // child.ts `read` throws into `Engine.#turn`, which ends the invocation, again and again. For a virtual context see
  // packages/sdk/src/child.test.ts: there it is an unhandled rejection, which ends the process.
  it("errorMapper", async () => {
    expect(await outcomeOf((context) => context.runInChildContext(rejects, { errorMapper: boom }))).toEqual({
      thrown: "boom",
    });
  });

  it.each([
    [undefined, "errorMapper gave undefined; return an error, not a promise of one"],
    [
      Promise.resolve(new Error("later")),
      "errorMapper gave a promise; return an error, not a promise of one",
    ],
  ])("errorMapper that gives %p and no error", async (given, message) => {
    const errorMapper = (() => given) as never;
    for (const virtualContext of [false, true]) {
      const seen = await outcomeOf((context) =>
        context.runInChildContext(rejects, { errorMapper, virtualContext }),
      );
      expect(seen).toEqual({ thrown: message });
    }
  });
});

describe("values that are not promises are taken as they are", () => {
  it.each<[string, (context: DurableContext) => PromiseLike<unknown>]>([
    ["step", (context) => context.step(wrong(() => 7))],
    ["child context", (context) => context.runInChildContext(wrong(() => 7))],
    [
      "virtual context",
      (context) =>
        context.runInChildContext(
          wrong(() => 7),
          { virtualContext: true },
        ),
    ],
    [
      "check",
      (context) =>
        context.waitForCondition(
          wrong(() => 7),
          { initialState: 1, waitStrategy: () => ({ shouldContinue: false }) },
        ),
    ],
    [
      "map item",
      async (context) =>
        (
          await context.map(
            [1],
            wrong(() => 7),
          )
        ).getResults()[0],
    ],
    ["a thenable", (context) => context.step(wrong(() => thenable(7)))],
  ])("%s", async (_name, operate) => {
    expect(await outcomeOf(operate)).toEqual({ value: 7 });
  });
});

describe("what JSON cannot hold", () => {
  const cycle = (): object => {
    const value: { self?: object } = {};
    value.self = value;
    return value;
  };
  const WAYS: [string, (context: DurableContext, value: unknown) => PromiseLike<unknown>][] = [
    ["a step", (context, value) => context.step(async () => value)],
    ["a child context", (context, value) => context.runInChildContext(async () => value)],
    [
      "a condition",
      (context, value) =>
        context.waitForCondition(async () => value, {
          initialState: 1 as unknown,
          waitStrategy: () => ({ shouldContinue: false }),
        }),
    ],
    [
      "a NESTED item",
      async (context, value) => {
        (await context.map([1], async () => value)).throwIfError();
      },
    ],
  ];

  it.each(WAYS)("as the result of %s fails it once, and says which part", async (_name, operate) => {
    expect(await outcomeOf((context) => operate(context, { total: 1n }))).toEqual({
      thrown: expect.stringMatching(/^value\.total is a BigInt, which JSON cannot carry/),
    });
    expect(await outcomeOf((context) => operate(context, cycle()))).toEqual({
      thrown: expect.stringMatching(/^value\.self is value again/),
    });
  });

  it("as the result of a step does not run its body again", async () => {
    let bodies = 0;
    await outcomeOf((context) =>
      context.step(async () => {
        bodies += 1;
        return 1n;
      }),
    );

    expect(bodies).toBe(1);
  });

  // batch.ts `#encode` writes the results with plain JSON.stringify, so one item's value fails the whole batch.
  it("as the result of a FLAT item fails that item, and says which part", async () => {
    expect(
      await outcomeOf(async (context) => {
        const batch = await context.map([1, 2], async (_item, n) => (n === 1 ? { total: 1n } : n), {
          nesting: NestingType.FLAT,
          completionConfig: { toleratedFailureCount: 1 },
        });
        return [batch.getErrors().map((error) => error.message), batch.getResults()];
      }),
    ).toEqual({ value: [[expect.stringMatching(/total is a BigInt/)], [2]] });
  });

  it("as the handler's result fails the execution, and says which part", async () => {
    const rig = await createRig();

    expect(await rig.run(async () => ({ total: 1n }))).toEqual({
      status: "FAILED",
      error: expect.objectContaining({ ErrorMessage: expect.stringMatching(/^value\.total is a BigInt/) }),
    });
  });
});

describe("decisions that are not decisions", () => {
  const stepWith = (decision: unknown) => (context: DurableContext) =>
    context.step(rejects, { retryStrategy: wrong(() => decision) });

  it.each([undefined, null])(
    "a retry strategy that gives %p: the default strategy decides",
    async (decision) => {
      let attempts = 0;
      await outcomeOf((context) =>
        context.step(
          async () => {
            attempts += 1;
            return rejects();
          },
          { retryStrategy: wrong(() => decision) },
        ),
      );

      expect(attempts).toBe(6);
    },
  );

  it.each([
    ["a negative delay", { shouldRetry: true, delay: { seconds: -1 } }],
    ["a fraction of a second", { shouldRetry: true, delay: { seconds: 0.5 } }],
    ["a number for a delay", { shouldRetry: true, delay: 5 }],
  ])("a retry strategy with %s fails the step, and says so", async (_name, decision) => {
    expect(await outcomeOf(stepWith(decision))).toEqual({
      thrown: expect.stringMatching(/^retryStrategy\(\)\.delay is/),
    });
  });

  // step.ts `decide` reads `shouldRetry` of whatever it is given: a promise counts as "no retry", without a word.
  it.each([
    ["a promise", Promise.resolve({ shouldRetry: true })],
    ["a boolean", true],
    ["a text for shouldRetry", { shouldRetry: "no" }],
  ])("a retry strategy that gives %s fails the step, and says so", async (_name, decision) => {
    expect(await outcomeOf(stepWith(decision))).toEqual({ thrown: expect.stringContaining("retryStrategy") });
  });

  // wait-for-condition.ts `#run` does the same: a promise ends the wait after the first check.
  it.each([
    ["a promise", Promise.resolve({ shouldContinue: true, delay: { seconds: 1 } })],
    ["undefined", undefined],
    ["a boolean", true],
  ])("a wait strategy that gives %s fails the wait, and says so", async (_name, decision) => {
    expect(
      await outcomeOf((context) =>
        context.waitForCondition(async () => 1, { initialState: 1, waitStrategy: wrong(() => decision) }),
      ),
    ).toEqual({ thrown: expect.stringContaining("waitStrategy") });
  });

  it.each([
    ["no delay", { shouldContinue: true }],
    ["a negative delay", { shouldContinue: true, delay: { seconds: -1 } }],
  ])("a wait strategy with %s fails the wait, and says so", async (_name, decision) => {
    expect(
      await outcomeOf((context) =>
        context.waitForCondition(async () => 1, { initialState: 1, waitStrategy: wrong(() => decision) }),
      ),
    ).toEqual({ thrown: expect.stringMatching(/^waitStrategy\(\)\.delay is/) });
  });
});

describe("an error that cannot be read", () => {
  const evil = {
    get message(): string {
      throw new Error("this getter throws");
    },
  };

  // errors.ts `hasMessage` and `isError` read it. Thrown by a step or in a child context it is an unhandled rejection,
  // which ends the process; thrown by the handler, it fails invocation after invocation.
  it("is recorded like any other", () => {
    expect(errorObjectOf(evil)).toEqual({ ErrorType: "Error", ErrorMessage: expect.any(String) });
  });
});

describe("a serdes with a synchronous throw in deserialize", () => {
  it("ends the invocation, as a rejection does", async () => {
    const serdes = { serialize: async () => "x", deserialize: boom } as unknown as AnySerdes;

    expect(await outcomeOf((context) => context.step(async () => 1, { serdes }))).toMatchObject({
      status: "STOPPED",
    });
  });
});

describe("an error whose cause cannot be read", () => {
  const errors: Record<string, () => Error> = {
    getter: () =>
      new Error("outer", {
        cause: {
          get message(): string {
            throw new Error("getter");
          },
        },
      }),
    "revoked proxy": () => {
      const { proxy, revoke } = Proxy.revocable({}, {});
      revoke();
      return new Error("outer", { cause: proxy });
    },
  };
  const operations: Record<
    string,
    (context: DurableContext, fail: () => Promise<never>) => Promise<unknown>
  > = {
    step: async (context, fail) => context.step("s", fail, { retryStrategy: () => ({ shouldRetry: false }) }),
    context: async (context, fail) => context.runInChildContext("c", fail),
    "virtual context": async (context, fail) =>
      context.runInChildContext("c", fail, { virtualContext: true }),
    "flat item": async (context, fail) =>
      (await context.map([1], fail, { nesting: NestingType.FLAT })).throwIfError(),
    condition: async (context, fail) =>
      context.waitForCondition("w", fail, {
        initialState: 1,
        waitStrategy: () => ({ shouldContinue: false }),
      }),
  };

  it.each(
    Object.keys(operations).flatMap((operation) => Object.keys(errors).map((error) => [operation, error])),
  )("is recorded, of a %s, with a %s", async (operation, error) => {
    const rig = await createRig();
    const ending = await rig.run(async (_event, context) => {
      await operations[operation]?.(context, async () => {
        throw errors[error]?.();
      });
    });

    expect(ending.status).toBe("FAILED");
    expect(JSON.stringify(ending.error)).toContain("outer");
    expect(JSON.stringify(ending.error)).toContain("what was thrown cannot be read");
  });
});

describe("a completion rule that decides nothing", () => {
  it.each([
    ["a boolean", true],
    ["nothing", undefined],
    ["a promise", Promise.resolve({ complete: true })],
  ])("fails the batch with %s", async (_what, decision) => {
    const rig = await createRig();
    const ending = await rig.run(async (_event, context) => {
      await context.map([1, 2], async () => 1, {
        completionConfig: { shouldComplete: () => wrong(decision) },
      });
    });

    expect(ending).toMatchObject({
      status: "FAILED",
      error: { ErrorMessage: expect.stringContaining("return an object with a boolean complete") },
    });
  });
});

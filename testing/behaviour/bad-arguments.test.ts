/** Arguments that cannot work: an error with a stable code that says what was given and what to give, and nothing recorded. */

import { type DurableContext, NestingType, type TidemarkError, withDurableExecution } from "@tidemark/sdk";
import { createRig } from "./rig";

type Call = (context: DurableContext) => unknown;

/** A value where the types ask for another one. */
const wrong = (value: unknown): never => value as never;

const strategy = { initialState: 1, waitStrategy: () => ({ shouldContinue: false }) as const };
const none = async (): Promise<undefined> => undefined;

const CALLS: [string, Call, string, string][] = [
  [
    "step without a function",
    (c) => c.step(wrong("name")),
    "TIDEMARK_ARGUMENT",
    'context.step "name": fn is undefined; pass a function',
  ],
  [
    "step with a text for a function",
    (c) => c.step("a", wrong("b")),
    "TIDEMARK_ARGUMENT",
    'fn is "b"; pass a function',
  ],
  [
    "map of a name with a concurrency that cannot work",
    (c) => c.map("countries", [1], none, { maxConcurrency: 0 }),
    "TIDEMARK_BATCH_CONFIG",
    'context.map "countries": maxConcurrency is 0; pass a whole number of at least 1',
  ],
  [
    "step with a number for a name",
    (c) => c.step(wrong(7), none),
    "TIDEMARK_ARGUMENT",
    "name is 7; pass a text or leave it out",
  ],
  [
    "step with a name that is too long",
    (c) => c.step("n".repeat(257), none),
    "TIDEMARK_ARGUMENT",
    "has 257 characters; pass at most 256",
  ],
  [
    "step with a retry strategy that is no function",
    (c) => c.step(none, { retryStrategy: wrong(3) }),
    "TIDEMARK_ARGUMENT",
    "retryStrategy is 3; pass a function",
  ],
  [
    "wait without a duration",
    (c) => c.wait(wrong(undefined)),
    "TIDEMARK_DURATION",
    "wait duration is undefined",
  ],
  [
    "wait with a name alone",
    (c) => c.wait(wrong("pause")),
    "TIDEMARK_DURATION",
    'wait "pause" duration is undefined',
  ],
  [
    "wait of no time",
    (c) => c.wait({ seconds: 0 }),
    "TIDEMARK_DURATION",
    'wait duration is {"seconds":0}: give at least 1 second',
  ],
  [
    "wait of negative time",
    (c) => c.wait({ seconds: -3 }),
    "TIDEMARK_DURATION",
    "seconds must be a whole number of 0 or more",
  ],
  [
    "wait of a fraction",
    (c) => c.wait("n", { seconds: 0.4 }),
    "TIDEMARK_DURATION",
    "seconds must be a whole number of 0 or more",
  ],
  ["wait of NaN", (c) => c.wait({ seconds: Number.NaN }), "TIDEMARK_DURATION", '{"seconds":"NaN"}'],
  [
    "wait of a text",
    (c) => c.wait({ seconds: wrong("5") }),
    "TIDEMARK_DURATION",
    "seconds must be a whole number of 0 or more",
  ],
  ["wait of an unknown unit", (c) => c.wait(wrong({ weeks: 1 })), "TIDEMARK_DURATION", "weeks is not a unit"],
  [
    "wait of more than 366 days",
    (c) => c.wait({ days: 367 }),
    "TIDEMARK_DURATION",
    "give at most 31622400 seconds (366 days)",
  ],
  [
    "wait of an empty duration",
    (c) => c.wait(wrong({})),
    "TIDEMARK_DURATION",
    "give at least one of days, hours, minutes and seconds",
  ],
  [
    "wait with a number for a name",
    (c) => c.wait(wrong(5), { seconds: 1 }),
    "TIDEMARK_ARGUMENT",
    "context.wait: name is 5",
  ],
  [
    "invoke without a function name",
    (c) => c.invoke(wrong(undefined)),
    "TIDEMARK_ARGUMENT",
    "function is undefined; pass its name",
  ],
  ["invoke of an empty name", (c) => c.invoke("", {}), "TIDEMARK_ARGUMENT", 'function is ""; pass its name'],
  ["invoke with a BigInt", (c) => c.invoke("f", { n: 1n }), "TIDEMARK_SERIALIZE", "value.n is a BigInt"],
  ["invoke with a cycle", (c) => c.invoke("f", cycle()), "TIDEMARK_SERIALIZE", "value.self is value again"],
  [
    "runInChildContext without a function",
    (c) => c.runInChildContext(wrong("name")),
    "TIDEMARK_ARGUMENT",
    "fn is undefined",
  ],
  [
    "createCallback with a timeout of 0",
    (c) => c.createCallback({ timeout: { seconds: 0 } }),
    "TIDEMARK_DURATION",
    "timeout is",
  ],
  [
    "createCallback with a fraction",
    (c) => c.createCallback("n", { heartbeatTimeout: { seconds: 1.5 } }),
    "TIDEMARK_DURATION",
    "heartbeatTimeout is",
  ],
  [
    "waitForCallback without a submitter",
    (c) => c.waitForCallback(wrong("n")),
    "TIDEMARK_ARGUMENT",
    "submitter is undefined",
  ],
  [
    "waitForCallback with a wrong timeout",
    (c) => c.waitForCallback(none, { timeout: wrong(5) }),
    "TIDEMARK_DURATION",
    "timeout is 5: a duration is an object",
  ],
  [
    "waitForCondition without a check",
    (c) => c.waitForCondition(wrong("n"), wrong(strategy)),
    "TIDEMARK_ARGUMENT",
    "checkFunc is",
  ],
  [
    "waitForCondition without a strategy",
    (c) => c.waitForCondition(none, wrong({ initialState: 1 })),
    "TIDEMARK_ARGUMENT",
    "waitStrategy is undefined",
  ],
  [
    "waitForCondition without a configuration",
    (c) => c.waitForCondition(none, wrong(undefined)),
    "TIDEMARK_ARGUMENT",
    "waitStrategy is undefined",
  ],
  [
    "waitForCondition without a state",
    (c) => c.waitForCondition(none, wrong({ ...strategy, initialState: undefined })),
    "TIDEMARK_ARGUMENT",
    "initialState is undefined; pass the state",
  ],
  [
    "map without items",
    (c) => c.map("n", wrong(undefined), none),
    "TIDEMARK_ARGUMENT",
    "items is undefined; pass an array",
  ],
  [
    "map over a Set",
    (c) => c.map("n", wrong(new Set()), none),
    "TIDEMARK_ARGUMENT",
    "items is {}; pass an array",
  ],
  [
    "map without a function",
    (c) => c.map([1], wrong(undefined)),
    "TIDEMARK_ARGUMENT",
    "mapFunc is undefined",
  ],
  [
    "map with an itemNamer that is no function",
    (c) => c.map([1], none, { itemNamer: wrong("x") }),
    "TIDEMARK_ARGUMENT",
    'itemNamer is "x"',
  ],
  [
    "map with no concurrency",
    (c) => c.map([1], none, { maxConcurrency: 0 }),
    "TIDEMARK_BATCH_CONFIG",
    "maxConcurrency is 0; pass a whole number of at least 1",
  ],
  [
    "map with a fraction of concurrency",
    (c) => c.map([1], none, { maxConcurrency: 1.5 }),
    "TIDEMARK_BATCH_CONFIG",
    "maxConcurrency is 1.5",
  ],
  [
    "map with negative concurrency",
    (c) => c.map([1], none, { maxConcurrency: -1 }),
    "TIDEMARK_BATCH_CONFIG",
    "maxConcurrency is -1",
  ],
  [
    "parallel with thresholds and a predicate",
    (c) =>
      c.parallel([none], {
        completionConfig: wrong({ minSuccessful: 1, shouldComplete: () => ({ complete: true }) }),
      }),
    "TIDEMARK_BATCH_CONFIG",
    "has shouldComplete and minSuccessful; use a predicate or thresholds, not both",
  ],
  [
    "parallel with a minimum of 0",
    (c) => c.parallel([none], { completionConfig: { minSuccessful: 0 } }),
    "TIDEMARK_BATCH_CONFIG",
    "completionConfig.minSuccessful is 0; pass a whole number of at least 1",
  ],
  [
    "parallel with a share over 100",
    (c) => c.parallel([none], { completionConfig: { toleratedFailurePercentage: 101 } }),
    "TIDEMARK_BATCH_CONFIG",
    "is 101; pass a number from 0 to 100",
  ],
  [
    "parallel with a negative tolerance",
    (c) => c.parallel([none], { completionConfig: { toleratedFailureCount: -1 } }),
    "TIDEMARK_BATCH_CONFIG",
    "is -1; pass a whole number of at least 0",
  ],
  [
    "parallel with a predicate that is no function",
    (c) => c.parallel([none], { completionConfig: wrong({ shouldComplete: 1 }) }),
    "TIDEMARK_BATCH_CONFIG",
    "shouldComplete is not a function",
  ],
  [
    "parallel with a text for a configuration",
    (c) => c.parallel([none], { completionConfig: wrong("all") }),
    "TIDEMARK_BATCH_CONFIG",
    'completionConfig is "all"; pass an object',
  ],
  [
    "parallel with a branch that is no function",
    (c) => c.parallel([none, wrong({ name: "b" })]),
    "TIDEMARK_ARGUMENT",
    'branches[1] is {"name":"b"}; pass a function or { name, func }',
  ],
  [
    "parallel with an empty branch",
    (c) => c.parallel([wrong(null)]),
    "TIDEMARK_ARGUMENT",
    "branches[0] is null; pass a function",
  ],
  [
    "parallel with a number for a branch's name",
    (c) => c.parallel([{ name: wrong(4), func: none }]),
    "TIDEMARK_ARGUMENT",
    "name is 4",
  ],
  [
    "promise.all without an array",
    (c) => c.promise.all(wrong(undefined)),
    "TIDEMARK_ARGUMENT",
    "context.promise.all: promises is undefined",
  ],
];

function cycle(): object {
  const value: { self?: object } = {};
  value.self = value;
  return value;
}

describe("a call with arguments that cannot work throws at once and records nothing", () => {
  it.each(CALLS)("%s", async (_name, call, code, message) => {
    const rig = await createRig();
    let caught: TidemarkError | undefined;
    const id = await rig.begin(async (_event, context) => {
      try {
        call(context);
      } catch (error) {
        caught = error as TidemarkError;
      }
      return "went on";
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "went on" });
    expect([caught?.name, caught?.code]).toEqual(["TidemarkError", code]);
    expect(caught?.message).toContain(message);
    expect(await rig.tree(id)).toEqual([]);
  });

  it("takes no position: the operations after it have the ids that they would have without it", async () => {
    const rig = await createRig();
    const id = await rig.begin(async (_event, context) => {
      try {
        context.wait({ seconds: -1 });
      } catch {}
      await context.step("first", async () => 1);
    });

    expect(await rig.tree(id)).toEqual(["1 STEP first SUCCEEDED"]);
  });

  it("fails the execution when nobody catches it", async () => {
    const rig = await createRig();

    expect(await rig.run(async (_event, context) => context.wait({ seconds: -1 }))).toEqual({
      status: "FAILED",
      error: {
        ErrorType: "TIDEMARK_DURATION",
        ErrorMessage: 'wait duration is {"seconds":-1}: seconds must be a whole number of 0 or more',
      },
    });
  });
});

describe("a handler that is not a function", () => {
  it.each([undefined, null, "text", {}, 5])("%p is refused when it is wrapped", (handler) => {
    expect(() => withDurableExecution(wrong(handler))).toThrow(
      expect.objectContaining({
        code: "TIDEMARK_HANDLER",
        message: expect.stringContaining("pass an async function"),
      }),
    );
  });
});

describe("names that user code computes", () => {
  // batch.ts `#startItem` does not read what the itemNamer gives as it reads other names: a number is recorded as it
  // is, and a long name is refused by the log, which fails the execution without naming the field.
  it("of items are checked like other names", async () => {
    const rig = await createRig();
    const messages: string[] = [];
    const ending = await rig.run(async (_event, context) => {
      for (const name of [5, "n".repeat(300)]) {
        await context
          .map([1], none, { itemNamer: wrong(() => name) })
          .catch((error: Error) => void messages.push(error.message));
      }
    });

    expect(ending).toEqual({ status: "SUCCEEDED" });
    expect(messages).toEqual([
      expect.stringContaining("name is 5; pass a text"),
      expect.stringContaining("has 300 characters; pass at most 256"),
    ]);
  });
});

describe("a context in the wrong place", () => {
  const CALLS_INSIDE: [string, (context: DurableContext) => unknown, string][] = [
    [
      "the root's in a step body",
      (context) => context.step("outer", async () => context.step("inner", none)),
      "context.step of context (root) was called inside the body of operation 1",
    ],
    [
      "the root's in a child context",
      (context) => context.runInChildContext(async () => context.wait({ seconds: 1 })),
      "context.wait of context (root) was called inside context 1",
    ],
    [
      "a parent's in a grandchild",
      (context) =>
        context.runInChildContext((child) => child.runInChildContext(async () => child.createCallback())),
      "context.createCallback of context 1 was called inside context 1-1",
    ],
    [
      "a sibling's",
      (context) => {
        let other: DurableContext | undefined;
        return context.parallel([
          async (branch) => {
            other = branch;
            await branch.wait({ seconds: 1 });
          },
          async () => other?.step(none),
        ]);
      },
      "context.step of context 1-1 was called inside context 1-2",
    ],
    [
      "the root's in a virtual context",
      (context) => context.runInChildContext(async () => context.step(none), { virtualContext: true }),
      "context.step of context (root) was called inside context 1",
    ],
    [
      "the root's in a FLAT item",
      (context) => context.map([1], async () => context.step(none), { nesting: NestingType.FLAT }),
      "context.step of context (root) was called inside context 1-1",
    ],
    [
      "the root's in the check of a condition",
      (context) => context.waitForCondition(async () => context.step(none) as never, strategy as never),
      "context.step of context (root) was called inside the body of operation 1",
    ],
    [
      "a combinator's in a step body",
      (context) => context.step(async () => context.promise.all([])),
      "context.promise.all of context (root) was called inside the body of operation 1",
    ],
    [
      "the root's virtual context in a step body",
      (context) => context.step(async () => context.runInChildContext(none, { virtualContext: true })),
      "context.runInChildContext of context (root) was called inside the body of operation 1",
    ],
  ];

  it.each(CALLS_INSIDE)("%s fails the execution and says where", async (_name, call, message) => {
    const rig = await createRig();

    const ending = await rig.run(async (_event, context) => call(context));

    expect(ending).toMatchObject({ status: "FAILED", error: { ErrorType: "ContextUsageError" } });
    expect(ending.error?.ErrorMessage).toContain(message);
    expect(ending.error?.ErrorMessage).toContain(
      "use the context that the function around the call was given",
    );
  });
});

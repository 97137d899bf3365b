/** Errors as the code sees them: the same graph live and on replay, whatever was thrown. */

import { type DurableContext, type DurableOperationError, NestingType, retryPresets } from "@tidemark/sdk";
import { graphOf, graphOfRejection } from "./error-graph";
import { createRig } from "./rig";

const once = { retryStrategy: retryPresets.noRetry };

class PaymentError extends Error {
  readonly errorData = '{"cents":500}';
  constructor(cause?: unknown) {
    super("card declined", { cause });
    this.name = "PaymentError";
  }
}

/** What was thrown in a step, and the graph that the step's caller sees. */
const THROWN: [string, () => unknown, object][] = [
  [
    "an Error",
    () => new Error("plain"),
    { message: "plain", cause: { class: "Error", name: "Error", message: "plain" } },
  ],
  [
    "an error class of the language",
    () => new TypeError("not a function"),
    { message: "not a function", cause: { class: "Error", name: "TypeError", message: "not a function" } },
  ],
  [
    "a custom error with data and a cause",
    () => new PaymentError(new RangeError("limit")),
    {
      message: "card declined",
      errorData: '{"cents":500}',
      cause: {
        name: "PaymentError",
        message: "card declined",
        cause: { name: "RangeError", message: "limit" },
      },
    },
  ],
  [
    "something with a message",
    () => ({ name: "Odd", message: "not an error" }),
    { message: "not an error", cause: { name: "Odd", message: "not an error" } },
  ],
  ["a text", () => "just text", { message: "Unknown error", cause: { message: "Unknown error" } }],
  ["undefined", () => undefined, { message: "Unknown error" }],
  ["null", () => null, { message: "Unknown error" }],
  ["an error without a message", () => new Error(""), { name: "StepError" }],
  [
    "a cause that leads back to the error",
    () => {
      const error = new Error("round");
      error.cause = new Error("and round", { cause: error });
      return error;
    },
    { message: "round", cause: { message: "round", cause: { message: "and round" } } },
  ],
];

describe("a step that throws", () => {
  it.each(THROWN)("%s: the same graph live and replayed", async (_name, thrown, expected) => {
    const rig = await createRig();

    const { live, replayed } = await rig.twice((context) =>
      graphOfRejection(
        context.step(async () => {
          throw thrown();
        }, once),
      ),
    );

    expect(live).toMatchObject({ class: "StepError", code: "TIDEMARK_STEP", ...expected });
    expect(replayed).toEqual(live);
  });
});

/** Three contexts around a step that throws. */
function nested(context: DurableContext): PromiseLike<unknown> {
  return context.runInChildContext("a", (a) =>
    a.runInChildContext("b", (b) =>
      b.runInChildContext("c", (c) =>
        c.step(
          "pay",
          async () => {
            throw new PaymentError(new TypeError("inner"));
          },
          once,
        ),
      ),
    ),
  );
}

describe("an error that passes context boundaries", () => {
  it("keeps its data and the original type through three contexts", async () => {
    const rig = await createRig();

    const { live, replayed } = await rig.twice((context) => graphOfRejection(nested(context)));

    const context = (cause: object) => ({
      class: "ChildContextError",
      name: "ChildContextError",
      message: "card declined",
      code: "TIDEMARK_CHILD_CONTEXT",
      errorType: "ChildContextError",
      errorData: '{"cents":500}',
      cause,
    });
    expect(live).toMatchObject(context(context(context({ class: "StepError", errorData: '{"cents":500}' }))));
    expect(JSON.stringify(live)).toContain('"name":"PaymentError"');
    expect(JSON.stringify(live)).toContain('"name":"TypeError"');
    expect(replayed).toEqual(live);
  });

  it("is what fails the execution, with its data", async () => {
    const rig = await createRig();

    const { status, error } = await rig.run(async (_event, context) => nested(context));

    expect(status).toBe("FAILED");
    expect(error).toMatchObject({
      ErrorType: "ChildContextError",
      ErrorMessage: "card declined",
      ErrorData: '{"cents":500}',
    });
  });

  it("can be mapped, and is mapped again on replay", async () => {
    const rig = await createRig();
    let mapped = 0;
    const errorMapper = (error: DurableOperationError): DurableOperationError => {
      mapped += 1;
      return Object.assign(error, { message: `mapped: ${error.message}` });
    };

    const { live, replayed } = await rig.twice((context) =>
      graphOfRejection(
        context.runInChildContext(
          async () => {
            throw new RangeError("inner");
          },
          { errorMapper },
        ),
      ),
    );

    expect(live).toMatchObject({
      class: "StepError",
      message: "mapped: inner",
      cause: { name: "RangeError" },
    });
    expect(replayed).toEqual(live);
    expect(mapped).toBe(2);
  });
});

describe("an error of another kind of operation", () => {
  const fail = async (): Promise<never> => {
    throw new PaymentError();
  };

  it.each<[string, (context: DurableContext) => PromiseLike<unknown>, object]>([
    [
      "the check of waitForCondition",
      (context) =>
        context.waitForCondition(fail, { initialState: 1, waitStrategy: () => ({ shouldContinue: false }) }),
      { class: "StepError", message: "card declined", cause: { name: "PaymentError" } },
    ],
    [
      "the submitter of waitForCallback",
      (context) => context.waitForCallback(fail, once),
      { class: "CallbackSubmitterError", message: "card declined", errorData: '{"cents":500}' },
    ],
    [
      "a promise combinator",
      (context) => context.promise.all([context.step(fail, once)]),
      { class: "PromiseCombinatorError", message: "card declined", errorData: '{"cents":500}' },
    ],
    [
      "a virtual context",
      (context) => context.runInChildContext(fail, { virtualContext: true }),
      { class: "ChildContextError", message: "card declined", errorData: '{"cents":500}' },
    ],
    [
      "an invoked function",
      (context) => context.invoke("failing", {}),
      { class: "InvokeError", message: "card declined", cause: { name: "PaymentError" } },
    ],
    [
      "a callback that timed out",
      async (context) => (await context.createCallback({ timeout: { seconds: 3 } }))[0],
      { class: "CallbackTimeoutError", message: "Callback timed out" },
    ],
    [
      "a callback whose heartbeats stopped",
      async (context) => (await context.createCallback({ heartbeatTimeout: { seconds: 3 } }))[0],
      { class: "CallbackTimeoutError", message: "Callback timed out on heartbeat" },
    ],
  ])("%s: the same graph live and replayed", async (_name, operate, expected) => {
    const rig = await createRig();
    rig.deploy("failing", fail);

    const { live, replayed } = await rig.twice((context) => graphOfRejection(operate(context)));

    expect(live).toMatchObject(expected);
    expect(replayed).toEqual(live);
  });

  it("a callback that was failed from outside carries what was sent", async () => {
    const rig = await createRig();
    const ids: string[] = [];
    const seen: unknown[] = [];
    const id = await rig.begin(async (_event, context) => {
      const [outcome, callbackId] = await context.createCallback();
      ids.push(callbackId);
      seen.push(await graphOfRejection(outcome));
      await context.wait({ seconds: 1 });
    });
    await rig.runtime.client.sendCallbackFailure(ids[0] as string, {
      ErrorType: "Refused",
      ErrorMessage: "no",
      ErrorData: "data",
      StackTrace: ["at there"],
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
    expect(seen[0]).toMatchObject({
      class: "CallbackExternalError",
      message: "no",
      errorData: "data",
      cause: { name: "Refused", message: "no", errorData: "data" },
    });
    expect(seen[1]).toEqual(seen[0]);
  });
});

describe.each([NestingType.NESTED, NestingType.FLAT])("the errors of a %s batch", (nesting) => {
  it("have their causes, live and replayed", async () => {
    const rig = await createRig();

    const { live, replayed } = await rig.twice(async (context) => {
      const batch = await context.map(
        [1, 2],
        async (item, index) => {
          if (index === 2) return item.step(async () => "fine");
          throw new PaymentError(new TypeError("inner"));
        },
        { nesting, completionConfig: { toleratedFailureCount: 1 } },
      );
      return [graphOf(batch.all[0]?.error), batch.all[1], batch.getErrors().length];
    });

    expect(live).toMatchObject([
      { class: "ChildContextError", message: "card declined", errorData: '{"cents":500}' },
      { index: 1, status: "SUCCEEDED", result: "fine" },
      1,
    ]);
    expect(JSON.stringify(live)).toContain('"name":"PaymentError"');
    expect(JSON.stringify(live)).toContain('"name":"TypeError"');
    expect(replayed).toEqual(live);
  });
});

describe("a rejected operation that nobody awaits", () => {
  it.each<[string, (context: DurableContext) => unknown]>([
    ["step", (context) => context.step(() => Promise.reject(new Error("ignored")), once)],
    ["child context", (context) => context.runInChildContext(() => Promise.reject(new Error("ignored")))],
    [
      "virtual context",
      (context) =>
        context.runInChildContext(() => Promise.reject(new Error("ignored")), { virtualContext: true }),
    ],
    ["invoke", (context) => context.invoke("unknown-function", {})],
    [
      "combinator",
      (context) => context.promise.all([context.step(() => Promise.reject(new Error("x")), once)]),
    ],
    [
      "native promise in a combinator",
      (context) => context.promise.race([Promise.reject(new Error("x")) as never]),
    ],
    [
      "condition",
      (context) =>
        context.waitForCondition(() => Promise.reject(new Error("x")), {
          initialState: 1,
          waitStrategy: () => ({ shouldContinue: false }),
        }),
    ],
  ])("%s: disturbs neither the execution nor the process", async (_name, start) => {
    const rig = await createRig();

    const ending = await rig.run(async (_event, context) => {
      start(context);
      await context.step("after", async () => "went on");
      await context.wait({ seconds: 2 });
      return "done";
    });

    expect(ending).toEqual({ status: "SUCCEEDED", result: "done" });
    expect(rig.errors).toEqual([]);
  });
});

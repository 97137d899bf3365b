import { runInNewContext } from "node:vm";
import { type ErrorObject, TidemarkError } from "@tidemark/protocol";
import {
  asError,
  BatchCompletionError,
  CallbackError,
  CallbackExternalError,
  CallbackSubmitterError,
  CallbackTimeoutError,
  ChildContextError,
  ContextUsageError,
  DurableOperationError,
  errorFromObject,
  errorObjectOf,
  InvokeError,
  NonDeterministicExecutionError,
  PayloadTooLargeError,
  PluginLoadError,
  PromiseCombinatorError,
  SerdesFailedError,
  StepError,
  StepInterruptedError,
  WaitForConditionError,
} from "./errors.js";

type OperationErrorClass = new (message?: string, cause?: Error, errorData?: string) => DurableOperationError;

const OPERATION_ERRORS: readonly [OperationErrorClass, string, string, string][] = [
  [StepError, "StepError", "TIDEMARK_STEP", "Step failed"],
  [CallbackError, "CallbackError", "TIDEMARK_CALLBACK", "Callback failed"],
  [CallbackExternalError, "CallbackExternalError", "TIDEMARK_CALLBACK_EXTERNAL", "Callback failed"],
  [CallbackTimeoutError, "CallbackTimeoutError", "TIDEMARK_CALLBACK_TIMEOUT", "Callback timed out"],
  [
    CallbackSubmitterError,
    "CallbackSubmitterError",
    "TIDEMARK_CALLBACK_SUBMITTER",
    "Callback submitter failed",
  ],
  [InvokeError, "InvokeError", "TIDEMARK_INVOKE", "Invoke failed"],
  [ChildContextError, "ChildContextError", "TIDEMARK_CHILD_CONTEXT", "Child context failed"],
  [
    WaitForConditionError,
    "WaitForConditionError",
    "TIDEMARK_WAIT_FOR_CONDITION",
    "Wait for condition failed",
  ],
  [
    PromiseCombinatorError,
    "PromiseCombinatorError",
    "TIDEMARK_PROMISE_COMBINATOR",
    "Promise combinator failed",
  ],
];

/** All that a handler can see of an error, but for the stack. */
interface View {
  readonly is: unknown;
  readonly name: string;
  readonly message: string;
  readonly data?: string;
  readonly cause?: View;
}

function view(error: Error): View {
  const { errorData, cause } = error as { errorData?: string; cause?: unknown };
  return {
    is: error.constructor,
    name: error.name,
    message: error.message,
    ...(errorData === undefined ? {} : { data: errorData }),
    ...(cause === undefined ? {} : { cause: view(cause as Error) }),
  };
}

describe("the errors of operations", () => {
  it.each(OPERATION_ERRORS)("%p has its name, code and message", (ErrorClass, name, code, defaultMessage) => {
    for (const error of [new ErrorClass(), new ErrorClass("")]) {
      expect(error).toMatchObject({ name, errorType: name, code, message: defaultMessage });
      expect(error.toErrorObject()).toEqual({ ErrorType: name, ErrorMessage: defaultMessage });
    }
    const cause = new TypeError("below");
    const error = new ErrorClass("above", cause, "data");
    expect(error).toBeInstanceOf(DurableOperationError);
    expect(error).toBeInstanceOf(Error);
    expect(view(error)).toEqual({ is: ErrorClass, name, message: "above", data: "data", cause: view(cause) });
    expect(error.cause).toBe(cause);
    expect(error.stackTrace).toBeUndefined();
    expect(error.toErrorObject()).toEqual({ ErrorType: name, ErrorMessage: "above", ErrorData: "data" });
  });

  it.each([CallbackExternalError, CallbackTimeoutError, CallbackSubmitterError])(
    "%p is a CallbackError",
    (ErrorClass) => {
      expect(new ErrorClass()).toBeInstanceOf(CallbackError);
    },
  );

  it("names the reason in the error of a batch", () => {
    expect(new BatchCompletionError("CUSTOM_COMPLETION_FAILED")).toMatchObject({
      name: "BatchCompletionError",
      errorType: "BatchCompletionError",
      code: "TIDEMARK_BATCH_COMPLETION",
      completionReason: "CUSTOM_COMPLETION_FAILED",
      message: "Batch completed as failed by shouldComplete (CUSTOM_COMPLETION_FAILED)",
    });
    const error = new BatchCompletionError("ALL_COMPLETED", "no quorum", new Error("below"), "data");
    expect(error.completionReason).toBe("ALL_COMPLETED");
    expect(error.toErrorObject()).toEqual({
      ErrorType: "BatchCompletionError",
      ErrorMessage: "no quorum",
      ErrorData: "data",
    });
  });

  it("gives a subclass of a handler's own the name of its class", () => {
    class PaymentError extends StepError {}
    class RefundError extends DurableOperationError {
      readonly errorType = "Refund";
    }
    expect([new PaymentError().name, new PaymentError().code]).toEqual(["PaymentError", "TIDEMARK_STEP"]);
    expect([new RefundError("late").name, new RefundError("late").code]).toEqual([
      "RefundError",
      "TIDEMARK_OPERATION",
    ]);
    expect(new RefundError("late").toErrorObject()).toEqual({ ErrorType: "Refund", ErrorMessage: "late" });
  });

  it.each([
    [0, "data"],
    [1, "data"],
    [10, "data"],
    [11, undefined],
  ])("finds data %d causes below: %p", (depth, expected) => {
    let error: Error = new StepError("deepest", undefined, "data");
    for (let at = 1; at < depth; at += 1) error = new Error(`${at}`, { cause: error });
    if (depth > 0) error = new ChildContextError("top", error);
    expect((error as DurableOperationError).toErrorObject().ErrorData).toBe(expected);
    expect(errorObjectOf(error).ErrorData).toBe(expected);
  });

  it("prefers an error's own data, also when they are empty", () => {
    const error = new ChildContextError("top", new StepError("below", undefined, "data"), "");
    expect(error.toErrorObject()).toEqual({
      ErrorType: "ChildContextError",
      ErrorMessage: "top",
      ErrorData: "",
    });
  });
});

describe("the errors of Tidemark itself", () => {
  const cause = new Error("below");
  it.each<[TidemarkError, string, string, string, unknown]>([
    [
      new StepInterruptedError("1-2"),
      "StepInterruptedError",
      "TIDEMARK_STEP_INTERRUPTED",
      "step 1-2 was started and interrupted before it ended: whether it had its effects is not known, so this attempt is not run again",
      undefined,
    ],
    [
      new StepInterruptedError("3", "charge"),
      "StepInterruptedError",
      "TIDEMARK_STEP_INTERRUPTED",
      'step 3 ("charge") was started and interrupted before it ended: whether it had its effects is not known, so this attempt is not run again',
      undefined,
    ],
    [
      new PluginLoadError("no such module", { cause }),
      "PluginLoadError",
      "TIDEMARK_PLUGIN_LOAD",
      "Dynamic plugin configuration failed: no such module",
      cause,
    ],
    [
      new NonDeterministicExecutionError("m", { cause }),
      "NonDeterministicExecutionError",
      "TIDEMARK_NON_DETERMINISTIC",
      "m",
      cause,
    ],
    [new ContextUsageError("m"), "ContextUsageError", "TIDEMARK_CONTEXT_USAGE", "m", undefined],
    [new SerdesFailedError("m", { cause }), "SerdesFailedError", "TIDEMARK_SERDES_FAILED", "m", cause],
    [new PayloadTooLargeError("m"), "PayloadTooLargeError", "TIDEMARK_PAYLOAD_TOO_LARGE", "m", undefined],
  ])("%p has its name and code", (error, name, code, message, expectedCause) => {
    expect(error).toBeInstanceOf(TidemarkError);
    expect({ name: error.name, code: error.code, message: error.message, cause: error.cause }).toEqual({
      name,
      code,
      message,
      cause: expectedCause,
    });
  });
});

describe("DurableOperationError.fromErrorObject", () => {
  it.each(OPERATION_ERRORS)(
    "gives %p for its type, with a cause of the same type",
    (ErrorClass, name, _code, defaultMessage) => {
      const recorded = { ErrorType: name, ErrorMessage: "lost", ErrorData: "data", StackTrace: ["a", "b"] };
      const error = DurableOperationError.fromErrorObject(recorded);
      const cause = { is: Error, name, message: "lost" };
      expect(view(error)).toEqual({ is: ErrorClass, name, message: "lost", data: "data", cause });
      expect(error.cause?.stack).toBe("a\nb");
      expect(view(DurableOperationError.fromErrorObject({ ErrorType: name }))).toEqual({
        is: ErrorClass,
        name,
        message: defaultMessage,
        cause: { is: Error, name, message: "" },
      });
    },
  );

  it.each<[ErrorObject, string, View]>([
    [
      { ErrorType: "TypeError", ErrorMessage: "lost" },
      "lost",
      { is: Error, name: "TypeError", message: "lost" },
    ],
    [
      { ErrorType: "BatchCompletionError", ErrorMessage: "lost" },
      "lost",
      { is: Error, name: "BatchCompletionError", message: "lost" },
    ],
    [{ ErrorType: "", ErrorMessage: "lost" }, "lost", { is: Error, name: "Error", message: "lost" }],
    [{ ErrorMessage: "" }, "Unknown error", { is: Error, name: "Error", message: "" }],
    [{}, "Unknown error", { is: Error, name: "Error", message: "" }],
  ])("gives a StepError for %j, with the type in its cause", (object, message, cause) => {
    const error = DurableOperationError.fromErrorObject(object);
    expect(view(error)).toEqual({ is: StepError, name: "StepError", message, cause });
  });

  it("rebuilds the causes that were recorded", () => {
    const Cause = {
      ErrorType: "InvokeError",
      ErrorMessage: "below",
      Cause: { ErrorType: "X", ErrorMessage: "deep" },
    };
    const deep = { is: Error, name: "X", message: "deep" };
    const below = { is: InvokeError, name: "InvokeError", message: "below", cause: deep };
    expect(
      view(
        DurableOperationError.fromErrorObject({ ErrorType: "ChildContextError", ErrorMessage: "top", Cause }),
      ),
    ).toEqual({ is: ChildContextError, name: "ChildContextError", message: "top", cause: below });
    expect(
      view(DurableOperationError.fromErrorObject({ ErrorType: "Y", ErrorMessage: "top", Cause })),
    ).toEqual({
      is: StepError,
      name: "StepError",
      message: "top",
      cause: { is: Error, name: "Y", message: "top", cause: below },
    });
  });
});

describe("asError", () => {
  it("gives an error as it is, also one of another realm", () => {
    const foreign = runInNewContext("new TypeError('elsewhere')") as Error;
    for (const error of [new RangeError("m"), new StepError("m"), foreign])
      expect(asError(error)).toBe(error);
  });

  it.each<[unknown]>([["boom"], [5], [undefined], [null], [{ code: 5 }], [{ message: 5 }], [() => 1]])(
    "gives Unknown Error for %p, which is behind it",
    (thrown) => {
      const error = asError(thrown);
      expect([error.constructor, error.name, error.message]).toEqual([Error, "Error", "Unknown Error"]);
      expect(error.cause).toBe(thrown);
    },
  );

  it.each<[{ message: string; name?: unknown }, string]>([
    [{ message: "busy" }, "Error"],
    [{ message: "busy", name: "Throttled" }, "Throttled"],
    [{ message: "busy", name: 5 }, "Error"],
  ])("gives an error with the message and name of %j", (thrown, name) => {
    const error = asError(thrown);
    expect([error.constructor, error.name, error.message]).toEqual([Error, name, "busy"]);
    expect(error.cause).toBe(thrown);
  });
});

describe("errorFromObject", () => {
  const below = { is: Error, name: "X", message: "below" };
  const Cause = { ErrorType: "X", ErrorMessage: "below" };

  it.each(OPERATION_ERRORS)(
    "gives %p for its type, with no cause but the recorded one",
    (ErrorClass, name, _code, defaultMessage) => {
      expect(
        view(errorFromObject({ ErrorType: name, ErrorMessage: "top", ErrorData: "data", Cause })),
      ).toEqual({
        is: ErrorClass,
        name,
        message: "top",
        data: "data",
        cause: below,
      });
      expect(view(errorFromObject({ ErrorType: name, ErrorMessage: "" }))).toEqual({
        is: ErrorClass,
        name,
        message: "",
      });
      expect(view(errorFromObject({ ErrorType: name }))).toEqual({
        is: ErrorClass,
        name,
        message: defaultMessage,
      });
    },
  );

  it.each<[unknown, string]>([
    [BatchCompletionError, "BatchCompletionError"],
    [StepInterruptedError, "StepInterruptedError"],
    [PluginLoadError, "PluginLoadError"],
    [NonDeterministicExecutionError, "NonDeterministicExecutionError"],
    [ContextUsageError, "ContextUsageError"],
    [SerdesFailedError, "SerdesFailedError"],
    [PayloadTooLargeError, "PayloadTooLargeError"],
  ])("gives %p for its type", (ErrorClass, name) => {
    const error = errorFromObject({ ErrorType: name, ErrorMessage: "top", ErrorData: "data" });
    expect(view(error)).toEqual({ is: ErrorClass, name, message: "top", data: "data" });
    expect((error as TidemarkError).code).toMatch(/^TIDEMARK_/);
  });

  it.each([
    ["Batch completed as failed by shouldComplete (CUSTOM_COMPLETION_FAILED)", "CUSTOM_COMPLETION_FAILED"],
    [
      "Batch completed as failed by shouldComplete (FAILURE_TOLERANCE_EXCEEDED)",
      "FAILURE_TOLERANCE_EXCEEDED",
    ],
    ["no quorum", "CUSTOM_COMPLETION_FAILED"],
  ])("reads the reason of a batch's error from %j", (message, completionReason) => {
    const recorded = { ErrorType: "BatchCompletionError", ErrorMessage: message };
    expect(errorFromObject(recorded)).toMatchObject({ message, completionReason });
  });

  it.each<[ErrorObject | undefined, View]>([
    [
      { ErrorType: "TypeError", ErrorMessage: "m" },
      { is: Error, name: "TypeError", message: "m" },
    ],
    [
      { ErrorType: "Y", ErrorMessage: "m", ErrorData: "d", Cause },
      { is: Error, name: "Y", message: "m", data: "d", cause: below },
    ],
    [
      { ErrorType: "constructor", ErrorMessage: "m" },
      { is: Error, name: "constructor", message: "m" },
    ],
    [{ ErrorMessage: "m" }, { is: Error, name: "Error", message: "m" }],
    [{}, { is: Error, name: "Error", message: "Unknown error" }],
    [undefined, { is: Error, name: "Error", message: "Unknown error" }],
  ])("gives an Error with the name for %j", (object, expected) => {
    expect(view(errorFromObject(object))).toEqual(expected);
  });

  it("keeps the recorded stack, and claims none of its own", () => {
    const StackTrace = ["Error: m", "    at there"];
    expect(errorFromObject({ ErrorType: "Y", ErrorMessage: "m", StackTrace }).stack).toBe(
      "Error: m\n    at there",
    );
    expect(errorFromObject({ ErrorType: "Y", ErrorMessage: "m" }).stack).toBe("Y: m");
    expect((errorFromObject({ ErrorType: "InvokeError", StackTrace }) as InvokeError).stackTrace).toEqual(
      StackTrace,
    );
  });

  it("follows 10 causes of a record that has more", () => {
    let object: ErrorObject = { ErrorMessage: "deepest" };
    for (let at = 0; at < 20; at += 1) object = { ErrorMessage: `${at}`, Cause: object };
    let depth = 0;
    for (let error = errorFromObject(object); error.cause !== undefined; error = error.cause as Error)
      depth += 1;
    expect(depth).toBe(10);
  });
});

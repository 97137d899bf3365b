import { runInNewContext } from "node:vm";
import type { ErrorObject } from "@tidemark/protocol";
import fc from "fast-check";
import {
  asError,
  BatchCompletionError,
  CallbackError,
  CallbackExternalError,
  CallbackSubmitterError,
  CallbackTimeoutError,
  ChildContextError,
  errorFromObject,
  errorObjectOf,
  InvokeError,
  PayloadTooLargeError,
  PluginLoadError,
  PromiseCombinatorError,
  StepError,
  StepInterruptedError,
  WaitForConditionError,
} from "./errors.js";

const OPERATION_ERRORS = [
  StepError,
  CallbackError,
  CallbackExternalError,
  CallbackTimeoutError,
  CallbackSubmitterError,
  InvokeError,
  ChildContextError,
  WaitForConditionError,
  PromiseCombinatorError,
] as const;

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

const bytesOf = (object: ErrorObject): number => Buffer.byteLength(JSON.stringify(object));

describe("errorObjectOf", () => {
  class Custom extends Error {}
  class Named extends Error {
    override name = "NamedError";
  }
  const own: Error = new Error("own");
  own.cause = own;
  const loop = new Error("outer", { cause: new Error("inner") });
  (loop.cause as Error).cause = loop;

  it.each<[string, unknown, ErrorObject]>([
    ["a standard error", new TypeError("m"), { ErrorType: "TypeError", ErrorMessage: "m" }],
    ["an error without a message", new Error(), { ErrorType: "Error", ErrorMessage: "" }],
    ["a subclass that sets no name", new Custom("m"), { ErrorType: "Error", ErrorMessage: "m" }],
    ["a subclass that sets its name", new Named("m"), { ErrorType: "NamedError", ErrorMessage: "m" }],
    [
      "an errorType, which comes before the name",
      Object.assign(new Named("m"), { errorType: "T" }),
      { ErrorType: "T", ErrorMessage: "m" },
    ],
    [
      "an errorType that is empty",
      Object.assign(new Named("m"), { errorType: "" }),
      { ErrorType: "NamedError", ErrorMessage: "m" },
    ],
    [
      "a name that is no text",
      Object.assign(new Error("m"), { name: 5 }),
      { ErrorType: "Error", ErrorMessage: "m" },
    ],
    [
      "a name that is empty",
      Object.assign(new Error("m"), { name: "" }),
      { ErrorType: "Error", ErrorMessage: "m" },
    ],
    [
      "a message that is no text",
      Object.assign(new Error("m"), { message: { a: 5 } }),
      { ErrorType: "Error", ErrorMessage: '{"a":5}' },
    ],
    [
      "data, empty or not",
      Object.assign(new Error("m"), { errorData: "" }),
      { ErrorType: "Error", ErrorMessage: "m", ErrorData: "" },
    ],
    [
      "data that are no text",
      Object.assign(new Error("m"), { errorData: { a: 1 } }),
      { ErrorType: "Error", ErrorMessage: "m" },
    ],
    [
      "an error of another realm",
      runInNewContext("new RangeError('m')"),
      { ErrorType: "RangeError", ErrorMessage: "m" },
    ],
    ["an object with a message", { name: "N", message: "m" }, { ErrorType: "N", ErrorMessage: "m" }],
    [
      "a string",
      "boom",
      {
        ErrorType: "Error",
        ErrorMessage: "Unknown error",
        Cause: { ErrorType: "Error", ErrorMessage: "boom" },
      },
    ],
    [
      "undefined",
      undefined,
      {
        ErrorType: "Error",
        ErrorMessage: "Unknown error",
        Cause: { ErrorType: "Error", ErrorMessage: "undefined" },
      },
    ],
    [
      "an object without a message",
      { code: 5n },
      {
        ErrorType: "Error",
        ErrorMessage: "Unknown error",
        Cause: { ErrorType: "Error", ErrorMessage: '{"code":"5n"}' },
      },
    ],
    [
      "a cause that is no error",
      new Error("m", { cause: "below" }),
      { ErrorType: "Error", ErrorMessage: "m", Cause: { ErrorType: "Error", ErrorMessage: "below" } },
    ],
    ["a cause that is null", new Error("m", { cause: null }), { ErrorType: "Error", ErrorMessage: "m" }],
    ["an error that is its own cause", own, { ErrorType: "Error", ErrorMessage: "own" }],
    [
      "causes in a circle",
      loop,
      { ErrorType: "Error", ErrorMessage: "outer", Cause: { ErrorType: "Error", ErrorMessage: "inner" } },
    ],
    [
      "data of a cause, at the top and where they are",
      new ChildContextError("top", new Error("middle", { cause: new StepError("deep", undefined, "data") })),
      {
        ErrorType: "ChildContextError",
        ErrorMessage: "top",
        ErrorData: "data",
        Cause: {
          ErrorType: "Error",
          ErrorMessage: "middle",
          Cause: { ErrorType: "StepError", ErrorMessage: "deep", ErrorData: "data" },
        },
      },
    ],
    [
      "halves of surrogate pairs, which UTF-8 cannot carry",
      Object.assign(new Error("a\ud800b😀"), { errorData: "\udc00" }),
      { ErrorType: "Error", ErrorMessage: "a\ufffdb😀", ErrorData: "\ufffd" },
    ],
  ])("records %s", (_case, thrown, expected) => {
    expect(errorObjectOf(thrown)).toStrictEqual(expected);
  });

  it("records no stack", () => {
    const error = new StepError("m");
    error.stackTrace = ["at the other side"];
    expect(errorObjectOf(error)).toStrictEqual({ ErrorType: "StepError", ErrorMessage: "m" });
  });

  it.each([
    [9, 9],
    [10, 10],
    [11, 10],
    [50, 10],
  ])("of %d causes records %d", (causes, recorded) => {
    let error = new Error("0");
    for (let at = 1; at <= causes; at += 1) error = new Error(`${at}`, { cause: error });
    const messages: (string | undefined)[] = [];
    for (
      let object: ErrorObject | undefined = errorObjectOf(error);
      object !== undefined;
      object = object.Cause
    ) {
      messages.push(object.ErrorMessage);
    }
    expect(messages).toEqual(Array.from({ length: recorded + 1 }, (_, at) => `${causes - at}`));
  });
});

describe("the size of a record", () => {
  const MAX_BYTES = 32 * 1024;
  const overheadBytes = bytesOf({ ErrorType: "Error", ErrorMessage: "" });
  const marker = (bytes: number): string =>
    `… [cut from ${bytes} bytes: an error is recorded with at most 32 KB]`;

  it("leaves an error of exactly 32 KB as it is", () => {
    const message = "x".repeat(MAX_BYTES - overheadBytes);
    const object = errorObjectOf(new Error(message));
    expect(object).toEqual({ ErrorType: "Error", ErrorMessage: message });
    expect(bytesOf(object)).toBe(MAX_BYTES);
  });

  it.each<[string, string, number]>([
    ["one byte too many", "x", MAX_BYTES - overheadBytes + 1],
    ["characters of four bytes", "😀", 10_000],
    ["characters that JSON escapes", "\u0001", 10_000],
    ["a megabyte", "x", 1_000_000],
  ])("cuts a message of %s between characters, and shows it", (_case, character, count) => {
    const message = character.repeat(count);
    const object = errorObjectOf(new Error(message));
    const characterBytes = Buffer.byteLength(JSON.stringify(character)) - 2;
    const kept = character.repeat(Math.floor(23_998 / characterBytes));
    expect(object).toEqual({ ErrorType: "Error", ErrorMessage: kept + marker(characterBytes * count + 2) });
    expect(bytesOf(object)).toBeLessThanOrEqual(MAX_BYTES);
  });

  it("cuts causes before the error itself", () => {
    const cause = Object.assign(new TypeError("c".repeat(20_000)), { errorData: "e".repeat(2_046) });
    const object = errorObjectOf(new StepError("m".repeat(20_000), cause, "data"));
    expect(object).toEqual({
      ErrorType: "StepError",
      ErrorMessage: "m".repeat(20_000),
      ErrorData: "data",
      Cause: {
        ErrorType: "TypeError",
        ErrorMessage: "c".repeat(2_046) + marker(20_002),
        ErrorData: "e".repeat(2_046),
      },
    });
  });

  it("fits the largest error there can be", () => {
    const long = "\u0001".repeat(100_000);
    let error: Error | undefined;
    for (let depth = 0; depth <= 10; depth += 1) {
      error = Object.assign(new Error(long, error === undefined ? undefined : { cause: error }), {
        name: long,
        errorData: long,
      });
    }
    const object = errorObjectOf(error);
    expect(bytesOf(object)).toBeLessThanOrEqual(MAX_BYTES);
    expect(object.ErrorMessage).toBe("\u0001".repeat(682) + marker(600_002));
    expect(object.Cause?.ErrorMessage).toBe("\u0001".repeat(42) + marker(600_002));
    expect(errorObjectOf(errorFromObject(object))).toStrictEqual(object);
  });
});

describe("recording is stable", () => {
  const text = fc.string({ unit: "binary", maxLength: 30 });
  const anyText = fc.oneof(
    text,
    fc.constant(""),
    fc.integer({ min: 0, max: 40_000 }).map((n) => "é".repeat(n)),
  );
  const name = fc.oneof(
    fc.constantFrom(...OPERATION_ERRORS.map((known) => known.name)),
    fc.constantFrom(
      "BatchCompletionError",
      "StepInterruptedError",
      "PluginLoadError",
      "TypeError",
      "__proto__",
    ),
    text,
  );
  const thrown = fc.letrec<{ thrown: unknown }>((tie) => {
    const cause = fc.option(tie("thrown"), { nil: undefined, depthSize: "medium" });
    const operationError = fc
      .tuple(fc.constantFrom(...OPERATION_ERRORS), anyText, cause, fc.option(anyText, { nil: undefined }))
      .map(([ErrorClass, message, inner, data]) => new ErrorClass(message, inner as Error | undefined, data));
    const plainError = fc
      .record({ message: anyText, name, cause }, { requiredKeys: ["message"] })
      .map(({ message, ...fields }) => Object.assign(new Error(message), fields));
    const withData = fc
      .record({ message: anyText, errorType: name, errorData: anyText, cause }, { requiredKeys: ["message"] })
      .map(({ message, ...fields }) => Object.assign(new Error(message), fields));
    const batchError = fc
      .option(anyText, { nil: undefined })
      .map((message) => new BatchCompletionError("CUSTOM_COMPLETION_FAILED", message));
    const others = fc.constantFrom<unknown>(
      new StepInterruptedError("1", "charge"),
      new PluginLoadError("gone"),
      new PayloadTooLargeError("large", { cause: new RangeError("below") }),
      new AggregateError([new Error("one")], "all"),
    );
    return {
      thrown: fc.oneof(
        operationError,
        plainError,
        withData,
        batchError,
        others,
        fc.jsonValue(),
        fc.anything(),
      ),
    };
  }).thrown;

  it("gives the same record for an error and for what the record gives back", () => {
    fc.assert(
      fc.property(thrown, (error) => {
        const recorded = errorObjectOf(error);
        expect(bytesOf(recorded)).toBeLessThanOrEqual(32 * 1024);
        const stored = JSON.parse(JSON.stringify(recorded)) as ErrorObject;
        expect(stored).toStrictEqual(recorded);
        expect(errorObjectOf(errorFromObject(stored))).toStrictEqual(recorded);
        expect(Buffer.from(JSON.stringify(recorded)).toString()).toBe(JSON.stringify(recorded));
      }),
      { numRuns: 300 },
    );
  });

  it("gives the same record for what was thrown and for the error in its place", () => {
    fc.assert(
      fc.property(thrown, (anything) => {
        expect(errorObjectOf(asError(anything))).toStrictEqual(errorObjectOf(anything));
      }),
      { numRuns: 300 },
    );
  });

  it("gives a rebuilt error that cannot be told from one that was rebuilt twice", () => {
    fc.assert(
      fc.property(thrown, (error) => {
        const once = errorFromObject(errorObjectOf(error));
        expect(view(errorFromObject(errorObjectOf(once)))).toEqual(view(once));
      }),
      { numRuns: 300 },
    );
  });

  it("keeps the original type and data through context after context", () => {
    let error: Error = new StepError(
      "declined",
      Object.assign(new TypeError("declined"), { errorData: '{"code":51}' }),
    );
    for (const message of ["inner", "middle", "outer"]) {
      error = new ChildContextError(message, errorFromObject(errorObjectOf(error)));
    }
    const rebuilt = errorFromObject(errorObjectOf(error));
    const data = '{"code":51}';
    const typeError: View = { is: Error, name: "TypeError", message: "declined", data };
    const step: View = { is: StepError, name: "StepError", message: "declined", data, cause: typeError };
    const inner: View = {
      is: ChildContextError,
      name: "ChildContextError",
      message: "inner",
      data,
      cause: step,
    };
    const middle: View = {
      is: ChildContextError,
      name: "ChildContextError",
      message: "middle",
      data,
      cause: inner,
    };
    expect(view(rebuilt)).toEqual({
      is: ChildContextError,
      name: "ChildContextError",
      message: "outer",
      data,
      cause: middle,
    });
  });
});

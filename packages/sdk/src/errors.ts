/**
 * Owns the errors that a handler can see, and how an error becomes a record and a record an error.
 *
 * It does not decide which operation fails with which class; the operations do.
 *
 * 1. Every class has a stable `code`, and sets `name` by itself, so that a minified bundle reports
 *    the same names.
 * 2. Recording is stable: `errorObjectOf(errorFromObject(o))` equals `o` for every `o` that
 *    `errorObjectOf` gave. Handlers are given rebuilt errors live, too, so that replay cannot differ.
 * 3. A recorded error has at most `MAX_ERROR_BYTES`, and is well-formed text in every store.
 */

import { type ErrorObject, MAX_CAUSE_DEPTH, TidemarkError } from "@tidemark/protocol";
import { valueText } from "./duration.js";

/** Why a batch ended. */
export type CompletionReason =
  | "ALL_COMPLETED"
  | "MIN_SUCCESSFUL_REACHED"
  | "FAILURE_TOLERANCE_EXCEEDED"
  | "CUSTOM_COMPLETION_SUCCEEDED"
  | "CUSTOM_COMPLETION_FAILED";

/**
 * An operation failed. Its subclasses say which kind.
 *
 * `cause` is the error behind it: after a replay an instance of one of these classes, or an `Error`
 * with the original `name`. `errorData` is the text that the failure carried. `stackTrace` is the
 * remote one, where the failure came from outside.
 *
 * @example
 * ```ts
 * const typeOfFailure = (error: unknown): string =>
 *   error instanceof DurableOperationError ? (error.cause?.name ?? error.errorType) : "other";
 * ```
 */
export abstract class DurableOperationError extends Error {
  abstract readonly errorType: string;
  readonly code: string = "TIDEMARK_OPERATION";
  declare cause?: Error;
  declare errorData?: string;
  declare stackTrace?: string[];

  constructor(message: string, cause?: Error, errorData?: string) {
    super(message, cause === undefined ? undefined : { cause });
    // A subclass of a handler's own has the name of its class, which a bundler may shorten; those of this file do not.
    this.name = CLASS_NAMES.get(new.target) ?? new.target.name;
    if (errorData !== undefined) this.errorData = errorData;
  }

  /**
   * The operation's error that an {@link ErrorObject} describes.
   *
   * An `ErrorType` that is not an operation's gives a {@link StepError} whose cause has that name.
   * Without a recorded `Cause`, the cause is an `Error` with the recorded type, message and stack.
   * Source: AWS durable execution SDK 2.4.0.
   */
  static fromErrorObject(errorObject: ErrorObject): DurableOperationError {
    const { ErrorType = "", ErrorMessage, ErrorData, Cause } = errorObject;
    const recordedCause = Cause === undefined ? undefined : errorFromObject(Cause);
    const OperationError = OPERATION_ERRORS.get(ErrorType);
    // An unknown type becomes the cause, and what was recorded as its cause stays behind it.
    if (OperationError === undefined) {
      return new StepError(
        ErrorMessage || "Unknown error",
        plainError(errorObject, recordedCause),
        ErrorData,
      );
    }
    return new OperationError(ErrorMessage, recordedCause ?? plainError(errorObject, undefined), ErrorData);
  }

  /**
   * The error's type, message and data, where its own data is missing those of the nearest of 10
   * causes. Without the causes themselves: the log records them with `errorObjectOf`.
   */
  toErrorObject(): ErrorObject {
    const ErrorData = nearestErrorData(this);
    return {
      ErrorType: this.errorType || this.name,
      ErrorMessage: this.message,
      ...(ErrorData === undefined ? {} : { ErrorData }),
    };
  }
}

/** A step failed, after its last retry. */
export class StepError extends DurableOperationError {
  readonly errorType = "StepError";
  override readonly code = "TIDEMARK_STEP";

  constructor(message?: string, cause?: Error, errorData?: string) {
    super(message || "Step failed", cause, errorData);
  }
}

/** A callback failed. Thrown as one of its subclasses, or as itself when the callback has no id. */
export class CallbackError extends DurableOperationError {
  readonly errorType: string = "CallbackError";
  override readonly code: string = "TIDEMARK_CALLBACK";

  constructor(message?: string, cause?: Error, errorData?: string) {
    super(message || "Callback failed", cause, errorData);
  }
}

/** Whoever had the callback's id completed it with a failure. */
export class CallbackExternalError extends CallbackError {
  override readonly errorType = "CallbackExternalError";
  override readonly code = "TIDEMARK_CALLBACK_EXTERNAL";
}

/** Nobody completed the callback in time, or its heartbeats stopped. */
export class CallbackTimeoutError extends CallbackError {
  override readonly errorType = "CallbackTimeoutError";
  override readonly code = "TIDEMARK_CALLBACK_TIMEOUT";

  constructor(message?: string, cause?: Error, errorData?: string) {
    super(message || "Callback timed out", cause, errorData);
  }
}

/** The function that was to hand out the callback's id failed, after its last retry. */
export class CallbackSubmitterError extends CallbackError {
  override readonly errorType = "CallbackSubmitterError";
  override readonly code = "TIDEMARK_CALLBACK_SUBMITTER";

  constructor(message?: string, cause?: Error, errorData?: string) {
    super(message || "Callback submitter failed", cause, errorData);
  }
}

/** An invoked function failed, timed out or was stopped. */
export class InvokeError extends DurableOperationError {
  readonly errorType = "InvokeError";
  override readonly code = "TIDEMARK_INVOKE";

  constructor(message?: string, cause?: Error, errorData?: string) {
    super(message || "Invoke failed", cause, errorData);
  }
}

/** The function of a child context threw. */
export class ChildContextError extends DurableOperationError {
  readonly errorType = "ChildContextError";
  override readonly code = "TIDEMARK_CHILD_CONTEXT";

  constructor(message?: string, cause?: Error, errorData?: string) {
    super(message || "Child context failed", cause, errorData);
  }
}

/** A wait for a condition failed. */
export class WaitForConditionError extends DurableOperationError {
  readonly errorType = "WaitForConditionError";
  override readonly code = "TIDEMARK_WAIT_FOR_CONDITION";

  constructor(message?: string, cause?: Error, errorData?: string) {
    super(message || "Wait for condition failed", cause, errorData);
  }
}

/** A combinator of `context.promise` rejected. */
export class PromiseCombinatorError extends DurableOperationError {
  readonly errorType = "PromiseCombinatorError";
  override readonly code = "TIDEMARK_PROMISE_COMBINATOR";

  constructor(message?: string, cause?: Error, errorData?: string) {
    super(message || "Promise combinator failed", cause, errorData);
  }
}

/** A batch failed by the decision of its `shouldComplete`, though none of its items need have failed. */
export class BatchCompletionError extends DurableOperationError {
  readonly errorType = "BatchCompletionError";
  override readonly code = "TIDEMARK_BATCH_COMPLETION";
  readonly completionReason: CompletionReason;

  constructor(completionReason: CompletionReason, message?: string, cause?: Error, errorData?: string) {
    super(message || `Batch completed as failed by shouldComplete (${completionReason})`, cause, errorData);
    this.completionReason = completionReason;
  }
}

/**
 * A step that runs at most once per retry was started, and its process died before it ended.
 *
 * Its retry strategy is asked with this error; the interrupted attempt is not run again, because it
 * may have had its effects.
 */
export class StepInterruptedError extends TidemarkError {
  constructor(stepId: string, stepName?: string) {
    const step = stepName === undefined ? stepId : `${stepId} (${JSON.stringify(stepName)})`;
    super(
      "TIDEMARK_STEP_INTERRUPTED",
      `step ${step} was started and interrupted before it ended: whether it had its effects is not known, so this attempt is not run again`,
    );
    this.name = "StepInterruptedError";
  }
}

/** A plugin named in `DURABLE_EXECUTION_PLUGINS` cannot be loaded. */
export class PluginLoadError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("TIDEMARK_PLUGIN_LOAD", `Dynamic plugin configuration failed: ${message}`, options);
    this.name = "PluginLoadError";
  }
}

/** The code did something else on replay than the log says it did before. The execution fails. */
export class NonDeterministicExecutionError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("TIDEMARK_NON_DETERMINISTIC", message, options);
    this.name = "NonDeterministicExecutionError";
  }
}

/** A context was used where another one applies: a parent's or a sibling's, or any inside of a step. */
export class ContextUsageError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("TIDEMARK_CONTEXT_USAGE", message, options);
    this.name = "ContextUsageError";
  }
}

/** A serdes threw. The invocation ends and is tried again; `cause` is what the serdes threw. */
export class SerdesFailedError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("TIDEMARK_SERDES_FAILED", message, options);
    this.name = "SerdesFailedError";
  }
}

/** A payload exceeds what the log takes, and there is no payload store. */
export class PayloadTooLargeError extends TidemarkError {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super("TIDEMARK_PAYLOAD_TOO_LARGE", message, options);
    this.name = "PayloadTooLargeError";
  }
}

/** Source: Lambda durable API, an update's error of at most 32 KB. Counted as UTF-8 JSON. */
const MAX_ERROR_BYTES = 32 * 1024;

type OperationErrorClass = new (message?: string, cause?: Error, errorData?: string) => DurableOperationError;

/** The classes that `fromErrorObject` knows: those of the AWS SDK's switch. */
const OPERATION_ERRORS: ReadonlyMap<string, OperationErrorClass> = new Map<string, OperationErrorClass>([
  ["StepError", StepError],
  ["CallbackError", CallbackError],
  ["CallbackExternalError", CallbackExternalError],
  ["CallbackTimeoutError", CallbackTimeoutError],
  ["CallbackSubmitterError", CallbackSubmitterError],
  ["InvokeError", InvokeError],
  ["ChildContextError", ChildContextError],
  ["WaitForConditionError", WaitForConditionError],
  ["PromiseCombinatorError", PromiseCombinatorError],
]);

const CLASS_NAMES: ReadonlyMap<unknown, string> = new Map<unknown, string>([
  ...Array.from(OPERATION_ERRORS, ([name, errorClass]) => [errorClass, name] as const),
  [BatchCompletionError, "BatchCompletionError"],
]);

/** The other classes that come back as themselves. Their causes are set afterwards. */
const REBUILDS: ReadonlyMap<string, (message: string) => Error> = new Map<string, (message: string) => Error>(
  [
    ["BatchCompletionError", (message) => new BatchCompletionError(completionReasonIn(message), message)],
    ["StepInterruptedError", () => new StepInterruptedError("")],
    ["PluginLoadError", (message) => new PluginLoadError(message)],
    ["NonDeterministicExecutionError", (message) => new NonDeterministicExecutionError(message)],
    ["ContextUsageError", (message) => new ContextUsageError(message)],
    ["SerdesFailedError", (message) => new SerdesFailedError(message)],
    ["PayloadTooLargeError", (message) => new PayloadTooLargeError(message)],
  ],
);

/** What was thrown, by the error that {@link asError} made in its place. */
const THROWN = new WeakMap<Error, { readonly thrown: unknown }>();

/**
 * The error that retry strategies are asked with: what was thrown, or an `Error` in its place.
 *
 * Something that is not an error but has a message gives an `Error` with its message and name;
 * anything else gives `Error("Unknown Error")`, as in the AWS SDK. `cause` is what was thrown, and
 * {@link errorObjectOf} records the one like the other.
 */
export function asError(value: unknown): Error {
  const thrown = readable(value);
  if (isError(thrown)) return thrown;
  const error = new Error(hasMessage(thrown) ? thrown.message : "Unknown Error", { cause: thrown });
  if (hasMessage(thrown) && typeof thrown.name === "string") error.name = thrown.name;
  THROWN.set(error, { thrown });
  return error;
}

/**
 * The record of what was thrown: type, message, data and the chain of causes.
 *
 * The type is the error's `errorType` or else its `name`; the data are its `errorData` or else those
 * of the nearest of 10 causes. Causes are recorded 10 deep, each with its own data; a cause that was
 * met before ends the chain. No stacks. Something without a message is `Unknown error`, as in the AWS
 * SDK, with its text as the cause. A record of more than 32 KB is cut, first in its causes, then in
 * itself; the cut shows.
 */
export function errorObjectOf(value: unknown): ErrorObject {
  try {
    return recordOf(value);
  } catch {
    // A getter that does not throw every time.
    return describe(unreadable(), new Set());
  }
}

function recordOf(value: unknown): ErrorObject {
  const error = readable(value);
  const thrown = isError(error) && THROWN.has(error) ? THROWN.get(error)?.thrown : error;
  const object = describe(thrown, new Set());
  const errorData = nearestErrorData(thrown);
  if (errorData !== undefined) object.ErrorData = wellFormed(errorData);
  return fitted(object);
}

/**
 * The error that a record describes, with its causes.
 *
 * A type of this file comes back as that class, any other as an `Error` with that `name`. No record
 * gives `Error("Unknown error")`. The stack is the recorded one, where there is one.
 */
export function errorFromObject(object: ErrorObject | undefined): Error {
  return rebuild(object ?? {}, 0);
}

function rebuild(object: ErrorObject, depth: number): Error {
  const { ErrorMessage, ErrorData, StackTrace, Cause } = object;
  const error = emptyError(object);
  // Constructors complete a message; the recorded one is complete already.
  if (ErrorMessage !== undefined) error.message = ErrorMessage;
  if (ErrorData !== undefined) Object.assign(error, { errorData: ErrorData });
  if (StackTrace !== undefined && error instanceof DurableOperationError) error.stackTrace = [...StackTrace];
  error.stack = recordedStack(error, StackTrace);
  if (Cause !== undefined && depth < MAX_CAUSE_DEPTH) {
    const cause = rebuild(Cause, depth + 1);
    Object.defineProperty(error, "cause", { value: cause, writable: true, configurable: true });
  }
  return error;
}

/** An error of the recorded class, before the rest of the record is put into it. */
function emptyError(object: ErrorObject): Error {
  const { ErrorType = "", ErrorMessage } = object;
  const OperationError = OPERATION_ERRORS.get(ErrorType);
  if (OperationError !== undefined) return new OperationError(ErrorMessage);
  const message = ErrorMessage ?? "Unknown error";
  if (ErrorType.startsWith("TIDEMARK_")) return new TidemarkError(ErrorType, message);
  return REBUILDS.get(ErrorType)?.(message) ?? plainError({ ...object, ErrorMessage: message }, undefined);
}

function plainError(object: ErrorObject, cause: Error | undefined): Error {
  const error = new Error(object.ErrorMessage ?? "", cause === undefined ? undefined : { cause });
  error.name = object.ErrorType || "Error";
  error.stack = recordedStack(error, object.StackTrace);
  return error;
}

/** The stack of the line that makes an error of its record would tell nothing. */
function recordedStack(error: Error, recorded: readonly string[] | undefined): string {
  return recorded?.join("\n") ?? `${error.name}: ${error.message}`;
}

function completionReasonIn(message: string): CompletionReason {
  // The only reason with which a batch throws, unless the message that the class makes names another one.
  const reason =
    /\((ALL_COMPLETED|MIN_SUCCESSFUL_REACHED|FAILURE_TOLERANCE_EXCEEDED|CUSTOM_COMPLETION_\w+)\)$/;
  return (reason.exec(message)?.[1] as CompletionReason | undefined) ?? "CUSTOM_COMPLETION_FAILED";
}

function describe(thrown: unknown, seen: Set<unknown>): ErrorObject {
  if (!isError(thrown) && !hasMessage(thrown)) {
    const object: ErrorObject = { ErrorType: "Error", ErrorMessage: wellFormed(thrown) };
    return seen.size > 0 ? object : { ErrorType: "Error", ErrorMessage: "Unknown error", Cause: object };
  }
  seen.add(thrown);
  const { errorType, name, code, message, errorData, cause } = thrown as Partial<Record<string, unknown>>;
  // What is branched on is kept: the code of an error of Tidemark's own.
  const type = [errorType, HAVE_CODES.has(name) ? code : undefined, name].find(
    (text) => typeof text === "string" && text !== "",
  );
  const object: ErrorObject = { ErrorType: wellFormed(type ?? "Error"), ErrorMessage: wellFormed(message) };
  if (typeof errorData === "string") object.ErrorData = wellFormed(errorData);
  if (cause !== undefined && cause !== null && !seen.has(cause) && seen.size <= MAX_CAUSE_DEPTH) {
    object.Cause = describe(readable(cause), seen);
  }
  return object;
}

/** Names of errors that are told apart by their code. */
const HAVE_CODES: ReadonlySet<unknown> = new Set(["TidemarkError", "DurableExecutionClientError"]);

function nearestErrorData(thrown: unknown): string | undefined {
  let error = thrown;
  for (let depth = 0; depth <= MAX_CAUSE_DEPTH && typeof error === "object" && error !== null; depth += 1) {
    const { errorData, cause } = error as { errorData?: unknown; cause?: unknown };
    if (typeof errorData === "string") return errorData;
    error = readable(cause);
  }
  return undefined;
}

/** Also an error of another realm, which is not an instance of this one's `Error`. */
export function isError(value: unknown): value is Error {
  return value instanceof Error || Object.prototype.toString.call(value) === "[object Error]";
}

function hasMessage(value: unknown): value is { message: string; name?: unknown } {
  return (
    typeof value === "object" &&
    value !== null &&
    typeof (value as { message?: unknown }).message === "string"
  );
}

/** Half of a surrogate pair is replaced: a store of UTF-8 would do it, and replay would see another text. */
function wellFormed(value: unknown): string {
  return (typeof value === "string" ? value : valueText(value)).replace(/\p{Surrogate}/gu, "\ufffd");
}

/** How many bytes a text may keep, in the error itself and in its causes: the first that fits is taken, the last one always fits. */
const CUTS = [
  { ownBytes: Number.POSITIVE_INFINITY, causeBytes: 2_048 },
  { ownBytes: Number.POSITIVE_INFINITY, causeBytes: 256 },
  { ownBytes: 24_000, causeBytes: 256 },
  { ownBytes: 8_192, causeBytes: 256 },
  { ownBytes: 4_096, causeBytes: 256 },
] as const;

function fitted(object: ErrorObject): ErrorObject {
  if (jsonBytes(object) <= MAX_ERROR_BYTES) return object;
  let smaller = object;
  for (const { ownBytes, causeBytes } of CUTS) {
    smaller = cutObject(object, ownBytes, causeBytes);
    if (jsonBytes(smaller) <= MAX_ERROR_BYTES) break;
  }
  return smaller;
}

function cutObject(object: ErrorObject, ownBytes: number, causeBytes: number): ErrorObject {
  const { ErrorType = "", ErrorMessage = "", ErrorData, Cause } = object;
  return {
    ErrorType: cutText(ErrorType, ownBytes),
    ErrorMessage: cutText(ErrorMessage, ownBytes),
    ...(ErrorData === undefined ? {} : { ErrorData: cutText(ErrorData, ownBytes) }),
    ...(Cause === undefined ? {} : { Cause: cutObject(Cause, causeBytes, causeBytes) }),
  };
}

function cutText(text: string, limitBytes: number): string {
  const totalBytes = limitBytes === Number.POSITIVE_INFINITY ? 0 : jsonBytes(text);
  if (totalBytes <= limitBytes) return text;
  let keptBytes = 2;
  let end = 0;
  for (const character of text) {
    keptBytes += jsonBytes(character) - 2;
    if (keptBytes > limitBytes) break;
    end += character.length;
  }
  return `${text.slice(0, end)}… [cut from ${totalBytes} bytes: an error is recorded with at most 32 KB]`;
}

function jsonBytes(value: unknown): number {
  return Buffer.byteLength(JSON.stringify(value));
}

/** What was thrown, or a stand-in when looking at it throws. */
function readable(thrown: unknown): unknown {
  try {
    const { message, name, code, cause, errorType, errorData } = (thrown ?? {}) as Partial<
      Record<string, unknown>
    >;
    const members = [message, name, code, cause, errorType, errorData, isError(thrown)];
    return members.length > 0 ? thrown : undefined;
  } catch {
    return unreadable();
  }
}

function unreadable(): Error {
  return new Error("what was thrown cannot be read");
}

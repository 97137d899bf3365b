/**
 * Owns errors as code of the user has thrown them. A record has no stack, so this is where one can be seen: in a line of
 * the default logger, or by whoever the backend in this process tells of it.
 *
 * 1. What is recorded, and what code is given, does not depend on it (invariant 14): errors that code is given are made
 *    from records, live as on replay, and have no stack of their own.
 * 2. A logger that the code has configured gets the lines of the code and no others, as in the AWS SDK. On a backend
 *    that is reached by the two calls alone nothing is logged at all.
 */

import type { ExecutionHostOptions, ThrownError } from "@tidemark/protocol";
import { ErrorOfLine } from "./default-logger.js";
import { asError } from "./errors.js";
import { type DurableLogger, warnOnConsole } from "./logger.js";
import { currentlyRunning, runIn, runningIn } from "./scope.js";

/** Something that code of the user has thrown. */
export interface Thrown {
  readonly error: Error;
  /** What has become of it, for people: `step "charge" failed in attempt 1`. */
  readonly message: string;
  /** Whose code it was; without one it was the handler. */
  readonly operation?: { readonly id: string; readonly name: string | undefined; readonly engine: object };
  readonly attempt?: number | undefined;
}

interface Report {
  readonly executionArn: string;
  /** The default logger of the invocation. */
  readonly logger: DurableLogger;
  readonly onThrown?: ExecutionHostOptions["onThrown"] | undefined;
}

/** What was thrown in this process, by the error that was made of its record. */
const origins = new WeakMap<Error, Error>();

/** Remembers where an error that code is given comes from. */
export function traceTo(given: Error, thrown: Error | undefined): void {
  if (thrown !== undefined && given !== thrown) origins.set(given, originOf(thrown));
}

/** The error with the stack that a person looks for. */
function originOf(error: Error): Error {
  return origins.get(error) ?? error;
}

/** Tells of what was thrown: `onThrown`, or else the logger. Never throws. */
export function reportThrown(thrown: Thrown, { executionArn, logger, onThrown }: Report): void {
  const { error, operation, attempt } = thrown;
  const origin = originOf(error);
  const message = `${thrown.message}: ${error.name}: ${error.message}`;
  if (onThrown !== undefined) {
    const whose = operation === undefined ? {} : { operationId: operation.id, ...nameOf(operation) };
    const told = {
      executionArn,
      ...whose,
      ...(attempt === undefined ? {} : { attempt }),
      message,
      error,
      origin,
    };
    return tell(onThrown, told);
  }
  if (operation === undefined) logger.error(message, new ErrorOfLine(origin));
  // What a context passes on has been told where it was thrown.
  else if (origin === error) {
    runIn(runningIn(operation, undefined, attempt), () => logger.warn(message, new ErrorOfLine(origin)));
  }
}

/**
 * Tells of a rejection that nobody handles, for a listener of `unhandledRejection`. False when it is not of code that
 * runs for an execution, or nobody is told of what that throws: then it is to take its course.
 */
export function reportRejection(reason: unknown): boolean {
  const onThrown = currentlyRunning()?.invocation.onThrown;
  if (onThrown === undefined) return false;
  onThrown({
    error: asError(reason),
    message: "a promise was rejected while nobody waited for it; await it, or catch what it rejects with",
  });
  return true;
}

/** Runs code without durable operations, so that rejections of it that nobody handles are told to `onThrown`. */
export function runWatched<T>(onThrown: (thrown: Thrown) => void, run: () => T): T {
  const invocation = { onThrown };
  return runIn(
    { scope: undefined, operationId: undefined, operationName: undefined, attempt: undefined, invocation },
    run,
  );
}

function nameOf({ name }: { readonly name: string | undefined }): { operationName?: string } {
  return name === undefined ? {} : { operationName: name };
}

function tell(onThrown: (thrown: ThrownError) => void, thrown: ThrownError): void {
  try {
    onThrown(thrown);
  } catch (error) {
    warnOnConsole("onThrown threw", error);
  }
}

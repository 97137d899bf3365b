/** Owns how a case is written down, and how its handler describes an error. */

import {
  BatchCompletionError,
  type BatchResult,
  CallbackError,
  CallbackExternalError,
  CallbackSubmitterError,
  CallbackTimeoutError,
  ChildContextError,
  type DurableContext,
  DurableOperationError,
  InvokeError,
  PromiseCombinatorError,
  StepError,
  StepInterruptedError,
  WaitForConditionError,
  withDurableExecution,
} from "@tidemark/sdk";
import type { CaseProgram, InteropCase, Trace } from "../interop-case";

/** A case that is one handler. */
export function defineCase(
  name: string,
  body: (context: DurableContext, trace: Trace, event: Record<string, unknown>) => Promise<unknown>,
  others: { readonly payload?: unknown } & Omit<CaseProgram, "handler"> = {},
): InteropCase {
  const { payload, ...program } = others;
  return {
    name,
    ...(payload === undefined ? {} : { payload }),
    create: (trace) => ({
      ...program,
      handler: withDurableExecution((event: Record<string, unknown>, context) => body(context, trace, event)),
    }),
  };
}

const CLASSES = {
  DurableOperationError,
  StepError,
  StepInterruptedError,
  CallbackError,
  CallbackExternalError,
  CallbackTimeoutError,
  CallbackSubmitterError,
  InvokeError,
  ChildContextError,
  WaitForConditionError,
  PromiseCombinatorError,
  BatchCompletionError,
};

/** What a handler can see of an error, causes included. */
export function describeError(error: unknown): unknown {
  if (!(error instanceof Error)) return { thrown: String(error) };
  const { errorType, errorData, cause } = error as {
    errorType?: string;
    errorData?: string;
    cause?: unknown;
  };
  return {
    name: error.name,
    message: error.message,
    instanceOf: Object.entries(CLASSES)
      .filter(([, errorClass]) => error instanceof errorClass)
      .map(([name]) => name),
    errorType,
    errorData,
    cause: cause === undefined ? undefined : describeError(cause),
  };
}

/** Awaits what fails, and gives the description of its error. */
export async function failureOf(promise: PromiseLike<unknown>): Promise<unknown> {
  try {
    return { unexpected: await promise };
  } catch (error) {
    return describeError(error);
  }
}

/** Everything that a batch result tells. */
export function describeBatch(batch: BatchResult<unknown>): unknown {
  return {
    status: batch.status,
    completionReason: batch.completionReason,
    hasFailure: batch.hasFailure,
    counts: [batch.totalCount, batch.successCount, batch.failureCount, batch.startedCount],
    all: batch.all.map(({ index, status, result, error }) => ({
      index,
      status,
      result,
      error: error === undefined ? undefined : describeError(error),
    })),
    results: batch.getResults(),
    errors: batch.getErrors().map((error) => error.message),
    succeeded: batch.succeeded().map(({ index }) => index),
    failed: batch.failed().map(({ index }) => index),
    started: batch.started().map(({ index }) => index),
  };
}

/** A body that fails as often as told, over all invocations, then gives the value. */
export function flaky<T>(
  failures: number,
  value: T,
  trace: Trace,
  key = "flaky",
): (attempt: number) => Promise<T> {
  return async (attempt) => {
    const calls = trace.count(key);
    trace.push(`attempt ${attempt}`);
    if (calls <= failures) throw new Error(`failure ${calls}`);
    return value;
  };
}

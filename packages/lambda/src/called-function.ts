/**
 * Owns how a Lambda function that knows nothing of executions becomes a function that they can invoke: an execution of
 * its own calls it, and has its outcome. How a request is made is somebody else's.
 *
 * 1. A plain function is called at most once: the record that it is called is durable before it is (invariant 9), and
 *    whoever finds that record without an outcome does not call it again.
 * 2. Only a request that Lambda has refused is made again: the function has not run.
 * 3. An AWS durable function is started under a name that stays the same, so that starting it again changes nothing.
 */

import { TidemarkError } from "@tidemark/protocol";
import {
  type DurableContext,
  type DurableLambdaHandler,
  type RetryDecision,
  StepInterruptedError,
  StepSemantics,
  withDurableExecution,
} from "@tidemark/sdk";

/** What a function that has run gave: its response, or its error. */
export type CallOutcome =
  | { readonly kind: "returned"; readonly payload: string }
  | { readonly kind: "failed"; readonly errorType: string; readonly errorMessage: string };

/** Calls a function with JSON and waits for its end. @throws TidemarkError {@link NOT_RUN}, {@link UNKNOWN_OUTCOME}. */
export type Call = (payload: string, executionId: string) => Promise<CallOutcome>;

/** How an AWS durable execution stands. */
export interface RemoteExecution {
  readonly status: "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED";
  readonly result?: string;
  readonly error?: { readonly errorType: string; readonly errorMessage: string };
}

/** Starts AWS durable executions and looks at them. */
interface RemoteExecutions {
  /** Gives the execution's ARN. The same name again is the same execution. @throws as {@link Call}. */
  start(payload: string, executionId: string): Promise<string>;
  look(arn: string): Promise<RemoteExecution>;
}

/** Lambda has refused the request, now or for good: the function has not run. */
export const NOT_RUN = {
  forNow: [
    "TIDEMARK_LAMBDA_ACCESS",
    "TIDEMARK_LAMBDA_FUNCTION",
    "TIDEMARK_LAMBDA_THROTTLED",
    "TIDEMARK_LAMBDA_RECURSION",
    "TIDEMARK_LAMBDA_INVOKE",
  ],
  forGood: "TIDEMARK_LAMBDA_PAYLOAD",
} as const;

/** The request was made, and no answer came. */
export const UNKNOWN_OUTCOME = "TIDEMARK_LAMBDA_OUTCOME";

const MAX_DELAY_SECONDS = 300;

/** With the longest delay between most of them: about a day, in which somebody mends the cause. */
const MAX_TRIES = 300;

const MAX_POLL_SECONDS = 60;

export interface CalledFunctionOptions {
  /** The function may be called again when it is not known whether it has run. Default `false`. */
  readonly isIdempotent?: boolean | undefined;
}

export function calledFunction(
  call: Call,
  { isIdempotent = false }: CalledFunctionOptions,
): DurableLambdaHandler {
  const retryStrategy = (error: Error, tries: number): RetryDecision =>
    mayCallAgain(error, isIdempotent) ? later(tries) : { shouldRetry: false };
  const semantics = isIdempotent ? StepSemantics.AtLeastOncePerRetry : StepSemantics.AtMostOncePerRetry;
  return withDurableExecution((input: unknown, context) =>
    ownError(async () => {
      const body = (): Promise<unknown> => call(JSON.stringify(input), idOf(context)).then(resultOf);
      return context.step("call", body, { semantics, retryStrategy });
    }),
  );
}

export function calledDurableFunction(remote: RemoteExecutions): DurableLambdaHandler {
  const retryStrategy = (error: Error, tries: number): RetryDecision =>
    mayCallAgain(error, true) ? later(tries) : { shouldRetry: false };
  return withDurableExecution((input: unknown, context) =>
    ownError(async () => {
      const start = () => remote.start(JSON.stringify(input), idOf(context));
      const arn = await context.step("start", start, { retryStrategy });
      const end = await context.waitForCondition<RemoteExecution>(
        "end",
        async (before, { logger }) => {
          try {
            return await remote.look(arn);
          } catch (error) {
            // It goes on, whether somebody can look at it or not.
            logger.warn(`AWS durable execution ${arn} cannot be looked at: ${(error as Error).message}`);
            return before;
          }
        },
        {
          initialState: { status: "RUNNING" },
          waitStrategy: ({ status }, looks) =>
            status === "RUNNING"
              ? { shouldContinue: true, delay: { seconds: Math.min(2 ** looks, MAX_POLL_SECONDS) } }
              : { shouldContinue: false },
        },
      );
      return remoteValue(arn, end);
    }),
  );
}

/** The id of the execution that makes the call: it stays the same, whoever makes it. */
function idOf({ executionContext }: DurableContext): string {
  return executionContext.durableExecutionArn;
}

function mayCallAgain(error: Error, isIdempotent: boolean): boolean {
  const { code } = error as { readonly code?: string };
  if (NOT_RUN.forNow.some((known) => known === code)) return true;
  return isIdempotent && (code === UNKNOWN_OUTCOME || error instanceof StepInterruptedError);
}

function later(tries: number): RetryDecision {
  if (tries >= MAX_TRIES) return { shouldRetry: false };
  return { shouldRetry: true, delay: { seconds: Math.min(2 ** (tries - 1), MAX_DELAY_SECONDS) } };
}

/** Who invokes the function is told of its error, and not of the operation that called it. */
async function ownError(run: () => Promise<unknown>): Promise<unknown> {
  try {
    return await run();
  } catch (error) {
    throw (error as Error).cause ?? error;
  }
}

function resultOf(outcome: CallOutcome): unknown {
  if (outcome.kind === "returned") return parsed(outcome.payload);
  throw namedError(outcome);
}

function remoteValue(arn: string, { status, result, error }: RemoteExecution): unknown {
  if (status === "SUCCEEDED") return parsed(result ?? "");
  const errorMessage = `AWS durable execution ${arn} ended as ${status}`;
  throw namedError({ errorType: `Lambda.${status}`, errorMessage, ...error });
}

function namedError({
  errorType,
  errorMessage,
}: {
  readonly errorType: string;
  readonly errorMessage: string;
}): Error {
  return Object.assign(new Error(errorMessage), { name: errorType });
}

/** A JSON value, or the text itself: a runtime of the user's may answer anything. */
function parsed(payload: string): unknown {
  if (payload === "") return undefined;
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}

/** For whoever makes requests: a failure that says what is known of the function. */
export function callError(code: string, message: string, cause: unknown): TidemarkError {
  return new TidemarkError(code, message, { cause });
}

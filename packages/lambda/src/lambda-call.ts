/** Owns the requests that call Lambda functions for executions, with what their failures say: has the function run? */

import { createHash } from "node:crypto";
import type { OptionNames, TidemarkError } from "@tidemark/protocol";
import { type DurableLambdaHandler, type LambdaSender, lambdaConnection } from "@tidemark/sdk";
import {
  type CalledFunctionOptions,
  type CallOutcome,
  callError,
  calledDurableFunction,
  calledFunction,
  NOT_RUN,
  type RemoteExecution,
  UNKNOWN_OUTCOME,
} from "./called-function.js";
import { CALL_CONFIG, invokeError } from "./lambda-invoke.js";
import { requireNames } from "./options.js";

export interface DurableLambdaOptions {
  /** A `LambdaClient`. Default: one with the AWS SDK's own configuration, made at the first request. */
  readonly client?: LambdaSender | undefined;
}

export interface PlainLambdaOptions extends CalledFunctionOptions {
  /**
   * A `LambdaClient` that makes no attempts of its own (`maxAttempts: 1`): one that does may call the function twice.
   * Default: such a one, which waits for as long as a function may take.
   */
  readonly client?: LambdaSender | undefined;
}

const DURABLE_NAMES: OptionNames<DurableLambdaOptions> = { client: true };
const PLAIN_NAMES: OptionNames<PlainLambdaOptions> = { client: true, isIdempotent: true };

/** Requests that Lambda will never take. Source: Lambda, errors of Invoke. */
const REFUSED_FOR_GOOD = [
  "DurableExecutionAlreadyStartedException",
  "InvalidRequestContentException",
  "RequestTooLargeException",
  "UnsupportedMediaTypeException",
];

/** The request did not reach anybody. */
const NOT_SENT = ["EAI_AGAIN", "ECONNREFUSED", "ENOTFOUND"];

interface InvokeAnswer {
  readonly FunctionError?: string;
  readonly Payload?: Uint8Array;
  readonly DurableExecutionArn?: string;
}

interface ExecutionAnswer {
  readonly Status?: RemoteExecution["status"];
  readonly Result?: string;
  readonly Error?: { readonly ErrorType?: string; readonly ErrorMessage?: string };
}

/**
 * A Lambda function that knows nothing of executions, for `context.invoke`: its name, `name:alias` or ARN. Register it
 * under any name, in `functions` of a `lambdaHandler` or of a `Worker`. It gets the input as its event, and its response or
 * its error is the outcome.
 *
 * It is called **at most once** for each invoke. If the process dies while it is called, or its answer is lost, the invoke
 * fails with `StepInterruptedError` or `TIDEMARK_LAMBDA_OUTCOME`, and the caller decides. With `isIdempotent` it is called
 * again then: at least once. A request that Lambda refuses (throttled, not allowed, no such function) is made again for about
 * a day, as the function has not run.
 *
 * The role needs `lambda:InvokeFunction` on it. Whoever calls must have more time than the function takes.
 *
 * @throws TidemarkError for the caller of `context.invoke`, as the cause of `InvokeError`: `TIDEMARK_LAMBDA_OUTCOME`,
 * `TIDEMARK_LAMBDA_PAYLOAD`, and after a day as {@link lambdaInvoke}.
 * @example
 * ```ts
 * const functions = { charge: plainLambda("charge-function:live") };
 * ```
 */
export function plainLambda(target: string, options: PlainLambdaOptions = {}): DurableLambdaHandler {
  requireNames("plainLambda", options, PLAIN_NAMES);
  const connect = connection(target, options.client, CALL_CONFIG);
  return calledFunction(async (payload, executionId): Promise<CallOutcome> => {
    const { client, module } = await connect();
    const command = new module.InvokeCommand({
      FunctionName: target,
      InvocationType: "RequestResponse",
      Payload: payload,
    });
    const answer = (await client.send(command).catch((error: unknown) => {
      throw failureOf(target, executionId, error);
    })) as InvokeAnswer;
    return outcomeOf(answer);
  }, options);
}

/**
 * An AWS durable Lambda function, for `context.invoke`: an ARN or name with a version or an alias. It is started **exactly
 * once** for each invoke, under a name of the durable execution that is derived from the invoke, and looked at until it has
 * ended: after 2 seconds, then twice as long each time, up to a minute.
 *
 * The role needs `lambda:InvokeFunction` and `lambda:GetDurableExecution` on it.
 *
 * @throws TidemarkError for the caller of `context.invoke`, as {@link plainLambda}.
 * @example
 * ```ts
 * const functions = { report: durableLambda("report-function:live") };
 * ```
 */
export function durableLambda(target: string, options: DurableLambdaOptions = {}): DurableLambdaHandler {
  requireNames("durableLambda", options, DURABLE_NAMES);
  const connect = connection(target, options.client);
  return calledDurableFunction({
    async start(payload, executionId) {
      const { client, module } = await connect();
      const command = new module.InvokeCommand({
        FunctionName: target,
        InvocationType: "Event",
        DurableExecutionName: durableName(executionId),
        Payload: payload,
      });
      const answer = (await client.send(command).catch((error: unknown) => {
        throw failureOf(target, executionId, error);
      })) as InvokeAnswer;
      if (answer.DurableExecutionArn !== undefined) return answer.DurableExecutionArn;
      throw callError(
        NOT_RUN.forGood,
        `function ${target} is no AWS durable function, and has been invoked as what it is; use plainLambda`,
        undefined,
      );
    },
    async look(DurableExecutionArn) {
      const { client, module } = await connect();
      return executionOf(await client.send(new module.GetDurableExecutionCommand({ DurableExecutionArn })));
    },
  });
}

function connection(target: string, client: LambdaSender | undefined, config?: object) {
  return lambdaConnection<"InvokeCommand" | "GetDurableExecutionCommand">(client, {
    missing: (name) => `function ${target} is to be called and ${name} is not installed; install it`,
    ...(config === undefined ? {} : { config }),
  });
}

function outcomeOf({ FunctionError, Payload }: InvokeAnswer): CallOutcome {
  const payload = Payload === undefined ? "" : Buffer.from(Payload).toString();
  if (FunctionError === undefined) return { kind: "returned", payload };
  let thrown: { readonly errorType?: unknown; readonly errorMessage?: unknown } = {};
  try {
    thrown = Object(JSON.parse(payload));
  } catch {
    // A runtime of the user's may say it otherwise.
  }
  return {
    kind: "failed",
    errorType: typeof thrown.errorType === "string" ? thrown.errorType : "Error",
    errorMessage: typeof thrown.errorMessage === "string" ? thrown.errorMessage : payload,
  };
}

function executionOf(answer: unknown): RemoteExecution {
  const { Status, Result, Error: error } = answer as ExecutionAnswer;
  return {
    status: Status ?? "RUNNING",
    ...(Result === undefined ? {} : { result: Result }),
    ...(error === undefined
      ? {}
      : { error: { errorType: error.ErrorType ?? "Error", errorMessage: error.ErrorMessage ?? "" } }),
  };
}

/** At most 64 of the characters A-Z a-z 0-9 _ -, and the same for the same execution. Source: Lambda, Invoke. */
function durableName(executionId: string): string {
  return createHash("sha256").update(executionId).digest("base64url");
}

/** Anything that is not known to have been refused may have run the function. */
function failureOf(target: string, executionId: string, cause: unknown): TidemarkError {
  const { name, message, code, $metadata } = Object(cause) as {
    readonly name?: string;
    readonly message?: unknown;
    readonly code?: string;
    readonly $metadata?: { readonly httpStatusCode?: number };
  };
  const what = `function ${target} was called for ${executionId}`;
  if (REFUSED_FOR_GOOD.includes(name ?? ""))
    return callError(
      NOT_RUN.forGood,
      `${what}, and Lambda refused it: ${name}: ${message}; correct the input`,
      cause,
    );
  const refusal = invokeError(target, executionId, cause, "did not call it");
  const status = $metadata?.httpStatusCode ?? 500;
  const isRefused =
    refusal.code !== "TIDEMARK_LAMBDA_INVOKE" || status < 500 || NOT_SENT.includes(code ?? "");
  if (isRefused) return refusal;
  return callError(
    UNKNOWN_OUTCOME,
    `${what}, and the answer was lost (${name}: ${message}): whether it has run is not known; look, and decide`,
    cause,
  );
}

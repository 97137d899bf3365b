/** Owns the request that wakes a Lambda function, and what its failures mean. */

import { type OptionNames, TidemarkError, valueText } from "@tidemark/protocol";
import { type LambdaSender, lambdaConnection } from "@tidemark/sdk";
import { requireNames } from "./options.js";
import { wakeUpEvent } from "./wake-up-event.js";

/** An execution that is due, and the function that it is of. */
export interface WakeUp {
  readonly functionName: string;
  readonly executionId: string;
}

/** Sends a wake-up. Settles when it has been accepted; one that is lost is made up for by the waker. */
export type Invoke = (wakeUp: WakeUp) => Promise<void>;

export interface LambdaInvokeOptions {
  /** A `LambdaClient`. Default: one with the AWS SDK's own configuration, made at the first request. */
  readonly client?: LambdaSender | undefined;
  /**
   * The Lambda function that runs a durable function: its name, `name:alias` or ARN. Default: the durable function's
   * name itself.
   */
  readonly target?: ((functionName: string) => string) | undefined;
}

const NAMES: OptionNames<LambdaInvokeOptions> = { client: true, target: true };

/**
 * A wake-up is on the way of a checkpoint, and a connection that was frozen with its sandbox may be dead without knowing:
 * give up soon, and try another one. The request is accepted within milliseconds.
 */
const CONFIG = {
  requestHandler: { connectionTimeout: 2000, requestTimeout: 5000, throwOnRequestTimeout: true },
};

/** For calls that wait for a function, which may take 15 minutes. Source: Lambda quotas, function timeout. */
export const CALL_CONFIG = {
  // A request whose answer is lost may have run the function.
  maxAttempts: 1,
  requestHandler: {
    connectionTimeout: 5000,
    requestTimeout: 15 * 60 * 1000 + 5000,
    // Else the client warns, and goes on waiting.
    throwOnRequestTimeout: true,
  },
};

/**
 * Wakes executions with asynchronous invocations (`InvocationType: "Event"`) of their Lambda functions. The role needs
 * `lambda:InvokeFunction` on them.
 *
 * @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS`; from what it gives: `TIDEMARK_LAMBDA_ACCESS`, `TIDEMARK_LAMBDA_FUNCTION`,
 * `TIDEMARK_LAMBDA_THROTTLED`, `TIDEMARK_LAMBDA_RECURSION`, `TIDEMARK_LAMBDA_INVOKE`, `TIDEMARK_LAMBDA_CLIENT`.
 * @example
 * ```ts
 * const invoke = lambdaInvoke({ target: (functionName) => `production-${functionName}` });
 * await invoke({ functionName: "order", executionId });
 * ```
 */
export function lambdaInvoke(options: LambdaInvokeOptions = {}): Invoke {
  requireNames("lambdaInvoke", options, NAMES);
  const connect = lambdaConnection<"InvokeCommand">(options.client, {
    missing: (name) =>
      `a Lambda function is to be invoked and ${name} is not installed; install it, or pass an invoke of your own`,
    config: CONFIG,
  });
  return async ({ functionName, executionId }) => {
    const FunctionName = options.target?.(functionName) ?? functionName;
    if (typeof FunctionName !== "string" || FunctionName === "") throw noTarget(functionName, FunctionName);
    const { client, module } = await connect();
    const Payload = JSON.stringify(wakeUpEvent(executionId));
    try {
      await client.send(new module.InvokeCommand({ FunctionName, InvocationType: "Event", Payload }));
    } catch (error) {
      throw invokeError(FunctionName, executionId, error);
    }
  };
}

function noTarget(functionName: string, target: unknown): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_LAMBDA_FUNCTION",
    `target(${JSON.stringify(functionName)}) is ${valueText(target)}; give the name or ARN of the Lambda function that runs it`,
  );
}

/** What a request to invoke a function failed with. */
export function invokeError(
  target: string,
  executionId: string,
  cause: unknown,
  consequence = "was not woken",
): TidemarkError {
  const { name, message } = Object(cause) as { readonly name?: unknown; readonly message?: unknown };
  const [code, advice] = clientProblem(cause) ?? meaningOf(name, target);
  return new TidemarkError(
    code,
    `execution ${executionId} ${consequence}, lambda:InvokeFunction on function ${target} failed: ${name}: ${message}; ${advice}`,
    { cause },
  );
}

/** All that the AWS SDK says: the error has neither a name nor a code. */
const WITHOUT_REGION = "Region is missing";

const WITHOUT_CREDENTIALS = [
  "CredentialsProviderError",
  "ExpiredTokenException",
  "InvalidSignatureException",
  "UnrecognizedClientException",
];

/** What an AWS client of this process lacks to send anything: the code, and what to do. */
export function clientProblem(cause: unknown): readonly [code: string, advice: string] | undefined {
  const { name, message } = Object(cause) as { readonly name?: unknown; readonly message?: unknown };
  if (message === WITHOUT_REGION)
    return ["TIDEMARK_LAMBDA_CLIENT", "the client has no region: set AWS_REGION, or pass a client with one"];
  if (!WITHOUT_CREDENTIALS.some((known) => known === name)) return undefined;
  return [
    "TIDEMARK_LAMBDA_ACCESS",
    "the credentials are missing, expired or not valid: give this process those of a role that may do this",
  ];
}

function meaningOf(name: unknown, target: string): readonly [code: string, advice: string] {
  switch (name) {
    case "AccessDeniedException":
      return ["TIDEMARK_LAMBDA_ACCESS", `allow lambda:InvokeFunction on function ${target} to this role`];
    case "InvalidParameterValueException":
    case "ResourceNotFoundException":
    case "ValidationException":
      return ["TIDEMARK_LAMBDA_FUNCTION", "deploy the function, or correct the name or target"];
    case "TooManyRequestsException":
    case "EC2ThrottledException":
    case "ThrottlingException":
      return ["TIDEMARK_LAMBDA_THROTTLED", "raise the concurrency quota; it is tried again"];
    case "RecursiveInvocationException":
      return [
        "TIDEMARK_LAMBDA_RECURSION",
        "set the function's RecursiveLoop to Allow; until then the waker goes on with it",
      ];
    default:
      return ["TIDEMARK_LAMBDA_INVOKE", "it is tried again; mend the cause if it stays"];
  }
}

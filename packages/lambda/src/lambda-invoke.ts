/**
 * Owns the request that wakes a Lambda function, and what its failures mean.
 *
 * `@aws-sdk/client-lambda` is an optional peer, which the Node.js runtimes of Lambda bring: it is loaded at the
 * first request and only then.
 */

import { TidemarkError } from "@tidemark/protocol";
import { wakeUpEvent } from "./wake-up-event.js";

/** An execution that is due, and the function that it is of. */
export interface WakeUp {
  readonly functionName: string;
  readonly executionId: string;
}

/** Sends a wake-up. Settles when it has been accepted; one that is lost is made up for by the waker. */
export type Invoke = (wakeUp: WakeUp) => Promise<void>;

/** The part of a Lambda client that is used. */
interface Sender {
  send(command: unknown): Promise<unknown>;
}

interface LambdaModule {
  readonly LambdaClient: new (config: object) => Sender;
  readonly InvokeCommand: new (input: {
    readonly FunctionName: string;
    readonly InvocationType: "Event";
    readonly Payload: string;
  }) => unknown;
}

export interface LambdaInvokeOptions {
  /** A `LambdaClient`. Default: one with the AWS SDK's own configuration, made at the first request. */
  readonly client?: Sender | undefined;
  /**
   * The Lambda function that runs a durable function: its name, `name:alias` or ARN. Default: the durable function's
   * name itself.
   */
  readonly target?: ((functionName: string) => string) | undefined;
}

/**
 * Wakes executions with asynchronous invocations (`InvocationType: "Event"`) of their Lambda functions. The role needs
 * `lambda:InvokeFunction` on them.
 *
 * @throws TidemarkError from what it gives: `TIDEMARK_LAMBDA_ACCESS`, `TIDEMARK_LAMBDA_FUNCTION`,
 * `TIDEMARK_LAMBDA_THROTTLED`, `TIDEMARK_LAMBDA_RECURSION`, `TIDEMARK_LAMBDA_INVOKE`, `TIDEMARK_LAMBDA_CLIENT`.
 * @example
 * ```ts
 * const invoke = lambdaInvoke({ target: (functionName) => `production-${functionName}` });
 * await invoke({ functionName: "order", executionId });
 * ```
 */
export function lambdaInvoke(options: LambdaInvokeOptions = {}): Invoke {
  let connected: Promise<{ readonly client: Sender; readonly module: LambdaModule }> | undefined;
  const connect = () => {
    connected ??= loadLambdaModule().then(
      (module) => ({ client: options.client ?? new module.LambdaClient({}), module }),
      (error: unknown) => {
        // A later request may try again.
        connected = undefined;
        throw error;
      },
    );
    return connected;
  };
  return async ({ functionName, executionId }) => {
    const FunctionName = options.target?.(functionName) ?? functionName;
    const { client, module } = await connect();
    const Payload = JSON.stringify(wakeUpEvent(executionId));
    try {
      await client.send(new module.InvokeCommand({ FunctionName, InvocationType: "Event", Payload }));
    } catch (error) {
      throw invokeError(FunctionName, executionId, error);
    }
  };
}

function invokeError(target: string, executionId: string, cause: unknown): TidemarkError {
  const { name, message } = Object(cause) as { readonly name?: unknown; readonly message?: unknown };
  const [code, advice] = meaningOf(name, target);
  return new TidemarkError(
    code,
    `execution ${executionId} was not woken, lambda:InvokeFunction on function ${target} failed: ${name}: ${message}; ${advice}`,
    { cause },
  );
}

function meaningOf(name: unknown, target: string): readonly [code: string, advice: string] {
  switch (name) {
    case "AccessDeniedException":
    case "CredentialsProviderError":
    case "ExpiredTokenException":
    case "InvalidSignatureException":
    case "UnrecognizedClientException":
      return ["TIDEMARK_LAMBDA_ACCESS", `allow lambda:InvokeFunction on function ${target} to this role`];
    case "ResourceNotFoundException":
      return ["TIDEMARK_LAMBDA_FUNCTION", "deploy the function, or correct the name or target"];
    case "TooManyRequestsException":
    case "EC2ThrottledException":
    case "ThrottlingException":
      return ["TIDEMARK_LAMBDA_THROTTLED", "raise the concurrency quota; the waker tries again"];
    case "RecursiveInvocationException":
      return [
        "TIDEMARK_LAMBDA_RECURSION",
        "set the function's RecursiveLoop to Allow; until then the waker goes on with it",
      ];
    default:
      return ["TIDEMARK_LAMBDA_INVOKE", "the waker tries again; mend the cause if it stays"];
  }
}

async function loadLambdaModule(): Promise<LambdaModule> {
  // Not a literal, so that bundlers leave the optional peer alone.
  const name = "@aws-sdk/client-lambda";
  try {
    const loaded = (await import(name)) as LambdaModule & { default?: LambdaModule };
    return loaded.LambdaClient === undefined ? (loaded.default as LambdaModule) : loaded;
  } catch (cause) {
    throw new TidemarkError(
      "TIDEMARK_LAMBDA_CLIENT",
      `a Lambda function is to be invoked and ${name} is not installed; install it, or pass an invoke of your own`,
      { cause },
    );
  }
}

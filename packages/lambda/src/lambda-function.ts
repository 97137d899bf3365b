/** Owns how a function that runs elsewhere is invoked for an execution: a real Lambda function, synchronously. */

import type { OptionNames } from "@tidemark/protocol";
import type { DurableHandler } from "@tidemark/runtime";
import { type LambdaSender, lambdaConnection } from "@tidemark/sdk";
import { CALL_CONFIG, invokeError } from "./lambda-invoke.js";
import { requireNames } from "./options.js";

export interface LambdaFunctionOptions {
  /**
   * A `LambdaClient`. Default: one that waits for as long as a function may take, and makes no attempts of its own: an
   * invocation that has failed is followed by another one, with the state as it is then.
   */
  readonly client?: LambdaSender | undefined;
}

const NAMES: OptionNames<LambdaFunctionOptions> = { client: true };

interface Answer {
  readonly FunctionError?: string;
  readonly Payload?: Uint8Array;
}

/**
 * A function for {@link durableApi} that is a Lambda function: its name, `name:alias` or ARN. It is invoked with AWS's
 * durable input, and answers with its output; `AWS_ENDPOINT_URL_LAMBDA` in its environment is the API's URL. The role
 * needs `lambda:InvokeFunction`.
 *
 * @throws TidemarkError from what it gives: as {@link lambdaInvoke}. The invocation is then tried again.
 * @example
 * ```ts
 * const api = durableApi({ store, functions: { order: lambdaFunction("order-function:live") } });
 * ```
 */
export function lambdaFunction(target: string, options: LambdaFunctionOptions = {}): DurableHandler {
  requireNames("lambdaFunction", options, NAMES);
  const connect = lambdaConnection<"InvokeCommand">(options.client, {
    missing: (name) => `function ${target} is to be invoked and ${name} is not installed; install it`,
    config: CALL_CONFIG,
  });
  return async (event) => {
    const { client, module } = await connect();
    const command = new module.InvokeCommand({
      FunctionName: target,
      InvocationType: "RequestResponse",
      Payload: JSON.stringify(event),
    });
    const { FunctionError, Payload } = (await client.send(command).catch((error: unknown) => {
      throw invokeError(target, event.DurableExecutionArn, error);
    })) as Answer;
    const text = Payload === undefined ? "" : Buffer.from(Payload).toString();
    const value: unknown = text === "" ? undefined : JSON.parse(text);
    if (FunctionError === undefined) return value as Awaited<ReturnType<DurableHandler>>;
    // The function's own error, as its log has it: the invocation has failed, and not the execution.
    const { errorType, errorMessage } = Object(value) as { errorType?: string; errorMessage?: string };
    throw Object.assign(new Error(errorMessage ?? FunctionError), { name: errorType ?? "Error" });
  };
}

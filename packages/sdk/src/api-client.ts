/**
 * Owns the transport to the Lambda durable execution API.
 *
 * `@aws-sdk/client-lambda` is an optional peer: it is loaded at the first call and only then.
 */

import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  DurableExecutionClient,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
} from "@tidemark/protocol";
import { TidemarkError } from "@tidemark/protocol";

/** The part of a Lambda client that is used. */
interface Sender {
  send(command: unknown): Promise<unknown>;
}

interface LambdaModule {
  readonly LambdaClient: new (config: object) => Sender;
  readonly CheckpointDurableExecutionCommand: new (input: CheckpointDurableExecutionRequest) => unknown;
  readonly GetDurableExecutionStateCommand: new (input: GetDurableExecutionStateRequest) => unknown;
}

/**
 * Keeps the log in AWS's managed service.
 *
 * @example
 * ```ts
 * export const handler = withDurableExecution(myHandler, {
 *   durableExecutionClient: new DurableExecutionApiClient(new LambdaClient({ maxAttempts: 5 })),
 * });
 * ```
 */
export class DurableExecutionApiClient implements DurableExecutionClient {
  readonly #given: Sender | undefined;
  #connected: Promise<{ client: Sender; module: LambdaModule }> | undefined;

  /** @param client A `LambdaClient`. Default: one with the SDK's own configuration, made at the first call. */
  constructor(client?: Sender) {
    this.#given = client;
  }

  async checkpoint(request: CheckpointDurableExecutionRequest): Promise<CheckpointDurableExecutionResponse> {
    const { client, module } = await this.#connect();
    return (await client.send(
      new module.CheckpointDurableExecutionCommand(request),
    )) as CheckpointDurableExecutionResponse;
  }

  async getExecutionState(
    request: GetDurableExecutionStateRequest,
  ): Promise<GetDurableExecutionStateResponse> {
    const { client, module } = await this.#connect();
    return (await client.send(
      new module.GetDurableExecutionStateCommand(request),
    )) as GetDurableExecutionStateResponse;
  }

  #connect(): Promise<{ client: Sender; module: LambdaModule }> {
    this.#connected ??= loadLambdaModule().then(
      (module) => ({ client: this.#given ?? new module.LambdaClient({}), module }),
      (error: unknown) => {
        // A later call may try again.
        this.#connected = undefined;
        throw error;
      },
    );
    return this.#connected;
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
      `this function was invoked as an AWS durable function and ${name} is not installed; install it, or run the handler with a Tidemark Worker`,
      { cause },
    );
  }
}

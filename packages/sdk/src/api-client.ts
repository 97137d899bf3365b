/** Owns the transport to the Lambda durable execution API. */

import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  DurableExecutionClient,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
} from "@tidemark/protocol";
import { type LambdaConnection, type LambdaSender, lambdaConnection } from "./lambda-connection.js";

type Command = "CheckpointDurableExecutionCommand" | "GetDurableExecutionStateCommand";

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
  readonly #connect: () => Promise<LambdaConnection<Command>>;

  /** @param client A `LambdaClient`. Default: one with the SDK's own configuration. */
  constructor(client?: LambdaSender) {
    this.#connect = lambdaConnection(client, {
      missing: (name) =>
        `this function was invoked as an AWS durable function and ${name} is not installed; install it, or run the handler with a Tidemark Worker`,
    });
    // Loading overlaps with the code before the first operation; what fails is told at the first call.
    this.#connect().catch(() => {});
  }

  /** What changed with the checkpoint and since the last one; a long answer is read to its end. */
  async checkpoint(request: CheckpointDurableExecutionRequest): Promise<CheckpointDurableExecutionResponse> {
    const { client, module } = await this.#connect();
    const response = (await client.send(
      new module.CheckpointDurableExecutionCommand(request),
    )) as CheckpointDurableExecutionResponse;
    let marker = response.NewExecutionState?.NextMarker;
    if (!marker) return response;
    const Operations = [...(response.NewExecutionState?.Operations ?? [])];
    while (marker) {
      const page = await this.getExecutionState({
        DurableExecutionArn: request.DurableExecutionArn,
        CheckpointToken: response.CheckpointToken,
        Marker: marker,
      });
      Operations.push(...(page.Operations ?? []));
      marker = page.NextMarker;
    }
    return { ...response, NewExecutionState: { Operations } };
  }

  async getExecutionState(
    request: GetDurableExecutionStateRequest,
  ): Promise<GetDurableExecutionStateResponse> {
    const { client, module } = await this.#connect();
    return (await client.send(
      new module.GetDurableExecutionStateCommand(request),
    )) as GetDurableExecutionStateResponse;
  }
}

/** Owns handlers whose batches begin few of their items at once, as otherwise only very large ones do. */

import {
  type DurableExecutionClient,
  DurableExecutionInvocationInputWithClient,
  type ExecutionHostOptions,
  READS_STAND_INS,
} from "@tidemark/protocol";
import type { DurableLambdaHandler } from "@tidemark/sdk";

export type ItemsAtOnce = NonNullable<ExecutionHostOptions["itemsAtOnce"]>;

/** Told of a request that is sent; what it gives is called once the request has been answered. */
export type OnSent = (executionArn: string) => () => void;

export function fewAtOnce(
  handler: DurableLambdaHandler,
  itemsAtOnce: ItemsAtOnce,
  onSent?: OnSent,
): DurableLambdaHandler {
  const begun: DurableLambdaHandler = (event, context) => {
    if (!DurableExecutionInvocationInputWithClient.isInstance(event))
      throw new Error("no client in the event");
    const { durableExecutionClient: inner } = event;
    const client: DurableExecutionClient = {
      checkpoint: async (request) => {
        const answered = onSent?.(request.DurableExecutionArn as string);
        const answer = await inner.checkpoint(request);
        answered?.();
        return answer;
      },
      getExecutionState: (request) => inner.getExecutionState(request),
      hostOptions: { ...inner.hostOptions, itemsAtOnce },
    };
    return handler(new DurableExecutionInvocationInputWithClient(event, client), context);
  };
  // Whoever runs it must know what it reads.
  if (Object.hasOwn(handler, READS_STAND_INS)) Object.defineProperty(begun, READS_STAND_INS, { value: true });
  return begun;
}

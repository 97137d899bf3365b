/** Owns the replay of a recorded log by the handler alone: no store, no worker, and no writes allowed. */

import type {
  DurableExecutionClient,
  DurableExecutionInvocationOutput,
  OperationUpdate,
} from "@tidemark/protocol";
import type { DurableLambdaHandler, LambdaContext } from "@tidemark/sdk";
import { recordedEvent } from "../kit/recorded-event";
import { VirtualClock } from "../kit/virtual-clock";
import type { GoldenHistory } from "./golden";

export interface Replayed {
  readonly output: DurableExecutionInvocationOutput;
  /** Updates that the replay wanted to write; it must have none. */
  readonly writes: readonly OperationUpdate[];
}

export async function replay(history: GoldenHistory, handler: DurableLambdaHandler): Promise<Replayed> {
  const startMs = history.entries.at(-1)?.atMs ?? history.head.startedAtMs;
  const writes: OperationUpdate[] = [];
  const client: DurableExecutionClient = {
    hostOptions: { host: new VirtualClock({ startMs }) },
    async checkpoint(request) {
      writes.push(...(request.Updates ?? []));
      throw new Error(`a replay of a finished history wrote ${JSON.stringify(request.Updates)}`);
    },
    getExecutionState: async () => ({ Operations: [] }),
  };
  return { output: await handler(recordedEvent(history, client), {} as LambdaContext), writes };
}

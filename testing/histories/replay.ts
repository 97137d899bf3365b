/** Owns the replay of a recorded log by the handler alone: no store, no worker, and no writes allowed. */

import type {
  DurableExecutionClient,
  DurableExecutionInvocationOutput,
  OperationUpdate,
} from "@tidemark/protocol";
import type { DurableLambdaHandler, LambdaContext } from "@tidemark/sdk";
import { recordedEvent, settledWithin, VirtualClock, withVirtualTimers } from "@tidemark/testing";
import type { GoldenHistory } from "./golden";

export interface Replayed {
  readonly output: DurableExecutionInvocationOutput;
  /** Updates that the replay wanted to write; it must have none. */
  readonly writes: readonly OperationUpdate[];
}

/** Longer than the SDK's grace for code that does not ask for what comes next. */
const PATIENCE_MS = 60_000;

export async function replay(history: GoldenHistory, handler: DurableLambdaHandler): Promise<Replayed> {
  const startMs = history.entries.at(-1)?.atMs ?? history.head.startedAtMs;
  const clock = new VirtualClock({ startMs });
  const writes: OperationUpdate[] = [];
  const client: DurableExecutionClient = {
    hostOptions: { host: clock },
    async checkpoint(request) {
      writes.push(...(request.Updates ?? []));
      throw new Error(`a replay of a finished history wrote ${JSON.stringify(request.Updates)}`);
    },
    getExecutionState: async () => ({ Operations: [] }),
  };
  return withVirtualTimers(clock, async () => {
    const running = handler(recordedEvent(history, client), {} as LambdaContext);
    const ended = await settledWithin(clock, running, PATIENCE_MS);
    if (ended === undefined) throw new Error("the replay hangs");
    if (ended.status === "rejected") throw ended.reason;
    return { output: ended.value, writes };
  });
}

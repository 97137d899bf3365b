/** Owns the replay of a recorded log by the handler alone: no store, no worker, and no writes allowed. */

import {
  apply,
  type DurableExecutionClient,
  DurableExecutionInvocationInputWithClient,
  type DurableExecutionInvocationOutput,
  ExecutionState,
  executionArn,
  isRejection,
  type Operation,
  type OperationUpdate,
} from "@tidemark/protocol";
import type { DurableLambdaHandler, LambdaContext } from "@tidemark/sdk";
import { VirtualClock } from "../kit/virtual-clock";
import type { GoldenHistory } from "./golden";

export interface Replayed {
  readonly output: DurableExecutionInvocationOutput;
  /** Updates that the replay wanted to write; it must have none. */
  readonly writes: readonly OperationUpdate[];
}

export async function replay(history: GoldenHistory, handler: DurableLambdaHandler): Promise<Replayed> {
  const { head } = history;
  const state = new ExecutionState(head.executionId, head.startedAtMs);
  for (const entry of history.entries) {
    const transition = apply(state, entry.records, entry.atMs);
    if (isRejection(transition)) throw new Error(`entry ${entry.sequence}: ${transition.rejected}`);
    state.commit(transition);
  }
  const execution: Operation = {
    Id: head.executionId,
    Type: "EXECUTION",
    Status: "STARTED",
    StartTimestamp: new Date(head.startedAtMs),
    ExecutionDetails: { InputPayload: head.input },
  };
  const writes: OperationUpdate[] = [];
  const client: DurableExecutionClient = {
    hostOptions: { host: new VirtualClock({ startMs: state.nowMs }) },
    async checkpoint(request) {
      writes.push(...(request.Updates ?? []));
      throw new Error(`a replay of a finished history wrote ${JSON.stringify(request.Updates)}`);
    },
    getExecutionState: async () => ({ Operations: [] }),
  };
  const event = new DurableExecutionInvocationInputWithClient(
    {
      DurableExecutionArn: executionArn(head.functionName, head.executionId),
      CheckpointToken: "none",
      InitialExecutionState: { Operations: [execution, ...state.operations.values()] },
    },
    client,
  );
  return { output: await handler(event, {} as LambdaContext), writes };
}

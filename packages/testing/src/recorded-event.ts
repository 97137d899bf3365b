/** Owns the event with which a handler is run over a log that is complete: no store and no worker. */

import {
  apply,
  checkpointToken,
  type DurableExecutionClient,
  DurableExecutionInvocationInputWithClient,
  type ExecutionHead,
  ExecutionState,
  exactExecutionId,
  executionArn,
  isRejection,
  type LogEntry,
  type Operation,
  TidemarkError,
} from "@tidemark/protocol";

interface RecordedExecution {
  readonly head: Pick<
    ExecutionHead,
    "executionId" | "incarnation" | "functionName" | "epoch" | "startedAtMs" | "input"
  >;
  readonly entries: readonly Pick<LogEntry, "sequence" | "records" | "atMs">[];
}

/** What an invocation gets that begins with all that is recorded, seen before. */
export function recordedEvent(
  recorded: RecordedExecution,
  client: DurableExecutionClient,
): DurableExecutionInvocationInputWithClient {
  const { head, entries } = recorded;
  const executionId = exactExecutionId(head);
  return new DurableExecutionInvocationInputWithClient(
    {
      DurableExecutionArn: executionArn(head.functionName, executionId),
      CheckpointToken: checkpointToken(executionId, head.epoch, entries.length + 1),
      UpdatedOperationIds: [],
      InitialExecutionState: { Operations: operationsOf(recorded) },
    },
    client,
  );
}

function operationsOf({ head, entries }: RecordedExecution): Operation[] {
  const state = new ExecutionState(exactExecutionId(head), head.startedAtMs);
  for (const entry of entries) {
    const transition = apply(state, entry.records, entry.atMs);
    if (isRejection(transition)) {
      throw new TidemarkError(
        "TIDEMARK_HISTORY_FORMAT",
        `entry ${entry.sequence} of the history does not fit those before it (${transition.rejected}); it has been altered, export it again`,
      );
    }
    state.commit(transition);
  }
  const execution: Operation = {
    Id: head.executionId,
    Type: "EXECUTION",
    Status: "STARTED",
    StartTimestamp: new Date(head.startedAtMs),
    ExecutionDetails: { InputPayload: head.input },
  };
  return [execution, ...state.operations.values()];
}

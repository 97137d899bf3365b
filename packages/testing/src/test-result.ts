/** Owns the result of a run: the end, the operations, the history, and their table. */

import { type OperationStatus, TidemarkError } from "@tidemark/protocol";
import { errorFromObject } from "@tidemark/sdk";
import type { ExecutionEnd, ExecutionTrack } from "./execution-track.js";
import { handleOf, parsedValue, testError } from "./operation-handle.js";
import type { RecordedEvent } from "./recorded-events.js";
import type {
  DurableOperation,
  ExecutionStatus,
  Invocation,
  PrintConfig,
  TestResult,
  TestResultError,
} from "./test-types.js";

const COLUMNS: Readonly<Record<keyof PrintConfig, (operation: DurableOperation) => string | undefined>> = {
  parentId: (operation) => operation.getParentId(),
  name: (operation) => operation.getName(),
  type: (operation) => operation.getType(),
  subType: (operation) => operation.getSubType(),
  status: (operation) => operation.getStatus(),
  startTime: (operation) => operation.getStartTimestamp()?.toISOString(),
  endTime: (operation) => operation.getEndTimestamp()?.toISOString(),
  duration: (operation) => durationText(operation.getStartTimestamp(), operation.getEndTimestamp()),
};

export class RecordedResult<TResult> implements TestResult<TResult> {
  readonly #end: ExecutionEnd;
  readonly #operations: readonly DurableOperation[];
  readonly #track: ExecutionTrack;

  constructor(track: ExecutionTrack) {
    this.#end = track.end as ExecutionEnd;
    this.#operations = track.index.all().map((operation) => handleOf(track, operation));
    this.#track = track;
  }

  getOperations(params?: { status: OperationStatus }): DurableOperation[] {
    return this.#operations.filter(
      (operation) => params === undefined || operation.getStatus() === params.status,
    );
  }

  getInvocations(): Invocation[] {
    return this.#track.events.flatMap(({ InvocationCompletedDetails: details }) => {
      if (details === undefined) return [];
      const { StartTimestamp, EndTimestamp, RequestId, Error: failure } = details;
      const error = testError(failure?.Payload, (recorded) => this.#track.stackOf(recorded));
      return [{ startTimestamp: StartTimestamp, endTimestamp: EndTimestamp, requestId: RequestId, error }];
    });
  }

  getStatus(): ExecutionStatus {
    return this.#end.status;
  }

  getResult(): TResult | undefined {
    const { status, result, error } = this.#end;
    if (status === "SUCCEEDED") return parsedValue<TResult>(result);
    if (error !== undefined) throw errorFromObject({ ...error, StackTrace: this.#track.stackOf(error) });
    throw new TidemarkError("TIDEMARK_TEST_OPERATION", `the execution ended as ${status}, without an error`);
  }

  getError(): TestResultError {
    const { status, error } = this.#end;
    if (status === "SUCCEEDED") {
      throw new TidemarkError(
        "TIDEMARK_TEST_OPERATION",
        "the execution succeeded, so it has no error; read getResult(), or check getStatus() first",
      );
    }
    const recorded = error ?? { ErrorMessage: `the execution ended as ${status}` };
    return testError(recorded, () => this.#track.stackOf(recorded)) as TestResultError;
  }

  getHistoryEvents(): RecordedEvent[] {
    return [...this.#track.events];
  }

  print(config: PrintConfig = {}): void {
    if (this.#operations.length === 0) return console.log("No operations.");
    const columns = Object.entries(COLUMNS).filter(([name]) => config[name as keyof PrintConfig] !== false);
    console.table(
      this.#operations.map((operation) =>
        Object.fromEntries(columns.map(([name, textOf]) => [name, textOf(operation) ?? "-"])),
      ),
    );
  }
}

function durationText(start: Date | undefined, end: Date | undefined): string | undefined {
  return start === undefined || end === undefined ? undefined : `${end.getTime() - start.getTime()}ms`;
}

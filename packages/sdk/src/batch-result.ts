/** Owns the result of a map or parallel: its items, its counts and how it is recorded. */

import { batchStatus } from "./completion.js";
import { BatchCompletionError, type ChildContextError, type CompletionReason } from "./errors.js";

// biome-ignore lint/style/noEnum: an enum in the AWS SDK, so a type and a value for its users.
export enum BatchItemStatus {
  SUCCEEDED = "SUCCEEDED",
  FAILED = "FAILED",
  /** Under way when the batch ended. */
  STARTED = "STARTED",
}

export interface BatchItem<TResult> {
  result?: TResult;
  error?: ChildContextError;
  /** Position in the array that the batch was given. */
  index: number;
  status: BatchItemStatus;
}

/**
 * The outcome of a map or parallel.
 *
 * `all` has the items that were started, by index; items that were never started are not in it.
 * A batch does not throw when items fail: look at `status`, or call `throwIfError()`. Everything,
 * the `STARTED` items included, is the same on every replay.
 *
 * @example
 * ```ts
 * const batch = await context.map("double", [1, 2, 3], async (_, n) => n * 2);
 * batch.throwIfError();
 * return batch.getResults();
 * ```
 */
export interface BatchResult<TResult> {
  all: Array<BatchItem<TResult>>;
  succeeded(): Array<BatchItem<TResult> & { result: TResult }>;
  failed(): Array<BatchItem<TResult> & { error: ChildContextError }>;
  started(): Array<BatchItem<TResult> & { status: BatchItemStatus.STARTED }>;
  /** `FAILED` if any item failed, unless a predicate decided. */
  status: BatchItemStatus.SUCCEEDED | BatchItemStatus.FAILED;
  completionReason: CompletionReason;
  hasFailure: boolean;
  /** Throws the error of the failed item with the lowest index; a `BatchCompletionError` if the predicate failed the batch. */
  throwIfError(): void;
  /** Results of the items that succeeded, by index; items that returned `undefined` have none. */
  getResults(): Array<TResult>;
  getErrors(): Array<ChildContextError>;
  successCount: number;
  failureCount: number;
  startedCount: number;
  totalCount: number;
}

export class RecordedBatchResult<TResult> implements BatchResult<TResult> {
  readonly all: Array<BatchItem<TResult>>;
  readonly completionReason: CompletionReason;
  // Not fields: a handler that returns a batch has the items and the reason in its JSON, as with the AWS SDK.
  readonly #successCount: number;
  readonly #failureCount: number;

  constructor(all: Array<BatchItem<TResult>>, completionReason: CompletionReason) {
    this.all = all;
    this.completionReason = completionReason;
    let successCount = 0;
    let failureCount = 0;
    for (const { status } of all) {
      if (status === BatchItemStatus.SUCCEEDED) successCount += 1;
      else if (status === BatchItemStatus.FAILED) failureCount += 1;
    }
    this.#successCount = successCount;
    this.#failureCount = failureCount;
  }

  get successCount(): number {
    return this.#successCount;
  }

  get failureCount(): number {
    return this.#failureCount;
  }

  get startedCount(): number {
    return this.all.length - this.#successCount - this.#failureCount;
  }

  get totalCount(): number {
    return this.all.length;
  }

  get hasFailure(): boolean {
    return this.failureCount > 0;
  }

  get status(): BatchItemStatus.SUCCEEDED | BatchItemStatus.FAILED {
    return batchStatus(this.completionReason, this.failureCount);
  }

  succeeded(): Array<BatchItem<TResult> & { result: TResult }> {
    return this.all.filter(
      (item): item is BatchItem<TResult> & { result: TResult } =>
        item.status === BatchItemStatus.SUCCEEDED && item.result !== undefined,
    );
  }

  failed(): Array<BatchItem<TResult> & { error: ChildContextError }> {
    return this.all.filter(
      (item): item is BatchItem<TResult> & { error: ChildContextError } =>
        item.status === BatchItemStatus.FAILED && item.error !== undefined,
    );
  }

  started(): Array<BatchItem<TResult> & { status: BatchItemStatus.STARTED }> {
    return this.all.filter(
      (item): item is BatchItem<TResult> & { status: BatchItemStatus.STARTED } =>
        item.status === BatchItemStatus.STARTED,
    );
  }

  throwIfError(): void {
    const first = this.all.find((item) => item.error !== undefined);
    if (first?.error !== undefined) throw first.error;
    if (this.status === BatchItemStatus.FAILED) {
      throw new BatchCompletionError(
        this.completionReason,
        `the batch was completed as failed (${this.completionReason}) with ${this.successCount} of ${this.totalCount} started items succeeded`,
      );
    }
  }

  getResults(): Array<TResult> {
    return this.succeeded().map((item) => item.result);
  }

  getErrors(): Array<ChildContextError> {
    return this.failed().map((item) => item.error);
  }
}

/** One letter per started item, by index: succeeded, failed, under way. */
const LETTERS = {
  [BatchItemStatus.SUCCEEDED]: "S",
  [BatchItemStatus.FAILED]: "F",
  [BatchItemStatus.STARTED]: "-",
} as const;

/** What is recorded of a batch whose items are recorded already. Source: AWS SDK 2.4, batch summary. */
export interface BatchSummary {
  readonly type: "MapResult" | "ParallelResult";
  readonly totalCount: number;
  readonly successCount: number;
  readonly failureCount: number;
  readonly startedCount: number;
  readonly completionReason: CompletionReason;
  readonly status: BatchItemStatus;
  readonly itemStatuses: string;
  /** What the user's `summaryGenerator` gave. */
  readonly summary?: string;
}

export function summarize<T>(
  type: BatchSummary["type"],
  result: BatchResult<T>,
  summary: string | undefined,
): BatchSummary {
  return {
    type,
    totalCount: result.totalCount,
    successCount: result.successCount,
    failureCount: result.failureCount,
    startedCount: result.startedCount,
    completionReason: result.completionReason,
    status: result.status,
    itemStatuses: result.all.map((item) => LETTERS[item.status]).join(""),
    ...(summary === undefined ? {} : { summary }),
  };
}

/** The statuses of a summary's started items, by index. */
export function summaryStatuses(summary: Pick<BatchSummary, "itemStatuses">): BatchItemStatus[] {
  return Array.from(summary.itemStatuses, (letter) =>
    letter === "S"
      ? BatchItemStatus.SUCCEEDED
      : letter === "F"
        ? BatchItemStatus.FAILED
        : BatchItemStatus.STARTED,
  );
}

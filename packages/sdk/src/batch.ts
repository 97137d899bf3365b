/**
 * Owns map and parallel: many items, each a context of its own, ended by a completion rule.
 *
 * A batch is a context whose code is the coordinator below. The coordinator sees item outcomes in
 * the order of the log, live and on replay alike, so it starts the same items and ends at the same
 * point both times. The outcome of a nested batch is not stored again: a summary says which items
 * ended how, and the result is rebuilt from the items' own records.
 */

import { type ErrorObject, MAX_INLINE_PAYLOAD_BYTES, type Operation, operationId } from "@tidemark/protocol";
import {
  type BatchItem,
  BatchItemStatus,
  type BatchResult,
  type BatchSummary,
  RecordedBatchResult,
  summarize,
  summaryStatuses,
} from "./batch-result.js";
import {
  type ChildConfig,
  type ContextBody,
  ContextKind,
  childContextError,
  type Recorded,
  recordWhole,
  runVirtual,
  wholeUnlessRebuilt,
} from "./child.js";
import { type CompletionConfig, type CompletionItemStatus, completionReason } from "./completion.js";
import {
  type ChildContextError,
  type CompletionReason,
  DurableOperationError,
  errorFromObject,
  errorObjectOf,
} from "./errors.js";
import { itemsAtOnce } from "./later-items.js";
import { LiveOperation, type Settled, type Sink } from "./lifecycle.js";
import { deserialize, readValue, serialize } from "./payload.js";
import { missingOperation } from "./replay-check.js";
import { type AsInContext, captureContext, type Scope, settlementOf } from "./scope.js";
import { type AnySerdes, isDefaultSerdes, serializeJson } from "./serdes.js";

/** How the items of a batch are recorded. */
// biome-ignore lint/style/noEnum: an enum in the AWS SDK, so a type and a value for its users.
export enum NestingType {
  /** Each item is a context with a record of its own. */
  NESTED = "NESTED",
  /** Items leave no record; their operations belong to the batch. Cheaper, and less to see. */
  FLAT = "FLAT",
}

export interface BatchSpec<T> {
  readonly type: BatchSummary["type"];
  readonly itemSubType: string;
  readonly count: number;
  readonly itemName: (index: number) => string;
  readonly runItem: (scope: Scope, index: number) => Promise<T>;
  readonly maxConcurrency: number;
  readonly completionConfig: CompletionConfig | undefined;
  /** Records the whole result, when the user wants that. */
  readonly serdes: AnySerdes | undefined;
  readonly itemSerdes: AnySerdes;
  readonly summaryGenerator: ChildConfig<BatchResult<T>>["summaryGenerator"];
  readonly nesting: NestingType;
}

/** One item: the code of its context and, once it has ended, what became of it. */
class Item<T> implements ContextBody<T>, Sink<T> {
  readonly index: number;
  readonly startedAfter: number | undefined;
  readonly #batch: Batch<T>;
  settled: Settled<T> | undefined;

  constructor(batch: Batch<T>, index: number, startedAfter: number | undefined) {
    this.#batch = batch;
    this.index = index;
    this.startedAfter = startedAfter;
  }

  get status(): BatchItemStatus {
    if (this.settled === undefined) return BatchItemStatus.STARTED;
    return this.settled.ok ? BatchItemStatus.SUCCEEDED : BatchItemStatus.FAILED;
  }

  get errorMapper(): (error: DurableOperationError) => Error {
    return childContextError;
  }

  run(scope: Scope): Promise<T> {
    return this.#batch.spec.runItem(scope, this.index);
  }

  record(value: T, operation: LiveOperation<T>): Recorded | Promise<Recorded> {
    const recorded = recordWhole(operation, this.#batch.spec.itemSerdes, value, undefined);
    return recorded instanceof Promise
      ? recorded.then((later) => this.#batch.measure(later))
      : this.#batch.measure(recorded);
  }

  read(record: Operation, operation: LiveOperation<T>): Settled<T> | Promise<Settled<T>> {
    return readValue(operation, this.#batch.spec.itemSerdes, record.ContextDetails?.Result);
  }

  take(settled: Settled<T>): boolean {
    return this.#batch.itemSettled(this, settled);
  }
}

/** The coordinator of one batch in one invocation. */
export class Batch<T> implements ContextBody<BatchResult<T>> {
  readonly errorMapper = childContextError;
  readonly spec: BatchSpec<T>;
  readonly #items: Item<T>[] = [];
  #successCount = 0;
  #failureCount = 0;
  #activeCount = 0;
  #payloadSize = 0;
  #operation!: LiveOperation<BatchResult<T>>;
  #scope!: Scope;
  #complete!: (result: BatchResult<T>) => void;
  #fail!: (error: unknown) => void;
  /** Items that begin when another one has ended are the caller's code as much as the first ones. */
  #asInContext!: AsInContext;
  #isComplete = false;
  /** The next items begin in a turn that the engine gives. */
  #awaitsTurn = false;
  readonly #views: CompletionItemStatus[] = [];
  #onOutcome: (() => void) | undefined;

  constructor(spec: BatchSpec<T>) {
    this.spec = spec;
  }

  run(scope: Scope, operation: LiveOperation<BatchResult<T>>): Promise<BatchResult<T>> {
    this.#scope = scope;
    this.#operation = operation;
    const beyond = operation.engine.find(scope.idOf(operationId(scope.prefix, this.spec.count + 1)));
    if (beyond !== undefined) operation.engine.fail(missingOperation(beyond, false));
    this.#asInContext = captureContext();
    return new Promise((resolve, reject) => {
      this.#complete = resolve;
      this.#fail = reject;
      this.#goOn();
    });
  }

  /** Ends the batch if its rule says so, else starts what may start. */
  #goOn(): boolean {
    return this.#orFail(() => !this.#completeIfDone() && this.#fill(undefined));
  }

  /** What the user's rule or namer throws fails the batch. */
  #orFail(proceed: () => boolean): boolean {
    try {
      return proceed();
    } catch (error) {
      this.#isComplete = true;
      this.#fail(error);
      return false;
    }
  }

  /**
   * Starts items in index order; one that waits keeps its place. Gives true if any was started. `startedAfter` is given in
   * a turn of the engine's, for the first item.
   */
  #fill(startedAfter: number | undefined): boolean {
    let count = 0;
    while (
      !this.#isComplete &&
      !this.#awaitsTurn &&
      this.#activeCount < this.spec.maxConcurrency &&
      this.#items.length < this.spec.count
    ) {
      const isFirstOfTurn = startedAfter !== undefined && count === 0;
      if (!isFirstOfTurn && this.#leavesNext(count)) break;
      this.#activeCount += 1;
      const item = new Item(this, this.#items.length, isFirstOfTurn ? startedAfter : undefined);
      this.#items.push(item);
      this.#startItem(item);
      count += 1;
    }
    return count > 0;
  }

  /** Leaves the next items to a later turn if the log does, or, where it has nothing, when `count` have begun in this one. */
  #leavesNext(count: number): boolean {
    if (this.spec.nesting === NestingType.FLAT) return false;
    const { engine } = this.#operation;
    const begun = this.#items.length;
    const id = engine.hasRecordsAhead && this.#scope.idOf(operationId(this.#scope.prefix, begun + 1));
    const record = id === false ? undefined : engine.find(id);
    const { first, later } = itemsAtOnce(engine.hostOptions);
    const isLater =
      record === undefined ? count >= (begun === count ? first : later) : record.StartedAfter !== undefined;
    if (!isLater) return false;
    this.#awaitsTurn = true;
    engine.beginLater(record, (startedAfter) => {
      this.#awaitsTurn = false;
      if (this.#scope.isLive()) this.#asInContext(() => this.#orFail(() => this.#fill(startedAfter)));
    });
    return true;
  }

  #startItem(item: Item<T>): void {
    const { engine } = this.#operation;
    const { name } = this.#seen(item.index, BatchItemStatus.STARTED);
    if (this.spec.nesting === NestingType.FLAT) {
      const run = (scope: Scope): Promise<T> => settlementOf(() => item.run(scope)).then(this.#writable);
      void runVirtual(this.#scope, this.#scope.nextPosition(), name, engine, run, childContextError).then(
        (settled) => item.take(settled),
      );
      return;
    }
    const kind = new ContextKind<T>({ name, subType: this.spec.itemSubType }, item);
    new LiveOperation(engine, this.#scope, kind, item).start();
  }

  /** A FLAT item that JSON cannot hold fails by itself, and not with the whole batch. */
  readonly #writable = (value: T): T => {
    if (isDefaultSerdes(this.spec.itemSerdes)) serializeJson(value);
    return value;
  };

  /** Adds up the payloads, to know when the whole result would be too large. */
  measure(recorded: Recorded): Recorded {
    // What is rebuilt was too large for one record.
    this.#payloadSize += recorded.replayChildren
      ? MAX_INLINE_PAYLOAD_BYTES + 1
      : (recorded.payload?.length ?? 0);
    return recorded;
  }

  itemSettled(item: Item<T>, settled: Settled<T>): boolean {
    if (this.#isComplete && !this.#scope.isRebuilding) return false;
    item.settled = settled;
    this.#seen(item.index, item.status);
    this.#activeCount -= 1;
    if (settled.ok) this.#successCount += 1;
    else this.#failureCount += 1;
    this.#onOutcome?.();
    return !this.#isComplete && this.#asInContext(() => this.#goOn());
  }

  /** The items as a predicate sees them: made once, then kept up to date one by one. */
  #statuses(): readonly CompletionItemStatus[] {
    for (let index = this.#views.length; index < this.spec.count; index++) {
      this.#views.push({ index, name: this.spec.itemName(index) });
    }
    return this.#views.slice();
  }

  #seen(index: number, status: BatchItemStatus): { readonly name: string } {
    const name = this.#views[index]?.name ?? this.spec.itemName(index);
    if (index < this.#views.length || this.spec.completionConfig?.shouldComplete !== undefined) {
      this.#views[index] = { index, name, status };
    }
    return { name };
  }

  #completeIfDone(): boolean {
    const reason = completionReason(this.spec.completionConfig, {
      successCount: this.#successCount,
      failureCount: this.#failureCount,
      totalCount: this.spec.count,
      items: () => this.#statuses(),
    });
    if (reason === undefined) return false;
    this.#isComplete = true;
    // At once: what the log delivers next, in this very turn on replay, is not for the items left behind.
    this.#scope.hasEnded = true;
    const statuses = this.#items.map((item) => item.status);
    this.#complete(new RecordedBatchResult(this.#itemsAs(statuses), reason));
    return true;
  }

  #itemsAs(statuses: readonly BatchItemStatus[]): BatchItem<T>[] {
    return statuses.map((status, index) => {
      const settled = this.#items[index]?.settled;
      if (status === BatchItemStatus.STARTED || settled === undefined) return { index, status };
      if (!settled.ok) return { index, status, error: settled.error as ChildContextError };
      return settled.value === undefined ? { index, status } : { index, status, result: settled.value };
    });
  }

  record(result: BatchResult<T>, operation: LiveOperation<BatchResult<T>>): Recorded | Promise<Recorded> {
    const { serdes, nesting } = this.spec;
    if (serdes !== undefined) {
      const payload = serialize(operation, serdes, result);
      return payload instanceof Promise
        ? payload.then((text) => this.#wholeOrSummary(text, result))
        : this.#wholeOrSummary(payload, result);
    }
    // A backend of another make expects to find the results in the record, as its own SDK leaves them.
    if (nesting === NestingType.FLAT || operation.engine.isRemote) {
      return this.#encode(result).then((text) => this.#wholeOrSummary(text, result));
    }
    const isLarge = this.#payloadSize > MAX_INLINE_PAYLOAD_BYTES;
    const words = isLarge ? this.spec.summaryGenerator?.(result) : undefined;
    return { payload: this.#summary(result, words), replayChildren: true };
  }

  #wholeOrSummary(payload: string | undefined, result: BatchResult<T>): Recorded {
    return wholeUnlessRebuilt(this.#operation, payload, {
      words: () => this.spec.summaryGenerator?.(result),
      inItsPlace: (words) => this.#summary(result, words),
    });
  }

  #summary(result: BatchResult<T>, words: string | undefined): string {
    return JSON.stringify(summarize(this.spec.type, result, words));
  }

  async #encode(result: BatchResult<T>): Promise<string> {
    const { itemSerdes } = this.spec;
    const all = await Promise.all(
      result.all.map(async ({ index, status, result: value, error }) => {
        if (error !== undefined) return { index, status, error: errorObjectOf(error) };
        if (value === undefined) return { index, status };
        if (isDefaultSerdes(itemSerdes)) return { index, status, result: value };
        return { index, status, payload: await serialize(this.#operation, itemSerdes, value) };
      }),
    );
    return serializeJson({ all, completionReason: result.completionReason }) as string;
  }

  read(
    record: Operation,
    operation: LiveOperation<BatchResult<T>>,
  ): Settled<BatchResult<T>> | Promise<Settled<BatchResult<T>>> {
    const { serdes, itemSerdes } = this.spec;
    const text = record.ContextDetails?.Result;
    if (serdes !== undefined) return readValue(operation, serdes, text);
    return decodeAll<T>(operation, itemSerdes, text ?? "");
  }

  /** The result from the summary and the items, once those have been delivered. */
  rebuild(record: Operation): Settled<BatchResult<T>> | Promise<Settled<BatchResult<T>>> {
    const summary = JSON.parse(record.ContextDetails?.Result ?? "") as BatchSummary;
    const statuses = summaryStatuses(summary);
    const isWhole = () =>
      statuses.every(
        (status, index) => status === BatchItemStatus.STARTED || this.#items[index]?.settled !== undefined,
      );
    const result = (): Settled<BatchResult<T>> => ({
      ok: true,
      value: new RecordedBatchResult(this.#itemsAs(statuses), summary.completionReason),
    });
    if (isWhole()) return result();
    return new Promise((resolve) => {
      this.#onOutcome = () => {
        if (isWhole()) resolve(result());
      };
    });
  }
}

interface EncodedItem {
  readonly index: number;
  readonly status: BatchItemStatus;
  readonly result?: unknown;
  /** Result of a custom item serdes. */
  readonly payload?: string | undefined;
  readonly error?: ErrorObject;
}

async function decodeAll<T>(
  operation: LiveOperation<BatchResult<T>>,
  itemSerdes: AnySerdes,
  text: string,
): Promise<Settled<BatchResult<T>>> {
  const { all, completionReason: reason } = JSON.parse(text) as {
    all: EncodedItem[];
    completionReason: CompletionReason;
  };
  const items = await Promise.all(
    all.map(async ({ index, status, result, payload, error }): Promise<BatchItem<T>> => {
      if (error !== undefined) return { index, status, error: itemError(error) };
      const value = payload === undefined ? result : await deserialize(operation, itemSerdes, payload);
      return value === undefined ? { index, status } : { index, status, result: value as T };
    }),
  );
  return { ok: true, value: new RecordedBatchResult(items, reason) };
}

/** An item's error was recorded as what the item's caller saw. */
function itemError(error: ErrorObject): ChildContextError {
  const rebuilt = errorFromObject(error);
  return rebuilt instanceof DurableOperationError
    ? (rebuilt as ChildContextError)
    : childContextError(DurableOperationError.fromErrorObject(error));
}

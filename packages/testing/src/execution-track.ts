/**
 * Owns what is known of the execution that a runner follows, and who waits for it.
 *
 * It does not know where the knowledge comes from: a runner tells it of operations, of events and of
 * the end. Operations that a test has asked for belong to one track.
 */

import {
  type ErrorObject,
  isSettled,
  type Operation,
  type ThrownError,
  TidemarkError,
} from "@tidemark/protocol";
import { OperationIndex, type OperationQuery, operationText, queryText } from "./operation-index.js";
import type { RecordedEvent } from "./recorded-events.js";
import { type ExecutionStatus, WaitingOperationStatus } from "./test-types.js";

/** How an execution ended. */
export interface ExecutionEnd {
  readonly status: ExecutionStatus;
  /** Text, JSON unless a serdes has written something else. */
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

/** How a test speaks to callbacks. */
export interface CallbackSender {
  sendCallbackSuccess(callbackId: string, result?: string): Promise<void>;
  sendCallbackFailure(callbackId: string, error?: ErrorObject): Promise<void>;
  sendCallbackHeartbeat(callbackId: string): Promise<void>;
}

interface Waiter {
  readonly query: OperationQuery;
  readonly status: WaitingOperationStatus;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

export class ExecutionTrack {
  readonly index = new OperationIndex();
  #end: ExecutionEnd | undefined;
  #events: () => readonly RecordedEvent[] = () => [];
  readonly #waiters = new Set<Waiter>();
  readonly #queries: OperationQuery[];
  #onWaiting: () => void = () => {};
  #sender: CallbackSender | undefined;
  #released = 0;
  /** What code has thrown last, by operation; that of the handler without one. */
  readonly #thrown = new Map<string | undefined, ThrownError>();

  /** After `previous`, for the next run: what a test has asked for before still counts. */
  constructor(previous?: ExecutionTrack) {
    this.#queries = [...(previous?.asked ?? [])];
  }

  /** What a test has asked for. */
  get asked(): readonly OperationQuery[] {
    return this.#queries;
  }

  get end(): ExecutionEnd | undefined {
    return this.#end;
  }

  /** @throws TidemarkError `TIDEMARK_TEST_OPERATION` before the run. */
  get sender(): CallbackSender {
    if (this.#sender !== undefined) return this.#sender;
    throw new TidemarkError(
      "TIDEMARK_TEST_OPERATION",
      "nothing runs that could have a callback; call run() first, without awaiting it",
    );
  }

  get hasBegun(): boolean {
    return this.#sender !== undefined;
  }

  get waiting(): number {
    return this.#waiters.size;
  }

  /** How often something that a test waited for has come. */
  get released(): number {
    return this.#released;
  }

  get events(): readonly RecordedEvent[] {
    return this.#events();
  }

  threw(thrown: ThrownError): void {
    this.#thrown.set(thrown.operationId, thrown);
  }

  /** The stack of a recorded error: records have none, but what was thrown in this process has. */
  stackOf(error: ErrorObject, operationId?: string): string[] | undefined {
    if (error.StackTrace !== undefined) return error.StackTrace;
    const thrown = this.#thrown.get(operationId);
    // Another attempt may have ended without throwing, such as by a timeout.
    if (thrown === undefined || thrown.error.message !== error.ErrorMessage) return undefined;
    return thrown.origin.stack?.split("\n");
  }

  /** The execution that is followed; `onWaiting` is told when a test begins to wait. */
  begin(execution: {
    readonly sender: CallbackSender;
    readonly events: () => readonly RecordedEvent[];
    readonly onWaiting?: () => void;
  }): void {
    this.#sender = execution.sender;
    this.#events = execution.events;
    this.#onWaiting = execution.onWaiting ?? (() => {});
  }

  /** Remembers that a test has asked for an operation. */
  ask(query: OperationQuery): void {
    this.#queries.push(query);
  }

  /** Whether a test has asked for the operation or for one above it. */
  isAskedFor(operation: Operation): boolean {
    const ids = new Set(this.#queries.map((query) => this.index.find(query)?.Id));
    let current: Operation | undefined = operation;
    while (current !== undefined) {
      if (ids.has(current.Id)) return true;
      current = current.ParentId === undefined ? undefined : this.index.get(current.ParentId);
    }
    return false;
  }

  changed(operations: readonly Operation[]): void {
    for (const operation of operations) this.index.put(operation);
    this.#release();
  }

  ended(end: ExecutionEnd): void {
    this.#end = end;
    this.#release();
    this.reject(({ query, status }) => this.#neverReached(query, status));
  }

  /** Nobody is answered any more. */
  reject(reason: (waiter: { query: OperationQuery; status: WaitingOperationStatus }) => unknown): void {
    const waiters = [...this.#waiters];
    this.#waiters.clear();
    for (const waiter of waiters) waiter.reject(reason(waiter));
  }

  waitFor(query: OperationQuery, status: WaitingOperationStatus): Promise<void> {
    if (this.#isReached(query, status)) return Promise.resolve();
    if (this.#end !== undefined) return Promise.reject(this.#neverReached(query, status));
    const reached = new Promise<void>((resolve, reject) => {
      this.#waiters.add({ query, status, resolve, reject });
    });
    // A test may look at it later than it fails, which must not end the process.
    reached.catch(() => {});
    this.#onWaiting();
    return reached;
  }

  #release(): void {
    for (const waiter of this.#waiters) {
      if (!this.#isReached(waiter.query, waiter.status)) continue;
      this.#waiters.delete(waiter);
      this.#released += 1;
      waiter.resolve();
    }
  }

  #isReached(query: OperationQuery, status: WaitingOperationStatus): boolean {
    const operation = this.index.find(query);
    if (operation === undefined) return false;
    if (isSettled(operation)) return true;
    if (status === WaitingOperationStatus.COMPLETED) return false;
    if (operation.SubType !== "WaitForCallback") return status === WaitingOperationStatus.STARTED;
    const children = this.index.childrenOf(operation.Id as string);
    const callback = children.find(({ Type }) => Type === "CALLBACK");
    if (callback === undefined) return false;
    if (status === WaitingOperationStatus.STARTED || isSettled(callback)) return true;
    return children.some((child) => child.Type === "STEP" && isSettled(child));
  }

  #neverReached(query: OperationQuery, status: WaitingOperationStatus): TidemarkError {
    const operation = this.index.find(query);
    const state = operation === undefined ? "has not been started" : `is ${operation.Status}`;
    return new TidemarkError(
      "TIDEMARK_TEST_OPERATION",
      `${queryText(query)} was to be ${status}, and the execution ended as ${this.#end?.status}; the operation ${state}. ` +
        `Recorded are: ${listOf(this.index.all())}. Correct the name, or the handler`,
    );
  }
}

const MAX_LISTED = 20;

/** Operations by name, kind and status. */
function listOf(operations: readonly Operation[]): string {
  if (operations.length === 0) return "none";
  const listed = operations.slice(0, MAX_LISTED).map(operationText).join(", ");
  return operations.length > MAX_LISTED ? `${listed} and ${operations.length - MAX_LISTED} more` : listed;
}

/**
 * Owns the life of an operation in one invocation: find, check, replay or begin, settle.
 *
 * There is one lifecycle. A kind of operation supplies what it is, how its work begins, what a
 * change means to it and how its recorded outcome is read.
 */

import {
  type ErrorObject,
  isSettled,
  type Operation,
  type OperationAction,
  type OperationType,
  type OperationUpdate,
} from "@tidemark/protocol";
import { DurablePromise } from "./durable-promise.js";
import type { Engine } from "./engine.js";
import type { Handle } from "./handle.js";
import type { PluginObserver } from "./plugin-observer.js";
import { replayMismatch } from "./replay-check.js";
import type { Scope } from "./scope.js";
import { traceTo } from "./thrown.js";

/** What became of an operation, as its caller sees it. */
export type Settled<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly error: Error };

/** Takes the outcome of an operation. */
export interface Sink<T> {
  /** Gives true when code of the user may run now. */
  take(settled: Settled<T>): boolean;
  /** Somebody has awaited the outcome. Absent where the SDK itself waits for it. */
  isObserved?(): boolean;
}

export interface OperationKind<T> {
  readonly type: OperationType;
  readonly subType: string;
  readonly name: string | undefined;
  /** New work waits until the replay is over; a context runs over what is recorded. */
  readonly isContext: boolean;
  /** Begins, or goes on with, what `record` says. Called once, unless the outcome is recorded. */
  begin(operation: LiveOperation<T>, record: Operation | undefined): void;
  /** The operation has changed and has not settled. */
  progress?(operation: LiveOperation<T>, record: Operation): void;
  /** Takes the delivery of a recorded START; gives true when code of the user may run now. */
  started?(record: Operation): boolean;
  /** Reads the recorded outcome. A rejection ends the invocation, not the operation. */
  read(record: Operation, operation: LiveOperation<T>): Settled<T> | Promise<Settled<T>>;
}

type UpdateFields = Pick<
  OperationUpdate,
  | "Payload"
  | "PayloadSummary"
  | "StartedAfter"
  | "ContextOptions"
  | "StepOptions"
  | "WaitOptions"
  | "CallbackOptions"
  | "ChainedInvokeOptions"
> & { Error?: ErrorObject };

/** An operation that the code has asked for. */
export class LiveOperation<T> implements Handle {
  /** Where it is in the code: `3-1`. */
  readonly position: string;
  /** Under which it is recorded. */
  readonly id: string;
  readonly engine: Engine;
  readonly scope: Scope;
  record: Operation | undefined;
  readonly #kind: OperationKind<T>;
  readonly #sink: Sink<T>;
  /** What code of the operation has thrown in this invocation. */
  #thrown: Error | undefined;
  /** The recorded outcome with its payload, when that had to be fetched or decoded. */
  #readable: Operation | Promise<Operation> | undefined;

  constructor(engine: Engine, scope: Scope, kind: OperationKind<T>, sink: Sink<T>) {
    this.engine = engine;
    this.scope = scope;
    this.position = scope.nextPosition();
    this.id = scope.idOf(this.position);
    this.#kind = kind;
    this.#sink = sink;
  }

  get name(): string | undefined {
    return this.#kind.name;
  }

  isLive(): boolean {
    return this.scope.isLive();
  }

  /** Find, check, and replay or begin. */
  start(): void {
    const { engine } = this;
    if (engine.hasEnded) return;
    engine.hostOptions?.probe?.asked?.(this.describe(), () => this.#sink.isObserved?.() ?? true);
    const record = engine.find(this.id);
    if (record === undefined && !this.isLive()) return;
    if (record !== undefined) {
      const mismatch = replayMismatch(record, this.#kind, this.position);
      if (mismatch !== undefined) return engine.fail(mismatch);
    }
    this.record = record;
    if (record !== undefined && isSettled(record)) this.#fetch(record);
    engine.add(this);
    // Code that was left behind claims what it has in the log: it is late, not gone.
    if (!this.isLive()) return;
    if (this.#kind.isContext) return this.#begin(record);
    if (record !== undefined && isSettled(record)) return;
    // What had not settled when a rebuilt context ended never settles.
    if (this.scope.isRebuilding) return;
    engine.whenReplayed(() => {
      // An ancestor may have ended with the last recorded outcome.
      if (this.isLive()) this.#begin(this.record);
    });
  }

  /** What is asked for together is fetched together, and delivered in its turn. */
  #fetch(record: Operation): void {
    const readable = this.engine.readable(record);
    if (readable === record) return;
    this.#readable = readable;
    if (readable instanceof Promise) readable.catch(ignore);
  }

  #begin(record: Operation | undefined): void {
    const { observer } = this.engine;
    if (observer?.wantsStarts !== true) return this.#kind.begin(this, record);
    // What is held back near the deadline has not started: the invocation that begins it tells of it.
    if (record === undefined && this.#kind.type === "STEP" && !this.engine.mayBegin(this)) return;
    // One that is rebuilt is not told of again, and still begins after those that were asked for before it.
    const isToldOf = record === undefined || !isSettled(record);
    const info = record ?? this.describe();
    this.engine.startInOrder(
      async () => (isToldOf ? observer.started(info, record !== undefined) : undefined),
      () => this.#kind.begin(this, record),
    );
  }

  progress(operation: Operation): void {
    if (!this.isLive()) return;
    const { observer } = this.engine;
    if (operation.Status === "PENDING" && observer?.wantsAttemptEnds === true) {
      this.engine
        .pauseFor(observer.attemptEnded(operation))
        .catch((error: unknown) => this.engine.fail(error));
    }
    this.#kind.progress?.(this, operation);
  }

  deliver(delivery: "start" | "settle", isNew: boolean): boolean | Promise<boolean> {
    const record = this.#readable ?? this.engine.readable(this.record as Operation);
    return record instanceof Promise
      ? record.then((read) => this.#deliver(read, delivery, isNew))
      : this.#deliver(record, delivery, isNew);
  }

  #deliver(record: Operation, delivery: "start" | "settle", isNew: boolean): boolean | Promise<boolean> {
    if (delivery === "start") return this.#kind.started?.(record) ?? false;
    if (isNew && this.engine.observer !== undefined)
      return this.#settleObserved(record, this.engine.observer);
    return this.#settle(record);
  }

  async #settleObserved(record: Operation, observer: PluginObserver): Promise<boolean> {
    if (record.Type === "STEP" && observer.wantsAttemptEnds) await observer.attemptEnded(record);
    if (observer.wantsEnds) await observer.ended(record, false);
    return this.#settle(record);
  }

  #settle(record: Operation): boolean | Promise<boolean> {
    if (!this.#isHeard()) return false;
    const settled = this.#kind.read(record, this);
    if ("ok" in settled) return this.#take(settled);
    return settled.then((read) => (this.#isHeard() ? this.#take(read) : false));
  }

  #take(settled: Settled<T>): boolean {
    if (!settled.ok) traceTo(settled.error, this.#thrown);
    return this.#sink.take(settled);
  }

  /** Code of the operation has thrown: the record of it has no stack. `what` has become of it, for people. */
  threw(error: Error, what: string, attempt?: number): void {
    if (!this.isLive() || this.engine.hasEnded) return;
    this.#thrown = error;
    const named = this.name === undefined ? this.position : JSON.stringify(this.name);
    this.engine.onThrown?.({
      operation: this,
      attempt,
      error,
      message: `${this.#kind.subType} ${named} ${what}`,
    });
  }

  /** While hooks ran or a payload was read, the invocation or a context around may have ended (invariant 10). */
  #isHeard(): boolean {
    return !this.engine.hasEnded && this.isLive();
  }

  /** Asks for a transition. Nothing is recorded below a context that has ended (invariant 10). */
  update(action: OperationAction, fields: UpdateFields, isUrgent: boolean): void {
    if (!this.isLive()) return;
    const { type, subType, name } = this.#kind;
    const update: OperationUpdate = { Id: this.id, Type: type, SubType: subType, Action: action, ...fields };
    if (this.scope.parentId !== undefined) update.ParentId = this.scope.parentId;
    if (name !== undefined) update.Name = name;
    this.engine.enqueue(update, isUrgent);
  }

  /** The operation before it is recorded. */
  describe(): Operation {
    const { type, subType, name } = this.#kind;
    const StartTimestamp = new Date(this.engine.host.nowMs());
    const operation: Operation = {
      Id: this.id,
      Type: type,
      SubType: subType,
      Status: "STARTED",
      StartTimestamp,
    };
    if (this.scope.parentId !== undefined) operation.ParentId = this.scope.parentId;
    if (name !== undefined) operation.Name = name;
    return operation;
  }
}

/** Runs a body, or lets a test kit run it. */
export function runBody(
  operation: LiveOperation<unknown>,
  attempt: number,
  atMostOnce: boolean,
  run: () => Promise<unknown>,
): Promise<unknown> {
  const body = operation.engine.hostOptions?.probe?.body;
  if (body === undefined) return run();
  return body({ operation: operation.record ?? operation.describe(), attempt, atMostOnce }, run);
}

/** Calls `fn` unless the invocation or a context around has ended; what nobody waits for any more never settles. */
export function ifWanted<T>(
  operation: Pick<LiveOperation<unknown>, "engine" | "isLive">,
  fn: () => Promise<T>,
): Promise<T> {
  return operation.engine.hasEnded || !operation.isLive() ? new Promise(() => {}) : fn();
}

/** Runs an operation for the user's code. */
export function perform<T>(engine: Engine, scope: Scope, kind: OperationKind<T>): DurablePromise<T> {
  const deferred = new Deferred<T>();
  new LiveOperation(engine, scope, kind, deferred).start();
  return deferred.promise;
}

/** A durable promise and what settles it. One that is never settled parks the code that awaits it. */
export class Deferred<T> implements Sink<T> {
  readonly promise: DurablePromise<T>;
  readonly #native: Promise<T>;
  #resolve!: (value: T) => void;
  #reject!: (error: Error) => void;

  constructor() {
    const native = new Promise<T>((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#native = native;
    this.promise = new DurablePromise(() => native);
  }

  isObserved(): boolean {
    return this.promise.isExecuted;
  }

  take(settled: Settled<T>): boolean {
    if (settled.ok) {
      this.#resolve(settled.value);
    } else {
      // A failure that nobody observes is not an unhandled rejection of the process.
      this.#native.catch(ignore);
      this.#reject(settled.error);
    }
    return true;
  }
}

function ignore(): void {}

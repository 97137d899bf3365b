/**
 * Owns contexts: code with operations of its own, whose outcome is recorded as one.
 *
 * A result that is too large for the log is kept outside of it, if the backend has a place for it; else it is rebuilt:
 * the code runs again over its recorded children. A virtual context records nothing; its code runs on every replay.
 */

import {
  type ContextOptions,
  isOverBytes,
  MAX_INLINE_PAYLOAD_BYTES,
  type Operation,
  TidemarkError,
  valueText,
} from "@tidemark/protocol";
import { isRebuilt } from "./deliveries.js";
import type { DurableContext } from "./durable-context.js";
import type { Engine } from "./engine.js";
import {
  asError,
  ChildContextError,
  DurableOperationError,
  errorObjectOf,
  isError,
  NonDeterministicExecutionError,
  SerdesFailedError,
} from "./errors.js";
import { ifWanted, type LiveOperation, type OperationKind, type Settled } from "./lifecycle.js";
import type { DurableLogger } from "./logger.js";
import { readValue, serialize } from "./payload.js";
import { runIn, runningIn, runSoonIn, Scope, settlementOf } from "./scope.js";
import type { AnySerdes, Serdes } from "./serdes.js";
import { traceTo } from "./thrown.js";

export interface ChildConfig<T> {
  /** Default: the context's serdes, else JSON. */
  serdes?: Serdes<T>;
  /** What kind of context this is, for people. Default `RunInChildContext`. */
  subType?: string;
  /**
   * Says what a large result is, for people. Recorded beside the pointer to a result that goes to a payload store, and
   * in place of a result over 256 KB that is rebuilt.
   */
  summaryGenerator?: (result: T) => string;
  /** Turns the recorded error into the one that is thrown. Default: `ChildContextError`. */
  errorMapper?: (originalError: DurableOperationError) => DurableOperationError;
  /** Record nothing of the context itself; its operations belong to the context around it. */
  virtualContext?: boolean;
}

/** Code with operations of its own. */
export type ChildFunc<T, Logger extends DurableLogger = DurableLogger> = (
  context: DurableContext<Logger>,
) => Promise<T>;

/** An invocation, as far as code in it must know whether it goes on. */
interface EndingInvocation {
  readonly hasEnded?: boolean;
  /** What happens has happened before, and has been told of. */
  readonly isReplaying?: boolean;
  readonly onThrown?: Engine["onThrown"];
}

/** What is recorded for a result. */
export interface Recorded {
  readonly payload: string | undefined;
  /** What the payload is, for people, when it goes outside of the log. */
  readonly summary?: string | undefined;
  /** The result is rebuilt from the children. */
  readonly replayChildren: boolean;
}

/** What runs in a context and how its result is recorded. */
export interface ContextBody<T> {
  /** What the engine says of the moment in which the context begins; see `Operation.StartedAfter`. */
  readonly startedAfter?: number | undefined;
  run(scope: Scope, operation: LiveOperation<T>): Promise<T>;
  record: (value: T, operation: LiveOperation<T>) => Recorded | Promise<Recorded>;
  /** Reads a result that is recorded whole. */
  read(record: Operation, operation: LiveOperation<T>): Settled<T> | Promise<Settled<T>>;
  /** The result of a context that is rebuilt, once its code has run. Default: what the code returned. */
  rebuild?(record: Operation): Settled<T> | Promise<Settled<T>>;
  readonly errorMapper: (error: DurableOperationError) => Error;
}

const NO_FIELDS = {};

interface ContextIdentity {
  readonly name: string | undefined;
  readonly subType: string;
}

export class ContextKind<T> implements OperationKind<T> {
  readonly type = "CONTEXT";
  readonly isContext = true;
  readonly name: string | undefined;
  readonly subType: string;
  readonly #body: ContextBody<T>;
  #scope!: Scope;
  #rebuilt: Settled<T> | undefined;
  #onRebuilt: ((settled: Settled<T>) => void) | undefined;

  constructor(identity: ContextIdentity, body: ContextBody<T>) {
    this.name = identity.name;
    this.subType = identity.subType;
    this.#body = body;
  }

  begin(operation: LiveOperation<T>, record: Operation | undefined): void {
    const isRebuilding = record !== undefined && isRebuilt(record);
    if (record !== undefined && record.Status !== "STARTED" && !isRebuilding) return;
    this.#scope = new Scope(operation.scope, {
      prefix: operation.position,
      parentId: operation.id,
      name: this.name,
      isRebuilding,
    });
    if (record === undefined && !this.#scope.isRebuilding) this.#recordStart(operation);
    runSoonIn(runningIn(operation, this.#scope), () => this.#run(operation, record));
  }

  #recordStart(operation: LiveOperation<T>): void {
    const { startedAfter } = this.#body;
    operation.update("START", startedAfter === undefined ? NO_FIELDS : { StartedAfter: startedAfter }, false);
  }

  #run(operation: LiveOperation<T>, record: Operation | undefined): void {
    if (operation.engine.hasEnded || !operation.isLive()) return;
    settlementOf(() => this.#runBody(operation, record)).then(
      (value) => this.#returned(operation, value),
      (error: unknown) => this.#threw(operation, record, asError(error)),
    );
  }

  #runBody(operation: LiveOperation<T>, record: Operation | undefined): Promise<T> {
    const { observer } = operation.engine;
    if (observer === undefined) return this.#body.run(this.#scope, operation);
    // Hooks stand between, in async contexts of their own, and may take their time.
    const run = () => this.#body.run(this.#scope, operation);
    const call = () => ifWanted(operation, () => runIn(runningIn(operation, this.#scope), run));
    return observer.context(record ?? operation.describe(), record !== undefined, call);
  }

  read(record: Operation, operation: LiveOperation<T>): Settled<T> | Promise<Settled<T>> {
    if (record.Status !== "SUCCEEDED") {
      const error = DurableOperationError.fromErrorObject(record.ContextDetails?.Error ?? {});
      return { ok: false, error: mapped(error, this.#body.errorMapper) };
    }
    if (!isRebuilt(record)) return this.#body.read(record, operation);
    const rebuilt = this.#body.rebuild === undefined ? this.#whenRebuilt() : this.#body.rebuild(record);
    return rebuilt instanceof Promise ? operation.engine.awaitCode(record, rebuilt) : rebuilt;
  }

  #whenRebuilt(): Settled<T> | Promise<Settled<T>> {
    if (this.#rebuilt !== undefined) return this.#rebuilt;
    return new Promise((resolve) => {
      this.#onRebuilt = resolve;
    });
  }

  #returned(operation: LiveOperation<T>, value: T): void {
    this.#hasRebuilt({ ok: true, value });
    if (!operation.isLive() || operation.engine.hasEnded) return;
    // From here on the descendants record nothing more and see nothing more (invariant 10).
    this.#scope.hasEnded = true;
    if (this.#scope.isRebuilding) return;
    try {
      const recorded = this.#body.record(value, operation);
      if (recorded instanceof Promise) {
        operation.engine.pauseFor(recorded).then(
          (later) => this.#succeed(operation, later),
          (error: unknown) => this.#cannotRecord(operation, error),
        );
      } else {
        this.#succeed(operation, recorded);
      }
    } catch (error) {
      this.#cannotRecord(operation, error);
    }
  }

  #threw(operation: LiveOperation<T>, record: Operation | undefined, error: Error): void {
    if (!operation.isLive() || operation.engine.hasEnded) return;
    if (record !== undefined && isRebuilt(record)) {
      return operation.engine.fail(
        new NonDeterministicExecutionError(
          `operation ${operation.id}: the log has its success, the code now throws ${error.name}: ${error.message}; ` +
            "run the code version that started this execution",
        ),
      );
    }
    if (this.#scope.isRebuilding) return;
    this.#scope.hasEnded = true;
    operation.threw(error, "failed");
    operation.update("FAIL", { Error: errorObjectOf(error), ...keepsChildren(operation, true) }, true);
  }

  #succeed(operation: LiveOperation<T>, recorded: Recorded): void {
    const { payload, summary } = recorded;
    const texts = {
      ...(payload === undefined ? {} : { Payload: payload }),
      ...(summary === undefined ? {} : { PayloadSummary: summary }),
    };
    const options = recorded.replayChildren
      ? { ContextOptions: { ReplayChildren: true } }
      : keepsChildren(operation, this.#body.rebuild === undefined);
    // A result that is rebuilt is the same object live; a recorded one is read from its payload.
    operation.update("SUCCEED", { ...texts, ...options }, true);
  }

  #cannotRecord(operation: LiveOperation<T>, error: unknown): void {
    if (error instanceof SerdesFailedError) operation.engine.fail(error);
    else {
      operation.threw(asError(error), "has a result that cannot be recorded");
      operation.update("FAIL", { Error: errorObjectOf(asError(error)) }, true);
    }
  }

  #hasRebuilt(settled: Settled<T>): void {
    this.#rebuilt = settled;
    this.#onRebuilt?.(settled);
  }
}

/**
 * Plugins may ask to see the children of contexts that have ended. The result is recorded whole all
 * the same, so that it does not depend on who looks (invariant 14). A backend that is reached by the
 * two calls alone keeps children only for contexts that are rebuilt.
 */
function keepsChildren(
  operation: Pick<LiveOperation<never>, "engine" | "scope">,
  canRebuild: boolean,
): { ContextOptions?: ContextOptions } {
  const { observer, isRemote } = operation.engine;
  if (operation.scope.depth >= (observer?.childOperationsDepth ?? 0)) return {};
  if (!isRemote) return { ContextOptions: { KeepChildren: true } };
  return canRebuild ? { ContextOptions: { ReplayChildren: true } } : {};
}

/** The body of `runInChildContext`. */
export function childBody<T>(
  run: (scope: Scope, operation: LiveOperation<T>) => Promise<T>,
  serdes: AnySerdes,
  config: Pick<ChildConfig<T>, "summaryGenerator" | "errorMapper">,
): ContextBody<T> {
  return {
    run,
    record: (value, operation) => recordWhole(operation, serdes, value, config.summaryGenerator),
    read: (record, operation) => readValue(operation, serdes, record.ContextDetails?.Result),
    errorMapper: config.errorMapper ?? childContextError,
  };
}

/** The value itself, or what stands in its place when it is too large and has to be rebuilt. */
export function recordWhole<T>(
  operation: LiveOperation<T>,
  serdes: AnySerdes,
  value: T,
  summaryGenerator: ((result: T) => string) | undefined,
): Recorded | Promise<Recorded> {
  const words = () => summaryGenerator?.(value);
  const toRecord = (payload: string | undefined): Recorded =>
    wholeUnlessRebuilt(operation, payload, { words, inItsPlace: (summary) => summary ?? "" });
  const payload = serialize(operation, serdes, value);
  return payload instanceof Promise ? payload.then(toRecord) : toRecord(payload);
}

/** What is said of a result that is too large for the log. */
interface LargeResult {
  /** What the user's `summaryGenerator` gives. */
  words(): string | undefined;
  /** Recorded in place of a result that is rebuilt. */
  inItsPlace(words: string | undefined): string;
}

/** Whether a result is recorded whole or rebuilt: the one rule for contexts, items and batches. */
export function wholeUnlessRebuilt(
  operation: Pick<LiveOperation<never>, "engine">,
  payload: string | undefined,
  large: LargeResult,
): Recorded {
  const { storedOverBytes } = operation.engine;
  if (payload === undefined || !isOverBytes(payload, storedOverBytes ?? MAX_INLINE_PAYLOAD_BYTES))
    return { payload, replayChildren: false };
  return storedOverBytes === undefined
    ? { payload: large.inItsPlace(large.words()), replayChildren: true }
    : { payload, summary: large.words(), replayChildren: false };
}

export function childContextError(error: DurableOperationError): ChildContextError {
  return new ChildContextError(error.message, error, error.errorData);
}

/** Runs code in a context without a record: its outcome is known when the code ends. */
export function runVirtual<T>(
  scope: Scope,
  position: string,
  name: string | undefined,
  invocation: EndingInvocation,
  run: (scope: Scope) => Promise<T>,
  errorMapper: (error: DurableOperationError) => Error,
): Promise<Settled<T>> {
  const inner = new Scope(scope, { prefix: position, parentId: scope.parentId, name });
  const running = {
    scope: inner,
    operationId: scope.idOf(position),
    operationName: name,
    attempt: undefined,
    invocation,
  };
  return afterSiblings(invocation, inner, () => runIn(running, () => run(inner))).then(
    (value): Settled<T> => {
      inner.hasEnded = true;
      return { ok: true, value };
    },
    (thrown: unknown): Settled<T> => {
      inner.hasEnded = true;
      const cause = asError(thrown);
      const error = mapped(DurableOperationError.fromErrorObject(errorObjectOf(cause)), errorMapper);
      traceTo(error, cause);
      if (invocation.isReplaying !== true && invocation.hasEnded !== true) {
        const operation = { id: running.operationId, name, engine: invocation };
        const message = `context ${name === undefined ? position : JSON.stringify(name)} failed`;
        invocation.onThrown?.({ operation, error: cause, message });
      }
      return { ok: false, error };
    },
  );
}

async function afterSiblings<T>(engine: EndingInvocation, scope: Scope, fn: () => Promise<T>): Promise<T> {
  await null;
  if (engine.hasEnded === true || !scope.isLive()) return new Promise(() => {});
  return fn();
}

/** The error that is thrown; a mapper that throws has chosen what it throws. */
function mapped(error: DurableOperationError, mapper: (error: DurableOperationError) => Error): Error {
  try {
    const given: unknown = mapper(error);
    if (isError(given)) return given;
    const message = `errorMapper gave ${valueText(given)}; return an error, not a promise of one`;
    return new TidemarkError("TIDEMARK_DECISION", message, { cause: error });
  } catch (thrown) {
    return asError(thrown);
  }
}

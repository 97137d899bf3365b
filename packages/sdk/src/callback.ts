/** Owns callbacks: an outcome that somebody outside sends to an id. */

import type { CallbackOptions, Operation } from "@tidemark/protocol";
import type { DurablePromise } from "./durable-promise.js";
import type { Duration } from "./duration.js";
import type { Engine } from "./engine.js";
import { CallbackExternalError, CallbackTimeoutError, errorFromObject } from "./errors.js";
import { Deferred, LiveOperation, type OperationKind, type Settled } from "./lifecycle.js";
import type { DurableLogger, WaitForCallbackContext } from "./logger.js";
import { readValue } from "./payload.js";
import type { RetryDecision } from "./retry.js";
import type { Scope } from "./scope.js";
import type { AnySerdesDeserializer, Serdes } from "./serdes.js";

export interface CreateCallbackConfig<TOutput = string> {
  /** From creation until the callback times out. Default: it does not. */
  timeout?: Duration;
  /** Longest silence: each heartbeat starts it anew. Default: none is needed. */
  heartbeatTimeout?: Duration;
  /** Reads the payload. Default: the context's callback deserializer, else the text as it is. */
  serdes?: Omit<Serdes<TOutput>, "serialize">;
}

export interface WaitForCallbackConfig<TOutput = string> extends CreateCallbackConfig<TOutput> {
  /** Decides after each failed submission. Default: that of steps. */
  retryStrategy?: (error: Error, attemptCount: number) => RetryDecision;
}

/** The outcome, and the id to which it is sent. */
export type CreateCallbackResult<T = string> = [DurablePromise<T>, string];

/** Gives the callback id to whoever will complete it. */
export type WaitForCallbackSubmitterFunc<TLogger extends DurableLogger = DurableLogger> = (
  callbackId: string,
  context: WaitForCallbackContext<TLogger>,
) => Promise<void>;

interface CallbackSpec {
  readonly name: string | undefined;
  readonly options: CallbackOptions;
  readonly deserializer: AnySerdesDeserializer | undefined;
}

class CallbackKind<T> implements OperationKind<T> {
  readonly type = "CALLBACK";
  readonly subType = "Callback";
  readonly isContext = false;
  readonly name: string | undefined;
  readonly started: (record: Operation) => boolean;
  readonly #spec: CallbackSpec;

  constructor(spec: CallbackSpec, started: (record: Operation) => boolean) {
    this.name = spec.name;
    this.started = started;
    this.#spec = spec;
  }

  begin(operation: LiveOperation<T>, record: Operation | undefined): void {
    if (record !== undefined) return this.progress(operation, record);
    const { options } = this.#spec;
    operation.update("START", Object.keys(options).length === 0 ? {} : { CallbackOptions: options }, true);
  }

  progress(operation: LiveOperation<T>, record: Operation): void {
    operation.engine.wait(operation, dueAtMs(record));
  }

  read(record: Operation, operation: LiveOperation<T>): Settled<T> | Promise<Settled<T>> {
    const { Result, Error: error } = record.CallbackDetails ?? {};
    if (record.Status === "SUCCEEDED") {
      return this.#readPayload(Result, operation);
    }
    const isTimeout = record.Status === "TIMED_OUT";
    const message = error?.ErrorMessage ?? (isTimeout ? "Callback timed out" : "Callback failed");
    const ErrorClass = isTimeout ? CallbackTimeoutError : CallbackExternalError;
    return { ok: false, error: new ErrorClass(message, errorFromObject(error), error?.ErrorData) };
  }

  /** A payload that is no JSON is the sender's failure: it would be the same however often it is read. */
  #readPayload(payload: string | undefined, operation: LiveOperation<T>): Settled<T> | Promise<Settled<T>> {
    const { deserializer } = this.#spec;
    if (deserializer === undefined) return { ok: true, value: payload as T };
    try {
      return readValue(operation, deserializer, payload);
    } catch (error) {
      const message = `the payload of callback ${operation.id} is not JSON; send JSON, or read it with another serdes`;
      return { ok: false, error: new CallbackExternalError(message, error as Error) };
    }
  }
}

/** The next of a callback's two deadlines. */
function dueAtMs(record: Operation): number | undefined {
  const { TimeoutSeconds, HeartbeatDueTimestamp } = record.CallbackDetails ?? {};
  const timeoutMs =
    TimeoutSeconds === undefined
      ? Number.POSITIVE_INFINITY
      : (record.StartTimestamp?.getTime() ?? 0) + TimeoutSeconds * 1000;
  const dueMs = Math.min(timeoutMs, HeartbeatDueTimestamp?.getTime() ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(dueMs) ? dueMs : undefined;
}

/** Creates a callback: its id is delivered once it is durable, its outcome when it comes. */
export function createCallback<T>(
  engine: Engine,
  scope: Scope,
  spec: CallbackSpec,
): DurablePromise<CreateCallbackResult<T>> {
  const created = new Deferred<CreateCallbackResult<T>>();
  const outcome = new Deferred<T>();
  const kind = new CallbackKind<T>(spec, (record) =>
    created.take({ ok: true, value: [outcome.promise, record.CallbackDetails?.CallbackId as string] }),
  );
  new LiveOperation(engine, scope, kind, outcome).start();
  return created.promise;
}

/**
 * Owns the recorded forms of `Promise.all`, `allSettled`, `any` and `race`.
 *
 * Each is a context without operations of its own, whose result is what the native function gives.
 * Its position is taken when it is called, as for every operation.
 */

import type { ErrorObject, Operation } from "@tidemark/protocol";
import { type ContextBody, ContextKind, childBody } from "./child.js";
import type { DurablePromise } from "./durable-promise.js";
import type { Engine } from "./engine.js";
import {
  type DurableOperationError,
  errorFromObject,
  errorObjectOf,
  PromiseCombinatorError,
} from "./errors.js";
import { type LiveOperation, perform, type Settled } from "./lifecycle.js";
import type { Scope } from "./scope.js";
import { type AnySerdes, deserializeJson, serializeJson } from "./serdes.js";

interface CombinatorSpec<T> {
  readonly name: string | undefined;
  readonly promises: readonly PromiseLike<unknown>[];
  readonly combine: (promises: readonly PromiseLike<unknown>[]) => Promise<T>;
  readonly serdes: AnySerdes;
}

export function combine<T>(engine: Engine, scope: Scope, spec: CombinatorSpec<T>): DurablePromise<T> {
  // With a recorded outcome nobody else observes these; their failures are not unhandled rejections.
  for (const promise of spec.promises) promise.then(undefined, ignore);
  const body: ContextBody<T> = childBody(() => spec.combine(spec.promises), spec.serdes, {
    errorMapper: combinatorError,
  });
  return perform(engine, scope, new CombinatorKind(spec, body));
}

/**
 * A replay has the outcome before the promises have settled, if they wait for something that is in no log: native code
 * in a virtual child context. Live they had settled, and what runs after them had run: so it is on replay.
 */
class CombinatorKind<T> extends ContextKind<T> {
  readonly #settled: Promise<void>;

  constructor({ name, promises, combine: run }: CombinatorSpec<T>, body: ContextBody<T>) {
    super({ name, subType: "RunInChildContext" }, body);
    this.#settled = run(promises).then(ignore, ignore);
  }

  override async read(record: Operation, operation: LiveOperation<T>): Promise<Settled<T>> {
    await operation.engine.awaitCode(record, this.#settled);
    return super.read(record, operation);
  }
}

function combinatorError(error: DurableOperationError): PromiseCombinatorError {
  return new PromiseCombinatorError(error.message, error, error.errorData);
}

function ignore(): void {}

type Recorded = { status: "fulfilled"; value?: unknown } | { status: "rejected"; error: ErrorObject };

/** Records the reasons of `allSettled` so that they come back as errors of their class. */
export const settledSerdes: AnySerdes = {
  async serialize(results: PromiseSettledResult<unknown>[] | undefined) {
    const recorded = results?.map(
      (result): Recorded =>
        result.status === "fulfilled" ? result : { status: "rejected", error: errorObjectOf(result.reason) },
    );
    return serializeJson(recorded);
  },
  async deserialize(data) {
    const recorded = deserializeJson(data) as Recorded[] | undefined;
    return recorded?.map((result) =>
      result.status === "fulfilled" ? result : { status: "rejected", reason: errorFromObject(result.error) },
    );
  },
};

/** Owns waitForCondition: a check that is repeated, with its state, until a strategy is satisfied. */

import type { Operation } from "@tidemark/protocol";
import { notADecision } from "./arguments.js";
import { durationSeconds } from "./duration.js";
import { asError, DurableOperationError, errorObjectOf, SerdesFailedError } from "./errors.js";
import { ifWanted, type LiveOperation, type OperationKind, runBody, type Settled } from "./lifecycle.js";
import type { DurableContextLogger, DurableLogger, WaitForConditionContext } from "./logger.js";
import { deserialize, readValue, serialize } from "./payload.js";
import { type AsInContext, captureContext, runIn, runningIn } from "./scope.js";
import type { AnySerdes, Serdes } from "./serdes.js";
import { BodyContext } from "./step.js";
import type { WaitForConditionWaitStrategyFunc } from "./wait-strategy.js";

/** Looks at the state and gives the next one. */
export type WaitForConditionCheckFunc<T, Logger extends DurableLogger = DurableLogger> = (
  state: T,
  context: WaitForConditionContext<Logger>,
) => Promise<T>;

export interface WaitForConditionConfig<T> {
  /** Decides after each check whether to go on, and when. */
  waitStrategy: WaitForConditionWaitStrategyFunc<T>;
  /** State of the first check. Must not be `undefined`. */
  initialState: T;
  /** Default: the context's serdes, else JSON. */
  serdes?: Serdes<T>;
}

interface WaitForConditionSpec {
  readonly name: string | undefined;
  readonly check: WaitForConditionCheckFunc<unknown>;
  readonly waitStrategy: WaitForConditionWaitStrategyFunc<unknown>;
  readonly initialState: unknown;
  readonly serdes: AnySerdes;
  readonly logger: () => DurableContextLogger<DurableLogger>;
}

export class WaitForConditionKind<T> implements OperationKind<T> {
  readonly type = "STEP";
  readonly subType = "WaitForCondition";
  readonly isContext = false;
  readonly name: string | undefined;
  readonly #spec: WaitForConditionSpec;
  #operation!: LiveOperation<T>;
  /** Later checks begin in a turn, and not in the caller's async contexts. */
  #asInContext!: AsInContext;

  constructor(spec: WaitForConditionSpec) {
    this.name = spec.name;
    this.#spec = spec;
  }

  begin(operation: LiveOperation<T>, record: Operation | undefined): void {
    this.#operation = operation;
    this.#asInContext = captureContext();
    if (record?.Status === "PENDING") return this.progress(operation, record);
    if (!operation.engine.mayBegin(operation)) return;
    if (record?.Status !== "STARTED") operation.update("START", {}, false);
    void this.#run(record);
  }

  progress(operation: LiveOperation<T>, record: Operation): void {
    if (record.Status === "READY") this.#asInContext(() => this.begin(operation, record));
    else if (record.Status === "PENDING") {
      operation.engine.wait(operation, record.StepDetails?.NextAttemptTimestamp?.getTime());
    }
  }

  read(record: Operation, operation: LiveOperation<T>): Settled<T> | Promise<Settled<T>> {
    const { Result, Error: error } = record.StepDetails ?? {};
    if (record.Status === "SUCCEEDED") return readValue(operation, this.#spec.serdes, Result);
    return { ok: false, error: DurableOperationError.fromErrorObject(error ?? {}) };
  }

  async #run(record: Operation | undefined): Promise<void> {
    const operation = this.#operation;
    const { engine } = operation;
    const attempt = (record?.StepDetails?.Attempt ?? 0) + 1;
    engine.startBody(operation);
    try {
      await null;
      if (engine.hasEnded || !operation.isLive()) return;
      const state = await this.#check(record, attempt);
      const payload = await serialize(operation, this.#spec.serdes, state);
      // The strategy sees what the next attempt will see.
      const decision = this.#spec.waitStrategy(
        await deserialize(operation, this.#spec.serdes, payload),
        attempt,
      );
      if (typeof decision?.shouldContinue !== "boolean")
        throw notADecision("waitStrategy", "shouldContinue", decision);
      const Payload = payload === undefined ? {} : { Payload: payload };
      if (decision.shouldContinue) {
        const NextAttemptDelaySeconds = durationSeconds(decision.delay, "waitStrategy().delay", {
          minimumSeconds: 0,
        });
        operation.update("RETRY", { ...Payload, StepOptions: { NextAttemptDelaySeconds } }, true);
      } else {
        operation.update("SUCCEED", Payload, true);
      }
    } catch (thrown) {
      if (thrown instanceof SerdesFailedError) engine.fail(thrown);
      else {
        operation.threw(asError(thrown), `failed in attempt ${attempt}`, attempt);
        operation.update("FAIL", { Error: errorObjectOf(asError(thrown)) }, true);
      }
    } finally {
      engine.endBody(operation);
    }
  }

  async #check(record: Operation | undefined, attempt: number): Promise<unknown> {
    const operation = this.#operation;
    const { initialState, serdes, logger, check } = this.#spec;
    const recorded =
      attempt === 1 || record === undefined ? undefined : await operation.engine.readable(record);
    const state =
      attempt === 1 ? initialState : await deserialize(operation, serdes, recorded?.StepDetails?.Result);
    const running = runningIn(operation, undefined, attempt);
    const context: WaitForConditionContext<DurableLogger> = new BodyContext(logger, attempt);
    const call = () => runIn(running, () => runBody(operation, attempt, false, () => check(state, context)));
    const { observer } = operation.engine;
    if (observer === undefined) return call();
    return observer.attempt(operation.record ?? operation.describe(), attempt, () =>
      ifWanted(operation, call),
    );
  }
}

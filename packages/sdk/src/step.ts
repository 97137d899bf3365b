/**
 * Owns steps: one piece of work whose result is recorded, with retries (invariant 9).
 *
 * At least once: the START rides along with the result. At most once per attempt: the START is
 * durable before the body runs, and a START without an end is an interrupted attempt.
 */

import type { Operation } from "@tidemark/protocol";
import { notADecision } from "./arguments.js";
import { type Duration, durationSeconds } from "./duration.js";
import { asError, DurableOperationError, errorObjectOf, StepInterruptedError } from "./errors.js";
import { ifWanted, type LiveOperation, type OperationKind, runBody, type Settled } from "./lifecycle.js";
import type { DurableContextLogger, DurableLogger, StepContext } from "./logger.js";
import { readValue, serialize } from "./payload.js";
import { type RetryDecision, retryPresets } from "./retry.js";
import { type AsInContext, captureContext, runIn, runningIn, runSoonIn, settlementOf } from "./scope.js";
import type { AnySerdes, Serdes } from "./serdes.js";

/** How often the body of one attempt may run. */
// biome-ignore lint/style/noEnum: an enum in the AWS SDK, so a type and a value for its users.
export enum StepSemantics {
  /** The START is durable before the body runs; the body never runs twice in one attempt. */
  AtMostOncePerRetry = "AT_MOST_ONCE_PER_RETRY",
  /** The body may run again after a crash. The default. */
  AtLeastOncePerRetry = "AT_LEAST_ONCE_PER_RETRY",
}

export interface StepConfig<T> {
  /** Decides after each failed attempt. Default: 6 attempts, 5 s doubling to 60 s, full jitter. */
  retryStrategy?: (error: Error, attemptCount: number) => RetryDecision;
  /** Default: `AtLeastOncePerRetry`. */
  semantics?: StepSemantics;
  /** Default: the context's serdes, else JSON. */
  serdes?: Serdes<T>;
}

/** The body of a step. */
export type StepFunc<T, Logger extends DurableLogger = DurableLogger> = (
  context: StepContext<Logger>,
) => Promise<T>;

/**
 * How often an attempt may die with its process before it counts as failed. A step that kills its
 * process then uses up its retries instead of looping until the execution times out.
 */
const MAX_INTERRUPTIONS = 3;

interface StepSpec {
  readonly name: string | undefined;
  readonly fn: StepFunc<unknown>;
  readonly semantics: StepSemantics;
  readonly retryStrategy: (
    error: Error,
    attemptCount: number,
    random?: () => number,
  ) => RetryDecision | undefined;
  readonly serdes: AnySerdes;
  readonly logger: () => DurableContextLogger<DurableLogger>;
}

export class StepKind<T> implements OperationKind<T> {
  readonly type = "STEP";
  readonly subType = "Step";
  readonly isContext = false;
  readonly name: string | undefined;
  readonly #spec: StepSpec;
  #awaitsStart = false;
  /** Set while the caller's async contexts are not the current ones: what comes next begins in a turn. */
  #asInContext: AsInContext | undefined;
  #attempt = 1;
  #operation!: LiveOperation<T>;

  constructor(spec: StepSpec) {
    this.name = spec.name;
    this.#spec = spec;
  }

  begin(operation: LiveOperation<T>, record: Operation | undefined): void {
    this.#operation = operation;
    this.#attempt = (record?.StepDetails?.Attempt ?? 0) + 1;
    this.#asInContext = undefined;
    if (record?.Status === "PENDING") {
      this.#asInContext = captureContext();
      return this.#wait(record);
    }
    if (record?.Status === "STARTED") return this.#resume(record);
    if (!operation.engine.mayBegin(operation)) return;
    const isAtMostOnce = this.#spec.semantics === StepSemantics.AtMostOncePerRetry;
    operation.update("START", {}, isAtMostOnce);
    if (!isAtMostOnce) return this.#runSoon();
    this.#awaitsStart = true;
    this.#asInContext = captureContext();
  }

  progress(operation: LiveOperation<T>, record: Operation): void {
    if (record.Status === "READY") {
      this.#inContext(() => this.begin(operation, record));
    } else if (record.Status === "PENDING") {
      this.#wait(record);
    } else if (this.#awaitsStart) {
      this.#awaitsStart = false;
      this.#inContext(() => this.#runSoon());
    }
  }

  #inContext(fn: () => void): void {
    if (this.#asInContext === undefined) fn();
    else this.#asInContext(fn);
  }

  read(record: Operation, operation: LiveOperation<T>): Settled<T> | Promise<Settled<T>> {
    const { Result, Error: error } = record.StepDetails ?? {};
    if (record.Status === "SUCCEEDED") return readValue(operation, this.#spec.serdes, Result);
    return { ok: false, error: DurableOperationError.fromErrorObject(error ?? {}) };
  }

  #wait(record: Operation): void {
    this.#operation.engine.wait(this.#operation, record.StepDetails?.NextAttemptTimestamp?.getTime());
  }

  /** The process died during this attempt. */
  #resume(record: Operation): void {
    const isAtMostOnce = this.#spec.semantics === StepSemantics.AtMostOncePerRetry;
    const interruptions = record.StepDetails?.Interruptions ?? 0;
    if (isAtMostOnce || interruptions >= MAX_INTERRUPTIONS) {
      this.#fail(new StepInterruptedError(this.#operation.id, this.name));
    } else {
      this.#runSoon();
    }
  }

  /** The caller goes on first: a replay does not run the body, and nothing may depend on it. */
  #runSoon(): void {
    const operation = this.#operation;
    operation.engine.startBody(operation);
    runSoonIn(runningIn(operation, undefined, this.#attempt), () => this.#run());
  }

  #run(): void {
    const operation = this.#operation;
    const { engine } = operation;
    if (engine.hasEnded || !operation.isLive()) return;
    settlementOf(() => this.#body()).then(
      (value) => this.#returned(value),
      (thrown: unknown) => {
        this.#fail(asError(thrown));
        engine.endBody(operation);
      },
    );
  }

  #body(): Promise<unknown> {
    const operation = this.#operation;
    const { observer } = operation.engine;
    const context = new BodyContext(this.#spec.logger, this.#attempt);
    const isAtMostOnce = this.#spec.semantics === StepSemantics.AtMostOncePerRetry;
    const run = () => runBody(operation, this.#attempt, isAtMostOnce, () => this.#spec.fn(context));
    if (observer === undefined) return run();
    const record = operation.record ?? operation.describe();
    const running = runningIn(operation, undefined, this.#attempt);
    return observer.attempt(record, this.#attempt, () => ifWanted(operation, () => runIn(running, run)));
  }

  /** The body has run: what goes wrong from here on is not for the retry strategy, which would run it again. */
  #returned(value: unknown): void {
    const operation = this.#operation;
    const { engine } = operation;
    try {
      const payload = serialize(operation, this.#spec.serdes, value);
      if (payload instanceof Promise) {
        void payload
          .then(
            (text) => this.#succeed(text),
            (error) => engine.fail(error),
          )
          .then(() => engine.endBody(operation));
        return;
      }
      this.#succeed(payload);
    } catch (error) {
      operation.threw(asError(error), "has a result that cannot be recorded", this.#attempt);
      operation.update("FAIL", { Error: errorObjectOf(error) }, true);
    }
    engine.endBody(operation);
  }

  #succeed(payload: string | undefined): void {
    this.#operation.update("SUCCEED", payload === undefined ? {} : { Payload: payload }, true);
  }

  #fail(error: Error): void {
    const decision = decide(
      this.#spec.retryStrategy,
      error,
      this.#attempt,
      this.#operation.engine.host.random,
    );
    const failed = `failed in attempt ${this.#attempt}`;
    if (decision.delaySeconds === undefined) {
      this.#operation.threw(decision.error, failed, this.#attempt);
      this.#operation.update("FAIL", { Error: errorObjectOf(decision.error) }, true);
    } else {
      this.#asInContext = captureContext();
      const next = `and is tried again in ${decision.delaySeconds} s`;
      this.#operation.threw(decision.error, `${failed} ${next}`, this.#attempt);
      const StepOptions = { NextAttemptDelaySeconds: decision.delaySeconds };
      this.#operation.update("RETRY", { Error: errorObjectOf(decision.error), StepOptions }, true);
    }
  }
}

/** What a body gets. */
export class BodyContext implements StepContext<DurableLogger> {
  readonly attempt: number;
  readonly #createLogger: () => DurableContextLogger<DurableLogger>;

  constructor(createLogger: () => DurableContextLogger<DurableLogger>, attempt: number) {
    this.#createLogger = createLogger;
    this.attempt = attempt;
  }

  get logger(): DurableContextLogger<DurableLogger> {
    return this.#createLogger();
  }
}

/** What the strategy says; a strategy that throws fails the step with what it threw. */
function decide(
  strategy: StepSpec["retryStrategy"],
  error: Error,
  attempt: number,
  random: () => number,
): { readonly error: Error; readonly delaySeconds?: number } {
  try {
    const decision = strategy(error, attempt, random) ?? retryPresets.default(error, attempt);
    if (typeof decision.shouldRetry !== "boolean")
      throw notADecision("retryStrategy", "shouldRetry", decision);
    if (!decision.shouldRetry) return { error };
    return { error, delaySeconds: retryDelaySeconds(decision.delay) };
  } catch (thrown) {
    return { error: asError(thrown) };
  }
}

/** Default 1 s. Source: AWS SDK, `RetryDecision.delay`. */
function retryDelaySeconds(delay: Duration | undefined): number {
  return delay === undefined ? 1 : durationSeconds(delay, "retryStrategy().delay", { minimumSeconds: 0 });
}

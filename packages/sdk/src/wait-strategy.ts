/**
 * Owns wait strategies: after a check of `waitForCondition`, whether there is another one and how
 * long until it.
 *
 * Backoff, jitter and the rules of configuration are those of `retry`.
 */

import { TidemarkError } from "@tidemark/protocol";
import type { Duration } from "./duration.js";
import { systemHost } from "./host.js";
import {
  backoffRateOption,
  checkConfig,
  configError,
  delayOption,
  type JitterStrategy,
  jitteredSeconds,
  jitterOption,
  maxAttemptsOption,
} from "./retry.js";

/**
 * What happens after a check: another one after `delay`, or the wait is over.
 *
 * @example
 * ```ts
 * const decision: WaitForConditionDecision = { shouldContinue: true, delay: { minutes: 1 } };
 * ```
 */
export type WaitForConditionDecision = { shouldContinue: true; delay: Duration } | { shouldContinue: false };

/**
 * Decides after each check, from the state that it returned. `attempt` counts from 1. An error that
 * it throws fails the wait.
 *
 * @example
 * ```ts
 * const untilReady: WaitForConditionWaitStrategyFunc<{ status: string }> = (state, attempt) =>
 *   state.status === "ready"
 *     ? { shouldContinue: false }
 *     : { shouldContinue: true, delay: { seconds: attempt * 10 } };
 * ```
 */
export type WaitForConditionWaitStrategyFunc<T> = (state: T, attempt: number) => WaitForConditionDecision;

/** Options of {@link createWaitStrategy}. Defaults: 60 attempts, 5 s × 1.5ⁿ, at most 300 s, full jitter. */
export interface WaitStrategyConfig<T> {
  /** True while the wait goes on. Called with the state of each check; synchronous. */
  shouldContinuePolling: (result: T) => boolean;
  /** Checks before the wait fails: a whole number of 1 or more, or `Infinity`. Default 60. */
  maxAttempts?: number | undefined;
  /** Delay before the second check, before jitter. Whole seconds, 0 to 366 days. Default 5 seconds. */
  initialDelay?: Duration | undefined;
  /** Longest delay, before jitter. Whole seconds, 0 to 366 days. Default 300 seconds. */
  maxDelay?: Duration | undefined;
  /** Factor from one delay to the next: a finite number above 0. Default 1.5. */
  backoffRate?: number | undefined;
  /** Default `JitterStrategy.FULL`. */
  jitter?: JitterStrategy | undefined;
  /**
   * Ignored, as in the AWS SDK, which accepts it and never reads it. Honouring it would end waits
   * that go on today, and a strategy cannot: it sees a state and a count, not the time at which the
   * wait began. Bound a wait with `maxAttempts`.
   *
   * @deprecated It has no effect.
   */
  timeoutSeconds?: number | undefined;
}

/**
 * A strategy that checks again while `shouldContinuePolling` says so, after delays that grow by a
 * factor: `initialDelay × backoffRate^(attemptsMade - 1)`.
 *
 * The delay is capped at `maxDelay`, then jitter is applied, then it is rounded to whole seconds of
 * at least 1. A state that ends the wait ends it at the last attempt, too.
 * Source: AWS durable execution SDK 2.4.0, except that options which are `undefined` mean the default.
 *
 * @throws TidemarkError `TIDEMARK_WAIT_CONFIG` or `TIDEMARK_DURATION` for an option that cannot work.
 * The strategy throws `TIDEMARK_WAIT_ATTEMPTS` when the wait would go on after `maxAttempts`, and
 * `TIDEMARK_WAIT_CONFIG` when `shouldContinuePolling` returns a promise, which would be true for ever.
 *
 * @example
 * ```ts
 * const strategy = createWaitStrategy<{ status: string }>({
 *   shouldContinuePolling: (job) => job.status !== "done",
 *   jitter: JitterStrategy.NONE,
 * });
 * strategy({ status: "running" }, 2); // { shouldContinue: true, delay: { seconds: 8 } }
 * strategy({ status: "done" }, 3); // { shouldContinue: false }
 * ```
 */
export function createWaitStrategy<T>(
  config: WaitStrategyConfig<T>,
): (result: T, attemptsMade: number, random?: () => number) => WaitForConditionDecision {
  const owner = { name: "createWaitStrategy", code: "TIDEMARK_WAIT_CONFIG" };
  checkConfig(config, owner);
  const { shouldContinuePolling } = config;
  if (typeof shouldContinuePolling !== "function") {
    throw configError(owner, "shouldContinuePolling", shouldContinuePolling, "give a function of the state");
  }
  const maxAttempts = maxAttemptsOption(config.maxAttempts, 60, owner);
  const initialSeconds = delayOption(config.initialDelay, "initialDelay", 5, owner);
  const maxDelaySeconds = delayOption(config.maxDelay, "maxDelay", 300, owner);
  const backoffRate = backoffRateOption(config.backoffRate, 1.5, owner);
  const jitter = jitterOption(config.jitter, owner);

  return (result, attemptsMade, random = systemHost.random) => {
    const goesOn: unknown = shouldContinuePolling(result);
    if (isPromise(goesOn)) {
      throw new TidemarkError(
        owner.code,
        "shouldContinuePolling of createWaitStrategy returned a promise: it must be synchronous; await in the check and put what it needs into the state",
      );
    }
    if (!goesOn) return { shouldContinue: false };
    if (attemptsMade >= maxAttempts) {
      throw new TidemarkError(
        "TIDEMARK_WAIT_ATTEMPTS",
        `waitForCondition exceeded maximum attempts (${maxAttempts}): the condition still did not hold; raise maxAttempts or the delays of createWaitStrategy`,
      );
    }
    const delaySeconds = Math.min(initialSeconds * backoffRate ** (attemptsMade - 1), maxDelaySeconds);
    return { shouldContinue: true, delay: { seconds: jitteredSeconds(delaySeconds, jitter, random) } };
  };
}

function isPromise(value: unknown): boolean {
  return (
    typeof value === "object" && value !== null && typeof (value as { then?: unknown }).then === "function"
  );
}

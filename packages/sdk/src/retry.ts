/**
 * Owns retry strategies: after a failed attempt, whether there is another one and how long until it.
 *
 * A strategy is a function of the error and of the attempts made. It keeps nothing between calls,
 * so the same strategy can serve any number of steps at the same time. It does not know what was
 * attempted; `wait-strategy` polls with the same backoff and jitter.
 *
 * 1. Everything in a configuration is checked when the strategy is made, not when a step fails.
 * 2. An option that is present but `undefined` means its default.
 * 3. Options that are not known are ignored: code moves here from the AWS SDK unchanged, and its
 *    README configures strategies with names that it never reads.
 */

import { TidemarkError } from "@tidemark/protocol";
import { type Duration, durationSeconds, valueText } from "./duration.js";
import { systemHost } from "./host.js";

/**
 * What happens after a failed attempt: another one after `delay`, or none.
 *
 * `delay` is read only when `shouldRetry` is true. Default 1 second, at least 1 second, at most 366 days.
 *
 * @example
 * ```ts
 * const decision: RetryDecision = { shouldRetry: true, delay: { seconds: 5 } };
 * ```
 */
export interface RetryDecision {
  shouldRetry: boolean;
  delay?: Duration;
}

/**
 * How much of a delay is random, so that callers which failed together do not come back together.
 *
 * @example
 * ```ts
 * const strategy = createRetryStrategy({ jitter: JitterStrategy.HALF });
 * ```
 */
// biome-ignore lint/style/noEnum: a public name of the AWS SDK, which code uses as an enum.
export enum JitterStrategy {
  /** The delay as calculated. */
  NONE = "NONE",
  /** Between nothing and the delay as calculated. */
  FULL = "FULL",
  /** Between half of the delay as calculated and all of it. */
  HALF = "HALF",
}

/**
 * Decides after each failed attempt. `attemptsMade` counts from 1.
 *
 * `random` draws a number in [0, 1) for the jitter. The SDK leaves it out, and then the process's
 * randomness is used; tests and simulations give their own.
 */
export type RetryStrategy = (error: Error, attemptsMade: number, random?: () => number) => RetryDecision;

interface RetryOptions {
  /** All attempts, the first one included: a whole number of 1 or more (1: no retries), or `Infinity`. */
  maxAttempts?: number | undefined;
  /** Delay before the second attempt, before jitter. Whole seconds, 0 to 366 days. */
  initialDelay?: Duration | undefined;
  /** Longest delay, before jitter. Whole seconds, 0 to 366 days. Default 5 minutes. */
  maxDelay?: Duration | undefined;
  /** Default `JitterStrategy.FULL`. */
  jitter?: JitterStrategy | undefined;
  /**
   * Retry errors whose message includes one of the strings or matches one of the expressions.
   * An empty list matches nothing. With `retryableErrorTypes` as well, either match is enough.
   * Default: every error, unless `retryableErrorTypes` is given.
   */
  retryableErrors?: (string | RegExp)[] | undefined;
  /** Retry errors that are instances of one of the classes. An empty list matches nothing. */
  retryableErrorTypes?: (abstract new (...args: never[]) => Error)[] | undefined;
}

/** Options of {@link createRetryStrategy}. Defaults: 3 attempts, 5 s × 2ⁿ, at most 5 minutes, full jitter. */
export interface RetryStrategyConfig extends RetryOptions {
  /** Factor from one delay to the next: a finite number above 0; below 1 the delays shrink. Default 2. */
  backoffRate?: number | undefined;
}

/** Options of {@link createLinearRetryStrategy}. Defaults: 6 attempts, 1 s + 1 s, at most 5 minutes, full jitter. */
export interface LinearRetryStrategyConfig extends RetryOptions {
  /** What each delay adds to the one before it. Whole seconds, 0 to 366 days. Default 1 second. */
  increment?: Duration | undefined;
}

/**
 * A strategy whose delays grow by a factor: `initialDelay × backoffRate^(attemptsMade - 1)`.
 *
 * The delay is capped at `maxDelay`, then jitter is applied, then it is rounded to whole seconds of
 * at least 1. Defaults: 3 attempts, 5 s, 10 s, at most 5 minutes, full jitter, every error.
 * Source: AWS durable execution SDK 2.4.0, except that options which are `undefined` mean the default.
 *
 * @throws TidemarkError `TIDEMARK_RETRY_CONFIG` or `TIDEMARK_DURATION` for an option that cannot work.
 *
 * @example
 * ```ts
 * const strategy = createRetryStrategy({ maxAttempts: 5, jitter: JitterStrategy.NONE });
 * strategy(new Error("busy"), 3); // { shouldRetry: true, delay: { seconds: 20 } }
 * ```
 */
export function createRetryStrategy(config: RetryStrategyConfig = {}): RetryStrategy {
  const owner = { name: "createRetryStrategy", code: "TIDEMARK_RETRY_CONFIG" };
  checkConfig(config, owner);
  const initialSeconds = delayOption(config.initialDelay, "initialDelay", 5, owner);
  const backoffRate = backoffRateOption(config.backoffRate, 2, owner);
  return strategyOf(config, owner, 3, (attemptsMade) => initialSeconds * backoffRate ** (attemptsMade - 1));
}

/**
 * A strategy whose delays grow by a constant: `initialDelay + increment × (attemptsMade - 1)`.
 *
 * Capped, jittered and rounded like those of {@link createRetryStrategy}. Defaults: 6 attempts,
 * 1 to 5 seconds, at most 5 minutes, full jitter, every error. Source: AWS durable execution SDK 2.4.0.
 *
 * @throws TidemarkError `TIDEMARK_RETRY_CONFIG` or `TIDEMARK_DURATION` for an option that cannot work.
 *
 * @example
 * ```ts
 * const strategy = createLinearRetryStrategy({ increment: { seconds: 3 }, jitter: JitterStrategy.NONE });
 * strategy(new Error("busy"), 2); // { shouldRetry: true, delay: { seconds: 4 } }
 * ```
 */
export function createLinearRetryStrategy(config: LinearRetryStrategyConfig = {}): RetryStrategy {
  const owner = { name: "createLinearRetryStrategy", code: "TIDEMARK_RETRY_CONFIG" };
  checkConfig(config, owner);
  const initialSeconds = delayOption(config.initialDelay, "initialDelay", 1, owner);
  const incrementSeconds = delayOption(config.increment, "increment", 1, owner);
  return strategyOf(
    config,
    owner,
    6,
    (attemptsMade) => initialSeconds + incrementSeconds * (attemptsMade - 1),
  );
}

/**
 * Strategies that need no configuration.
 *
 * - `default`: 6 attempts, 5 s × 2ⁿ, at most 60 s, full jitter. Steps use it when they are given none.
 * - `linear`: 6 attempts after exactly 1, 2, 3, 4 and 5 s.
 * - `noRetry`: 1 attempt.
 *
 * Source: AWS durable execution SDK 2.4.0.
 *
 * @example
 * ```ts
 * retryPresets.linear(new Error("busy"), 2); // { shouldRetry: true, delay: { seconds: 2 } }
 * ```
 */
export const retryPresets: {
  default: RetryStrategy;
  linear: RetryStrategy;
  noRetry: RetryStrategy;
} = {
  default: createRetryStrategy({ maxAttempts: 6, maxDelay: { seconds: 60 } }),
  linear: createLinearRetryStrategy({ jitter: JitterStrategy.NONE }),
  noRetry: createRetryStrategy({ maxAttempts: 1 }),
};

function strategyOf(
  config: RetryOptions,
  owner: ConfigOwner,
  defaultMaxAttempts: number,
  delaySeconds: (attemptsMade: number) => number,
): RetryStrategy {
  const maxAttempts = maxAttemptsOption(config.maxAttempts, defaultMaxAttempts, owner);
  const maxDelaySeconds = delayOption(config.maxDelay, "maxDelay", 300, owner);
  const jitter = jitterOption(config.jitter, owner);
  const isRetryable = retryableFilter(config, owner);
  return (error, attemptsMade, random = systemHost.random) => {
    if (attemptsMade >= maxAttempts || !isRetryable(error)) return { shouldRetry: false };
    const seconds = jitteredSeconds(Math.min(delaySeconds(attemptsMade), maxDelaySeconds), jitter, random);
    return { shouldRetry: true, delay: { seconds } };
  };
}

function retryableFilter(config: RetryOptions, owner: ConfigOwner): (error: Error) => boolean {
  if (config.retryableErrors === undefined && config.retryableErrorTypes === undefined) return () => true;
  const patterns = listOption(
    config.retryableErrors,
    "retryableErrors",
    isPattern,
    "strings and RegExps",
    owner,
  );
  const types = listOption(
    config.retryableErrorTypes,
    "retryableErrorTypes",
    isClass,
    "error classes",
    owner,
  );
  return (error) =>
    patterns.some((pattern) => matches(pattern, error.message)) ||
    types.some((type) => error instanceof type);
}

function matches(pattern: string | RegExp, message: string): boolean {
  // `search`, because `test` remembers its position in an expression with the flag g and misses every other match.
  return typeof pattern === "string" ? message.includes(pattern) : message.search(pattern) >= 0;
}

function isPattern(value: unknown): boolean {
  return typeof value === "string" || Object.prototype.toString.call(value) === "[object RegExp]";
}

function isClass(value: unknown): boolean {
  return typeof value === "function" && typeof value.prototype === "object" && value.prototype !== null;
}

function listOption<Item>(
  list: readonly Item[] | undefined,
  option: string,
  isItem: (value: unknown) => boolean,
  items: string,
  owner: ConfigOwner,
): readonly Item[] {
  if (list === undefined) return [];
  if (!Array.isArray(list)) throw configError(owner, option, list, `give an array of ${items}`);
  const wrong = list.findIndex((item) => !isItem(item));
  if (wrong >= 0) throw configError(owner, `${option}[${wrong}]`, list[wrong], `give only ${items}`);
  return [...list];
}

/** The function whose configuration is checked, and the code that its errors have. */
interface ConfigOwner {
  readonly name: string;
  readonly code: string;
}

/** Says which option of which function is wrong, what it is and what to give instead. */
export function configError(
  owner: ConfigOwner,
  option: string,
  value: unknown,
  advice: string,
): TidemarkError {
  return new TidemarkError(owner.code, `${option} of ${owner.name} is ${valueText(value)}: ${advice}`);
}

export function checkConfig(config: unknown, owner: ConfigOwner): void {
  if (typeof config !== "object" || config === null) {
    throw configError(owner, "the configuration", config, "give an object");
  }
}

export function maxAttemptsOption(value: number | undefined, byDefault: number, owner: ConfigOwner): number {
  if (value === undefined) return byDefault;
  if (value === Number.POSITIVE_INFINITY || (Number.isInteger(value) && value >= 1)) return value;
  throw configError(
    owner,
    "maxAttempts",
    value,
    "give a whole number of 1 or more, the first attempt included",
  );
}

export function backoffRateOption(value: number | undefined, byDefault: number, owner: ConfigOwner): number {
  if (value === undefined) return byDefault;
  if (typeof value === "number" && Number.isFinite(value) && value > 0) return value;
  throw configError(owner, "backoffRate", value, "give a finite number above 0");
}

export function jitterOption(value: JitterStrategy | undefined, owner: ConfigOwner): JitterStrategy {
  if (value === undefined) return JitterStrategy.FULL;
  if (Object.values(JitterStrategy).includes(value)) return value;
  throw configError(owner, "jitter", value, "give JitterStrategy.NONE, FULL or HALF");
}

/** Seconds of an optional delay. 0 is accepted, and comes out as the 1 second that every delay has at least. */
export function delayOption(
  value: Duration | undefined,
  option: string,
  defaultSeconds: number,
  owner: ConfigOwner,
): number {
  if (value === undefined) return defaultSeconds;
  return durationSeconds(value, `${option} of ${owner.name}`, { minimumSeconds: 0 });
}

/** A delay with its random part, in whole seconds of at least 1. */
export function jitteredSeconds(seconds: number, jitter: JitterStrategy, random: () => number): number {
  return Math.max(1, Math.round(withJitter(seconds, jitter, random)));
}

function withJitter(seconds: number, jitter: JitterStrategy, random: () => number): number {
  switch (jitter) {
    case JitterStrategy.NONE:
      return seconds;
    case JitterStrategy.FULL:
      return random() * seconds;
    case JitterStrategy.HALF:
      return seconds / 2 + (random() * seconds) / 2;
  }
}

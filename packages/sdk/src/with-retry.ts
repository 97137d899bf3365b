/** Owns withRetry: a block of durable operations that is tried again as a whole. */

import type { ChildConfig } from "./child.js";
import type { DurableContext } from "./durable-context.js";
import { asError } from "./errors.js";
import { type RetryDecision, retryPresets } from "./retry.js";

export interface WithRetryConfig<T> {
  /** Decides after each failed attempt, as for steps. */
  retryStrategy: (error: Error, attemptCount: number) => RetryDecision;
  /** Group the attempts in a child context; its failure is a `ChildContextError`. Default `true`. */
  wrapWithRunInChildContext?: boolean;
  /** For that child context. */
  childContextConfig?: ChildConfig<T>;
}

/** One attempt; `attempt` counts from 1. */
export type RetryableFunc<T> = (context: DurableContext, attempt: number) => Promise<T>;

/**
 * Runs `func`, and again after a durable wait when it fails, as long as the strategy says so.
 *
 * Waits between attempts are named `<name>-backoff-<attempt>` when there is a name.
 *
 * @example
 * ```ts
 * const answer = await withRetry(
 *   context,
 *   "approval",
 *   (attemptContext) => attemptContext.invoke("ask-somebody", { question: "go?" }),
 *   { retryStrategy: createRetryStrategy({ maxAttempts: 3 }) },
 * );
 * ```
 */
export function withRetry<T>(
  context: DurableContext,
  name: string,
  func: RetryableFunc<T>,
  config: WithRetryConfig<T>,
): Promise<T>;
export function withRetry<T>(
  context: DurableContext,
  func: RetryableFunc<T>,
  config: WithRetryConfig<T>,
): Promise<T>;
export function withRetry<T>(context: DurableContext, ...args: unknown[]): Promise<T> {
  const [name, func, config] = (typeof args[0] === "function" ? [undefined, ...args] : args) as [
    string | undefined,
    RetryableFunc<T>,
    WithRetryConfig<T>,
  ];
  if (config.wrapWithRunInChildContext === false) return attempts(context, name, func, config);
  return context.runInChildContext(
    name,
    (child) => attempts(child, name, func, config),
    config.childContextConfig ?? {},
  );
}

async function attempts<T>(
  context: DurableContext,
  name: string | undefined,
  func: RetryableFunc<T>,
  config: WithRetryConfig<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await func(context, attempt);
    } catch (thrown) {
      const error = asError(thrown);
      const decision = config.retryStrategy(error, attempt) ?? retryPresets.default(error, attempt);
      if (!decision.shouldRetry) throw thrown;
      const delay = decision.delay ?? { seconds: 1 };
      if (name === undefined) await context.wait(delay);
      else await context.wait(`${name}-backoff-${attempt}`, delay);
    }
  }
}

/** Owns withRetry: a block of durable operations that is tried again as a whole. */

import { TidemarkError, valueText } from "@tidemark/protocol";
import { notADecision } from "./arguments.js";
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
 * @throws TidemarkError `TIDEMARK_ARGUMENT` when `func` or `config.retryStrategy` is not a function.
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
  requireFunction("func", func, name);
  requireFunction("config.retryStrategy", config?.retryStrategy, name);
  if (config.wrapWithRunInChildContext === false) {
    const outcome = attempts(context, name, func, config);
    // As with every operation, a failure that nobody observes is not an unhandled rejection of the process.
    outcome.catch(() => {});
    return outcome;
  }
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
      if (typeof decision.shouldRetry !== "boolean")
        throw notADecision("retryStrategy", "shouldRetry", decision);
      if (!decision.shouldRetry) throw thrown;
      const delay = decision.delay ?? { seconds: 1 };
      if (name === undefined) await context.wait(delay);
      else await context.wait(`${name}-backoff-${attempt}`, delay);
    }
  }
}

function requireFunction(field: string, value: unknown, name: unknown): void {
  if (typeof value === "function") return;
  const which = name === undefined ? "" : ` ${valueText(name)}`;
  throw new TidemarkError(
    "TIDEMARK_ARGUMENT",
    `withRetry${which}: ${field} is ${valueText(value)}; pass a function`,
  );
}

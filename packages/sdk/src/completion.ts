/** Owns when a batch is complete and why: thresholds, predicates and their order. */

import { type OptionNames, optionsProblem, valueText } from "@tidemark/protocol";
import { notADecision } from "./arguments.js";
import { BatchItemStatus } from "./batch-result.js";
import type { CompletionReason } from "./errors.js";

/** Whether a predicate's decision to end the batch is a success. */
// biome-ignore lint/style/noEnum: an enum in the AWS SDK, so a type and a value for its users.
export enum CompletionOutcome {
  SUCCEEDED = "SUCCEEDED",
  FAILED = "FAILED",
}

export type CompletionDecision = { complete: false } | { complete: true; outcome?: CompletionOutcome };

/** Go on with the batch. */
export const continueBatch = (): CompletionDecision => ({ complete: false });

/** End the batch now; items under way are abandoned. Default outcome: success. */
export const completeBatch = (
  outcome: CompletionOutcome = CompletionOutcome.SUCCEEDED,
): CompletionDecision => ({
  complete: true,
  outcome,
});

export interface CompletionItemStatus {
  index: number;
  name?: string;
  /** `undefined` until the item has started. */
  status?: BatchItemStatus;
}

/** Progress, as a predicate sees it. */
export interface CompletionStatus {
  successCount: number;
  failureCount: number;
  completedCount: number;
  totalCount: number;
  /** By index. */
  items: readonly CompletionItemStatus[];
}

/**
 * Thresholds. Without any, the first failure ends the batch; `minSuccessful` alone never ends it
 * for failures. Tolerances are exceeded by more than they say; percentages count all items.
 */
export interface ThresholdCompletionConfig {
  /** End once this many items have succeeded. 1 or more. */
  minSuccessful?: number;
  /** Go on with up to this many failures. 0 or more. */
  toleratedFailureCount?: number;
  /** Go on with failures of up to this share of all items. 0 to 100. */
  toleratedFailurePercentage?: number;
  shouldComplete?: never;
}

/** A predicate, asked before the first item and after each one. It must depend on its argument alone. */
export interface CustomCompletionConfig {
  shouldComplete: (status: CompletionStatus) => CompletionDecision;
  minSuccessful?: never;
  toleratedFailureCount?: never;
  toleratedFailurePercentage?: never;
}

/** When a batch is complete: thresholds or a predicate, not both. */
export type CompletionConfig = ThresholdCompletionConfig | CustomCompletionConfig;

/**
 * Presets, under the names that users of the Java and Python SDKs know.
 *
 * @example
 * ```ts
 * await context.map("fetch", urls, fetchOne, { completionConfig: CompletionConfig.minSuccessful(3) });
 * ```
 */
export const CompletionConfig = {
  /** Every item must succeed: the first failure ends the batch. */
  allSuccessful: (): ThresholdCompletionConfig => ({ toleratedFailureCount: 0 }),
  /** Every item runs, whatever fails. */
  allCompleted: (): ThresholdCompletionConfig => ({ toleratedFailurePercentage: 100 }),
  /** The first success ends the batch. */
  firstSuccessful: (): ThresholdCompletionConfig => ({ minSuccessful: 1 }),
  /** `count` successes end the batch. */
  minSuccessful: (count: number): ThresholdCompletionConfig => ({ minSuccessful: count }),
  /** More than `count` failures end the batch. */
  toleratedFailureCount: (count: number): ThresholdCompletionConfig => ({ toleratedFailureCount: count }),
  /** Failures of more than `percentage` of all items end the batch. */
  toleratedFailurePercentage: (percentage: number): ThresholdCompletionConfig => ({
    toleratedFailurePercentage: percentage,
  }),
} as const;

/** What has happened in a batch so far. */
interface Progress {
  readonly successCount: number;
  readonly failureCount: number;
  readonly totalCount: number;
  /** Made only when a predicate wants it. */
  readonly items: () => readonly CompletionItemStatus[];
}

/**
 * Why the batch is complete now, or `undefined` while it is not.
 *
 * Order of precedence: predicate, tolerance, all items, enough successes. Source: AWS SDK 2.4,
 * observed at every boundary.
 */
export function completionReason(
  config: CompletionConfig | undefined,
  progress: Progress,
): CompletionReason | undefined {
  const { successCount, failureCount, totalCount } = progress;
  const completedCount = successCount + failureCount;
  if (config?.shouldComplete !== undefined) {
    const decision = config.shouldComplete({
      successCount,
      failureCount,
      completedCount,
      totalCount,
      items: progress.items(),
    });
    if (typeof decision?.complete !== "boolean") throw notADecision("shouldComplete", "complete", decision);
    if (decision.complete) {
      return decision.outcome === CompletionOutcome.FAILED
        ? "CUSTOM_COMPLETION_FAILED"
        : "CUSTOM_COMPLETION_SUCCEEDED";
    }
    return completedCount === totalCount ? "ALL_COMPLETED" : undefined;
  }
  if (exceedsTolerance(config, progress)) return "FAILURE_TOLERANCE_EXCEEDED";
  if (completedCount === totalCount) return "ALL_COMPLETED";
  if (config?.minSuccessful !== undefined && successCount >= config.minSuccessful)
    return "MIN_SUCCESSFUL_REACHED";
  return undefined;
}

function exceedsTolerance(
  config: ThresholdCompletionConfig | undefined,
  { failureCount, totalCount }: Progress,
): boolean {
  if (failureCount === 0) return false;
  const { minSuccessful, toleratedFailureCount, toleratedFailurePercentage } = config ?? {};
  if (toleratedFailureCount === undefined && toleratedFailurePercentage === undefined)
    return minSuccessful === undefined;
  return (
    (toleratedFailureCount !== undefined && failureCount > toleratedFailureCount) ||
    (toleratedFailurePercentage !== undefined && failureCount * 100 > toleratedFailurePercentage * totalCount)
  );
}

/** The status of a batch that ended for this reason. */
export function batchStatus(
  reason: CompletionReason,
  failureCount: number,
): BatchItemStatus.SUCCEEDED | BatchItemStatus.FAILED {
  if (reason === "CUSTOM_COMPLETION_SUCCEEDED") return BatchItemStatus.SUCCEEDED;
  if (reason === "CUSTOM_COMPLETION_FAILED") return BatchItemStatus.FAILED;
  return failureCount > 0 ? BatchItemStatus.FAILED : BatchItemStatus.SUCCEEDED;
}

const THRESHOLDS = ["minSuccessful", "toleratedFailureCount", "toleratedFailurePercentage"] as const;

const NAMES: OptionNames<CompletionConfig> = {
  minSuccessful: true,
  toleratedFailureCount: true,
  toleratedFailurePercentage: true,
  shouldComplete: true,
};

/** What is wrong with the choices of a batch: the field, the value and what to do. `undefined` when nothing is. */
export function batchProblem(
  maxConcurrency: number | undefined,
  completion: CompletionConfig | undefined,
): string | undefined {
  const isUnlimited = maxConcurrency === undefined || maxConcurrency === Number.POSITIVE_INFINITY;
  if (!isUnlimited && !(Number.isInteger(maxConcurrency) && maxConcurrency >= 1)) {
    return `maxConcurrency is ${valueText(maxConcurrency)}; pass a whole number of at least 1, or leave it out for no limit`;
  }
  if (completion === undefined) return undefined;
  return optionsProblem(completion, NAMES, "completionConfig") ?? completionProblem(completion);
}

function completionProblem(config: CompletionConfig): string | undefined {
  const given = THRESHOLDS.filter((field) => config[field] !== undefined);
  if (config.shouldComplete !== undefined) {
    if (typeof config.shouldComplete !== "function")
      return "completionConfig.shouldComplete is not a function";
    if (given.length > 0) {
      return `completionConfig has shouldComplete and ${given.join(", ")}; use a predicate or thresholds, not both`;
    }
  }
  for (const field of given) {
    const value = config[field] as number;
    const isPercentage = field === "toleratedFailurePercentage";
    const least = field === "minSuccessful" ? 1 : 0;
    const isValid = isPercentage ? value >= 0 && value <= 100 : Number.isInteger(value) && value >= least;
    if (typeof value !== "number" || !isValid) {
      const wanted = isPercentage ? "a number from 0 to 100" : `a whole number of at least ${least}`;
      return `completionConfig.${field} is ${valueText(value)}; pass ${wanted}`;
    }
  }
  return undefined;
}

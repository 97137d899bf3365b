/**
 * Owns the result of a `map` or `parallel` as tests read it. On a backend in this process the log keeps
 * a summary and the items; the managed service keeps the whole a second time. Tests see the whole.
 */

import type { ErrorObject, Operation } from "@tidemark/protocol";

interface Summary {
  readonly type: "MapResult" | "ParallelResult";
  readonly completionReason: string;
  /** One letter per item: `S` succeeded, `F` failed, anything else started. */
  readonly itemStatuses: string;
}

const STATUSES: Readonly<Record<string, string>> = { S: "SUCCEEDED", F: "FAILED" };

export function isBatchSummary(value: unknown): value is Summary {
  const { type, itemStatuses } = Object(value) as Partial<Summary>;
  return (type === "MapResult" || type === "ParallelResult") && typeof itemStatuses === "string";
}

/** The result as the handler got it, from the items below the batch. */
export function wholeBatch(
  summary: Summary,
  items: readonly Operation[],
  parse: (text: string | undefined) => unknown,
): { all: object[]; completionReason: string } {
  const byIndex = new Map(items.map((item) => [indexOf(item), item.ContextDetails]));
  const all = Array.from(summary.itemStatuses, (letter, index) => {
    const details = byIndex.get(index);
    const status = STATUSES[letter] ?? "STARTED";
    return {
      index,
      status,
      ...(status === "SUCCEEDED" ? { result: parse(details?.Result) } : {}),
      ...(status === "FAILED" ? { error: asHandlerSees(details?.Error) } : {}),
    };
  });
  return { all, completionReason: summary.completionReason };
}

/** The id of an item ends with its place, from 1. */
function indexOf({ Id = "" }: Operation): number {
  return Number(Id.slice(Id.lastIndexOf("-") + 1)) - 1;
}

/** A handler gets the failure of an item as a `ChildContextError` around it. */
function asHandlerSees(error: ErrorObject = {}): ErrorObject {
  return { ErrorType: "ChildContextError", ErrorMessage: error.ErrorMessage, Cause: error };
}

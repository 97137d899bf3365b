/** Owns which invocations count as barren: those that failed and recorded nothing of their own. */

import type { BarrenRun, ExecutionHead, InvocationEnd, LogEntry, LogRecord } from "@tidemark/protocol";
import { withoutUnread } from "./unread-log.js";

/** Type of the error with which a worker that stops ends its invocations. */
export const WORKER_STOPPED = "TIDEMARK_WORKER_STOPPED";

/** Nothing is recorded: the first invocation has no barrier. */
export const EMPTY_LOG: BarrenRun = { count: 0, isOpen: true };

const PROGRESS: BarrenRun = { count: 0, isOpen: false };

/** How the invocation before ended: one that has not said so has died with its process. */
export function previousInvocation(
  { lastInvocation }: ExecutionHead,
  died: Omit<InvocationEnd, "error">,
): InvocationEnd {
  const ErrorMessage = "the process ended or lost its lease during the invocation";
  if (lastInvocation !== undefined) return withoutUnread(lastInvocation);
  return { ...died, error: { ErrorType: "Runtime.ExitError", ErrorMessage } };
}

/** A worker that stops hands over: neither the steps nor the invocation have failed. */
export function wasHandedOver(end: InvocationEnd): boolean {
  return end.error?.ErrorType === WORKER_STOPPED;
}

/** The barren invocations that a log ends with, once it has one entry more. */
export function barrenAfter(run: BarrenRun, { barrier, records }: LogEntry): BarrenRun {
  if (barrier === undefined) return PROGRESS;
  // A barrier begins one invocation, and tells how the one before it ended.
  const count = countBarren(run, barrier.previous);
  return { count, isOpen: !records.some(isProgress) };
}

/** Barren invocations in a row, up to the newest, which ended as `newest`. Those that were handed over are passed over. */
export function countBarren({ count, isOpen }: BarrenRun, newest: InvocationEnd): number {
  if (!isOpen) return 0;
  return wasHandedOver(newest) ? count : count + 1;
}

function isProgress(record: LogRecord): boolean {
  return record.event?.kind !== "step_interrupted";
}

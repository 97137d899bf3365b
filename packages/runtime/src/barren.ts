/** Owns which invocations count as barren: those that failed and recorded nothing of their own. */

import type { InvocationEnd, LogEntry, LogRecord } from "@tidemark/protocol";

/** Type of the error with which a worker that stops ends its invocations. */
export const WORKER_STOPPED = "TIDEMARK_WORKER_STOPPED";

/** A worker that stops hands over: neither the steps nor the invocation have failed. */
export function wasHandedOver(end: InvocationEnd): boolean {
  return end.error?.ErrorType === WORKER_STOPPED;
}

/** Barren invocations in a row, up to the newest, which ended as `newest`. Those that were handed over are passed over. */
export function countBarren(entries: readonly LogEntry[], newest: InvocationEnd): number {
  let count = 0;
  let end = newest;
  for (let index = entries.length - 1; index >= 0; index--) {
    const { barrier, records } = entries[index] as LogEntry;
    if (barrier === undefined || records.some(isProgress)) return count;
    if (!wasHandedOver(end)) count += 1;
    // A barrier begins one invocation, and tells how the one before it ended.
    end = barrier.previous;
  }
  // The first invocation has no barrier.
  return wasHandedOver(end) ? count : count + 1;
}

function isProgress(record: LogRecord): boolean {
  return record.event?.kind !== "step_interrupted";
}

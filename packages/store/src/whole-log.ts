/** Owns the read of a whole log, however long: page by page, past any snapshot. */

import type { LogEntry } from "@tidemark/protocol";
import type { ExecutionStore } from "./port.js";

/** Entries of one page: most are below 1 KB. */
const PAGE_ENTRIES = 1_000;

/** All entries of an execution, or those up to a sequence number; none when it is unknown. */
export async function wholeLog(
  store: Pick<ExecutionStore, "entries">,
  executionId: string,
  untilSequence: number = Number.POSITIVE_INFINITY,
): Promise<LogEntry[]> {
  const entries: LogEntry[] = [];
  while (entries.length < untilSequence) {
    const limit = Math.min(PAGE_ENTRIES, untilSequence - entries.length);
    const page = await store.entries(executionId, entries.length, limit);
    for (const entry of page ?? []) entries.push(entry);
    if (page === undefined || page.length < limit) break;
  }
  return entries;
}

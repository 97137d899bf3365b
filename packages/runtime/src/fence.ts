/** Owns the entry that fences off whoever runs an execution, where no barrier does (invariant 2). */

import { exactExecutionId, type LogEntry } from "@tidemark/protocol";
import { type ExecutionStore, isHeldBy, type LoadedExecution } from "@tidemark/store";
import { uniqueId } from "./unique-id.js";

interface Fence {
  readonly nowMs: number;
  /** Only if this epoch still holds the lease: who has been superseded must not fence off the newer one. */
  readonly heldBy?: number;
}

/** Takes the next sequence number with an empty entry. `missing`: no such execution; `superseded`: see `heldBy`. */
export async function fenceOff(
  store: ExecutionStore,
  executionId: string,
  { nowMs, heldBy }: Fence,
): Promise<"fenced" | "missing" | "superseded"> {
  for (;;) {
    const loaded = await store.load(executionId);
    if (loaded === undefined) return "missing";
    if (heldBy !== undefined && !isHeldBy(loaded.head, heldBy)) return "superseded";
    // What has been read may be gone by now, and its name used again.
    const exactId = exactExecutionId(loaded.head);
    const last = await lastEntry(store, exactId, loaded);
    // Removed since, and perhaps another execution has the id: that one is to be fenced off as it is.
    if (last === undefined && loaded.snapshot !== undefined) continue;
    const { appended } = await store.append(exactId, {
      sequence: (last?.sequence ?? 0) + 1,
      epoch: loaded.head.epoch,
      nonce: uniqueId(nowMs),
      // Time never runs backwards (invariant 13), also when the clock that started it was ahead.
      atMs: Math.max(nowMs, last?.atMs ?? loaded.head.startedAtMs),
      records: [],
    });
    if (appended) return "fenced";
  }
}

async function lastEntry(
  store: ExecutionStore,
  executionId: string,
  { entries, snapshot }: LoadedExecution,
): Promise<LogEntry | undefined> {
  if (entries.length > 0 || snapshot === undefined) return entries.at(-1);
  return (await store.entries(executionId, snapshot.sequence - 1, 1))?.[0];
}

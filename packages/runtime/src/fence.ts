/** Owns the entry that fences off whoever runs an execution, where no barrier does (invariant 2). */

import { type ExecutionStore, isHeldBy } from "@tidemark/store";
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
    const { appended } = await store.append(executionId, {
      sequence: loaded.entries.length + 1,
      epoch: loaded.head.epoch,
      nonce: uniqueId(nowMs),
      // Time never runs backwards (invariant 13), also when the clock that started it was ahead.
      atMs: Math.max(nowMs, loaded.entries.at(-1)?.atMs ?? loaded.head.startedAtMs),
      records: [],
    });
    if (appended) return "fenced";
  }
}

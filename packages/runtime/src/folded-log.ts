/**
 * Owns what a log comes to: the state, the number of the next entry, and when a snapshot is worth its write.
 *
 * A snapshot is made of the state as the log tells it, and of nothing else, so whoever makes it makes the same. It is
 * worth its write when there is much to read, and little of it is live: then each snapshot costs at most as much as
 * the dead entries did that it makes nobody read again.
 */

import {
  apply,
  type BarrenRun,
  decodeSnapshot,
  ExecutionState,
  encodeSnapshot,
  type InvocationEnd,
  isRejection,
  type LogEntry,
  TidemarkError,
  type Transition,
} from "@tidemark/protocol";
import type { SnapshotRequest, StoredSnapshot } from "@tidemark/store";
import { barrenAfter, countBarren, EMPTY_LOG } from "./barren.js";
import { operationsBytes, recordBytes } from "./log-bytes.js";

/** Entries that must have come before a snapshot is considered: reading less takes a store a few milliseconds. */
export const SNAPSHOT_AFTER_BYTES = 128 * 1024;

/** A snapshot is made in one piece, while nothing else runs. */
const MAX_SNAPSHOT_BYTES = 64 * 1024 * 1024;

/** What is live may be at most so much of what a load reads. */
const MAX_LIVE_SHARE = 0.5;

export class FoldedLog {
  readonly #executionId: string;
  #state: ExecutionState;
  #sequence = 0;
  #nonce = "";
  #barren: BarrenRun = EMPTY_LOG;
  /** The newest snapshot, and about how much a load reads of it and of the entries since. */
  #snapshotSequence = 0;
  #snapshotBytes = 0;
  #entriesBytes = 0;
  /** The state has something that is not in the log. */
  #isAhead = false;

  constructor(executionId: string, startedAtMs: number) {
    this.#executionId = executionId;
    this.#state = new ExecutionState(executionId, startedAtMs);
  }

  get state(): ExecutionState {
    return this.#state;
  }

  get nextSequence(): number {
    return this.#sequence + 1;
  }

  /** Begins with a snapshot. @throws TidemarkError `TIDEMARK_SNAPSHOT_CORRUPT`, `TIDEMARK_SNAPSHOT_VERSION`. */
  restore({ sequence, text = "" }: StoredSnapshot): void {
    this.#barren = decodeSnapshot(text, this.#state);
    this.#sequence = sequence;
    this.#snapshotSequence = sequence;
    this.#snapshotBytes = text.length;
  }

  /** @throws TidemarkError `TIDEMARK_LOG_CORRUPT`. */
  replay(entry: LogEntry): void {
    const transition = apply(this.#state, entry.records, entry.atMs);
    if (isRejection(transition)) {
      throw new TidemarkError(
        "TIDEMARK_LOG_CORRUPT",
        `execution ${this.#executionId}, log entry ${entry.sequence}: ${transition.rejected}; restore the store from a backup`,
      );
    }
    this.commit(entry, transition);
  }

  /** Takes an entry in that is durable. */
  commit(entry: LogEntry, transition: Transition): void {
    this.#state.commit(transition);
    this.#sequence = entry.sequence;
    this.#nonce = entry.nonce;
    this.#barren = barrenAfter(this.#barren, entry);
    for (const record of entry.records) this.#entriesBytes += recordBytes(record);
  }

  /** Takes in what is not in the log. */
  lookAhead(transition: Transition): void {
    this.#state.commit(transition);
    this.#isAhead = true;
  }

  /** Barren invocations in a row, up to the newest. */
  barrenCount(newest: InvocationEnd): number {
    return countBarren(this.#barren, newest);
  }

  /** A snapshot, if it is worth its write. The next one is considered after as many entries again. */
  snapshot(afterBytes: number): SnapshotRequest | undefined {
    if (this.#isAhead || this.#sequence === this.#snapshotSequence || this.#entriesBytes < afterBytes)
      return undefined;
    if (afterBytes > 0 && !this.#isWorthIt()) return undefined;
    const text = encodeSnapshot(this.#state, this.#barren);
    this.#snapshotSequence = this.#sequence;
    this.#snapshotBytes = text.length;
    this.#entriesBytes = 0;
    return { executionId: this.#executionId, sequence: this.#sequence, nonce: this.#nonce, text };
  }

  #isWorthIt(): boolean {
    // One look at all that is live, which whoever holds it has read a moment ago.
    const liveBytes = operationsBytes(this.#state.operations.values());
    const readBytes = this.#snapshotBytes + this.#entriesBytes;
    return liveBytes <= readBytes * MAX_LIVE_SHARE && liveBytes <= MAX_SNAPSHOT_BYTES;
  }
}

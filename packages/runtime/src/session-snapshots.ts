/** Owns how a session begins with a snapshot, and leaves one behind. Nothing depends on either: the log says the same. */

import type { TidemarkError } from "@tidemark/protocol";
import { type ExecutionStore, type StoredSnapshot, wholeLog } from "@tidemark/store";
import { type FoldedLog, SNAPSHOT_AFTER_BYTES } from "./folded-log.js";
import { snapshotFailed } from "./session-errors.js";

export interface SnapshotOptions {
  /** Entries since the last snapshot before another one is considered; 0: one whenever there are any. Default 128 KB. */
  readonly snapshotAfterBytes?: number | undefined;
  /** Told of snapshots that cannot be read or saved. Default: nobody is. */
  readonly report?: ((error: TidemarkError) => void) | undefined;
}

export class SessionSnapshots {
  readonly #store: ExecutionStore;
  readonly #executionId: string;
  readonly #log: FoldedLog;
  readonly #afterBytes: number;
  readonly #report: (error: TidemarkError) => void;
  #saving: Promise<unknown> = Promise.resolve();

  constructor(store: ExecutionStore, executionId: string, log: FoldedLog, options: SnapshotOptions) {
    this.#store = store;
    this.#executionId = executionId;
    this.#log = log;
    this.#afterBytes = options.snapshotAfterBytes ?? SNAPSHOT_AFTER_BYTES;
    this.#report = options.report ?? (() => {});
  }

  /** Settles when no snapshot is being saved; never rejects. */
  get saving(): Promise<unknown> {
    return this.#saving;
  }

  /** Begins with a snapshot, or, when it cannot be read, with the entries that it stands for. */
  async restore(snapshot: StoredSnapshot): Promise<void> {
    try {
      this.#log.restore(snapshot);
    } catch (error) {
      this.#report(error as TidemarkError);
      for (const entry of await wholeLog(this.#store, this.#executionId, snapshot.sequence))
        this.#log.replay(entry);
    }
  }

  /** Makes the next load shorter, if that is worth a write. Only the end of the invocation waits for it. */
  save(): void {
    const snapshot = this.#log.snapshot(this.#afterBytes);
    if (snapshot === undefined) return;
    const saved = this.#store.saveSnapshot(snapshot).catch((error: unknown) => {
      this.#report(snapshotFailed(this.#executionId, error));
    });
    this.#saving = Promise.all([this.#saving, saved]);
  }
}

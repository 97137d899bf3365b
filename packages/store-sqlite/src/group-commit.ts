/**
 * Owns when work reaches the file: all that is submitted in one turn of the event loop, from any
 * execution, is one transaction and one fsync.
 *
 * 1. Work runs in the order in which it was submitted, and each sees what the ones before it wrote.
 * 2. A promise settles after the commit (design, invariant 1).
 * 3. Work may run twice, so it only reads and writes the database; a run that counts is a committed one.
 * 4. Work that throws fails alone: the turn is undone, and each of its work gets a transaction of its
 *    own. What happens to the file as a whole fails all writes of the turn, and no reads.
 * 5. While the file is not to be used, all work is refused, reads too: they would tell of something else.
 * 6. A file that another connection has locked is tried again until `busyTimeoutMs` is over.
 *    Nothing blocks the event loop meanwhile, and work keeps its order.
 */

import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { closedError, isLocked, isOfFile, lockedError, storeError } from "./store-errors.js";
import { after, monotonicMs, onNextTurn, random } from "./turn.js";

interface GroupCommitOptions {
  readonly database: DatabaseSyncInstance;
  readonly path: string;
  readonly busyTimeoutMs: number;
  /** Why nothing may be done with the file now. */
  readonly refusal: () => unknown;
  /** Called after every commit of writes, when the promises are settled: the executions for which `changed` was called. */
  readonly onCommitted: (changedIds: ReadonlySet<string>) => void;
}

/** Work that writes with one statement needs no transaction when it is alone in its turn. */
type WorkKind = "read" | "write" | "single-statement-write";

/** Says that something about this execution may have become due or ended. */
export type Changed = (executionId: string) => void;

interface Work {
  readonly kind: WorkKind;
  readonly run: (changed: Changed) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/** The first retries follow at once: a lock is held for a fraction of a millisecond. */
const QUICK_RETRIES = 5;
const MAX_RETRY_DELAY_MS = 10;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #queue: Work[] = [];
  #isScheduled = false;
  #isClosed = false;
  /** How much work at the head of the queue is to run alone, because it has failed together. */
  #aloneCount = 0;
  #retries = 0;
  #lockedSinceMs: number | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  submit<T>(kind: WorkKind, run: (changed: Changed) => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(closedError(this.#options.path));
    return new Promise<T>((resolve, reject) => {
      // `resolve` gets what `run` gave.
      this.#queue.push({ kind, run, resolve: resolve as (value: unknown) => void, reject });
      if (this.#isScheduled) return;
      this.#isScheduled = true;
      onNextTurn(() => this.#flush());
    });
  }

  /** Takes no more work; settles when what was submitted has settled. */
  async close(): Promise<void> {
    this.#isClosed = true;
    if (this.#isScheduled) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  #flush(): void {
    const batch = this.#queue.slice(0, this.#aloneCount > 0 ? 1 : undefined);
    const refusal = this.#options.refusal();
    if (refusal !== undefined) {
      this.#goOn(this.#queue.slice(batch.length));
      for (const { reject } of batch) reject(refusal);
      return;
    }
    const changedIds = new Set<string>();
    let values: unknown[];
    try {
      values = this.#transact(batch, changedIds);
    } catch (error) {
      this.#rollback();
      this.#failed(batch, error);
      return;
    }
    this.#goOn(this.#queue.slice(batch.length));
    for (const [index, { resolve }] of batch.entries()) resolve(values[index]);
    if (batch.some(isWrite)) this.#options.onCommitted(changedIds);
  }

  /** Leaves `queue` to the next turn, if there is any. */
  #goOn(queue: Work[]): void {
    this.#queue = queue;
    this.#aloneCount = Math.max(0, this.#aloneCount - 1);
    this.#lockedSinceMs = undefined;
    this.#retries = 0;
    this.#isScheduled = queue.length > 0;
    if (this.#isScheduled) onNextTurn(() => this.#flush());
    else for (const idle of this.#whenIdle.splice(0)) idle();
  }

  /** Decides who fails and who is tried again: all, each alone, or the reads without the writes. */
  #failed(batch: readonly Work[], cause: unknown): void {
    const { path, busyTimeoutMs } = this.#options;
    if (isLocked(cause) && this.#waitsForLock()) return;
    if (batch.length > 1 && !isLocked(cause) && !isOfFile(cause)) {
      this.#goOn(this.#queue);
      this.#aloneCount = batch.length;
      return;
    }
    // Reads fail with the writes of their turn only if they also fail without them.
    const writes = batch.filter(isWrite);
    const failed = new Set(writes.length > 0 ? writes : batch);
    this.#goOn(this.#queue.filter((work) => !failed.has(work)));
    const error = isLocked(cause) ? lockedError(path, busyTimeoutMs, cause) : storeError(cause, path);
    for (const { reject } of failed) reject(error);
  }

  /** True when the batch stays in the queue and another flush is under way. */
  #waitsForLock(): boolean {
    const nowMs = monotonicMs();
    this.#lockedSinceMs ??= nowMs;
    if (nowMs - this.#lockedSinceMs >= this.#options.busyTimeoutMs) return false;
    const doublings = this.#retries++ - QUICK_RETRIES;
    if (doublings < 0) onNextTurn(() => this.#flush());
    // Half of the delay is random, so that processes which collide once do not collide again.
    else after(Math.min(2 ** doublings, MAX_RETRY_DELAY_MS) * (0.5 + random() / 2), () => this.#flush());
    return true;
  }

  #transact(batch: readonly Work[], changedIds: Set<string>): unknown[] {
    const { database } = this.#options;
    const changed = (executionId: string) => changedIds.add(executionId);
    const [first] = batch;
    if (batch.length === 1 && first?.kind === "single-statement-write") return [first.run(changed)];
    // A deferred transaction reads one snapshot and waits for no writer.
    database.exec(batch.some(isWrite) ? "BEGIN IMMEDIATE" : "BEGIN");
    const values = batch.map(({ run }) => run(changed));
    database.exec("COMMIT");
    return values;
  }

  #rollback(): void {
    const { database } = this.#options;
    try {
      // After some failures SQLite has rolled back by itself.
      if (database.isTransaction) database.exec("ROLLBACK");
    } catch {
      // What failed before says more.
    }
  }
}

function isWrite({ kind }: Work): boolean {
  return kind !== "read";
}

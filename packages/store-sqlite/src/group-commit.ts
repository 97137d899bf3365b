/**
 * Owns when work reaches the file: all that is submitted in one turn of the event loop, from any
 * execution, is one transaction and one fsync.
 *
 * 1. Work runs in the order in which it was submitted, and each sees what the ones before it wrote.
 * 2. A promise settles after the commit (design, invariant 1).
 * 3. Work may run twice, so it only reads and writes the database; a run that counts is a committed one.
 * 4. Work that throws is undone alone. What happens to the file as a whole fails all writes of the
 *    turn, and no reads.
 * 5. A file that another connection has locked is tried again until `busyTimeoutMs` is over.
 *    Nothing blocks the event loop meanwhile, and work keeps its order.
 */

import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { closedError, isLocked, isOfFile, lockedError, storeError } from "./store-errors.js";
import { after, monotonicMs, onNextTurn, random } from "./turn.js";

export interface GroupCommitOptions {
  readonly database: DatabaseSyncInstance;
  readonly path: string;
  readonly busyTimeoutMs: number;
  /** Called after every commit of writes, when the promises are settled: the executions for which `changed` was called. */
  readonly onCommitted: (changedIds: ReadonlySet<string>) => void;
}

/** Work that writes with one statement needs no transaction when it is alone in its turn. */
export type WorkKind = "read" | "write" | "single-statement-write";

/** Says that something about this execution may have become due or ended. */
export type Changed = (executionId: string) => void;

interface Work {
  readonly kind: WorkKind;
  readonly run: (changed: Changed) => unknown;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly value: unknown } | { readonly error: unknown };

/** The first retries follow at once: a lock is held for a fraction of a millisecond. */
const QUICK_RETRIES = 5;
const MAX_RETRY_DELAY_MS = 10;

export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #queue: Work[] = [];
  #isScheduled = false;
  #isClosed = false;
  #retries = 0;
  #lockedSinceMs: number | undefined;
  #whenIdle: (() => void)[] = [];

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  submit<T>(kind: WorkKind, run: (changed: Changed) => T): Promise<T> {
    if (this.#isClosed) return Promise.reject(closedError(this.#options.path));
    return new Promise<T>((resolve, reject) => {
      // `resolve` gets what `run` gave, in `#settle`.
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
    const batch = this.#queue;
    const changedIds = new Set<string>();
    let outcomes: Outcome[];
    try {
      outcomes = this.#transact(batch, changedIds);
    } catch (error) {
      if (isLocked(error) && this.#waitsForLock()) return;
      outcomes = this.#failed(batch, error);
    }
    this.#queue = [];
    this.#isScheduled = false;
    this.#lockedSinceMs = undefined;
    this.#retries = 0;
    settle(batch, outcomes, this.#options.path);
    for (const idle of this.#whenIdle.splice(0)) idle();
    if (batch.some(({ kind }) => kind !== "read")) this.#options.onCommitted(changedIds);
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

  #transact(batch: readonly Work[], changedIds: Set<string>): Outcome[] {
    try {
      return this.#runTogether(batch, changedIds);
    } catch (error) {
      this.#rollback();
      changedIds.clear();
      if (batch.length === 1 || isLocked(error) || isOfFile(error)) throw error;
    }
    try {
      return this.#runApart(batch, changedIds);
    } catch (error) {
      this.#rollback();
      changedIds.clear();
      throw error;
    }
  }

  /** Throws what the first failing work throws, and then nothing counts. */
  #runTogether(batch: readonly Work[], changedIds: Set<string>): Outcome[] {
    const { database } = this.#options;
    const isAlone = batch.length === 1 && batch[0]?.kind === "single-statement-write";
    if (!isAlone) this.#begin(batch);
    const outcomes = batch.map(({ run }) => ({ value: run((id) => changedIds.add(id)) }));
    if (!isAlone) database.exec("COMMIT");
    return outcomes;
  }

  /** The slow way, after a failure: each work can be undone alone. */
  #runApart(batch: readonly Work[], changedIds: Set<string>): Outcome[] {
    const { database } = this.#options;
    this.#begin(batch);
    const outcomes = batch.map((work): Outcome => {
      const changedHere: string[] = [];
      database.exec("SAVEPOINT work");
      try {
        const value = work.run((id) => changedHere.push(id));
        database.exec("RELEASE work");
        for (const id of changedHere) changedIds.add(id);
        return { value };
      } catch (error) {
        console.log("APART", work.kind, error, database.isTransaction);
        if (isLocked(error) || isOfFile(error) || !database.isTransaction) throw error;
        try { database.exec("ROLLBACK TO work"); } catch (e) { console.log("RB", e); throw e; }
        try { database.exec("RELEASE work"); } catch (e) { console.log("RL", e, database.isTransaction); throw e; }
        return { error };
      }
    });
    database.exec("COMMIT");
    return outcomes;
  }

  #begin(batch: readonly Work[]): void {
    // A deferred transaction reads one snapshot and waits for no writer.
    const isReadOnly = batch.every(({ kind }) => kind === "read");
    this.#options.database.exec(isReadOnly ? "BEGIN" : "BEGIN IMMEDIATE");
  }

  #rollback(): void {
    // After some failures SQLite has rolled back by itself.
    if (this.#options.database.isTransaction) this.#options.database.exec("ROLLBACK");
  }

  /** Outcomes of a batch whose transaction failed: reads get another, of their own. */
  #failed(batch: readonly Work[], cause: unknown): Outcome[] {
    const { path, busyTimeoutMs } = this.#options;
    const error = isLocked(cause) ? lockedError(path, busyTimeoutMs, cause) : cause;
    const reads = batch.filter(({ kind }) => kind === "read");
    let readOutcomes: Outcome[] = reads.map(() => ({ error }));
    if (reads.length > 0 && reads.length < batch.length) {
      try {
        readOutcomes = this.#transact(reads, new Set());
      } catch (readError) {
        readOutcomes = reads.map(() => ({ error: readError }));
      }
    }
    const next = readOutcomes[Symbol.iterator]();
    return batch.map(({ kind }): Outcome => (kind === "read" ? next.next().value : undefined) ?? { error });
  }
}

function settle(batch: readonly Work[], outcomes: readonly Outcome[], path: string): void {
  for (const [index, { resolve, reject }] of batch.entries()) {
    const outcome = outcomes[index] as Outcome;
    if ("error" in outcome) reject(storeError(outcome.error, path));
    else resolve(outcome.value);
  }
}

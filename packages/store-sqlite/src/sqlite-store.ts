/**
 * Owns the store port on one SQLite file: which work each method is, and what is done outside the
 * transaction. It does not know what a record does or when work is committed.
 */

import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { decodeEntry, type ExecutionHead, encodeEntry, type LogEntry } from "@tidemark/protocol";
import {
  type AcquireRequest,
  type ExecutionStore,
  encodeCursor,
  type FinishRequest,
  type ListPage,
  type ListRequest,
  type LoadedExecution,
  type LoadedInbox,
  type NewExecution,
  type Payloads,
  type PostRequest,
  type PostResult,
  type SnapshotRequest,
  type StoreManifest,
  type SuspendRequest,
} from "@tidemark/store";
import { closeConnection, openConnection } from "./connection.js";
import { FileIdentity } from "./file-identity.js";
import { ForeignChanges } from "./foreign-changes.js";
import { GroupCommit } from "./group-commit.js";
import { HeadWrites } from "./head-writes.js";
import { listStatement } from "./listing.js";
import { optionsError, type ResolvedOptions, resolveOptions, type SqliteStoreOptions } from "./options.js";
import { type HeadRow, headOf, type InboxRow, inboxEventOf, meant } from "./rows.js";
import { prepareStatements, type Statements } from "./statements.js";
import { entryTooLargeError, movedError } from "./store-errors.js";
import { type StoredText, storedText, textOf } from "./text.js";
import { monotonicMs } from "./turn.js";

/**
 * Far above any sensible checkpoint and below what SQLite takes (10^9 bytes): an entry is written
 * and read as one value, and blocks the event loop meanwhile.
 */
const MAX_ENTRY_BYTES = 64 * 1024 * 1024;

/** UTF-8 needs at most 3 bytes for one UTF-16 code unit. */
const MAX_BYTES_PER_CODE_UNIT = 3;

/** Executions removed in one transaction: other work gets its turn in between. */
const PURGE_CHUNK = 25;

/**
 * Keeps executions in one SQLite file, for one or several processes of one machine.
 *
 * All writes issued in one turn of the event loop are one transaction and one fsync; a promise
 * settles after it. Writing blocks the event loop for the time of the fsync. Several processes may
 * open the same file; each write waits for its turn, up to `busyTimeoutMs`.
 *
 * Every method rejects with a `TidemarkError` whose `code` is `TIDEMARK_STORE_CORRUPT`, `_FULL`,
 * `_LOCKED`, `_NOT_WRITABLE`, `_IO`, `_MOVED`, `_UNEXPECTED` or `_CLOSED` when the file does not allow the
 * operation. Then nothing of it is recorded, and the same call may be made again.
 *
 * @example
 * ```ts
 * import { Worker } from "@tidemark/runtime";
 * import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
 * import { SqliteStore } from "@tidemark/store-sqlite";
 *
 * const store = await SqliteStore.open({ path: "./tidemark.db" });
 * const greet = withDurableExecution(async (name: string, context: DurableContext) =>
 *   context.step(async () => `Hello ${name}`),
 * );
 * const worker = new Worker({ store, functions: { greet } });
 * await worker.start();
 * ```
 */
export class SqliteStore implements ExecutionStore {
  readonly manifest: StoreManifest = {
    name: "sqlite",
    multiProcess: true,
    durable: true,
    maxEntryBytes: MAX_ENTRY_BYTES,
  };

  readonly payloads: Payloads | undefined;
  readonly #database: DatabaseSyncInstance;
  readonly #path: string;
  readonly #statements: Statements;
  readonly #heads: HeadWrites;
  readonly #identity: FileIdentity;
  readonly #work: GroupCommit;
  readonly #foreign: ForeignChanges;
  readonly #listeners = new Set<(executionId: string) => void>();
  #closing: Promise<void> | undefined;

  private constructor(database: DatabaseSyncInstance, options: ResolvedOptions) {
    // From JavaScript anybody can call it.
    if (options === undefined)
      throw optionsError("a store is opened: use await SqliteStore.open(options), not new");
    const { path, busyTimeoutMs, pollIntervalMs, payloads } = options;
    this.payloads = payloads;
    this.#database = database;
    this.#path = path;
    this.#statements = prepareStatements(database);
    this.#heads = new HeadWrites(this.#statements);
    this.#identity = new FileIdentity(path, monotonicMs);
    this.#work = new GroupCommit({
      database,
      path,
      busyTimeoutMs,
      refusal: () => {
        const moved = this.#identity.moved();
        return moved === undefined ? undefined : movedError(path, moved);
      },
      onCommitted: (changedIds) => {
        this.#foreign.ownCommit();
        for (const id of changedIds) this.#tell(id);
      },
    });
    this.#foreign = new ForeignChanges({
      version: () => this.#statements.dataVersion.get().data_version,
      walPath: `${path}-wal`,
      pollIntervalMs,
      onChange: () => this.#tell(""),
    });
  }

  /**
   * Opens the file, and creates it when it does not exist.
   *
   * @throws TidemarkError
   * - `TIDEMARK_STORE_OPTIONS`: an option cannot work.
   * - `TIDEMARK_STORE_PATH`: the directory is missing, the path is `:memory:` or a URI, or the
   *   file is a database of another application.
   * - `TIDEMARK_STORE_NOT_WRITABLE`: the process may not write the file or its directory.
   * - `TIDEMARK_STORE_CORRUPT`: the file is damaged or is not an SQLite database.
   * - `TIDEMARK_STORE_VERSION`: a newer version of Tidemark wrote the file.
   * - `TIDEMARK_STORE_LOCKED`: another connection holds the file for longer than `busyTimeoutMs`.
   *
   * @example
   * ```ts
   * import { SqliteStore } from "@tidemark/store-sqlite";
   *
   * const store = await SqliteStore.open({ path: "./tidemark.db", durability: "normal" });
   * await store.close();
   * ```
   */
  static async open(options: SqliteStoreOptions): Promise<SqliteStore> {
    const resolved = resolveOptions(options);
    return new SqliteStore(await openConnection(resolved), resolved);
  }

  start(execution: NewExecution): Promise<{ created: boolean; head: ExecutionHead }> {
    return this.#work.submit("write", (changed) => this.#heads.start(execution, changed));
  }

  head(executionId: string): Promise<ExecutionHead | undefined> {
    return this.#work.submit("read", () => this.#heads.read(executionId)?.head);
  }

  async load(executionId: string): Promise<LoadedExecution | undefined> {
    const loaded = await this.#work.submit("read", () => {
      const found = this.#heads.read(executionId);
      if (found === undefined) return undefined;
      const { number, head } = found;
      const snapshot = this.#statements.snapshot.get(number) as SnapshotRow | undefined;
      const rows = this.#statements.entries.all(number, snapshot?.sequence ?? 0, -1) as EntryRow[];
      return { head, snapshot, rows, inbox: this.#statements.inbox.all(number) as InboxRow[] };
    });
    if (loaded === undefined) return undefined;
    const { head, snapshot, rows, inbox } = loaded;
    return {
      head,
      ...(snapshot === undefined
        ? {}
        : { snapshot: { sequence: snapshot.sequence, text: textOf(snapshot.snapshot) } }),
      entries: rows.map(entryOf),
      inbox: inbox.map(inboxEventOf),
    };
  }

  async inbox(executionId: string): Promise<LoadedInbox | undefined> {
    const loaded = await this.#work.submit("read", () => {
      const found = this.#heads.readWithoutInput(executionId);
      if (found === undefined) return undefined;
      const rows = this.#statements.inbox.all(found.number) as InboxRow[];
      return { inboxCount: found.head.inboxCount, rows };
    });
    if (loaded === undefined) return undefined;
    return { inboxCount: loaded.inboxCount, events: loaded.rows.map(inboxEventOf) };
  }

  async entries(executionId: string, afterSequence: number, limit: number): Promise<LogEntry[] | undefined> {
    const rows = await this.#work.submit("read", () => {
      const found = this.#heads.readWithoutInput(executionId);
      if (found === undefined) return undefined;
      return this.#statements.entries.all(found.number, afterSequence, limit) as EntryRow[];
    });
    return rows?.map(entryOf);
  }

  saveSnapshot(request: SnapshotRequest): Promise<boolean> {
    return this.#work.submit("write", () => this.#heads.saveSnapshot(request));
  }

  acquire(request: AcquireRequest): Promise<ExecutionHead | undefined> {
    return this.#work.submit("write", () => this.#heads.acquire(request));
  }

  renew(executionId: string, epoch: number, leaseUntilMs: number): Promise<boolean> {
    return this.#work.submit("single-statement-write", () =>
      this.#heads.renew(executionId, epoch, leaseUntilMs),
    );
  }

  async append(executionId: string, entry: LogEntry): Promise<{ appended: boolean; existing?: LogEntry }> {
    const id = meant(executionId);
    const { sequence } = entry;
    const text = encodeEntry(entry);
    this.#checkSize(text, sequence);
    const refusal = await this.#work.submit("single-statement-write", () => {
      if (this.#statements.append.run(...id, sequence, text).changes === 1) return undefined;
      return { existing: this.#statements.entry.get(...id, sequence)?.entry as string | undefined };
    });
    if (refusal === undefined) return { appended: true };
    const { existing } = refusal;
    return existing === undefined
      ? { appended: false }
      : { appended: false, existing: decodeEntry(existing, sequence) };
  }

  suspend(request: SuspendRequest): Promise<"suspended" | "inbox" | "superseded"> {
    return this.#work.submit("write", (changed) => this.#heads.suspend(request, changed));
  }

  finish(request: FinishRequest): Promise<"finished" | "ended" | "superseded"> {
    return this.#work.submit("write", (changed) => this.#heads.finish(request, changed));
  }

  post(request: PostRequest): Promise<PostResult> {
    return this.#work.submit("write", (changed) => this.#heads.post(request, changed));
  }

  due(
    nowMs: number,
    limit: number,
    functionNames?: readonly string[],
  ): Promise<{ executionIds: string[]; nextDueAtMs?: number }> {
    return this.#work.submit("read", () => {
      const names = functionNames?.map(storedText) ?? this.#functionsWithDue();
      const rows = names.flatMap((name) => this.#dueOf(name, nowMs, limit)).sort(byDueTime);
      const due = rows.slice(0, limit).filter((row) => row.due_at_ms <= nowMs);
      const executionIds = due.map((row) => textOf(row.execution_id));
      const next = rows[due.length];
      return next === undefined ? { executionIds } : { executionIds, nextDueAtMs: next.due_at_ms };
    });
  }

  #functionsWithDue(): StoredText[] {
    const rows = this.#statements.functionsWithDue.all() as { name: StoredText }[];
    return rows.map(({ name }) => name);
  }

  /** What is due of one function, and one row more: the next. */
  #dueOf(functionName: StoredText, nowMs: number, limit: number): DueRow[] {
    const rows = this.#statements.due.all(functionName, nowMs, limit + 1) as DueRow[];
    if (rows.length > limit) return rows;
    const next = this.#statements.nextDue.get(functionName, nowMs) as DueRow | undefined;
    return next === undefined ? rows : [...rows, next];
  }

  async list(request: ListRequest): Promise<ListPage> {
    const { sql, parameters } = listStatement(request);
    const rows = await this.#work.submit(
      "read",
      () => this.#database.prepare(sql).all(...parameters) as HeadRow[],
    );
    const heads = rows.slice(0, request.limit).map(headOf);
    const last = heads.at(-1);
    return rows.length > heads.length && last !== undefined
      ? { heads, cursor: encodeCursor(last) }
      : { heads };
  }

  resume(executionId: string, nowMs: number): Promise<boolean> {
    return this.#work.submit("write", (changed) => this.#heads.resume(executionId, nowMs, changed));
  }

  purge(executionId: string): Promise<boolean> {
    return this.#work.submit("write", () => this.#heads.purge(executionId));
  }

  async purgeExpired(nowMs: number, limit: number): Promise<number> {
    let purged = 0;
    while (purged < limit) {
      const chunk = Math.min(limit - purged, PURGE_CHUNK);
      const removed = await this.#work.submit("write", () => this.#heads.purgeExpired(nowMs, chunk));
      purged += removed;
      if (removed < chunk) break;
    }
    return purged;
  }

  registerFunctions(names: readonly string[]): Promise<void> {
    return this.#work.submit("write", () => {
      for (const name of names) this.#statements.insertFunction.run(storedText(name));
    });
  }

  hasFunction(name: string): Promise<boolean> {
    return this.#work.submit("read", () => this.#statements.function.get(storedText(name)) !== undefined);
  }

  onChange(listener: (executionId: string) => void): () => void {
    if (this.#closing !== undefined) return () => {};
    this.#listeners.add(listener);
    this.#foreign.start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#foreign.stop();
    };
  }

  /** Settles when all that was asked before has settled and the file is closed. Later calls do nothing. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#work.close();
    this.#foreign.stop();
    this.#listeners.clear();
    closeConnection(this.#database, this.#identity.movedNow() !== undefined);
  }

  #tell(executionId: string): void {
    for (const listener of this.#listeners) listener(executionId);
  }

  #checkSize(text: string, sequence: number): void {
    if (text.length * MAX_BYTES_PER_CODE_UNIT <= MAX_ENTRY_BYTES) return;
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_ENTRY_BYTES) throw entryTooLargeError(this.#path, sequence, bytes, MAX_ENTRY_BYTES);
  }
}

interface EntryRow {
  readonly sequence: number;
  readonly entry: string;
}

function entryOf({ entry, sequence }: EntryRow): LogEntry {
  return decodeEntry(entry, sequence);
}

interface SnapshotRow {
  readonly sequence: number;
  readonly snapshot: StoredText;
}

interface DueRow {
  readonly execution_id: StoredText;
  readonly due_at_ms: number;
}

function byDueTime(a: DueRow, b: DueRow): number {
  return a.due_at_ms - b.due_at_ms;
}

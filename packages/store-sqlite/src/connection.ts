/** Owns how the file is opened, set up and closed. */

import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";
import type { ResolvedOptions } from "./options.js";
import { createSchema, hasSchema } from "./schema.js";
import { isLocked, lockedError, pathError, storeError } from "./store-errors.js";
import { after, monotonicMs } from "./turn.js";

const OPEN_RETRY_DELAY_MS = 5;

/** @throws TidemarkError `TIDEMARK_STORE_PATH`, `_NOT_WRITABLE`, `_CORRUPT`, `_VERSION`, `_LOCKED`, `_FULL`. */
export async function openConnection(options: ResolvedOptions): Promise<DatabaseSyncInstance> {
  const { path, busyTimeoutMs } = options;
  const startedMs = monotonicMs();
  for (;;) {
    let database: DatabaseSyncInstance | undefined;
    try {
      // No timeout: SQLite's own waiting would block the event loop.
      database = new DatabaseSync(path, { timeout: 0 });
      setUp(database, options);
      return database;
    } catch (error) {
      database?.close();
      if (!isLocked(error)) throw storeError(error, path);
      if (monotonicMs() - startedMs >= busyTimeoutMs) throw lockedError(path, busyTimeoutMs, error);
    }
    await new Promise<void>((resolve) => after(OPEN_RETRY_DELAY_MS, resolve));
  }
}

function setUp(database: DatabaseSyncInstance, { path, durability }: ResolvedOptions): void {
  // First of all look whose file it is: a file of others stays as it is.
  const isReady = hasSchema(database, path);
  const { journal_mode } = database.prepare("PRAGMA journal_mode = WAL").get();
  if (journal_mode !== "wal") {
    throw pathError(
      path,
      "its file system cannot share memory between processes, which the write-ahead log needs; use a local disk",
    );
  }
  database.exec(`PRAGMA synchronous = ${durability.toUpperCase()}`);
  // On macOS fsync alone leaves the data in the drive's cache. Source: https://sqlite.org/pragma.html#pragma_fullfsync
  if (durability === "full") database.exec("PRAGMA fullfsync = ON");
  if (!isReady) createSchema(database, path);
}

/** Moves the write-ahead log into the file, as far as other connections let it, and closes. */
export function closeConnection(database: DatabaseSyncInstance): void {
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // Nothing is lost: the log keeps what is not in the file yet, and the next connection reads both.
  }
  database.close();
}

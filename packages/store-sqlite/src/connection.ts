/** Owns how the file is opened, set up and closed. */

import { statSync } from "node:fs";
import { dirname } from "node:path";
import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";
import type { ResolvedOptions } from "./options.js";
import { createSchema, hasSchema } from "./schema.js";
import { isLocked, lockedError, pathError, storeError } from "./store-errors.js";
import { after, monotonicMs } from "./turn.js";

const OPEN_RETRY_DELAY_MS = 5;

/** @throws TidemarkError `TIDEMARK_STORE_PATH`, `_NOT_WRITABLE`, `_CORRUPT`, `_VERSION`, `_LOCKED`, `_FULL`. */
export async function openConnection(options: ResolvedOptions): Promise<DatabaseSyncInstance> {
  const { path, busyTimeoutMs } = options;
  checkPath(path);
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

/** SQLite says of all of these that it cannot open the file. */
function checkPath(path: string): void {
  const directory = dirname(path);
  if (statSync(directory, { throwIfNoEntry: false })?.isDirectory() !== true) {
    throw pathError(path, `its directory ${directory} does not exist; create it first`);
  }
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw pathError(path, "is a directory; name a file in it");
  }
}

function setUp(database: DatabaseSyncInstance, { path, durability }: ResolvedOptions): void {
  // First of all look whose file it is: a file of others stays as it is.
  hasSchema(database, path);
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
  createSchema(database, path);
}

/**
 * Connections to files that are no longer at their path. SQLite would remove, by its name, the write-ahead log of the
 * file that is there now, with what others have recorded in it: these are not closed while the process lives.
 */
const leftOpen: DatabaseSyncInstance[] = [];

/**
 * Moves the write-ahead log into the file, so that the file alone has everything, and closes.
 *
 * The log's own files may stay behind, empty: the binding finalizes statements only when they are
 * garbage, and SQLite removes the log with the last of them.
 */
export function closeConnection(database: DatabaseSyncInstance, hasMoved: boolean): void {
  if (hasMoved) return void leftOpen.push(database);
  try {
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  } catch {
    // Others use the file, or the disk is full. Nothing is lost: the next connection reads file and log.
  }
  database.close();
}

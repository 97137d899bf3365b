/** Owns the tables and indexes of the file, and the version of their format. */

import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { pathError, versionError } from "./store-errors.js";

/** Raised with every change of the tables that an older reader would misread. */
const FORMAT_VERSION = 1;

/** A log entry's position is `number << 32 | sequence`: room for 2^31 executions of 2^32 - 1 entries each. */
export const SEQUENCE_BITS = 32;
export const MAX_SEQUENCE = 2 ** SEQUENCE_BITS - 1;

/** Marks the file as Tidemark's: "Tdmk" in ASCII. */
const APPLICATION_ID = 0x54646d6b;

/**
 * An execution has a number, and the position of a log entry is that number and its sequence number
 * in one integer. So appending touches one page, a log is read from neighbouring pages, and finding
 * an entry compares integers. Rejected, with measurements of the bare statement:
 * - `PRIMARY KEY (execution_id, sequence)` without row ids: from about 1 KB on, an entry spills into
 *   pages of its own and finding a key reads its neighbours whole; 1.6 times as slow at 1.5 KB.
 * - row ids and an index on (execution_id, sequence): a second page with each append; 1.25 times as
 *   slow at 250 bytes, though 1.4 times as fast in a group of 32 appends.
 *
 * `inputs` is apart because the head is written often and SQLite writes a row as a whole. Listings
 * by status are split at the end of an execution: a change of status while it lives touches neither
 * index. `log_entries` is for people.
 */
const SCHEMA = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

CREATE TABLE executions (
  number INTEGER PRIMARY KEY,
  execution_id TEXT NOT NULL UNIQUE,
  function_name TEXT NOT NULL,
  name TEXT,
  tenant_id TEXT,
  parent_execution_id TEXT,
  parent_operation_id TEXT,
  started_at_ms INTEGER NOT NULL,
  timeout_at_ms INTEGER NOT NULL,
  retention_ms INTEGER NOT NULL,
  status TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  owner TEXT,
  due_at_ms INTEGER,
  invoked_at_ms INTEGER,
  last_invocation TEXT,
  inbox_count INTEGER NOT NULL,
  ended_at_ms INTEGER,
  result TEXT,
  error TEXT,
  expires_at_ms INTEGER
);
CREATE INDEX executions_due ON executions (function_name, due_at_ms, execution_id) WHERE due_at_ms IS NOT NULL;
CREATE INDEX executions_expiring ON executions (expires_at_ms) WHERE expires_at_ms IS NOT NULL;
CREATE INDEX executions_started ON executions (started_at_ms, execution_id);
CREATE INDEX executions_function ON executions (function_name, started_at_ms, execution_id);
CREATE INDEX executions_live ON executions (started_at_ms, execution_id) WHERE ended_at_ms IS NULL;
CREATE INDEX executions_ended ON executions (status, started_at_ms, execution_id) WHERE ended_at_ms IS NOT NULL;

CREATE TABLE inputs (number INTEGER PRIMARY KEY, input TEXT NOT NULL);

CREATE TABLE log (position INTEGER PRIMARY KEY, entry TEXT NOT NULL);
CREATE VIEW log_entries AS
  SELECT execution_id, position & ${MAX_SEQUENCE} AS sequence, entry
  FROM log JOIN executions ON number = position >> ${SEQUENCE_BITS};

CREATE TABLE inbox (
  arrival INTEGER PRIMARY KEY,
  number INTEGER NOT NULL,
  key TEXT NOT NULL,
  at_ms INTEGER NOT NULL,
  event TEXT NOT NULL,
  UNIQUE (number, key)
);

CREATE TABLE functions (name TEXT PRIMARY KEY) WITHOUT ROWID;

INSERT INTO meta VALUES ('format', ${FORMAT_VERSION});
PRAGMA application_id = ${APPLICATION_ID};
`;

/**
 * Came later, and an older reader of the same file is not misled by them: it writes the columns that it knows by their
 * names, and the trigger removes a snapshot whoever removes its execution, before the number is used again.
 */
const ADDITIONS = `
CREATE TABLE IF NOT EXISTS snapshots (number INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, snapshot TEXT NOT NULL);
CREATE TRIGGER IF NOT EXISTS snapshots_removed AFTER DELETE ON executions BEGIN
  DELETE FROM snapshots WHERE number = old.number;
END;
`;

const HAS_INCARNATION = "SELECT 1 FROM pragma_table_info('executions') WHERE name = 'incarnation'";

/** Whether the file has our tables already. Reads only. @throws TidemarkError `TIDEMARK_STORE_PATH`, `TIDEMARK_STORE_VERSION`. */
export function hasSchema(database: DatabaseSyncInstance, path: string): boolean {
  const applicationId = database.prepare("PRAGMA application_id").get().application_id;
  if (applicationId === APPLICATION_ID) {
    const format = database.prepare("SELECT value FROM meta WHERE key = 'format'").get()?.value;
    if (format !== FORMAT_VERSION) throw versionError(path, format, FORMAT_VERSION);
    return true;
  }
  const { tables } = database.prepare("SELECT count(*) AS tables FROM sqlite_schema").get();
  if (applicationId !== 0 || tables > 0) {
    throw pathError(
      path,
      "is a database of another application; choose another path, Tidemark needs a file of its own",
    );
  }
  return false;
}

/**
 * Creates what is missing, in one transaction: of two processes that open a new file, one does it.
 * When nothing is missing, the transaction still finds out whether the file can be written.
 */
export function createSchema(database: DatabaseSyncInstance, path: string): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    if (!hasSchema(database, path)) database.exec(SCHEMA);
    database.exec(ADDITIONS);
    if (database.prepare(HAS_INCARNATION).get() === undefined)
      database.exec("ALTER TABLE executions ADD COLUMN incarnation TEXT");
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

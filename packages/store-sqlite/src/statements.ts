/**
 * Owns the SQL of single reads and writes, prepared once per connection.
 *
 * Numbered parameters are used where one is needed twice; all others go by position.
 */

import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { MAX_SEQUENCE, SEQUENCE_BITS } from "./schema.js";

const LIVE_COLUMNS =
  "status = ?, epoch = ?, owner = ?, due_at_ms = ?, invoked_at_ms = ?, last_invocation = ?, inbox_count = ?";

/** The execution that an id means: any that has it, or the one of this incarnation. */
const MEANT = "execution_id = ?1 AND (?2 IS NULL OR incarnation = ?2)";
const NUMBER = `(SELECT number FROM executions WHERE ${MEANT})`;

const SQL = {
  insertHead: `
    INSERT INTO executions (execution_id, function_name, name, tenant_id, parent_execution_id, parent_operation_id,
      started_at_ms, timeout_at_ms, retention_ms, status, epoch, due_at_ms, inbox_count, incarnation)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  insertInput: "INSERT INTO inputs VALUES (?, ?)",
  head: `SELECT * FROM executions LEFT JOIN inputs USING (number) WHERE ${MEANT}`,
  headWithoutInput: `SELECT * FROM executions WHERE ${MEANT}`,
  saveLive: `UPDATE executions SET ${LIVE_COLUMNS} WHERE number = ?`,
  saveEnd: `
    UPDATE executions SET ${LIVE_COLUMNS}, ended_at_ms = ?, result = ?, error = ?, expires_at_ms = ?
    WHERE number = ?`,
  renew: `UPDATE executions SET due_at_ms = ?3 WHERE ${MEANT} AND epoch = ?4 AND status = 'RUNNING'`,

  // One statement refuses all that does not fit: a position that is taken breaks the key; after a gap,
  // or in an unknown execution, the entry comes out as NULL, which the column does not take.
  // `INSERT ... SELECT` would build a temporary table, because it reads the table that it writes.
  append: `
    INSERT OR IGNORE INTO log VALUES (${NUMBER} << ${SEQUENCE_BITS} | ?3, CASE ?3
      WHEN 1 THEN (SELECT ?4 FROM executions WHERE ${MEANT})
      ELSE (SELECT ?4 FROM log WHERE position = (${NUMBER} << ${SEQUENCE_BITS} | (?3 - 1))) END)`,
  entry: `SELECT entry FROM log WHERE position = (${NUMBER} << ${SEQUENCE_BITS} | ?3)`,
  entries: `
    SELECT position & ${MAX_SEQUENCE} AS sequence, entry FROM log
    WHERE position BETWEEN (?1 << ${SEQUENCE_BITS} | (?2 + 1)) AND (?1 << ${SEQUENCE_BITS} | ${MAX_SEQUENCE})
    ORDER BY position LIMIT ?3`,

  snapshot: "SELECT sequence, snapshot FROM snapshots WHERE number = ?",
  putSnapshot: `
    INSERT INTO snapshots VALUES (?, ?, ?) ON CONFLICT DO UPDATE
    SET sequence = excluded.sequence, snapshot = excluded.snapshot WHERE sequence < excluded.sequence`,

  event: "SELECT event FROM inbox WHERE number = ? AND key = ?",
  // A replaced row gets a new `arrival`: order of arrival.
  putEvent: "INSERT OR REPLACE INTO inbox (number, key, at_ms, event) VALUES (?, ?, ?, ?)",
  inbox: "SELECT key, at_ms, event FROM inbox WHERE number = ? ORDER BY arrival",

  due: `
    SELECT execution_id, due_at_ms FROM executions INDEXED BY executions_due
    WHERE function_name = ? AND due_at_ms <= ? ORDER BY due_at_ms, execution_id LIMIT ?`,
  nextDue: `
    SELECT execution_id, due_at_ms FROM executions INDEXED BY executions_due
    WHERE function_name = ? AND due_at_ms > ? ORDER BY due_at_ms, execution_id LIMIT 1`,
  // Jumps from each function to the next one in the index.
  functionsWithDue: `
    WITH RECURSIVE found (name) AS (
      SELECT min(function_name) FROM executions INDEXED BY executions_due WHERE due_at_ms IS NOT NULL
      UNION ALL
      SELECT (
        SELECT min(function_name) FROM executions INDEXED BY executions_due
        WHERE due_at_ms IS NOT NULL AND function_name > found.name
      ) FROM found WHERE found.name IS NOT NULL
    ) SELECT name FROM found WHERE name IS NOT NULL`,
  expired: `
    SELECT number FROM executions INDEXED BY executions_expiring
    WHERE expires_at_ms <= ? ORDER BY expires_at_ms LIMIT ?`,

  deleteHead: "DELETE FROM executions WHERE number = ?",
  deleteInput: "DELETE FROM inputs WHERE number = ?",
  deleteLog: `
    DELETE FROM log
    WHERE position BETWEEN ?1 << ${SEQUENCE_BITS} AND ?1 << ${SEQUENCE_BITS} | ${MAX_SEQUENCE}`,
  deleteInbox: "DELETE FROM inbox WHERE number = ?",

  insertFunction: "INSERT INTO functions VALUES (?) ON CONFLICT DO NOTHING",
  function: "SELECT 1 FROM functions WHERE name = ?",
  dataVersion: "PRAGMA data_version",
} as const;

type Statement = ReturnType<DatabaseSyncInstance["prepare"]>;

export type Statements = Readonly<Record<keyof typeof SQL, Statement>>;

export function prepareStatements(database: DatabaseSyncInstance): Statements {
  const prepared = Object.entries(SQL).map(([name, sql]) => [name, database.prepare(sql)]);
  // `fromEntries` forgets the names; they are those of SQL.
  return Object.fromEntries(prepared) as Statements;
}

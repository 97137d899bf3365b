/**
 * Owns the statement of a listing: which index it walks and where it begins.
 *
 * The index is named, so that the plan never depends on statistics, and a page costs the rows it
 * gives plus those of the same index range that another filter drops.
 */

import { type ExecutionStatus, isTerminal } from "@tidemark/protocol";
import { decodeCursor, type ListRequest } from "@tidemark/store";
import { type StoredText, storedText } from "./text.js";

interface ListStatement {
  readonly sql: string;
  readonly parameters: readonly (StoredText | number)[];
}

/** Reads one row more than the page has, to know whether there is another page. @throws TidemarkError `TIDEMARK_CURSOR`. */
export function listStatement(request: ListRequest): ListStatement {
  const { functionName, status, startedAfterMs, startedBeforeMs } = request;
  const after = decodeCursor(request.cursor);
  const conditions: string[] = [];
  const parameters: (StoredText | number)[] = [];
  const where = (condition: string, ...values: (StoredText | number)[]) => {
    conditions.push(condition);
    parameters.push(...values);
  };
  if (functionName !== undefined) where("function_name = ?", storedText(functionName));
  if (status !== undefined) where("status = ?", status);
  // Partial indexes want their own condition in the statement.
  if (status !== undefined) where(`ended_at_ms IS ${isTerminal(status) ? "NOT " : ""}NULL`);
  if (startedAfterMs !== undefined) where("started_at_ms > ?", startedAfterMs);
  if (startedBeforeMs !== undefined) where("started_at_ms < ?", startedBeforeMs);
  const [beyond, order] = request.oldestFirst === true ? [">", "ASC"] : ["<", "DESC"];
  if (after !== undefined) {
    where(`(started_at_ms, execution_id) ${beyond} (?, ?)`, after.startedAtMs, storedText(after.executionId));
  }
  const sql = `
    SELECT *, (SELECT input FROM inputs WHERE inputs.number = executions.number) AS input
    FROM executions INDEXED BY ${indexFor(functionName, status)}
    WHERE ${conditions.length === 0 ? "true" : conditions.join(" AND ")}
    ORDER BY started_at_ms ${order}, execution_id ${order} LIMIT ?`;
  return { sql, parameters: [...parameters, request.limit + 1] };
}

function indexFor(functionName: string | undefined, status: ExecutionStatus | undefined): string {
  switch (status) {
    case undefined:
    // Most executions succeed: their status says less than the function does.
    case "SUCCEEDED":
      if (functionName !== undefined) return "executions_function";
      return status === undefined ? "executions_started" : "executions_ended";
    case "PENDING":
    case "RUNNING":
      return "executions_live";
    default:
      return "executions_ended";
  }
}

/**
 * Owns the check of records of errors that come from others: in a log, one with other members would be read by nobody,
 * and nothing after it either.
 */

import { TidemarkError } from "./errors.js";
import { MAX_CAUSE_DEPTH } from "./limits.js";
import type { ErrorObject } from "./operation.js";
import { valueText } from "./value-text.js";

const TEXTS = ["ErrorMessage", "ErrorType", "ErrorData"] as const;

/**
 * The record with the members that it may have. A member that is `null` is not there: some languages write it so.
 *
 * @param field What the value is called in messages.
 * @throws TidemarkError `TIDEMARK_ERROR_OBJECT`.
 */
export function errorObjectFrom(value: unknown, field: string, depth = 1): ErrorObject {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw wrong(field, value, "a record such as { ErrorMessage: text }");
  const given = value as Readonly<Record<string, unknown>>;
  const error: ErrorObject = {};
  for (const name of TEXTS) {
    const text = given[name] ?? undefined;
    if (text === undefined) continue;
    if (typeof text !== "string") throw wrong(`${field}.${name}`, text, "a text");
    error[name] = text;
  }
  const lines = given.StackTrace ?? undefined;
  if (lines !== undefined) {
    if (!Array.isArray(lines) || !lines.every((line) => typeof line === "string"))
      throw wrong(`${field}.StackTrace`, lines, "a list of texts");
    error.StackTrace = lines;
  }
  const cause = given.Cause ?? undefined;
  if (cause !== undefined && depth < MAX_CAUSE_DEPTH)
    error.Cause = errorObjectFrom(cause, `${field}.Cause`, depth + 1);
  return error;
}

function wrong(field: string, value: unknown, wanted: string): TidemarkError {
  return new TidemarkError("TIDEMARK_ERROR_OBJECT", `${field} is ${valueText(value)}; pass ${wanted}`);
}

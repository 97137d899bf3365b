/** Owns how values and errors are told in traces: short, and different when they are different. */

import { createHash } from "node:crypto";
import { type ErrorObject, errorObjectFrom } from "@tidemark/protocol";

const LIMIT = 100;

/** Over the limit for one payload: 256 KB. */
export const large = "x".repeat(257 * 1024);
/** Over the limit in UTF-8 only. */
export const wide = "\u20ac".repeat(90 * 1024);

function short(text: string): string {
  if (text.length <= LIMIT) return text;
  const hash = createHash("sha1").update(text).digest("hex").slice(0, 8);
  return `${text.slice(0, 40)}... (${text.length}, ${hash})`;
}

export function describeValue(value: unknown): string {
  if (value === undefined) return "undefined";
  return short(
    JSON.stringify(value, (_key, inner: unknown) => (inner instanceof Error ? describeError(inner) : inner)),
  );
}

/** An error as it is recorded, whatever the order of its members. */
export function errorText(error: ErrorObject | undefined): string | undefined {
  return error === undefined ? undefined : JSON.stringify(errorObjectFrom(error, "error"));
}

/** Name, message and causes. */
export function describeError(error: unknown): string {
  const parts: string[] = [];
  for (let at: unknown = error, depth = 0; at !== undefined && depth < 5; depth++) {
    if (!(at instanceof Error)) {
      parts.push(describeValue(at));
      break;
    }
    parts.push(`${at.name}: ${at.message}`);
    if (at instanceof AggregateError) parts.push(`[${at.errors.map(describeError).join("; ")}]`);
    at = at.cause;
  }
  return short(parts.join(" < "));
}

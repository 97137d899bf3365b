/**
 * Owns what becomes of an execution whose log cannot be read here: it is tried again, later each time, for as long as it
 * takes. Another worker may be able to read it, or somebody may mend it; nobody ends it for that.
 *
 * How long that has gone on stands on the head, beside what is known of the last invocation that did read the log: the
 * next one that does needs that.
 */

import { type ErrorObject, type ExecutionHead, type InvocationEnd, TidemarkError } from "@tidemark/protocol";

const CODES: ReadonlySet<unknown> = new Set([
  "TIDEMARK_LOG_CORRUPT",
  "TIDEMARK_LOG_VERSION",
  "TIDEMARK_STORE_VERSION",
]);

const PAYLOAD_CODES: ReadonlySet<unknown> = new Set([
  "TIDEMARK_PAYLOAD_CODEC",
  "TIDEMARK_PAYLOAD_FORMAT",
  "TIDEMARK_PAYLOAD_KEY",
]);

/** Delays double from the first to the longest. */
const RETRY_BASE_MS = 1000;
const RETRY_MAX_MS = 5 * 60 * 1000;

interface UnreadInvocation {
  readonly epoch: number;
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly why: TidemarkError;
}

/** Whether something that was thrown says that a log, or what belongs to it, cannot be read by this version. */
export function isUnreadLog(thrown: unknown): thrown is TidemarkError {
  return thrown instanceof TidemarkError && CODES.has(thrown.code);
}

/** Whether an invocation has failed for a payload that a process with other codecs, keys or version may be able to read. */
export function isReadableElsewhere(error: ErrorObject | undefined): boolean {
  return PAYLOAD_CODES.has(error?.ErrorType);
}

/** How to suspend the execution: until when, and what stands on its head. */
export function unreadSuspension(
  { lastInvocation, timeoutAtMs }: ExecutionHead,
  { epoch, startedAtMs, nowMs, why }: UnreadInvocation,
): { readonly dueAtMs: number; readonly invocation: InvocationEnd } {
  const error = { ErrorType: why.code, ErrorMessage: why.message };
  const sinceMs = lastInvocation?.unread?.sinceMs ?? nowMs;
  // As long again as it has lasted.
  const delayMs = Math.min(Math.max(nowMs - sinceMs, RETRY_BASE_MS), RETRY_MAX_MS);
  // The one before has died: whoever reads the log next must know of a failure.
  const known = lastInvocation ?? { epoch, startedAtMs, endedAtMs: nowMs, error };
  const dueAtMs = nowMs + delayMs;
  return {
    // To end it in time, if it can be read then; after that it waits like any other.
    dueAtMs: timeoutAtMs > nowMs ? Math.min(dueAtMs, timeoutAtMs) : dueAtMs,
    invocation: { ...known, unread: { sinceMs, error } },
  };
}

/** What is known of an invocation once its log has been read. */
export function withoutUnread(end: InvocationEnd): InvocationEnd {
  const { unread: _unread, ...known } = end;
  return known;
}

/** Told each time. */
export function unreadLog(
  executionId: string,
  dueAtMs: number,
  { nowMs, why }: UnreadInvocation,
): TidemarkError {
  const seconds = Math.round((dueAtMs - nowMs) / 1000);
  return new TidemarkError(
    why.code,
    `execution ${executionId} cannot be read here: ${why.message}. Nothing has been changed; it is tried again in ${seconds} s`,
    { cause: why },
  );
}

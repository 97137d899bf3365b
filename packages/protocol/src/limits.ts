/** Owns the numbers that bound an execution, and how a text is measured. Each number says where it comes from. */

/** Longest wait, retry delay or timeout: 366 days. Source: Lambda durable API, `DurationSeconds`. */
export const MAX_DURATION_SECONDS = 366 * 24 * 60 * 60;

/** Longest operation name in characters. Source: Lambda durable API, `OperationName`. */
export const MAX_NAME_LENGTH = 256;

/** Longest execution name in characters. Source: Lambda durable API, `DurableExecutionName`. */
export const MAX_EXECUTION_NAME_LENGTH = 64;

/** Largest payload in a log. What is done with larger ones depends on the store. Source: Lambda durable API, 256 KB payload. */
export const MAX_INLINE_PAYLOAD_BYTES = 256 * 1024;

/** True for a text with more bytes of UTF-8 than the limit. */
export function isOverBytes(text: string, limitBytes: number): boolean {
  if (text.length > limitBytes) return true;
  // At most three bytes a UTF-16 unit: most texts need no counting.
  return text.length * 3 > limitBytes && Buffer.byteLength(text) > limitBytes;
}

/** Largest result in an invocation's response: 6 MB less an envelope. Source: Lambda invocation payload quota. */
export const MAX_RESPONSE_BYTES = 6 * 1024 * 1024 - 50;

/** Deepest chain of causes that is recorded. */
export const MAX_CAUSE_DEPTH = 10;

/** Owns the numbers that bound an execution. Each says where it comes from. */

/** Longest wait, retry delay or timeout: 366 days. Source: Lambda durable API, `DurationSeconds`. */
export const MAX_DURATION_SECONDS = 366 * 24 * 60 * 60;

/** Longest operation name in characters. Source: Lambda durable API, `OperationName`. */
export const MAX_NAME_LENGTH = 256;

/** Longest execution name in characters. Source: Lambda durable API, `DurableExecutionName`. */
export const MAX_EXECUTION_NAME_LENGTH = 64;

/** Context results above this are rebuilt from their children. Source: Lambda durable API, 256 KB payload. */
export const MAX_INLINE_PAYLOAD_BYTES = 256 * 1024;

/** Largest result in an invocation's response: 6 MB less an envelope. Source: Lambda invocation payload quota. */
export const MAX_RESPONSE_BYTES = 6 * 1024 * 1024 - 50;

/** Deepest chain of causes that is recorded. */
export const MAX_CAUSE_DEPTH = 10;

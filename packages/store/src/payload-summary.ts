/** Owns what is said of a payload that is kept elsewhere: enough for a list, and no content. */

/** Says what a payload is without its content. */
export interface PayloadSummary {
  /** JSON type of the payload, `batch` for the result of a map or parallel, `text` for what is not JSON. */
  readonly type: "object" | "array" | "string" | "number" | "boolean" | "null" | "batch" | "text";
  /** Of an array. */
  readonly length?: number;
  /** Of an object: its first keys. Absent when payloads are encrypted. */
  readonly keys?: readonly string[];
  /** Of a batch. */
  readonly totalCount?: number;
  readonly successCount?: number;
  readonly failureCount?: number;
  readonly startedCount?: number;
  readonly completionReason?: string;
  /** Of a batch: one letter an item; S succeeded, F failed, - started. At most 200. */
  readonly itemStatuses?: string;
  /** What the `summaryGenerator` of a context says; its first 500 characters. Absent when payloads are encrypted. */
  readonly words?: string;
}

const MAX_KEYS = 10;
const MAX_KEY_LENGTH = 40;
const MAX_STATUSES = 200;
const MAX_WORDS_LENGTH = 500;

interface Batch {
  readonly all: readonly { readonly status?: string }[];
  readonly completionReason: string;
}

interface SummaryFacts {
  /** In the user's own words. */
  readonly words?: string | undefined;
  /** Leaves out everything that was chosen by the user. */
  readonly isSecret: boolean;
}

export function summarizePayload(text: string, { words, isSecret }: SummaryFacts): PayloadSummary {
  const summary = summaryOf(text, isSecret);
  return words === undefined || isSecret
    ? summary
    : { ...summary, words: String(words).slice(0, MAX_WORDS_LENGTH) };
}

function summaryOf(text: string, isSecret: boolean): PayloadSummary {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { type: "text" };
  }
  if (value === null) return { type: "null" };
  if (Array.isArray(value)) return { type: "array", length: value.length };
  if (typeof value !== "object") return { type: typeof value as "string" | "number" | "boolean" };
  if (isBatch(value)) return summarizeBatch(value);
  if (isBatchSummary(value)) return shortened(value, isSecret);
  if (isSecret) return { type: "object" };
  const keys = Object.keys(value).slice(0, MAX_KEYS);
  return { type: "object", keys: keys.map((key) => key.slice(0, MAX_KEY_LENGTH)) };
}

function isBatch(value: object): value is Batch {
  const { all, completionReason } = value as Partial<Batch>;
  return Array.isArray(all) && typeof completionReason === "string";
}

/** What is recorded of a batch that is rebuilt. */
interface BatchSummary extends Required<Omit<PayloadSummary, "type" | "length" | "keys" | "words">> {
  readonly type: "MapResult" | "ParallelResult";
  readonly summary?: string;
}

function isBatchSummary(value: object): value is BatchSummary {
  const { type, itemStatuses } = value as Partial<BatchSummary>;
  return (type === "MapResult" || type === "ParallelResult") && typeof itemStatuses === "string";
}

function shortened(batch: BatchSummary, isSecret: boolean): PayloadSummary {
  const { totalCount, successCount, failureCount, startedCount, completionReason, summary } = batch;
  return {
    type: "batch",
    totalCount,
    successCount,
    failureCount,
    startedCount,
    completionReason,
    itemStatuses: batch.itemStatuses.slice(0, MAX_STATUSES),
    ...(summary === undefined || isSecret ? {} : { words: summary.slice(0, MAX_WORDS_LENGTH) }),
  };
}

function summarizeBatch({ all, completionReason }: Batch): PayloadSummary {
  const count = (status: string): number => all.filter((item) => item?.status === status).length;
  const letters = all.slice(0, MAX_STATUSES).map((item) => {
    return item?.status === "SUCCEEDED" ? "S" : item?.status === "FAILED" ? "F" : "-";
  });
  return {
    type: "batch",
    totalCount: all.length,
    successCount: count("SUCCEEDED"),
    failureCount: count("FAILED"),
    startedCount: count("STARTED"),
    completionReason,
    itemStatuses: letters.join(""),
  };
}

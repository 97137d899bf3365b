/** Owns how the records of a checkpoint are divided into entries that a store takes. */

import type { LogRecord } from "@tidemark/protocol";

/** More than the rest of an entry needs: version, epoch, nonce, time, and how the invocation before it ended. */
const ENTRY_BYTES = 40_000;

/** More than an update needs beside its payload and its error: ids, names and options. */
const UPDATE_BYTES = 4_000;

/** More than a recorded error needs. Source: errors are recorded with at most 32 KB. */
const ERROR_BYTES = 40_000;

/** A character of a text may become `\u0000` in JSON. */
const BYTES_PER_CODE_UNIT = 6;

/**
 * The records in order, in as few parts as it takes for each to be written in at most `maxBytes`. A
 * record that is too large alone is a part of its own.
 */
export function entryParts(records: readonly LogRecord[], maxBytes: number): readonly LogRecord[][] {
  const isSmall = records.reduce((sum, record) => sum + mostBytes(record), ENTRY_BYTES) <= maxBytes;
  if (isSmall) return [records as LogRecord[]];
  const limit = Math.max(maxBytes - ENTRY_BYTES, maxBytes / 2);
  const parts: LogRecord[][] = [];
  let part: LogRecord[] = [];
  let bytes = 0;
  for (const record of records) {
    // What is written is shorter than the record itself.
    const size = Buffer.byteLength(JSON.stringify(record));
    if (part.length > 0 && bytes + size > limit) {
      parts.push(part);
      part = [];
      bytes = 0;
    }
    part.push(record);
    bytes += size;
  }
  parts.push(part);
  return parts;
}

/** Counted in no time, and not exceeded. */
function mostBytes({ update, event }: LogRecord): number {
  if (event !== undefined) return Buffer.byteLength(JSON.stringify(event));
  const payload = (update.Payload?.length ?? 0) * BYTES_PER_CODE_UNIT;
  return payload + UPDATE_BYTES + (update.Error === undefined ? 0 : ERROR_BYTES);
}

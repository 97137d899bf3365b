/**
 * Owns the form in which the history of an execution leaves its store: JSON that stands on its own,
 * with payloads instead of what stands for them, and that says its version.
 */

import type { PayloadReader } from "./client.js";
import { decodeEntry, encodeEntry } from "./entry-codec.js";
import { TidemarkError } from "./errors.js";
import type { ExecutionHead } from "./execution.js";
import type { ErrorObject } from "./operation.js";
import type { OutsideEvent } from "./outside-event.js";
import type { InvocationEnd, LogEntry, LogRecord } from "./record.js";
import type { OperationUpdate } from "./update.js";
import { valueText } from "./value-text.js";

const FORMAT = "tidemark-history";

/** Raised with every change that an older reader would misread. Entries have a version of their own. */
const VERSION = 1;

/** Characters of what is no history: it may be a whole one, as text. */
const MAX_SHOWN = 200;

/** The history of one execution, as JSON. */
export interface ExportedHistory {
  readonly format: typeof FORMAT;
  readonly version: number;
  readonly head: ExecutionHead;
  /** The entries of the log in order, each as a store keeps it, with its `sequence`. */
  readonly entries: readonly object[];
}

/** What is in the store for an execution. */
interface Recorded {
  readonly head: ExecutionHead;
  readonly entries: readonly LogEntry[];
}

/** The history with its payloads, which `reader` reads. */
export async function exportHistory(
  { head, entries }: Recorded,
  reader: PayloadReader,
): Promise<ExportedHistory> {
  const { input, result, error } = head;
  const read = await Promise.all(entries.map((entry) => readEntry(entry, reader)));
  return {
    format: FORMAT,
    version: VERSION,
    head: {
      ...head,
      ...(input === undefined ? {} : { input: await reader.read(input) }),
      ...(result === undefined ? {} : { result: await reader.read(result) }),
      ...(error === undefined ? {} : { error: await reader.readError(error) }),
    },
    entries: read.map((entry) => ({
      sequence: entry.sequence,
      ...(JSON.parse(encodeEntry(entry)) as object),
    })),
  };
}

/**
 * The history that was exported, also when it has been through JSON.
 *
 * @throws TidemarkError `TIDEMARK_HISTORY_FORMAT`, `TIDEMARK_LOG_CORRUPT`, `TIDEMARK_LOG_VERSION`.
 */
export function importHistory(exported: unknown): Recorded {
  const { format, version, head, entries } = Object(exported) as Partial<ExportedHistory>;
  if (format !== FORMAT || typeof head !== "object" || head === null || !Array.isArray(entries)) {
    throw new TidemarkError(
      "TIDEMARK_HISTORY_FORMAT",
      `history is ${valueText(exported).slice(0, MAX_SHOWN)}; pass what client.exportHistory gave, or the JSON of it parsed`,
    );
  }
  if (version !== VERSION) {
    throw new TidemarkError(
      "TIDEMARK_HISTORY_FORMAT",
      `history has format ${valueText(version)}, this version of Tidemark reads ${VERSION}; use the version that exported it, or a later one`,
    );
  }
  const { executionId, functionName, startedAtMs, status } = head;
  const isHead = [executionId, functionName, status].every((text) => typeof text === "string");
  if (!isHead || !Number.isFinite(startedAtMs)) {
    throw new TidemarkError(
      "TIDEMARK_HISTORY_FORMAT",
      `head of the history is ${valueText(head).slice(0, MAX_SHOWN)}; it lacks executionId, functionName, startedAtMs or status, export the history again`,
    );
  }
  const decoded = entries.map((entry, index) => decodeEntry(JSON.stringify(entry), index + 1));
  requireOrder(entries, decoded);
  return { head, entries: decoded };
}

/** Code must not be blamed for a history whose entries are not those of the log, one after the other. */
function requireOrder(entries: readonly object[], decoded: readonly LogEntry[]): void {
  const damaged = (problem: string): TidemarkError =>
    new TidemarkError("TIDEMARK_HISTORY_FORMAT", `${problem}; the history has been altered, export it again`);
  let epoch = 0;
  for (const [index, entry] of decoded.entries()) {
    // Earlier versions exported none.
    const { sequence = entry.sequence } = entries[index] as { readonly sequence?: unknown };
    if (sequence !== entry.sequence) {
      throw damaged(
        `entry ${entry.sequence} of the history says that it is entry ${valueText(sequence)}: entries are missing, doubled or in another order`,
      );
    }
    // Only the newest invocation appends (invariant 2).
    if (entry.epoch < epoch) {
      throw damaged(
        `entry ${entry.sequence} of the history is of invocation ${entry.epoch} and stands after one of invocation ${epoch}`,
      );
    }
    ({ epoch } = entry);
  }
}

async function readEntry(entry: LogEntry, reader: PayloadReader): Promise<LogEntry> {
  const records = await Promise.all(entry.records.map((record) => readRecord(record, reader)));
  if (entry.barrier === undefined) return { ...entry, records };
  return { ...entry, records, barrier: { previous: await readEnd(entry.barrier.previous, reader) } };
}

async function readEnd(end: InvocationEnd, reader: PayloadReader): Promise<InvocationEnd> {
  return end.error === undefined ? end : { ...end, error: await reader.readError(end.error) };
}

async function readRecord(record: LogRecord, reader: PayloadReader): Promise<LogRecord> {
  if (record.update !== undefined) return { update: await readUpdate(record.update, reader) };
  // Whatever kind of event it is: those are its payloads.
  const event = { ...record.event } as OutsideEvent & {
    result?: string | undefined;
    error?: ErrorObject | undefined;
  };
  if (event.result !== undefined) event.result = await reader.read(event.result);
  if (event.error !== undefined) event.error = await reader.readError(event.error);
  return { event };
}

async function readUpdate(update: OperationUpdate, reader: PayloadReader): Promise<OperationUpdate> {
  const copy = { ...update };
  if (update.Payload !== undefined) copy.Payload = await reader.read(update.Payload);
  if (update.Error !== undefined) copy.Error = await reader.readError(update.Error);
  return copy;
}

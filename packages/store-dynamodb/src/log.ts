/**
 * Owns the checkpoint log of one execution, and the read of all that it has.
 *
 * 1. An append is one conditional put. That the entry before it is there is known from the append, the read or
 *    the conflict before, and is looked up when it is not: entries never change.
 * 2. A read takes as many requests as there are pages, and others may write in between. The head is read first, so
 *    it may be older than what follows; the log says so by an epoch that the head has not, or by what is missing.
 * 3. A read gives no more of `inboxCount` than it gives events, so that an event which a transaction has just
 *    brought is not counted as seen (invariant 6).
 */

import { decodeEntry, encodeEntry, type LogEntry, TidemarkError } from "@tidemark/protocol";
import type { LoadedExecution, LoadedInbox } from "@tidemark/store";
import type { Heads } from "./heads.js";
import {
  entryItem,
  type ItemContext,
  itemKey,
  type SnapshotPointer,
  type StoredEvent,
  type StoredHead,
  storedEventOf,
} from "./items.js";
import {
  entriesAfter,
  entryPrefix,
  entrySortKey,
  eventPrefix,
  executionPartition,
  HEAD_AND_INBOX,
  HEAD_SORT_KEY,
  inputSortKey,
  type KeyRange,
  snapshotAndLater,
  snapshotPrefix,
} from "./keys.js";
import type { KnownExecutions } from "./known-executions.js";
import type { Requests } from "./requests.js";
import { corruptError, entryTooLargeError, errorOf } from "./store-errors.js";
import { type Item, isLongerThan, textOf } from "./text-attribute.js";

/** 10 KB below an item's 400 KB: keys take at most 3 KB (source: DynamoDB limits), other attributes 50 bytes. */
export const MAX_ENTRY_BYTES = 390 * 1024;

export class Log {
  readonly #requests: Requests;
  readonly #context: ItemContext;
  readonly #known: KnownExecutions;
  readonly #heads: Heads;

  constructor(requests: Requests, context: ItemContext, known: KnownExecutions, heads: Heads) {
    this.#requests = requests;
    this.#context = context;
    this.#known = known;
    this.#heads = heads;
  }

  async append(executionId: string, entry: LogEntry): Promise<{ appended: boolean; existing?: LogEntry }> {
    const { sequence } = entry;
    const text = encodeEntry(entry);
    if (isLongerThan(text, MAX_ENTRY_BYTES))
      throw entryTooLargeError(this.#context.tableName, sequence, Buffer.byteLength(text), MAX_ENTRY_BYTES);
    if (sequence < 1) return { appended: false };
    const stored =
      this.#knownAfterPrevious(executionId, sequence) ?? (await this.#afterPrevious(executionId, sequence));
    if (stored === undefined) return { appended: false };
    const item = entryItem(stored, sequence, text);
    const refused = await this.#requests.put({
      Item: item instanceof Promise ? await item : item,
      ConditionExpression: "attribute_not_exists(pk)",
    });
    this.#known.sawEntry(executionId, stored.generation, sequence);
    if (refused === undefined) return { appended: true };
    // Without an entry it is what a purge has left in the place of a fence.
    if (refused.found?.e === undefined) return { appended: false };
    return { appended: false, existing: this.#entryOf(executionId, refused.found, sequence) };
  }

  /** The execution, if it is known to be there with the entry before this one. */
  #knownAfterPrevious(executionId: string, sequence: number): StoredHead | undefined {
    const known = this.#known.log(executionId);
    return known !== undefined && known.lastSequence >= sequence - 1 ? known.stored : undefined;
  }

  /** The same, looked up. */
  async #afterPrevious(executionId: string, sequence: number): Promise<StoredHead | undefined> {
    const stored = await this.#heads.read(executionId);
    if (stored === undefined || sequence === 1) return stored;
    const previous = itemKey(executionId, entrySortKey(stored.generation, sequence - 1));
    if ((await this.#requests.get(previous)) === undefined) return undefined;
    this.#known.sawEntry(executionId, stored.generation, sequence - 1);
    return stored;
  }

  async load(executionId: string): Promise<LoadedExecution | undefined> {
    let known = this.#known.log(executionId)?.stored;
    for (;;) {
      const reading = await this.#read(executionId, this.#pagesToLoad(executionId, known), known?.snapshot);
      if (reading === undefined) {
        this.#known.gone(executionId);
        return undefined;
      }
      const before = known;
      known = reading.stored;
      if (isSame(before, known) && isWhole(reading)) return this.#loaded(reading);
      if (!isSame(before, known)) continue;
      // Another snapshot has taken its place, or it has a gap: then who wants to decode it finds out.
      known = await this.#heads.read(executionId);
      if (isSame(before, known)) return this.#loaded(reading);
    }
  }

  /** Everything, or, when a snapshot is known, what it does not stand for. */
  #pagesToLoad(executionId: string, known: StoredHead | undefined): AsyncIterable<Item[]> {
    if (known?.snapshot === undefined) return this.#pages(executionId);
    const later = snapshotAndLater(known.generation, known.snapshot.sequence);
    return atOnce(this.#pages(executionId, HEAD_AND_INBOX), this.#pages(executionId, later));
  }

  async #loaded(reading: Reading): Promise<LoadedExecution | undefined> {
    const { snapshot, parts, entries, input } = reading;
    const missing = whatIsMissing(reading);
    if (missing !== undefined) return this.#removedOrCorrupt(reading, missing);
    const stored = await this.#notBefore(reading.stored, entries.at(-1));
    if (stored === undefined) return undefined;
    this.#known.sawEntry(stored.head.executionId, stored.generation, lastOf(reading));
    const { inboxCount, events } = inboxOf(reading);
    const text = isWhole(reading) ? textOfParts(parts) : undefined;
    return {
      head: { ...stored.head, inboxCount, ...(input === undefined ? {} : { input }) },
      ...(snapshot === undefined ? {} : { snapshot: { sequence: snapshot.sequence, text } }),
      entries,
      inbox: events,
    };
  }

  /** @throws TidemarkError `TIDEMARK_LOG_CORRUPT`, unless the execution is being removed. */
  async #removedOrCorrupt({ stored }: Reading, missing: string): Promise<undefined> {
    if (!(await this.#heads.isThere(stored))) return undefined;
    throw corruptError(this.#context.tableName, stored.head.executionId, missing);
  }

  /** The head as it is no earlier than the newest entry: who has lost the lease must see it (invariant 2). */
  async #notBefore(stored: StoredHead, newest: LogEntry | undefined): Promise<StoredHead | undefined> {
    if (newest === undefined || newest.epoch <= stored.head.epoch) return stored;
    const again = await this.#heads.read(stored.head.executionId);
    return again?.generation === stored.generation ? again : undefined;
  }

  async inbox(executionId: string): Promise<LoadedInbox | undefined> {
    const reading = await this.#read(executionId, this.#pages(executionId, HEAD_AND_INBOX), "any snapshot");
    return reading === undefined ? undefined : inboxOf(reading);
  }

  async entries(executionId: string, afterSequence: number, limit: number): Promise<LogEntry[] | undefined> {
    const stored = await this.#heads.read(executionId);
    if (stored === undefined) return undefined;
    const { generation } = stored;
    const reading = this.#reading(stored, { sequence: afterSequence, parts: 0 });
    for await (const items of this.#pages(executionId, entriesAfter(generation, afterSequence), limit)) {
      for (const item of items) this.#take(reading, item);
      if (reading.entries.length >= limit) break;
    }
    if (reading.afterGap !== undefined) return this.#removedOrCorrupt(reading, gapOf(reading));
    return reading.entries.slice(0, limit);
  }

  #pages(executionId: string, range?: KeyRange, limit?: number): AsyncGenerator<Item[]> {
    const pk = { ":pk": { S: executionPartition(executionId) } };
    return this.#requests.pages({
      KeyConditionExpression: range === undefined ? "pk = :pk" : "pk = :pk AND sk BETWEEN :first AND :last",
      ExpressionAttributeValues:
        range === undefined ? pk : { ...pk, ":first": { S: range[0] }, ":last": { S: range[1] } },
      ConsistentRead: true,
      ...(limit === undefined ? {} : { Limit: limit }),
    });
  }

  /** Ends with the first page when the head has another snapshot than the one that was looked for. */
  async #read(
    executionId: string,
    pages: AsyncIterable<Item[]>,
    wanted: SnapshotPointer | "any snapshot" | undefined,
  ): Promise<Reading | undefined> {
    const snapshot = wanted === "any snapshot" ? undefined : wanted;
    let reading: Reading | undefined;
    for await (const items of pages) {
      for (const item of items) {
        if (item.sk?.S === HEAD_SORT_KEY) {
          const stored = this.#heads.found(executionId, item);
          reading = stored === undefined ? undefined : this.#reading(stored, snapshot);
        } else if (reading !== undefined) this.#take(reading, item);
      }
      // The head comes first: without it, whatever is there is left over.
      if (reading === undefined) return undefined;
      if (wanted !== "any snapshot" && reading.stored.snapshot?.sequence !== snapshot?.sequence) break;
    }
    return reading;
  }

  #reading(stored: StoredHead, snapshot: SnapshotPointer | undefined): Reading {
    const { generation } = stored;
    return {
      stored,
      snapshot,
      parts: [],
      entries: [],
      inbox: [],
      input: undefined,
      afterGap: undefined,
      entryPrefix: entryPrefix(generation),
      eventPrefix: eventPrefix(generation),
      snapshotPrefix: snapshot === undefined ? undefined : snapshotPrefix(generation, snapshot.sequence),
      inputSortKey: inputSortKey(generation),
    };
  }

  /** Items of an earlier execution with this id are passed over, and those of other snapshots. */
  #take(reading: Reading, item: Item): void {
    const sortKey = item.sk?.S ?? "";
    if (sortKey.startsWith(reading.entryPrefix)) {
      const sequence = Number(sortKey.slice(reading.entryPrefix.length));
      if (sequence !== lastOf(reading) + 1) reading.afterGap ??= sequence;
      else reading.entries.push(this.#entryOf(reading.stored.head.executionId, item, sequence));
    } else if (sortKey.startsWith(reading.eventPrefix)) {
      reading.inbox.push(this.#eventOf(reading, item));
    } else if (sortKey === reading.inputSortKey) {
      reading.input = textOf(item.in);
    } else if (reading.snapshotPrefix !== undefined && sortKey.startsWith(reading.snapshotPrefix)) {
      // One that is empty has been replaced.
      if (item.e !== undefined) reading.parts.push(item);
    }
  }

  #eventOf({ stored, eventPrefix }: Reading, item: Item): StoredEvent {
    try {
      return storedEventOf(item, eventPrefix);
    } catch (cause) {
      if (cause instanceof TidemarkError) throw cause;
      const problem = `inbox event ${item.sk?.S?.slice(eventPrefix.length)} cannot be read`;
      throw corruptError(this.#context.tableName, stored.head.executionId, problem, cause);
    }
  }

  #entryOf(executionId: string, item: Item, sequence: number): LogEntry {
    let text: string | undefined;
    try {
      text = textOf(item.e);
    } catch (cause) {
      if (cause instanceof TidemarkError) throw cause;
      const problem = `log entry ${sequence} cannot be unpacked`;
      throw corruptError(this.#context.tableName, executionId, problem, cause);
    }
    try {
      return decodeEntry(text ?? "", sequence);
    } catch (error) {
      throw errorOf(this.#context.tableName, executionId, error as TidemarkError);
    }
  }
}

/** What queries have brought so far. */
interface Reading {
  readonly stored: StoredHead;
  /** Stands for the entries that are not read. */
  readonly snapshot: SnapshotPointer | undefined;
  /** Of the snapshot, in order. */
  readonly parts: Item[];
  readonly entries: LogEntry[];
  readonly inbox: StoredEvent[];
  input: string | undefined;
  /** The entry that came when an earlier one should have. */
  afterGap: number | undefined;
  readonly entryPrefix: string;
  readonly eventPrefix: string;
  readonly snapshotPrefix: string | undefined;
  readonly inputSortKey: string;
}

function whatIsMissing(reading: Reading): string | undefined {
  if (reading.afterGap !== undefined) return gapOf(reading);
  return reading.stored.hasInputApart && reading.input === undefined ? "the input is missing" : undefined;
}

function gapOf(reading: Reading): string {
  return `log entry ${lastOf(reading) + 1} is missing and entry ${reading.afterGap} is there`;
}

function lastOf({ entries, snapshot }: Reading): number {
  return (snapshot?.sequence ?? 0) + entries.length;
}

/** No more of `inboxCount` than there are events for it. */
function inboxOf({ stored, inbox }: Reading): LoadedInbox {
  const wakes = inbox.reduce((sum, event) => sum + event.wakes, 0);
  const inOrder = inbox.sort((a, b) => a.arrival - b.arrival);
  return {
    inboxCount: Math.min(stored.head.inboxCount, wakes),
    events: inOrder.map(({ key, event, atMs }) => ({ key, event, atMs })),
  };
}

/** Whether two heads are of one execution and point at the same snapshot. */
function isSame(known: StoredHead | undefined, found: StoredHead | undefined): boolean {
  if (known?.snapshot === undefined || found?.snapshot === undefined)
    return known?.snapshot === found?.snapshot;
  return known.generation === found.generation && known.snapshot.sequence === found.snapshot.sequence;
}

function isWhole({ snapshot, parts }: Reading): boolean {
  return parts.length === (snapshot?.parts ?? 0);
}

/** `undefined` when a part cannot be unpacked. */
function textOfParts(parts: readonly Item[]): string | undefined {
  try {
    return parts.map(({ e }) => textOf(e)).join("");
  } catch {
    return undefined;
  }
}

/** The pages of both, read at the same time. */
async function* atOnce(first: AsyncIterable<Item[]>, second: AsyncIterable<Item[]>): AsyncGenerator<Item[]> {
  const later = collected(second);
  // Thrown when it comes to it, if it does.
  later.catch(() => {});
  yield* first;
  yield* await later;
}

async function collected(pages: AsyncIterable<Item[]>): Promise<Item[][]> {
  const all: Item[][] = [];
  for await (const items of pages) all.push(items);
  return all;
}

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
import type { LoadedExecution } from "@tidemark/store";
import type { Heads } from "./heads.js";
import {
  entryItem,
  type ItemContext,
  itemKey,
  type StoredEvent,
  type StoredHead,
  storedEventOf,
} from "./items.js";
import {
  entryPrefix,
  entrySortKey,
  eventPrefix,
  executionPartition,
  HEAD_SORT_KEY,
  inputSortKey,
} from "./keys.js";
import type { KnownExecutions } from "./known-executions.js";
import type { Requests } from "./requests.js";
import { corruptError, entryTooLargeError } from "./store-errors.js";
import { type Item, textOf } from "./text-attribute.js";

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
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_ENTRY_BYTES)
      throw entryTooLargeError(this.#context.tableName, sequence, bytes, MAX_ENTRY_BYTES);
    if (sequence < 1) return { appended: false };
    const stored = await this.#afterPrevious(executionId, sequence);
    if (stored === undefined) return { appended: false };
    const refused = await this.#requests.put({
      Item: await entryItem(stored, sequence, text),
      ConditionExpression: "attribute_not_exists(pk)",
    });
    this.#known.sawEntry(executionId, stored.generation, sequence);
    if (refused === undefined) return { appended: true };
    if (refused.found === undefined) return { appended: false };
    return { appended: false, existing: this.#entryOf(executionId, refused.found, sequence) };
  }

  /** The execution, if it is there and has the entry before this one. */
  async #afterPrevious(executionId: string, sequence: number): Promise<StoredHead | undefined> {
    const known = this.#known.log(executionId);
    if (known !== undefined && known.lastSequence >= sequence - 1) return known.stored;
    const stored = await this.#heads.read(executionId);
    if (stored === undefined || sequence === 1) return stored;
    const previous = itemKey(executionId, entrySortKey(stored.generation, sequence - 1));
    if ((await this.#requests.get(previous)) === undefined) return undefined;
    this.#known.sawEntry(executionId, stored.generation, sequence - 1);
    return stored;
  }

  async load(executionId: string): Promise<LoadedExecution | undefined> {
    const pages = this.#requests.pages({
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: executionPartition(executionId) } },
      ConsistentRead: true,
    });
    let reading: Reading | undefined;
    for await (const items of pages) {
      for (const item of items) {
        if (item.sk?.S === HEAD_SORT_KEY) reading = this.#reading(executionId, item);
        else if (reading !== undefined) this.#take(reading, item);
      }
      // The head comes first: without it, whatever is there is left over.
      if (reading === undefined) break;
    }
    if (reading === undefined) {
      this.#known.gone(executionId);
      return undefined;
    }
    const { entries, input } = reading;
    const missing = whatIsMissing(reading);
    if (missing !== undefined) {
      if (!(await this.#heads.isThere(reading.stored))) return undefined;
      throw corruptError(this.#context.tableName, executionId, missing);
    }
    const stored = await this.#notBefore(reading.stored, entries.at(-1));
    if (stored === undefined) return undefined;
    this.#known.sawEntry(executionId, stored.generation, entries.length);
    const inbox = reading.inbox.sort((a, b) => a.arrival - b.arrival);
    const inboxCount = Math.min(
      stored.head.inboxCount,
      inbox.reduce((sum, { wakes }) => sum + wakes, 0),
    );
    return {
      head: { ...stored.head, inboxCount, ...(input === undefined ? {} : { input }) },
      entries,
      inbox: inbox.map(({ key, event, atMs }) => ({ key, event, atMs })),
    };
  }

  /** The head as it is no earlier than the newest entry: who has lost the lease must see it (invariant 2). */
  async #notBefore(stored: StoredHead, newest: LogEntry | undefined): Promise<StoredHead | undefined> {
    if (newest === undefined || newest.epoch <= stored.head.epoch) return stored;
    const again = await this.#heads.read(stored.head.executionId);
    return again?.generation === stored.generation ? again : undefined;
  }

  #reading(executionId: string, item: Item): Reading | undefined {
    const stored = this.#heads.found(executionId, item);
    if (stored === undefined) return undefined;
    const { generation } = stored;
    return {
      stored,
      entries: [],
      inbox: [],
      input: undefined,
      afterGap: undefined,
      entryPrefix: entryPrefix(generation),
      eventPrefix: eventPrefix(generation),
      inputSortKey: inputSortKey(generation),
    };
  }

  /** Items of an earlier execution with this id are passed over. */
  #take(reading: Reading, item: Item): void {
    const sortKey = item.sk?.S ?? "";
    if (sortKey.startsWith(reading.entryPrefix)) {
      const sequence = Number(sortKey.slice(reading.entryPrefix.length));
      if (sequence !== reading.entries.length + 1) reading.afterGap ??= sequence;
      else reading.entries.push(this.#entryOf(reading.stored.head.executionId, item, sequence));
    } else if (sortKey.startsWith(reading.eventPrefix)) {
      reading.inbox.push(this.#eventOf(reading, item));
    } else if (sortKey === reading.inputSortKey) {
      reading.input = textOf(item.in);
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
    return decodeEntry(text ?? "", sequence);
  }
}

/** What a query has brought so far. */
interface Reading {
  readonly stored: StoredHead;
  readonly entries: LogEntry[];
  readonly inbox: StoredEvent[];
  input: string | undefined;
  /** The entry that came when an earlier one should have. */
  afterGap: number | undefined;
  readonly entryPrefix: string;
  readonly eventPrefix: string;
  readonly inputSortKey: string;
}

function whatIsMissing({ entries, afterGap, stored, input }: Reading): string | undefined {
  if (afterGap !== undefined)
    return `log entry ${entries.length + 1} is missing and entry ${afterGap} is there`;
  return stored.hasInputApart && input === undefined ? "the input is missing" : undefined;
}

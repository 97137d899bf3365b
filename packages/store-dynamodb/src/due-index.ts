/**
 * Owns the queries of the due index, and what this process knows better than the index.
 *
 * The index follows the table with a delay, so what it gives is a hint: `acquire` decides. For the same reason
 * this process's own writes are added for a while, else a worker would not find what it was just told of.
 */

import type { ExecutionHead } from "@tidemark/protocol";
import { isTerminal } from "@tidemark/protocol";
import { mapConcurrently } from "./concurrent.js";
import { executionIdOf, indexPartitions } from "./keys.js";
import type { Requests } from "./requests.js";
import { type Item, numberOf } from "./text-attribute.js";
import { monotonicMs } from "./turn.js";

export const DUE_INDEX = "due";

interface DueRow {
  readonly executionId: string;
  readonly dueAtMs: number;
}

/** Index items have about 150 bytes: this many fit into the 4 KB of half a read unit. */
export const FIRST_PAGE_ROWS = 25;

/** Far above the usual delay of an index, which is well under a second. */
const RECENT_MS = 2_000;

/** What `acquire` has refused is not given again for so long: the row is behind the table, and asking costs reads. */
const STALE_MS = 1_000;

interface StaleRow {
  readonly dueAtMs: number;
  readonly foundMs: number;
}

interface RecentWrite extends DueRow {
  readonly functionName: string;
  readonly writtenMs: number;
}

export class DueIndex {
  readonly #requests: Requests;
  readonly #shards: number;
  /** In the order of writing. */
  readonly #recent = new Map<string, RecentWrite>();
  /** The rows that were given last, with their times. */
  #given = new Map<string, number>();
  /** In the order of finding. */
  readonly #stale = new Map<string, StaleRow>();

  constructor(requests: Requests, shards: number) {
    this.#requests = requests;
    this.#shards = shards;
  }

  /** This process has written a head. */
  wrote({ executionId, functionName, status, dueAtMs }: ExecutionHead): void {
    this.#recent.delete(executionId);
    this.#stale.delete(executionId);
    this.#dropOld();
    if (isTerminal(status) || dueAtMs === undefined) return;
    this.#recent.set(executionId, { executionId, functionName, dueAtMs, writtenMs: monotonicMs() });
  }

  /** An execution was not due after all, when it was asked for at `nowMs`. */
  wasNotDue(executionId: string, nowMs: number): void {
    this.#recent.delete(executionId);
    const dueAtMs = this.#given.get(executionId);
    if (dueAtMs === undefined || dueAtMs > nowMs) return;
    this.#stale.delete(executionId);
    this.#stale.set(executionId, { dueAtMs, foundMs: monotonicMs() });
  }

  async due(
    nowMs: number,
    limit: number,
    functionNames: readonly string[],
  ): Promise<{ executionIds: string[]; nextDueAtMs?: number }> {
    const names = new Set(functionNames);
    const found = await this.rows([...names], nowMs, limit + 1);
    this.#dropOld();
    const rows = new Map<string, DueRow>();
    for (const recent of this.#recent.values()) {
      if (names.has(recent.functionName)) rows.set(recent.executionId, recent);
    }
    // Of two guesses the earlier: looking in vain costs less than not looking.
    let skipped = 0;
    for (const row of found) {
      if (this.#stale.get(row.executionId)?.dueAtMs === row.dueAtMs) skipped += 1;
      else if ((rows.get(row.executionId)?.dueAtMs ?? Number.POSITIVE_INFINITY) > row.dueAtMs)
        rows.set(row.executionId, row);
    }
    const inOrder = [...rows.values()].sort((a, b) => a.dueAtMs - b.dueAtMs);
    const due = inOrder.slice(0, limit).filter((row) => row.dueAtMs <= nowMs);
    const executionIds = due.map((row) => row.executionId);
    this.#given = new Map(due.map((row) => [row.executionId, row.dueAtMs]));
    // A row that is stale may become true again, and others may be behind it.
    const againAtMs = skipped > 0 ? nowMs + STALE_MS : Number.POSITIVE_INFINITY;
    const nextDueAtMs = Math.min(inOrder[due.length]?.dueAtMs ?? Number.POSITIVE_INFINITY, againAtMs);
    return nextDueAtMs === Number.POSITIVE_INFINITY ? { executionIds } : { executionIds, nextDueAtMs };
  }

  /** Of each partition the soonest: at least `count` or all that are due, and the next one. */
  async rows(functionNames: readonly string[], nowMs: number, count: number): Promise<DueRow[]> {
    const partitions = indexPartitions(functionNames, this.#shards);
    const rows = await mapConcurrently(partitions, (partition) => this.#rowsOf(partition, nowMs, count));
    return rows.flat();
  }

  async #rowsOf(partition: string, nowMs: number, count: number): Promise<DueRow[]> {
    const rows: DueRow[] = [];
    let start: Item | undefined;
    do {
      const page = await this.#requests.query({
        IndexName: DUE_INDEX,
        KeyConditionExpression: "duePk = :p",
        ExpressionAttributeValues: { ":p": { S: partition } },
        ExclusiveStartKey: start,
        // The first page tells whether there is anything to do; it is asked for all the time.
        Limit: rows.length === 0 ? Math.min(count, FIRST_PAGE_ROWS) : count - rows.length,
      });
      for (const item of page.Items ?? []) {
        rows.push({
          executionId: executionIdOf(item.pk?.S as string),
          dueAtMs: numberOf(item.dueAt) as number,
        });
      }
      start = page.LastEvaluatedKey;
    } while (start !== undefined && rows.length < count && (rows.at(-1)?.dueAtMs ?? 0) <= nowMs);
    return rows;
  }

  #dropOld(): void {
    const nowMs = monotonicMs();
    for (const [executionId, { writtenMs }] of this.#recent) {
      if (writtenMs >= nowMs - RECENT_MS) break;
      this.#recent.delete(executionId);
    }
    for (const [executionId, { foundMs }] of this.#stale) {
      if (foundMs > nowMs - STALE_MS) break;
      this.#stale.delete(executionId);
    }
  }
}

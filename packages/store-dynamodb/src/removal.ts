/**
 * Owns the removal of executions: the head first, which makes the rest meaningless, then the rest.
 *
 * 1. What a crash in between leaves behind goes with the TTL.
 * 2. An append asks only whether its place is free. So the place of a barrier and of a fence stays taken, by an empty
 *    item: an invocation that they fenced off, and that wakes now, still records nothing (invariant 2).
 */

import type { AttributeValue } from "@aws-sdk/client-dynamodb";
import { decodeEntry } from "@tidemark/protocol";
import { mapConcurrently } from "./concurrent.js";
import type { Heads } from "./heads.js";
import { entryPrefix, executionIdOf, executionPartition, indexPartitions, isOfGeneration } from "./keys.js";
import { LIST_INDEX } from "./listing.js";
import type { Requests } from "./requests.js";
import { type Item, textOf } from "./text-attribute.js";
import { wallClockMs } from "./turn.js";

/** Rows of one partition that one call looks at: 150 bytes each, 20 read units. */
const ROWS_PER_CALL = 1_000;

/** No process stands still for so long and goes on. Whoever starts the name meanwhile reads what is left, unseen. */
const FENCE_LIFE_MS = 7 * 24 * 60 * 60 * 1_000;

/** So many rows are tried for each that is to be removed: those that stay cost a read each. */
const TRIES_PER_REMOVAL = 10;

/** Keys of rows whose retention has passed, and where the index goes on. */
interface Page {
  readonly rows: readonly Item[];
  readonly next: Item | undefined;
}

export class Removal {
  readonly #requests: Requests;
  readonly #heads: Heads;
  readonly #shards: number;
  /** Where the next call goes on, by partition: old executions that live long must not hide expired ones. */
  readonly #starts = new Map<string, Item>();

  constructor(requests: Requests, heads: Heads, shards: number) {
    this.#requests = requests;
    this.#heads = heads;
    this.#shards = shards;
  }

  /** With `expiredAtMs` only if its retention has passed by then. */
  async purge(executionId: string, expiredAtMs?: number): Promise<boolean> {
    const generation = await this.#heads.remove(executionId, expiredAtMs);
    if (generation === undefined) return false;
    const pages = this.#requests.pages({
      KeyConditionExpression: "pk = :pk",
      ExpressionAttributeValues: { ":pk": { S: executionPartition(executionId) } },
      ProjectionExpression: "pk, sk, e",
      ConsistentRead: true,
    });
    const ttl = { N: String(Math.ceil((wallClockMs() + FENCE_LIFE_MS) / 1000)) };
    for await (const items of pages) {
      // Others may be of an execution that has been started under this id since.
      const its = items.filter(({ sk }) => isOfGeneration(sk?.S ?? "", generation));
      await this.#requests.batchWrite(
        its.map(({ e, ...Key }) =>
          isFence(generation, Key, e)
            ? { PutRequest: { Item: { ...Key, ttl } } }
            : { DeleteRequest: { Key } },
        ),
      );
    }
    return true;
  }

  /** Removes at most `limit` executions whose retention has passed; gives how many. */
  async purgeExpired(nowMs: number, limit: number, functionNames: readonly string[]): Promise<number> {
    const partitions = indexPartitions(functionNames, this.#shards);
    const found = await mapConcurrently(partitions, (partition) => this.#expired(partition, nowMs));
    const rows = found.flatMap((page) => page.rows);
    const mostTries = Math.min(rows.length, limit * TRIES_PER_REMOVAL);
    let removed = 0;
    let tried = 0;
    while (removed < limit && tried < mostTries) {
      const portion = rows.slice(tried, Math.min(tried + limit - removed, mostTries));
      const outcomes = await mapConcurrently(portion, (row) => this.#purgeKnown(row, nowMs));
      removed += outcomes.filter((isRemoved) => isRemoved).length;
      tried += portion.length;
    }
    for (const [index, page] of found.entries()) {
      this.#goOnAfter(partitions[index] as string, page, tried);
      tried -= Math.min(tried, page.rows.length);
    }
    return removed;
  }

  /** The next call looks at what follows the rows that this one has tried: some of them may never go. */
  #goOnAfter(partition: string, { rows, next }: Page, tried: number): void {
    const last = rows[tried - 1];
    if (tried >= rows.length && next === undefined) this.#starts.delete(partition);
    else if (tried >= rows.length) this.#starts.set(partition, next as Item);
    else if (last !== undefined) this.#starts.set(partition, last);
  }

  /**
   * One that a newer version wrote is left to that version, and does not keep the others. The index may be behind the
   * table: one that has been started or resumed since is left, too.
   */
  async #purgeKnown({ pk }: Item, nowMs: number): Promise<boolean> {
    try {
      return await this.purge(executionIdOf(pk?.S ?? ""), nowMs);
    } catch (error) {
      if ((error as { code?: string }).code === "TIDEMARK_STORE_VERSION") return false;
      throw error;
    }
  }

  async #expired(partition: string, nowMs: number): Promise<Page> {
    const page = await this.#requests.query({
      IndexName: LIST_INDEX,
      KeyConditionExpression: "listPk = :p",
      FilterExpression: "xt <= :now",
      ExpressionAttributeValues: { ":p": { S: partition }, ":now": { N: String(nowMs) } },
      ExclusiveStartKey: this.#starts.get(partition),
      Limit: ROWS_PER_CALL,
    });
    const rows = (page.Items ?? []).map(({ pk, sk, listPk, listSk }) => ({ pk, sk, listPk, listSk }) as Item);
    return { rows, next: page.LastEvaluatedKey };
  }
}

/** Whether an item is an entry that no epoch before it may follow: a barrier, or one without records. */
function isFence(generation: string, { sk }: Item, e: AttributeValue | undefined): boolean {
  const prefix = entryPrefix(generation);
  if (sk?.S?.startsWith(prefix) !== true) return false;
  try {
    const { barrier, records } = decodeEntry(textOf(e) ?? "", Number(sk.S.slice(prefix.length)));
    return barrier !== undefined || records.length === 0;
  } catch {
    // Of a newer version, or damaged: it may be one.
    return true;
  }
}

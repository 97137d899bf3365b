/**
 * Owns listings: the list index gives candidates in order of start, the heads decide.
 *
 * Every partition of the functions in question is walked in step; a page is read from where the last one
 * ended, so that a long listing costs what it gives and what its filters drop.
 */

import type { AttributeValue, QueryCommandInput } from "@aws-sdk/client-dynamodb";
import { type ExecutionHead, isTerminal } from "@tidemark/protocol";
import { decodeCursor, encodeCursor, type ListPage, type ListRequest } from "@tidemark/store";
import { mapConcurrently } from "./concurrent.js";
import { headKey, type ItemContext, itemKey, type StoredHead, storedHeadOf } from "./items.js";
import { indexPartitions, inputSortKey, listSortKey, listTime, startedOf } from "./keys.js";
import type { Requests } from "./requests.js";
import { type Item, textOf } from "./text-attribute.js";

export const LIST_INDEX = "list";

/** Candidates read of one partition at a time, at most. */
const MAX_ROWS_PER_PAGE = 200;

/** Before and after all sort keys. */
const FIRST = "0";
const LAST = "\uffff";

interface Candidate {
  readonly sortKey: string;
  readonly executionId: string;
}

/** One partition of the index, read as far as needed. */
interface Walk {
  readonly partition: string;
  rows: Candidate[];
  start: Record<string, AttributeValue> | undefined;
  isDone: boolean;
}

export class Listing {
  readonly #requests: Requests;
  readonly #context: ItemContext;

  constructor(requests: Requests, context: ItemContext) {
    this.#requests = requests;
    this.#context = context;
  }

  /** @throws TidemarkError `TIDEMARK_CURSOR`. */
  async list(request: ListRequest, functionNames: readonly string[]): Promise<ListPage> {
    const { limit } = request;
    const query = queryOf(request);
    if (query === undefined) return { heads: [] };
    const walks = indexPartitions(functionNames, this.#context.shards).map(
      (partition): Walk => ({ partition, rows: [], start: undefined, isDone: false }),
    );
    const heads: ExecutionHead[] = [];
    // One more than the page has, to know whether there is another page.
    while (heads.length <= limit) {
      const candidates = await this.#next(walks, query, request, limit + 1 - heads.length);
      if (candidates.length === 0) return { heads };
      heads.push(...(await this.#heads(candidates, request)));
    }
    heads.length = limit;
    return { heads, cursor: encodeCursor(heads[limit - 1] as ExecutionHead) };
  }

  /** The next candidates of all partitions together, in order. */
  async #next(
    walks: readonly Walk[],
    query: Partial<QueryCommandInput>,
    request: ListRequest,
    count: number,
  ): Promise<Candidate[]> {
    const after = afterOf(request);
    const isBefore = (a: string, b: string) => (request.oldestFirst === true ? a < b : a > b);
    const taken: Candidate[] = [];
    for (;;) {
      // Without a row of every partition that has one, the first of all is not known.
      const empty = walks.filter(({ rows, isDone }) => rows.length === 0 && !isDone);
      await mapConcurrently(empty, (walk) => this.#read(walk, query, after, count + 1));
      if (empty.some(({ rows, isDone }) => rows.length === 0 && !isDone)) continue;
      let first: Walk | undefined;
      for (const walk of walks) {
        const [row] = walk.rows;
        if (row === undefined) continue;
        if (first === undefined || isBefore(row.sortKey, (first.rows[0] as Candidate).sortKey)) first = walk;
      }
      if (first === undefined || taken.length === count) return taken;
      taken.push(first.rows.shift() as Candidate);
    }
  }

  async #read(
    walk: Walk,
    query: Partial<QueryCommandInput>,
    after: string | undefined,
    count: number,
  ): Promise<void> {
    const page = await this.#requests.query({
      ...query,
      IndexName: LIST_INDEX,
      ExpressionAttributeValues: { ...query.ExpressionAttributeValues, ":p": { S: walk.partition } },
      ExclusiveStartKey: walk.start,
      // With a filter, the limit would count what is dropped.
      ...(query.FilterExpression === undefined ? { Limit: Math.min(count, MAX_ROWS_PER_PAGE) } : {}),
    });
    for (const { listSk } of page.Items ?? []) {
      const sortKey = listSk?.S as string;
      if (sortKey === after) continue;
      walk.rows.push({ sortKey, executionId: startedOf(sortKey).executionId });
    }
    walk.start = page.LastEvaluatedKey;
    walk.isDone = walk.start === undefined;
  }

  /** The heads of candidates that are what the index said, in the same order. */
  async #heads(candidates: readonly Candidate[], { status }: ListRequest): Promise<ExecutionHead[]> {
    const keys = candidates.map(({ executionId }) => headKey(executionId));
    const items = await this.#requests.batchGet(keys, { isConsistent: true });
    const stored = new Map<string, StoredHead>();
    for (const item of items) {
      const found = storedHeadOf(item, this.#context);
      const { startedAtMs, executionId } = found.head;
      stored.set(listSortKey(startedAtMs, executionId), found);
    }
    const wanted = candidates.flatMap(({ sortKey }) => {
      const found = stored.get(sortKey);
      return found === undefined || (status !== undefined && found.head.status !== status) ? [] : [found];
    });
    return this.#withInputs(wanted);
  }

  async #withInputs(stored: readonly StoredHead[]): Promise<ExecutionHead[]> {
    const apart = stored.filter(({ hasInputApart }) => hasInputApart);
    const keys = apart.map(({ head, generation }) => itemKey(head.executionId, inputSortKey(generation)));
    const items = keys.length === 0 ? [] : await this.#requests.batchGet(keys, { isConsistent: true });
    const inputs = new Map(items.map((item) => [`${item.pk?.S} ${item.sk?.S}`, textOf(item.in)]));
    return stored.map(({ head, generation, hasInputApart }) => {
      if (!hasInputApart) return head;
      const { pk, sk } = itemKey(head.executionId, inputSortKey(generation));
      const input = inputs.get(`${pk?.S} ${sk?.S}`);
      return input === undefined ? head : { ...head, input };
    });
  }
}

/** What is the same for every partition; `undefined` when nothing can be found. */
function queryOf(request: ListRequest): Partial<QueryCommandInput> | undefined {
  const { status, oldestFirst } = request;
  const range = rangeOf(request);
  if (range === undefined) return undefined;
  const values: Item = { ":from": { S: range.from }, ":to": { S: range.to } };
  // An execution that has not ended has no end status in the index; which of both it has, its head says.
  const isEnded = status !== undefined && isTerminal(status);
  return {
    KeyConditionExpression: "listPk = :p AND listSk BETWEEN :from AND :to",
    ScanIndexForward: oldestFirst === true,
    ...(status === undefined
      ? {}
      : { FilterExpression: isEnded ? "es = :status" : "attribute_not_exists(es)" }),
    ExpressionAttributeValues: isEnded ? { ...values, ":status": { S: status } } : values,
  };
}

/** Both ends belong to the range; the cursor's own row is dropped when it is read. */
function rangeOf(request: ListRequest): { readonly from: string; readonly to: string } | undefined {
  const { startedAfterMs, startedBeforeMs, oldestFirst } = request;
  const last = afterOf(request);
  let from = startedAfterMs === undefined ? FIRST : `${listTime(startedAfterMs)}#${LAST}`;
  let to = startedBeforeMs === undefined ? LAST : listTime(startedBeforeMs);
  if (last !== undefined && oldestFirst === true && last > from) from = last;
  if (last !== undefined && oldestFirst !== true && last < to) to = last;
  return from > to ? undefined : { from, to };
}

/** The sort key of the last row of the page before. @throws TidemarkError `TIDEMARK_CURSOR`. */
function afterOf({ cursor }: ListRequest): string | undefined {
  const after = decodeCursor(cursor);
  return after === undefined ? undefined : listSortKey(after.startedAtMs, after.executionId);
}

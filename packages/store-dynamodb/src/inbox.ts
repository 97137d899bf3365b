/**
 * Owns what comes into inboxes: posts, and the ends of child executions.
 *
 * 1. An event and what it does to the head are one transaction (invariant 6); the end of a child and its
 *    outcome in the parent's inbox are one, too.
 * 2. A post does not ask that the parent's head be unchanged, only that it be in the state the post was made
 *    for: many may post at once.
 * 3. `w` counts the posts that wake. Their sum over an inbox is the head's `inboxCount`: a reader sees whether
 *    it has all events that the head counts.
 */

import type { TransactWriteItem } from "@aws-sdk/client-dynamodb";
import { type ExecutionHead, isTerminal } from "@tidemark/protocol";
import {
  childOutcome,
  endedHead,
  type FinishRequest,
  hasEndedForGood,
  type PostRequest,
  type PostResult,
  wokenHead,
} from "@tidemark/store";
import { type Heads, isWrittenBy, successor } from "./heads.js";
import {
  dueAttributes,
  FORMAT_VERSION,
  headKey,
  type ItemContext,
  itemKey,
  type StoredHead,
  storedEventOf,
  ttlOf,
} from "./items.js";
import { eventPrefix, eventSortKey } from "./keys.js";
import type { KnownExecutions } from "./known-executions.js";
import type { FailedPart, Requests } from "./requests.js";
import { itemTooLargeError } from "./store-errors.js";
import { type Item, itemBytes, MAX_ITEM_BYTES, textAttribute } from "./text-attribute.js";
import { uniqueToken, wallClockMs } from "./turn.js";

type Outcome = "finished" | "ended" | "superseded";

/** What a transaction has shown about a post that it did not carry out. */
type Refusal =
  | { readonly kind: "result"; readonly result: PostResult }
  /** The head is not as it was thought to be; decide again. */
  | { readonly kind: "head"; readonly item: Item | undefined };

/** Arrivals are counted in thousandths of milliseconds, so that many in one keep their order. */
const ARRIVALS_PER_MS = 1_000;

export class Inbox {
  readonly #requests: Requests;
  readonly #context: ItemContext;
  readonly #known: KnownExecutions;
  readonly #heads: Heads;
  readonly #onWoken: (head: ExecutionHead) => void;
  #lastArrival = 0;

  constructor(
    requests: Requests,
    context: ItemContext,
    known: KnownExecutions,
    heads: Heads,
    onWoken: (head: ExecutionHead) => void,
  ) {
    this.#requests = requests;
    this.#context = context;
    this.#known = known;
    this.#heads = heads;
    this.#onWoken = onWoken;
  }

  async post(request: PostRequest): Promise<PostResult> {
    const { executionId } = request;
    const nonce = uniqueToken();
    let stored = this.#known.head(executionId);
    let isGuess = stored !== undefined;
    stored ??= await this.#heads.read(executionId);
    for (;;) {
      if (stored === undefined || hasEndedForGood(stored.head.status)) {
        if (!isGuess) return refusalOf(stored);
        isGuess = false;
        stored = await this.#heads.read(executionId);
        continue;
      }
      const failed = await this.#requests.transact(await this.#parts(stored, request, nonce));
      const refusal = failed === undefined ? undefined : refusedPost(failed, stored, request, nonce);
      if (refusal === undefined) {
        this.#posted(stored, request);
        return { kind: "posted" };
      }
      if (refusal.kind === "result") return refusal.result;
      isGuess = false;
      stored = this.#heads.found(executionId, refusal.item);
    }
  }

  /** Gives the parent too, if the outcome has been posted to it. */
  async finish(request: FinishRequest): Promise<{ outcome: Outcome; parentId?: string }> {
    const { executionId } = request;
    // A child's end takes its parent's head as well, so whether there is a parent is read first.
    let child = this.#known.head(executionId);
    let isGuess = child !== undefined;
    child ??= await this.#heads.read(executionId);
    let mayPost = true;
    for (;;) {
      const refused = refusedEnd(child?.head, request);
      if (child === undefined || refused !== undefined) {
        if (!isGuess) return { outcome: refused ?? "superseded" };
        isGuess = false;
        child = await this.#heads.read(executionId);
        continue;
      }
      const tried = successor(child, endedHead(child.head, request));
      const outcome = mayPost ? childOutcome(tried.head) : undefined;
      const parent = outcome === undefined ? undefined : await this.#openParent(outcome.executionId);
      let item: Item | undefined;
      if (outcome === undefined || parent === undefined) {
        const answer = await this.#heads.put(tried, child);
        if (answer === undefined) return { outcome: "finished" };
        item = answer.found;
      } else {
        const answer = await this.#endAndPost(child, tried, parent, outcome);
        if (answer === "done") return { outcome: "finished", parentId: parent.head.executionId };
        if (answer === "parent changed") continue;
        if (answer === "taken") {
          mayPost = false;
          continue;
        }
        item = answer.found;
      }
      isGuess = false;
      child = this.#heads.found(executionId, item);
      if (child !== undefined && isWrittenBy(child, tried))
        return {
          outcome: "finished",
          ...(parent === undefined ? {} : { parentId: parent.head.executionId }),
        };
    }
  }

  /** The parent, if its inbox takes anything. */
  async #openParent(executionId: string): Promise<StoredHead | undefined> {
    const known = this.#known.head(executionId);
    if (known !== undefined && !hasEndedForGood(known.head.status)) return known;
    const parent = await this.#heads.read(executionId);
    return parent === undefined || hasEndedForGood(parent.head.status) ? undefined : parent;
  }

  async #endAndPost(
    child: StoredHead,
    tried: StoredHead,
    parent: StoredHead,
    outcome: PostRequest,
  ): Promise<"done" | "taken" | "parent changed" | { readonly found: Item | undefined }> {
    const nonce = uniqueToken();
    const parts = await this.#parts(parent, outcome, nonce);
    const failed = await this.#requests.transact([await this.#heads.putPart(tried, child), ...parts]);
    if (failed !== undefined) {
      const [own, ...posting] = failed as [FailedPart, ...FailedPart[]];
      if (own.hasFailed) return { found: own.item };
      const refusal = refusedPost(posting, parent, outcome, nonce);
      if (refusal?.kind === "result") return "taken";
      if (refusal?.kind === "head") this.#heads.found(parent.head.executionId, refusal.item);
      return "parent changed";
    }
    this.#heads.transacted(tried);
    this.#posted(parent, outcome);
    return "done";
  }

  /** The event, the head, and the key in `unless`, in this order. */
  async #parts(stored: StoredHead, request: PostRequest, nonce: string): Promise<TransactWriteItem[]> {
    const { executionId, key, unless } = request;
    const parts = [await this.#eventPart(stored, request, nonce), this.#headPart(stored, request)];
    if (unless === undefined || unless === key) return parts;
    return [
      ...parts,
      { ConditionCheck: this.#free(itemKey(executionId, eventSortKey(stored.generation, unless))) },
    ];
  }

  async #eventPart(stored: StoredHead, request: PostRequest, nonce: string): Promise<TransactWriteItem> {
    const { executionId, key, event, mode, unless, nowMs, wake } = request;
    const itsKey = itemKey(executionId, eventSortKey(stored.generation, key));
    const { ttl } = ttlOf(stored.head);
    const beside = { ...itsKey, ttl, n: { S: nonce } };
    const text = await textAttribute(JSON.stringify(event), beside);
    const bytes = itemBytes({ ...beside, e: text }) + EVENT_NUMBERS_BYTES;
    if (bytes > MAX_ITEM_BYTES) {
      const what = `the event ${key} for execution ${executionId}`;
      throw itemTooLargeError(this.#context.tableName, what, bytes, MAX_ITEM_BYTES);
    }
    const { ConditionExpression, ...item } = this.#free(itsKey);
    return {
      Update: {
        ...item,
        UpdateExpression: "SET e = :e, t = :t, a = :a, n = :n, #ttl = :ttl ADD w :w",
        ...(mode === "once" || unless === key ? { ConditionExpression } : {}),
        ExpressionAttributeNames: { "#ttl": "ttl" },
        ExpressionAttributeValues: {
          ":e": text,
          ":t": { N: String(nowMs) },
          ":a": { N: String(this.#nextArrival()) },
          ":n": { S: nonce },
          ":ttl": ttl,
          ":w": { N: wake ? "1" : "0" },
        },
      },
    };
  }

  #headPart(stored: StoredHead, { nowMs, wake }: PostRequest): TransactWriteItem {
    const { head, generation } = stored;
    const base = {
      TableName: this.#context.tableName,
      Key: headKey(head.executionId),
      ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
    };
    // A head of a newer version may count its events in another way.
    const same = { ":f": { N: String(FORMAT_VERSION) }, ":g": { S: generation }, ":s": { S: head.status } };
    if (!wake) {
      const ConditionExpression = "f = :f AND g = :g AND s = :s";
      return { ConditionCheck: { ...base, ConditionExpression, ExpressionAttributeValues: same } };
    }
    const woken = wokenHead(head, nowMs);
    const makesDue = woken.dueAtMs !== head.dueAtMs;
    const { duePk, dueAt } = dueAttributes(woken, this.#context.shards);
    const setDue = makesDue && duePk !== undefined && dueAt !== undefined;
    const isPending = head.status === "PENDING";
    const isDue = setDue ? " AND (attribute_not_exists(dueAt) OR dueAt > :now)" : " AND dueAt <= :now";
    return {
      Update: {
        ...base,
        UpdateExpression: `SET m = n, n = :n${setDue ? ", duePk = :duePk, dueAt = :dueAt" : ""} ADD ic :one`,
        ConditionExpression: `f = :f AND g = :g AND s = :s${isPending ? isDue : ""}`,
        ExpressionAttributeValues: {
          ...same,
          ":n": { S: uniqueToken() },
          ":one": { N: "1" },
          ...(isPending ? { ":now": { N: String(nowMs) } } : {}),
          ...(setDue ? { ":duePk": duePk, ":dueAt": dueAt } : {}),
        },
      },
    };
  }

  #free(key: Item) {
    return {
      TableName: this.#context.tableName,
      Key: key,
      ConditionExpression: "attribute_not_exists(pk)",
      ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
    };
  }

  #posted(stored: StoredHead, { wake, nowMs }: PostRequest): void {
    if (!wake) return;
    this.#known.changed(stored.head.executionId);
    this.#onWoken(wokenHead(stored.head, nowMs));
  }

  /** Later than every arrival that this process has given. */
  #nextArrival(): number {
    this.#lastArrival = Math.max(this.#lastArrival + 1, wallClockMs() * ARRIVALS_PER_MS);
    return this.#lastArrival;
  }
}

/** `e`, `t`, `a`, `w` and their numbers. */
const EVENT_NUMBERS_BYTES = 80;

function refusalOf(stored: StoredHead | undefined): PostResult {
  return stored === undefined ? { kind: "unknown" } : { kind: "ended", status: stored.head.status };
}

function refusedEnd(head: ExecutionHead | undefined, { epoch }: FinishRequest): Outcome | undefined {
  if (head === undefined) return "superseded";
  if (isTerminal(head.status)) return "ended";
  return epoch !== undefined && head.epoch !== epoch ? "superseded" : undefined;
}

/** `undefined`: it is our own post that is there. */
function refusedPost(
  [event, head, unless]: readonly FailedPart[],
  { generation }: StoredHead,
  request: PostRequest,
  nonce: string,
): Refusal | undefined {
  const there = event?.item === undefined ? undefined : storedEventOf(event.item, eventPrefix(generation));
  if (there !== undefined && there.nonce === nonce) return undefined;
  if (head?.hasFailed === true) return { kind: "head", item: head.item };
  if (event?.hasFailed === true && there !== undefined)
    return { kind: "result", result: { kind: "taken", by: there.event } };
  if (unless?.hasFailed === true && unless.item !== undefined) {
    const { event: by } = storedEventOf(unless.item, eventPrefix(generation));
    return { kind: "result", result: { kind: "taken", by } };
  }
  throw new Error(`the post of ${request.key} was refused without a reason`);
}

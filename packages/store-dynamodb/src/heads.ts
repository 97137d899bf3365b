/**
 * Owns the writes of one head: read it, decide with the functions that all stores share, write what they give
 * if nobody else has written since.
 *
 * 1. A decision not to write is made on a strongly consistent read only; a write may be tried on a guess.
 * 2. A condition that fails may mean that our own write has landed and its answer was lost (invariant 4): the
 *    head holds the nonces of its last two writes and of its lease.
 */

import type { ExecutionHead } from "@tidemark/protocol";
import { isMeant, isTerminal, parseExecutionId } from "@tidemark/protocol";
import {
  type AcquireRequest,
  acquiredHead,
  hasEndedForGood,
  hasUnseenEvent,
  isHeldBy,
  type NewExecution,
  newHead,
  resumedHead,
  type SuspendRequest,
  suspendedHead,
} from "@tidemark/store";
import { HeadReads } from "./head-reads.js";
import {
  headItem,
  headKey,
  type ItemContext,
  inputItem,
  type SnapshotPointer,
  type StoredHead,
  storedHeadOf,
} from "./items.js";
import { generationOf, inputSortKey } from "./keys.js";
import type { KnownExecutions } from "./known-executions.js";
import type { Requests } from "./requests.js";
import { itemTooLargeError, missingInputError } from "./store-errors.js";
import { type Item, itemBytes, MAX_ITEM_BYTES, textOf } from "./text-attribute.js";
import { uniqueToken, wallClockMs } from "./turn.js";

/** Larger inputs are items of their own: the head is written often, and a write costs its whole size. */
const INLINE_INPUT_BYTES = 1024;

interface Decision<T> {
  readonly value: T;
  /** The head to write; absent: nothing is to be written. */
  readonly next?: ExecutionHead | undefined;
}

interface Decided<T> {
  readonly value: T;
  /** The head as it was written. */
  readonly written?: StoredHead | undefined;
}

interface Suspended {
  readonly outcome: "suspended" | "inbox" | "superseded";
  readonly isSooner: boolean;
}

export class Heads {
  readonly #requests: Requests;
  readonly #reads: HeadReads;
  readonly #context: ItemContext;
  readonly #known: KnownExecutions;
  /** Told of every head that this process has written. */
  readonly #onWritten: (head: ExecutionHead) => void;

  constructor(
    requests: Requests,
    context: ItemContext,
    known: KnownExecutions,
    onWritten: (head: ExecutionHead) => void,
  ) {
    this.#requests = requests;
    this.#reads = new HeadReads(requests);
    this.#context = context;
    this.#known = known;
    this.#onWritten = onWritten;
  }

  /** A strongly consistent read, without an input that is apart. */
  async read(executionId: string): Promise<StoredHead | undefined> {
    return this.found(executionId, await this.#reads.read(parseExecutionId(executionId).executionId));
  }

  /** Takes in what a strongly consistent read or a failed condition has shown. Gives the execution that is meant. */
  found(executionId: string, item: Item | undefined): StoredHead | undefined {
    if (item === undefined) {
      this.#known.gone(executionId);
      return undefined;
    }
    const stored = storedHeadOf(item, this.#context);
    this.#known.saw(stored);
    return isMeant(executionId, stored.head) ? stored : undefined;
  }

  /** The head as the port gives it. @throws TidemarkError `TIDEMARK_LOG_CORRUPT` when its input is gone. */
  async withInput(stored: StoredHead): Promise<ExecutionHead> {
    if (!stored.hasInputApart) return stored.head;
    const apart = await this.#inputOf(stored);
    // Nobody must take `{}` for it.
    if (apart.input === undefined && (await this.isThere(stored)))
      throw missingInputError(this.#context.tableName, stored.head.executionId);
    return { ...stored.head, ...apart };
  }

  /** The input, if it is an item of its own and is there. */
  async #inputOf({ head, generation, hasInputApart }: StoredHead): Promise<Pick<ExecutionHead, "input">> {
    if (!hasInputApart) return {};
    const key = { ...headKey(head.executionId), sk: { S: inputSortKey(generation) } };
    const input = textOf((await this.#requests.get(key))?.in);
    return input === undefined ? {} : { input };
  }

  /** False when what was read of the execution is being removed: by a purge, or by the TTL. */
  async isThere({ head, generation }: StoredHead): Promise<boolean> {
    if (wallClockMs() > head.timeoutAtMs + head.retentionMs) return false;
    const found = await this.read(head.executionId);
    return found?.generation === generation;
  }

  async start(execution: NewExecution): Promise<{ created: boolean; head: ExecutionHead }> {
    const { executionId, incarnation, input } = execution;
    const head = newHead(execution);
    const hasInputApart = input !== undefined && Buffer.byteLength(input) > INLINE_INPUT_BYTES;
    const { input: _input, ...small } = head;
    const stored: StoredHead = {
      head: hasInputApart ? small : head,
      generation: incarnation === undefined ? uniqueToken().slice(0, 8) : generationOf(incarnation),
      nonce: uniqueToken(),
      previousNonce: undefined,
      leaseNonce: undefined,
      hasInputApart,
      snapshot: undefined,
    };
    // The input before the head that names it; if the head is refused, the input goes with the TTL.
    if (hasInputApart) await this.#putInput(stored, input);
    const refused = await this.#requests.put({
      Item: await this.#item(stored),
      ConditionExpression: "attribute_not_exists(pk)",
    });
    const found = refused === undefined ? undefined : this.found(executionId, refused.found);
    if (found !== undefined && found.generation !== stored.generation)
      return { created: false, head: await this.withInput(found) };
    if (found === undefined) this.#wrote(stored);
    return { created: true, head };
  }

  async acquire(request: AcquireRequest): Promise<ExecutionHead | undefined> {
    const { written } = await this.change(request.executionId, (head) => ({
      value: undefined,
      next: head === undefined ? undefined : acquiredHead(head, request),
    }));
    if (written === undefined) return undefined;
    // The lease is taken: who has it must know, to give it back. An input that is gone is found by the load that follows.
    return { ...written.head, ...(await this.#inputOf(written)) };
  }

  async renew(executionId: string, epoch: number, leaseUntilMs: number): Promise<boolean> {
    const { value } = await this.change(executionId, (head) =>
      head !== undefined && isHeldBy(head, epoch)
        ? { value: true, next: { ...head, dueAtMs: leaseUntilMs } }
        : { value: false },
    );
    return value;
  }

  /** `isSooner`: due before the lease would have ended, which others wait for. */
  async suspend(request: SuspendRequest): Promise<Suspended> {
    const { value } = await this.change<Suspended>(request.executionId, (head) => {
      if (head === undefined || !isHeldBy(head, request.epoch))
        return { value: { outcome: "superseded", isSooner: false } };
      const outcome = hasUnseenEvent(head, request) ? "inbox" : "suspended";
      const next = suspendedHead(head, request);
      const isSooner = next.dueAtMs !== undefined && next.dueAtMs < (head.dueAtMs as number);
      return { value: { outcome, isSooner }, next };
    });
    return value;
  }

  async resume(executionId: string, nowMs: number): Promise<boolean> {
    const { value } = await this.change(executionId, (head) =>
      head?.status === "STOPPED" ? { value: true, next: resumedHead(head, nowMs) } : { value: false },
    );
    return value;
  }

  /**
   * Points at a snapshot whose parts are there. Gives the head before, or nothing when the execution is another one
   * by now, has ended for good, or has a snapshot of as many entries.
   */
  async pointAt(before: StoredHead, snapshot: SnapshotPointer): Promise<StoredHead | undefined> {
    const { executionId } = before.head;
    for (let stored: StoredHead | undefined = before; takesSnapshot(stored, snapshot.sequence); ) {
      if (stored.generation !== before.generation) return undefined;
      const tried: StoredHead = { ...successor(stored, stored.head), snapshot };
      const refused = await this.put(tried, stored);
      if (refused === undefined) return stored;
      const found = this.found(executionId, refused.found);
      if (found !== undefined && isWrittenBy(found, tried)) return stored;
      stored = found;
    }
    return undefined;
  }

  /**
   * Removes the head of an execution that has ended, before `expiredAtMs` if given; its other items mean nothing without
   * it. Gives the generation that they belong to, or nothing when there was nothing to remove.
   */
  async remove(executionId: string, expiredAtMs = Number.POSITIVE_INFINITY): Promise<string | undefined> {
    let stored = await this.read(executionId);
    let tried: StoredHead | undefined;
    while (stored !== undefined && isTerminal(stored.head.status)) {
      if ((stored.head.expiresAtMs ?? 0) > expiredAtMs) break;
      const refused = await this.#requests.delete({ Key: headKey(executionId), ...unchangedSince(stored) });
      tried = stored;
      if (refused === undefined) {
        this.#known.gone(executionId);
        return stored.generation;
      }
      stored = this.found(executionId, refused.found);
    }
    // Removed by an attempt whose answer was lost: another execution may have taken the id since.
    return tried?.generation === stored?.generation ? undefined : tried?.generation;
  }

  /** Reads, decides and writes, until the write lands or the decision is not to write. */
  async change<T>(
    executionId: string,
    decide: (head: ExecutionHead | undefined) => Decision<T>,
  ): Promise<Decided<T>> {
    let stored = this.#known.head(executionId);
    let isGuess = stored !== undefined;
    stored ??= await this.read(executionId);
    for (;;) {
      const { value, next } = decide(stored?.head);
      if (stored === undefined || next === undefined) {
        if (!isGuess) return { value };
        isGuess = false;
        stored = await this.read(executionId);
        continue;
      }
      const tried = successor(stored, next);
      const refused = await this.put(tried, stored);
      if (refused === undefined) return { value, written: tried };
      isGuess = false;
      stored = this.found(executionId, refused.found);
      // As it was written, not as it is found: another may have taken the lease since.
      if (stored !== undefined && isWrittenBy(stored, tried)) return { value, written: tried };
    }
  }

  /** Writes a head if nobody has written since `before`. */
  async put(stored: StoredHead, before: StoredHead): Promise<{ found: Item | undefined } | undefined> {
    const refused = await this.#requests.put({ Item: await this.#item(stored), ...unchangedSince(before) });
    if (refused === undefined) this.#wrote(stored);
    return refused;
  }

  /** The same as a part of a transaction; tell {@link transacted} when it has landed. */
  async putPart(stored: StoredHead, before: StoredHead) {
    return {
      Put: {
        TableName: this.#context.tableName,
        Item: await this.#item(stored),
        ReturnValuesOnConditionCheckFailure: "ALL_OLD" as const,
        ...unchangedSince(before),
      },
    };
  }

  transacted(stored: StoredHead): void {
    this.#wrote(stored);
  }

  #wrote(stored: StoredHead): void {
    this.#known.saw(stored);
    this.#onWritten(stored.head);
  }

  async #putInput(stored: StoredHead, input: string): Promise<void> {
    const item = await inputItem(stored, input);
    this.#checkSize(item, `the input of execution ${stored.head.executionId}`);
    await this.#requests.put({ Item: item });
  }

  async #item(stored: StoredHead): Promise<Item> {
    const item = await headItem(stored, this.#context);
    this.#checkSize(item, `the result of execution ${stored.head.executionId}`);
    return item;
  }

  #checkSize(item: Item, what: string): void {
    const bytes = itemBytes(item);
    if (bytes > MAX_ITEM_BYTES) throw itemTooLargeError(this.#context.tableName, what, bytes, MAX_ITEM_BYTES);
  }
}

/** Whether a snapshot of so many entries is of use to the execution. */
export function takesSnapshot(stored: StoredHead | undefined, sequence: number): stored is StoredHead {
  if (stored === undefined || hasEndedForGood(stored.head.status)) return false;
  return (stored.snapshot?.sequence ?? 0) < sequence;
}

/** The same execution with its next head. */
export function successor(stored: StoredHead, head: ExecutionHead): StoredHead {
  const nonce = uniqueToken();
  const leaseNonce = head.epoch > stored.head.epoch ? nonce : stored.leaseNonce;
  return { ...stored, head, nonce, previousNonce: stored.nonce, leaseNonce };
}

/** Whether a write has landed, also when another has followed; of a lease, also when many have. */
export function isWrittenBy(found: StoredHead, { nonce }: StoredHead): boolean {
  return found.nonce === nonce || found.previousNonce === nonce || found.leaseNonce === nonce;
}

function unchangedSince({ nonce }: StoredHead) {
  return { ConditionExpression: "n = :before", ExpressionAttributeValues: { ":before": { S: nonce } } };
}

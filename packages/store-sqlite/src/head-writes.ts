/**
 * Owns the conditional writes of heads and inboxes, and their removal, as they run inside a transaction: read the
 * head, decide with the functions that all stores share, write what they give.
 */

import { decodeEntry, type ExecutionHead, isTerminal } from "@tidemark/protocol";
import {
  type AcquireRequest,
  acquiredHead,
  childOutcome,
  endedHead,
  type FinishRequest,
  hasEndedForGood,
  hasUnseenEvent,
  isHeldBy,
  type NewExecution,
  newHead,
  type PostRequest,
  type PostResult,
  resumedHead,
  type SnapshotRequest,
  type SuspendRequest,
  suspendedHead,
  wokenHead,
} from "@tidemark/store";
import type { Changed } from "./group-commit.js";
import { endColumns, eventOf, type HeadRow, headOf, liveColumns, meant, newColumns } from "./rows.js";
import type { Statements } from "./statements.js";
import { storedText } from "./text.js";

interface Numbered {
  /** Names the execution within the file. */
  readonly number: number;
  readonly head: ExecutionHead;
}

export class HeadWrites {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  /** The head with its input. */
  read(executionId: string): Numbered | undefined {
    return numbered(this.#statements.head.get(...meant(executionId)));
  }

  readWithoutInput(executionId: string): Numbered | undefined {
    return numbered(this.#statements.headWithoutInput.get(...meant(executionId)));
  }

  start(execution: NewExecution, changed: Changed): { created: boolean; head: ExecutionHead } {
    const { executionId, input } = execution;
    const head = newHead(execution);
    const { changes, lastInsertRowid } = this.#statements.insertHead.run(...newColumns(execution, head));
    if (changes === 0) return { created: false, head: (this.read(executionId) as Numbered).head };
    if (input !== undefined) this.#statements.insertInput.run(lastInsertRowid, storedText(input));
    changed(executionId);
    return { created: true, head };
  }

  acquire(request: AcquireRequest): ExecutionHead | undefined {
    const found = this.read(request.executionId);
    const head = found === undefined ? undefined : acquiredHead(found.head, request);
    if (found !== undefined && head !== undefined) this.#saveLive(found.number, head);
    return head;
  }

  renew(executionId: string, epoch: number, leaseUntilMs: number): boolean {
    return this.#statements.renew.run(...meant(executionId), leaseUntilMs, epoch).changes === 1;
  }

  suspend(request: SuspendRequest, changed: Changed): "suspended" | "inbox" | "superseded" {
    const found = this.readWithoutInput(request.executionId);
    if (found === undefined || !isHeldBy(found.head, request.epoch)) return "superseded";
    const before = found.head;
    const isWoken = hasUnseenEvent(before, request);
    const head = suspendedHead(before, request);
    this.#saveLive(found.number, head);
    // Others know of the lease's end, and look then.
    const isSooner = head.dueAtMs !== undefined && head.dueAtMs < (before.dueAtMs as number);
    if (isWoken || isSooner) changed(head.executionId);
    return isWoken ? "inbox" : "suspended";
  }

  finish(request: FinishRequest, changed: Changed): "finished" | "ended" | "superseded" {
    const found = this.readWithoutInput(request.executionId);
    if (found === undefined) return "superseded";
    if (isTerminal(found.head.status)) return "ended";
    if (request.epoch !== undefined && found.head.epoch !== request.epoch) return "superseded";
    const head = endedHead(found.head, request);
    this.#saveEnd(found.number, head);
    changed(head.executionId);
    const outcome = childOutcome(head);
    if (outcome !== undefined) this.post(outcome, changed);
    return "finished";
  }

  resume(executionId: string, nowMs: number, changed: Changed): boolean {
    const found = this.readWithoutInput(executionId);
    if (found?.head.status !== "STOPPED") return false;
    this.#saveEnd(found.number, resumedHead(found.head, nowMs));
    changed(found.head.executionId);
    return true;
  }

  post(request: PostRequest, changed: Changed): PostResult {
    const { executionId, key, event, nowMs } = request;
    const found = this.readWithoutInput(executionId);
    if (found === undefined) return { kind: "unknown" };
    const { number, head } = found;
    if (hasEndedForGood(head.status)) return { kind: "ended", status: head.status };
    const taken =
      (request.mode === "once" ? this.#event(number, key) : undefined) ??
      (request.unless === undefined ? undefined : this.#event(number, request.unless));
    if (taken !== undefined) return { kind: "taken", by: eventOf(taken) };
    this.#statements.putEvent.run(number, storedText(key), nowMs, JSON.stringify(event));
    if (request.wake) {
      this.#saveLive(number, wokenHead(head, nowMs));
      changed(head.executionId);
    }
    return { kind: "posted" };
  }

  saveSnapshot({ executionId, sequence, nonce, text }: SnapshotRequest): boolean {
    const found = this.readWithoutInput(executionId);
    if (found === undefined || hasEndedForGood(found.head.status)) return false;
    const entry: string | undefined = this.#statements.entry.get(...meant(executionId), sequence)?.entry;
    if (entry === undefined || decodeEntry(entry, sequence).nonce !== nonce) return false;
    return this.#statements.putSnapshot.run(found.number, sequence, storedText(text)).changes === 1;
  }

  purge(executionId: string): boolean {
    const found = this.readWithoutInput(executionId);
    if (found === undefined || !isTerminal(found.head.status)) return false;
    this.#delete(found.number);
    return true;
  }

  /** Removes at most `limit` executions whose retention has passed; gives how many. */
  purgeExpired(nowMs: number, limit: number): number {
    const expired = this.#statements.expired.all(nowMs, limit) as { number: number }[];
    for (const { number } of expired) this.#delete(number);
    return expired.length;
  }

  #delete(number: number): void {
    this.#statements.deleteLog.run(number);
    this.#statements.deleteInbox.run(number);
    this.#statements.deleteInput.run(number);
    this.#statements.deleteHead.run(number);
  }

  #event(number: number, key: string): string | undefined {
    return this.#statements.event.get(number, storedText(key))?.event;
  }

  #saveLive(number: number, head: ExecutionHead): void {
    this.#statements.saveLive.run(...liveColumns(head), number);
  }

  #saveEnd(number: number, head: ExecutionHead): void {
    this.#statements.saveEnd.run(...liveColumns(head), ...endColumns(head), number);
  }
}

function numbered(row: HeadRow | undefined): Numbered | undefined {
  return row === undefined ? undefined : { number: row.number, head: headOf(row) };
}

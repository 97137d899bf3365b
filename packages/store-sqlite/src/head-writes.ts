/**
 * Owns the conditional writes of heads and inboxes, and their removal, as they run inside a transaction: read the
 * head, decide with the functions that all stores share, write what they give.
 */

import { type ExecutionHead, isTerminal } from "@tidemark/protocol";
import {
  type AcquireRequest,
  acquiredHead,
  childOutcome,
  endedHead,
  type FinishRequest,
  hasUnseenEvent,
  isHeldBy,
  type NewExecution,
  newHead,
  type PostRequest,
  type PostResult,
  resumedHead,
  type SuspendRequest,
  suspendedHead,
  wokenHead,
} from "@tidemark/store";
import type { Changed } from "./group-commit.js";
import { endColumns, eventOf, type HeadRow, headOf, liveColumns, newColumns } from "./rows.js";
import type { Statements } from "./statements.js";
import { type StoredText, storedText } from "./text.js";

export class HeadWrites {
  readonly #statements: Statements;

  constructor(statements: Statements) {
    this.#statements = statements;
  }

  read(executionId: string): ExecutionHead | undefined {
    const row = this.#statements.head.get(storedText(executionId)) as HeadRow | undefined;
    return row === undefined ? undefined : headOf(row);
  }

  start(execution: NewExecution, changed: Changed): { created: boolean; head: ExecutionHead } {
    const head = newHead(execution);
    const { changes } = this.#statements.insertHead.run(...newColumns(execution, head));
    if (changes === 0) return { created: false, head: this.read(execution.executionId) as ExecutionHead };
    if (execution.input !== undefined) {
      this.#statements.insertInput.run(storedText(execution.executionId), storedText(execution.input));
    }
    changed(execution.executionId);
    return { created: true, head };
  }

  acquire(request: AcquireRequest): ExecutionHead | undefined {
    const before = this.read(request.executionId);
    const head = before === undefined ? undefined : acquiredHead(before, request);
    if (head !== undefined) this.#saveLive(head);
    return head;
  }

  renew(executionId: string, epoch: number, leaseUntilMs: number): boolean {
    return this.#statements.renew.run(leaseUntilMs, storedText(executionId), epoch).changes === 1;
  }

  suspend(request: SuspendRequest, changed: Changed): "suspended" | "inbox" | "superseded" {
    const head = this.#readWithoutInput(request.executionId);
    if (head === undefined || !isHeldBy(head, request.epoch)) return "superseded";
    this.#saveLive(suspendedHead(head, request));
    if (!hasUnseenEvent(head, request)) return "suspended";
    changed(request.executionId);
    return "inbox";
  }

  finish(request: FinishRequest, changed: Changed): "finished" | "ended" | "superseded" {
    const before = this.#readWithoutInput(request.executionId);
    if (before === undefined) return "superseded";
    if (isTerminal(before.status)) return "ended";
    if (request.epoch !== undefined && before.epoch !== request.epoch) return "superseded";
    const head = endedHead(before, request);
    this.#saveEnd(head);
    changed(request.executionId);
    const outcome = childOutcome(head);
    if (outcome !== undefined) this.post(outcome, changed);
    return "finished";
  }

  resume(executionId: string, nowMs: number, changed: Changed): boolean {
    const head = this.#readWithoutInput(executionId);
    if (head?.status !== "STOPPED") return false;
    this.#saveEnd(resumedHead(head, nowMs));
    changed(executionId);
    return true;
  }

  post(request: PostRequest, changed: Changed): PostResult {
    const { executionId, key, event, nowMs } = request;
    const head = this.#readWithoutInput(executionId);
    if (head === undefined) return { kind: "unknown" };
    if (isTerminal(head.status)) return { kind: "ended", status: head.status };
    const taken =
      (request.mode === "once" ? this.#event(executionId, key) : undefined) ??
      (request.unless === undefined ? undefined : this.#event(executionId, request.unless));
    if (taken !== undefined) return { kind: "taken", by: eventOf(taken) };
    this.#statements.putEvent.run(storedText(executionId), storedText(key), nowMs, JSON.stringify(event));
    if (request.wake) {
      this.#saveLive(wokenHead(head, nowMs));
      changed(executionId);
    }
    return { kind: "posted" };
  }

  purge(executionId: string): boolean {
    const head = this.#readWithoutInput(executionId);
    if (head === undefined || !isTerminal(head.status)) return false;
    this.#delete(storedText(executionId));
    return true;
  }

  /** Removes at most `limit` executions whose retention has passed; gives how many. */
  purgeExpired(nowMs: number, limit: number): number {
    const expired = this.#statements.expired.all(nowMs, limit) as { execution_id: StoredText }[];
    for (const { execution_id } of expired) this.#delete(execution_id);
    return expired.length;
  }

  #delete(id: StoredText): void {
    this.#statements.deleteLog.run(id);
    this.#statements.deleteInbox.run(id);
    this.#statements.deleteInput.run(id);
    this.#statements.deleteHead.run(id);
  }

  #event(executionId: string, key: string): string | undefined {
    return this.#statements.event.get(storedText(executionId), storedText(key))?.event;
  }

  #readWithoutInput(executionId: string): ExecutionHead | undefined {
    const row = this.#statements.headWithoutInput.get(storedText(executionId)) as HeadRow | undefined;
    return row === undefined ? undefined : headOf(row);
  }

  #saveLive(head: ExecutionHead): void {
    this.#statements.saveLive.run(...liveColumns(head), storedText(head.executionId));
  }

  #saveEnd(head: ExecutionHead): void {
    this.#statements.saveEnd.run(...liveColumns(head), ...endColumns(head), storedText(head.executionId));
  }
}

/**
 * Owns what each write does to a head, and what its end means to the parent. Pure; all stores share it.
 *
 * Whether the write is still allowed when it lands is the store's to make sure.
 */

import { type ExecutionHead, type ExecutionStatus, isTerminal, type OutsideEvent } from "@tidemark/protocol";
import type { AcquireRequest, FinishRequest, NewExecution, PostRequest, SuspendRequest } from "./port.js";

/** The head of a new execution: due at once. */
export function newHead(execution: NewExecution): ExecutionHead {
  return { ...execution, status: "PENDING", epoch: 0, dueAtMs: execution.startedAtMs, inboxCount: 0 };
}

/** The head with the lease taken, or `undefined` when it is not due, still held or has ended. */
export function acquiredHead(head: ExecutionHead, request: AcquireRequest): ExecutionHead | undefined {
  if (isTerminal(head.status) || head.dueAtMs === undefined || head.dueAtMs > request.nowMs) return undefined;
  const { lastInvocation, ...rest } = head;
  return {
    ...rest,
    // Only an invocation that gave its lease back has said how it ended.
    ...(head.status === "PENDING" && lastInvocation !== undefined ? { lastInvocation } : {}),
    status: "RUNNING",
    epoch: head.epoch + 1,
    owner: request.owner,
    invokedAtMs: request.nowMs,
    dueAtMs: request.leaseUntilMs,
  };
}

/** Whether the invocation with this epoch holds the lease. One that has run out is held until another takes it. */
export function isHeldBy(head: ExecutionHead, epoch: number): boolean {
  return head.status === "RUNNING" && head.epoch === epoch;
}

/** Whether events have come that the invocation has not seen (invariant 6). */
export function hasUnseenEvent(head: ExecutionHead, request: SuspendRequest): boolean {
  return head.inboxCount !== request.inboxCount;
}

/** The head with the lease given back: due when asked, or still due if an event has come. */
export function suspendedHead(head: ExecutionHead, request: SuspendRequest): ExecutionHead {
  const { owner: _owner, dueAtMs: _dueAtMs, ...rest } = head;
  const dueAtMs = hasUnseenEvent(head, request) ? head.invokedAtMs : request.dueAtMs;
  return {
    ...rest,
    ...(request.invocation === undefined ? {} : { lastInvocation: request.invocation }),
    ...(dueAtMs === undefined ? {} : { dueAtMs }),
    status: "PENDING",
  };
}

/** The head after an event that wakes it: due now, unless it is due already or runs. */
export function wokenHead(head: ExecutionHead, nowMs: number): ExecutionHead {
  const isDue = head.dueAtMs !== undefined && head.dueAtMs <= nowMs;
  return {
    ...head,
    inboxCount: head.inboxCount + 1,
    ...(head.status === "PENDING" && !isDue ? { dueAtMs: nowMs } : {}),
  };
}

/** The head of a stopped execution that goes on, due now. */
export function resumedHead(head: ExecutionHead, nowMs: number): ExecutionHead {
  const { endedAtMs: _endedAtMs, error: _error, expiresAtMs: _expiresAtMs, ...rest } = head;
  return { ...rest, status: "PENDING", dueAtMs: nowMs };
}

/** The head after its end. */
export function endedHead(head: ExecutionHead, request: FinishRequest): ExecutionHead {
  const { owner: _owner, dueAtMs: _dueAtMs, lastInvocation, ...rest } = head;
  // An invocation that was running and has not said how it ended was cut off.
  const known = request.invocation ?? (head.status === "RUNNING" ? undefined : lastInvocation);
  return {
    ...rest,
    status: request.status,
    endedAtMs: request.endedAtMs,
    expiresAtMs: request.endedAtMs + head.retentionMs,
    ...(request.result === undefined ? {} : { result: request.result }),
    ...(request.error === undefined ? {} : { error: request.error }),
    ...(known === undefined ? {} : { lastInvocation: known }),
  };
}

/** True when no event can matter any more. A stopped execution may be resumed: its inbox stays open. */
export function hasEndedForGood(status: ExecutionStatus): boolean {
  return isTerminal(status) && status !== "STOPPED";
}

/** The inbox key that settles an operation: whoever takes it first decides the outcome (invariant 7). */
export function settleKey(operationId: string): string {
  return `settle/${operationId}`;
}

/** What to post to the parent's inbox when a child execution has ended, if it has a parent. */
export function childOutcome(head: ExecutionHead): PostRequest | undefined {
  if (head.parent === undefined) return undefined;
  const { executionId, operationId } = head.parent;
  const event: OutsideEvent = {
    kind: "invoke_settled",
    id: operationId,
    outcome: head.status as "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED",
    ...(head.result === undefined ? {} : { result: head.result }),
    ...(head.error === undefined ? {} : { error: head.error }),
  };
  return {
    executionId,
    key: settleKey(operationId),
    event,
    nowMs: head.endedAtMs as number,
    mode: "once",
    wake: true,
  };
}

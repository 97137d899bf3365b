/** Owns how a head and an inbox event are laid out in columns. Pure. */

import {
  type ErrorObject,
  type ExecutionHead,
  type ExecutionStatus,
  type InvocationEnd,
  type OutsideEvent,
  parseExecutionId,
} from "@tidemark/protocol";
import type { InboxEvent, NewExecution } from "@tidemark/store";
import { type StoredText, storedText, storedTextOrNull, textOf } from "./text.js";

/** A row of `executions`, with the input where the statement joins it. */
export interface HeadRow {
  readonly number: number;
  readonly execution_id: StoredText;
  readonly function_name: StoredText;
  readonly name: StoredText | null;
  readonly tenant_id: StoredText | null;
  readonly parent_execution_id: StoredText | null;
  readonly parent_operation_id: StoredText | null;
  readonly started_at_ms: number;
  readonly timeout_at_ms: number;
  readonly retention_ms: number;
  readonly status: ExecutionStatus;
  readonly epoch: number;
  readonly owner: StoredText | null;
  readonly due_at_ms: number | null;
  readonly invoked_at_ms: number | null;
  readonly last_invocation: string | null;
  readonly inbox_count: number;
  readonly ended_at_ms: number | null;
  readonly result: StoredText | null;
  readonly error: string | null;
  readonly expires_at_ms: number | null;
  readonly incarnation: StoredText | null;
  readonly input?: StoredText | null;
}

export interface InboxRow {
  readonly key: StoredText;
  readonly at_ms: number;
  readonly event: string;
}

export function headOf(row: HeadRow): ExecutionHead {
  const head: { -readonly [Key in keyof ExecutionHead]: ExecutionHead[Key] } = {
    executionId: textOf(row.execution_id),
    functionName: textOf(row.function_name),
    startedAtMs: row.started_at_ms,
    timeoutAtMs: row.timeout_at_ms,
    retentionMs: row.retention_ms,
    status: row.status,
    epoch: row.epoch,
    inboxCount: row.inbox_count,
  };
  if (row.incarnation !== null) head.incarnation = textOf(row.incarnation);
  if (row.name !== null) head.name = textOf(row.name);
  if (row.tenant_id !== null) head.tenantId = textOf(row.tenant_id);
  if (row.parent_execution_id !== null && row.parent_operation_id !== null) {
    head.parent = {
      executionId: textOf(row.parent_execution_id),
      operationId: textOf(row.parent_operation_id),
    };
  }
  if (row.owner !== null) head.owner = textOf(row.owner);
  if (row.due_at_ms !== null) head.dueAtMs = row.due_at_ms;
  if (row.invoked_at_ms !== null) head.invokedAtMs = row.invoked_at_ms;
  if (row.last_invocation !== null) head.lastInvocation = JSON.parse(row.last_invocation) as InvocationEnd;
  if (row.ended_at_ms !== null) head.endedAtMs = row.ended_at_ms;
  if (row.result !== null) head.result = textOf(row.result);
  if (row.error !== null) head.error = JSON.parse(row.error) as ErrorObject;
  if (row.expires_at_ms !== null) head.expiresAtMs = row.expires_at_ms;
  if (row.input !== undefined && row.input !== null) head.input = textOf(row.input);
  return head;
}

type Column = StoredText | number | null;

/** Parameters of statements that look for the execution which an id means. */
export function meant(id: string): [StoredText, StoredText | null] {
  const { executionId, incarnation } = parseExecutionId(id);
  return [storedText(executionId), storedTextOrNull(incarnation)];
}

/** Parameters of the statement that inserts the head of a new execution. */
export function newColumns(execution: NewExecution, head: ExecutionHead): Column[] {
  return [
    storedText(execution.executionId),
    storedText(execution.functionName),
    storedTextOrNull(execution.name),
    storedTextOrNull(execution.tenantId),
    storedTextOrNull(execution.parent?.executionId),
    storedTextOrNull(execution.parent?.operationId),
    execution.startedAtMs,
    execution.timeoutAtMs,
    execution.retentionMs,
    head.status,
    head.epoch,
    head.dueAtMs ?? null,
    head.inboxCount,
    storedTextOrNull(execution.incarnation),
  ];
}

/** What changes while an execution lives. */
export function liveColumns(head: ExecutionHead): Column[] {
  return [
    head.status,
    head.epoch,
    storedTextOrNull(head.owner),
    head.dueAtMs ?? null,
    head.invokedAtMs ?? null,
    jsonOrNull(head.lastInvocation),
    head.inboxCount,
  ];
}

/** What changes when an execution ends, or goes on after it was stopped. */
export function endColumns(head: ExecutionHead): Column[] {
  return [
    head.endedAtMs ?? null,
    storedTextOrNull(head.result),
    jsonOrNull(head.error),
    head.expiresAtMs ?? null,
  ];
}

export function inboxEventOf(row: InboxRow): InboxEvent {
  return { key: textOf(row.key), event: eventOf(row.event), atMs: row.at_ms };
}

export function eventOf(json: string): OutsideEvent {
  return JSON.parse(json) as OutsideEvent;
}

function jsonOrNull(value: unknown): string | null {
  return value === undefined ? null : JSON.stringify(value);
}

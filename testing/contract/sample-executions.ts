/** Owns the executions, entries and requests that the contract's tests are written with. Times are plain numbers. */

import type { LogEntry, LogRecord, OutsideEvent } from "@tidemark/protocol";
import type {
  AcquireRequest,
  ExecutionStore,
  FinishRequest,
  NewExecution,
  PostRequest,
  SuspendRequest,
} from "@tidemark/store";

/** When every sample execution starts. Beyond 32 bits, as real times are. */
export const T0 = 1_732_000_000_000;
export const LEASE_MS = 30_000;
export const RETENTION_MS = 86_400_000;

export function execution(executionId: string, more: Partial<NewExecution> = {}): NewExecution {
  return {
    executionId,
    functionName: "order",
    startedAtMs: T0,
    timeoutAtMs: T0 + 3_600_000,
    retentionMs: RETENTION_MS,
    ...more,
  };
}

export function lease(executionId: string, more: Partial<AcquireRequest> = {}): AcquireRequest {
  const nowMs = more.nowMs ?? T0;
  return { executionId, owner: "worker-a", nowMs, leaseUntilMs: nowMs + LEASE_MS, ...more };
}

export function suspension(executionId: string, more: Partial<SuspendRequest> = {}): SuspendRequest {
  return { executionId, epoch: 1, inboxCount: 0, dueAtMs: undefined, ...more };
}

export function ending(executionId: string, more: Partial<FinishRequest> = {}): FinishRequest {
  return { executionId, epoch: 1, status: "SUCCEEDED", endedAtMs: T0 + 1_000, ...more };
}

export function callbackResult(id: string, result: string): OutsideEvent {
  return { kind: "callback_succeeded", id, result };
}

export function message(executionId: string, more: Partial<PostRequest> = {}): PostRequest {
  return {
    executionId,
    key: "settle/1",
    event: callbackResult("1", '"yes"'),
    nowMs: T0 + 10,
    mode: "once",
    wake: true,
    ...more,
  };
}

export function step(id: string, payload: string): LogRecord {
  return { update: { Id: id, Type: "STEP", SubType: "Step", Action: "SUCCEED", Payload: payload } };
}

export function entry(sequence: number, more: Partial<LogEntry> = {}): LogEntry {
  return {
    sequence,
    epoch: 1,
    nonce: `nonce-${sequence}`,
    atMs: T0 + sequence,
    records: [step(String(sequence), `"result ${sequence}"`)],
    ...more,
  };
}

/** Starts an execution and takes its lease, for epoch 1. */
export async function startRunning(
  store: ExecutionStore,
  executionId: string,
  more: Partial<NewExecution> = {},
): Promise<void> {
  await store.start(execution(executionId, more));
  await store.acquire(lease(executionId, { nowMs: more.startedAtMs ?? T0 }));
}

/** Starts an execution and ends it from outside. */
export async function startEnded(
  store: ExecutionStore,
  executionId: string,
  more: Partial<FinishRequest> = {},
): Promise<void> {
  await store.start(execution(executionId));
  await store.finish(ending(executionId, { epoch: undefined, ...more }));
}

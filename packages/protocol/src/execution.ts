/** Owns the head: the small mutable record of an execution. */

import type { ErrorObject } from "./operation.js";
import type { InvocationEnd } from "./record.js";

/** `PENDING` waits to be claimed (new, suspended or due again), `RUNNING` is held by a lease; the rest are terminal. */
export type ExecutionStatus = "PENDING" | "RUNNING" | "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED";

export function isTerminal(status: ExecutionStatus): boolean {
  return status !== "PENDING" && status !== "RUNNING";
}

/** The execution and operation that a chained invoke's result goes to. */
export interface ParentLink {
  /** Exact: another execution of the same name is not told. */
  readonly executionId: string;
  readonly operationId: string;
}

export interface ExecutionHead {
  readonly executionId: string;
  /** Drawn by the start of a name, and never again: tells the executions of one name apart. */
  readonly incarnation?: string | undefined;
  readonly functionName: string;
  /** The name it was started under, if any. */
  readonly name?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly parent?: ParentLink | undefined;
  readonly input?: string | undefined;
  readonly startedAtMs: number;
  /** When the execution times out. */
  readonly timeoutAtMs: number;
  /** How long the execution is kept after its end. */
  readonly retentionMs: number;

  readonly status: ExecutionStatus;
  /** Number of the newest invocation; 0 before the first. */
  readonly epoch: number;
  /** Who holds the lease while `RUNNING`. */
  readonly owner?: string | undefined;
  /** When a worker should look at it: the next timer while `PENDING`, the lease's end while `RUNNING`. */
  readonly dueAtMs?: number | undefined;
  /** When the current or last invocation began. */
  readonly invokedAtMs?: number | undefined;
  /** How the invocation before the current one ended; absent while it is unknown (its process died). */
  readonly lastInvocation?: InvocationEnd | undefined;
  /** Counts inbox events; suspending is conditional on it (invariant 6). */
  readonly inboxCount: number;
  readonly endedAtMs?: number | undefined;
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
  /** When the execution may be purged. Set at its end. */
  readonly expiresAtMs?: number | undefined;
}

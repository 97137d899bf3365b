/**
 * Owns the state of one execution as the log tells it: operations, their tree and their timers.
 *
 * `apply` decides what a record does; only `commit` changes the state. Descendants of a settled
 * context are dropped at once unless the context is rebuilt from them, so the state is as large
 * as what is live and not as what has been.
 */

import { DueQueue, type Timer } from "./due.js";
import { isSettled, type Operation } from "./operation.js";

/** What a list of records does to a state. */
export interface Transition {
  /** Operations as they are afterwards, each once, in the order of their last record. */
  readonly operations: readonly Operation[];
  readonly timers: readonly Timer[];
  /** Contexts whose descendants can be dropped. */
  readonly pruned: readonly string[];
  readonly nowMs: number;
  readonly nextOrder: number;
}

export class ExecutionState {
  readonly executionId: string;
  readonly startedAtMs: number;
  /** Time never runs backwards within an execution (invariant 13). */
  nowMs: number;
  /** Position that the next record gets. */
  nextOrder = 1;
  readonly operations = new Map<string, Operation>();
  readonly timers: DueQueue<Timer>;
  readonly #children = new Map<string, string[]>();
  /** Steps with an attempt under way: these were interrupted if the process died. */
  readonly startedSteps = new Set<string>();
  /** Chained invokes without an outcome. */
  readonly openInvokes = new Set<string>();

  constructor(executionId: string, startedAtMs: number) {
    this.executionId = executionId;
    this.startedAtMs = startedAtMs;
    this.nowMs = startedAtMs;
    this.timers = new DueQueue<Timer>((timer) => this.#isTimerLive(timer));
  }

  /** When the next timer is due, or `undefined`. */
  nextDueMs(): number | undefined {
    return this.timers.peek()?.dueAtMs;
  }

  commit(transition: Transition): void {
    const firstOrder = this.nextOrder;
    this.nowMs = transition.nowMs;
    this.nextOrder = transition.nextOrder;
    for (const operation of transition.operations) {
      const id = operation.Id as string;
      const isNew = (operation.StartOrder as number) >= firstOrder;
      if (isNew && operation.ParentId !== undefined) {
        const siblings = this.#children.get(operation.ParentId);
        if (siblings === undefined) this.#children.set(operation.ParentId, [id]);
        else siblings.push(id);
      }
      this.operations.set(id, operation);
      if (operation.Type === "STEP") setMember(this.startedSteps, id, operation.Status === "STARTED");
      else if (operation.Type === "CHAINED_INVOKE") setMember(this.openInvokes, id, !isSettled(operation));
    }
    for (const timer of transition.timers) this.timers.add(timer);
    for (const id of transition.pruned) this.#dropDescendants(id);
  }

  #dropDescendants(id: string): void {
    const children = this.#children.get(id);
    if (children === undefined) return;
    this.#children.delete(id);
    for (const child of children) {
      this.#dropDescendants(child);
      this.operations.delete(child);
      removeMember(this.startedSteps, child);
      removeMember(this.openInvokes, child);
    }
  }

  #isTimerLive(timer: Timer): boolean {
    const operation = this.operations.get(timer.operationId);
    if (operation === undefined || isSettled(operation)) return false;
    if (this.isUnderSettled(operation)) return false;
    switch (timer.kind) {
      case "wait":
      case "callback_timeout":
        return true;
      case "retry":
        return (
          operation.Status === "PENDING" &&
          operation.StepDetails?.NextAttemptTimestamp?.getTime() === timer.dueAtMs
        );
      case "callback_heartbeat":
        return operation.CallbackDetails?.HeartbeatDueTimestamp?.getTime() === timer.dueAtMs;
    }
  }

  /** True when an ancestor has settled: nothing more happens here (invariant 10). */
  isUnderSettled(operation: Operation): boolean {
    let parentId = operation.ParentId;
    while (parentId !== undefined) {
      const parent = this.operations.get(parentId);
      if (parent === undefined || isSettled(parent)) return true;
      parentId = parent.ParentId;
    }
    return false;
  }
}

function setMember(set: Set<string>, id: string, isMember: boolean): void {
  if (isMember) set.add(id);
  else removeMember(set, id);
}

/** Most of the time nothing is under way. */
function removeMember(set: Set<string>, id: string): void {
  if (set.size > 0) set.delete(id);
}

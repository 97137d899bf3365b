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
      this.#put(operation, (operation.StartOrder as number) >= firstOrder);
    }
    for (const timer of transition.timers) this.timers.add(timer);
    for (const id of transition.pruned) this.#dropDescendants(id);
  }

  /** Begins a new state with what another one was, in the order in which that one had it. */
  restore(state: Pick<ExecutionState, "nowMs" | "nextOrder">, operations: readonly Operation[]): void {
    this.nowMs = state.nowMs;
    this.nextOrder = state.nextOrder;
    for (const operation of operations) {
      this.#put(operation, true);
      for (const timer of timersOf(operation)) this.timers.add(timer);
    }
  }

  #put(operation: Operation, isNew: boolean): void {
    const id = operation.Id as string;
    if (isNew && operation.ParentId !== undefined) {
      const siblings = this.#children.get(operation.ParentId);
      if (siblings === undefined) this.#children.set(operation.ParentId, [id]);
      else siblings.push(id);
    }
    this.operations.set(id, operation);
    if (operation.Type === "STEP") setMember(this.startedSteps, id, operation.Status === "STARTED");
    else if (operation.Type === "CHAINED_INVOKE") setMember(this.openInvokes, id, !isSettled(operation));
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

/** One timer of an operation. Of those that are due together, the operation that was started first has the first. */
export function timerOf(kind: Timer["kind"], operation: Operation, dueAtMs: number): Timer {
  const started = operation.StartOrder as number;
  // A callback can have two: its timeout comes before a heartbeat that is missed.
  const order = kind === "callback_heartbeat" ? started + 0.5 : started;
  return { kind, operationId: operation.Id as string, dueAtMs, order };
}

/** The timers that an operation waits for: those that its records have set and that still count. */
function timersOf(operation: Operation): Timer[] {
  if (isSettled(operation)) return [];
  const { StartTimestamp, WaitDetails, StepDetails, CallbackDetails } = operation;
  const timer = (kind: Timer["kind"], dueAtMs: number): Timer => timerOf(kind, operation, dueAtMs);
  const timers: Timer[] = [];
  if (WaitDetails?.ScheduledEndTimestamp !== undefined)
    timers.push(timer("wait", WaitDetails.ScheduledEndTimestamp.getTime()));
  if (operation.Status === "PENDING" && StepDetails?.NextAttemptTimestamp !== undefined)
    timers.push(timer("retry", StepDetails.NextAttemptTimestamp.getTime()));
  if (CallbackDetails?.TimeoutSeconds !== undefined) {
    const startMs = (StartTimestamp as Date).getTime();
    timers.push(timer("callback_timeout", startMs + CallbackDetails.TimeoutSeconds * 1000));
  }
  if (CallbackDetails?.HeartbeatDueTimestamp !== undefined)
    timers.push(timer("callback_heartbeat", CallbackDetails.HeartbeatDueTimestamp.getTime()));
  return timers;
}

function setMember(set: Set<string>, id: string, isMember: boolean): void {
  if (isMember) set.add(id);
  else removeMember(set, id);
}

/** Most of the time nothing is under way. */
function removeMember(set: Set<string>, id: string): void {
  if (set.size > 0) set.delete(id);
}

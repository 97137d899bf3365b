/**
 * Owns what a record does: the one pure state machine that every store shares.
 *
 * `apply(state, records, nowMs)` reads the state and changes nothing; the caller makes the
 * records durable and then commits the transition. Invariants 5, 9, 10 and 13 are decided here.
 */

import type { Timer } from "./due.js";
import { callbackId } from "./ids.js";
import {
  type ContextDetails,
  isSettled,
  type Operation,
  type OperationType,
  type StepDetails,
} from "./operation.js";
import type { OutsideEvent } from "./outside-event.js";
import type { LogRecord } from "./record.js";
import { type ExecutionState, type Transition, timerOf } from "./state.js";
import type { OperationUpdate } from "./update.js";
import { endedAncestor, invalidUpdate } from "./validate-update.js";

/** The kind of operation that an event is for. */
const EVENT_TYPES = {
  wait_elapsed: "WAIT",
  retry_ready: "STEP",
  callback_succeeded: "CALLBACK",
  callback_failed: "CALLBACK",
  callback_timed_out: "CALLBACK",
  callback_heartbeat: "CALLBACK",
  invoke_settled: "CHAINED_INVOKE",
  step_interrupted: "STEP",
} as const satisfies Record<OutsideEvent["kind"], OperationType>;

/** Why records were not applied. Nothing has changed. */
export interface Rejection {
  readonly rejected: string;
}

/** Decides what `records` do to `state` at `nowMs`. */
export function apply(
  state: ExecutionState,
  records: readonly LogRecord[],
  nowMs: number,
): Transition | Rejection {
  const draft = new Draft(state, nowMs);
  for (const record of records) {
    if (record.update !== undefined) {
      const rejected = draft.update(record.update);
      if (rejected !== undefined) return { rejected };
    } else {
      draft.event(record.event);
    }
  }
  return draft.transition();
}

export function isRejection(result: Transition | Rejection): result is Rejection {
  return "rejected" in result;
}

/** The transition while it is being worked out. */
class Draft {
  readonly #state: ExecutionState;
  readonly #ceilingMs: number;
  /** Operations in the order of their last record; one that changes again leaves a hole. */
  #changed: (Operation | undefined)[] = [];
  #hasHoles = false;
  /** Where each operation is among them; made for the second one, as most entries are about one. */
  #places: Map<string, number> | undefined;
  readonly #timers: Timer[] = [];
  readonly #pruned: string[] = [];
  #nowMs: number;
  #now: Date | undefined;
  #order: number;

  constructor(state: ExecutionState, nowMs: number) {
    this.#state = state;
    this.#nowMs = state.nowMs;
    this.#ceilingMs = Math.max(nowMs, state.nowMs);
    this.#order = state.nextOrder;
  }

  transition(): Transition {
    return {
      operations: this.#hasHoles
        ? this.#changed.filter((operation) => operation !== undefined)
        : (this.#changed as Operation[]),
      timers: this.#timers,
      pruned: this.#pruned,
      nowMs: this.#ceilingMs,
      nextOrder: this.#order,
    };
  }

  readonly #find = (id: string): Operation | undefined => {
    const place = this.#placeOf(id);
    return place === undefined ? this.#state.operations.get(id) : this.#changed[place];
  };

  #placeOf(id: string): number | undefined {
    if (this.#places !== undefined) return this.#places.get(id);
    return this.#changed[0]?.Id === id ? 0 : undefined;
  }

  update(update: OperationUpdate): string | undefined {
    const current = this.#find(update.Id as string);
    const problem = invalidUpdate(update, current, this.#find);
    if (problem !== undefined) return problem;
    const at = this.#advance(update.AtMs ?? this.#ceilingMs);
    const order = this.#order++;
    const isStart = update.Action === "START";
    const started = current === undefined || isStart ? this.#start(update, current, at, order) : current;
    this.#put(isStart ? started : this.#end(update, started, at, order));
    return undefined;
  }

  #start(update: OperationUpdate, current: Operation | undefined, at: Date, order: number): Operation {
    const operation: Operation =
      current === undefined ? newOperation(update, at, order) : { ...current, Status: "STARTED" };
    switch (update.Type) {
      case "STEP":
        operation.StepDetails = startedStep(current?.StepDetails);
        break;
      case "CONTEXT":
        operation.ContextDetails = {};
        break;
      case "WAIT": {
        const end = at.getTime() + (update.WaitOptions?.WaitSeconds as number) * 1000;
        operation.WaitDetails = { ScheduledEndTimestamp: new Date(end) };
        this.#timer("wait", operation, end);
        break;
      }
      case "CALLBACK":
        operation.CallbackDetails = this.#startCallback(update, operation, at);
        break;
      case "CHAINED_INVOKE":
        operation.ChainedInvokeDetails = withoutUndefined({
          FunctionName: update.ChainedInvokeOptions?.FunctionName,
          TenantId: update.ChainedInvokeOptions?.TenantId,
          InputPayload: update.Payload,
        });
        break;
    }
    return operation;
  }

  #startCallback(update: OperationUpdate, operation: Operation, at: Date): Operation["CallbackDetails"] {
    const { TimeoutSeconds, HeartbeatTimeoutSeconds } = update.CallbackOptions ?? {};
    const id = operation.Id as string;
    const details: NonNullable<Operation["CallbackDetails"]> = {
      CallbackId: callbackId(this.#state.executionId, id, this.#state.startedAtMs),
    };
    if (TimeoutSeconds !== undefined) {
      details.TimeoutSeconds = TimeoutSeconds;
      this.#timer("callback_timeout", operation, at.getTime() + TimeoutSeconds * 1000);
    }
    if (HeartbeatTimeoutSeconds !== undefined) {
      const dueAtMs = at.getTime() + HeartbeatTimeoutSeconds * 1000;
      details.HeartbeatTimeoutSeconds = HeartbeatTimeoutSeconds;
      details.HeartbeatDueTimestamp = new Date(dueAtMs);
      this.#timer("callback_heartbeat", operation, dueAtMs);
    }
    return details;
  }

  /** SUCCEED, FAIL and RETRY. */
  #end(update: OperationUpdate, current: Operation, at: Date, order: number): Operation {
    if (update.Action === "RETRY") return this.#retry(update, current, at);
    // What this draft has made nobody else has seen: a START and an end in one entry are one object.
    const isOwn = current !== this.#state.operations.get(current.Id as string);
    const operation: Operation = isOwn ? current : { ...current };
    operation.Status = update.Action === "SUCCEED" ? "SUCCEEDED" : "FAILED";
    operation.EndTimestamp = at;
    operation.SettleOrder = order;
    if (update.Type === "STEP") {
      const details: StepDetails = { Attempt: (current.StepDetails?.Attempt ?? 0) + 1 };
      operation.StepDetails = withOutcome(details, update);
    } else if (update.Type === "CONTEXT") {
      const keepsChildren = update.ContextOptions?.ReplayChildren === true;
      operation.ContextDetails = withOutcome(keepsChildren ? { ReplayChildren: true } : {}, update);
      if (!keepsChildren && update.ContextOptions?.KeepChildren !== true)
        this.#pruned.push(operation.Id as string);
    }
    return operation;
  }

  #retry(update: OperationUpdate, current: Operation, at: Date): Operation {
    const dueAtMs = at.getTime() + (update.StepOptions?.NextAttemptDelaySeconds ?? 1) * 1000;
    const operation: Operation = {
      ...current,
      Status: "PENDING",
      StepDetails: withoutUndefined({
        Attempt: (current.StepDetails?.Attempt ?? 0) + 1,
        NextAttemptTimestamp: new Date(dueAtMs),
        Result: update.Payload,
        Error: update.Error,
      }),
    };
    this.#timer("retry", operation, dueAtMs);
    return operation;
  }

  /**
   * First record wins (invariant 5), and nothing happens below what has ended (invariant 10): an
   * event that comes too late, or for another kind of operation, does nothing.
   */
  event(event: OutsideEvent): void {
    const current = this.#find(event.id);
    if (current?.Type !== EVENT_TYPES[event.kind] || isSettled(current)) return;
    if (endedAncestor(current.ParentId, (id) => this.#find(id)) !== undefined) return;
    const at = this.#advance(this.#ceilingMs);
    const order = this.#order++;
    switch (event.kind) {
      case "wait_elapsed":
        this.#settle(current, "SUCCEEDED", at, order, {});
        break;
      case "retry_ready":
        if (current.Status === "PENDING") this.#put({ ...current, Status: "READY" });
        break;
      case "callback_succeeded":
        this.#settleCallback(current, "SUCCEEDED", at, order, withoutUndefined({ Result: event.result }));
        break;
      case "callback_failed":
        this.#settleCallback(current, "FAILED", at, order, { Error: event.error });
        break;
      case "callback_timed_out":
        this.#settleCallback(current, "TIMED_OUT", at, order, { Error: timeoutError(event.reason) });
        break;
      case "callback_heartbeat":
        this.#heartbeat(current, event.atMs);
        break;
      case "invoke_settled":
        this.#settle(current, event.outcome, at, order, {
          ChainedInvokeDetails: {
            ...current.ChainedInvokeDetails,
            ...withoutUndefined({ Result: event.result, Error: event.error }),
          },
        });
        break;
      case "step_interrupted":
        this.#put({
          ...current,
          StepDetails: {
            ...current.StepDetails,
            Interruptions: (current.StepDetails?.Interruptions ?? 0) + 1,
          },
        });
        break;
    }
  }

  #settleCallback(
    current: Operation,
    status: "SUCCEEDED" | "FAILED" | "TIMED_OUT",
    at: Date,
    order: number,
    outcome: Operation["CallbackDetails"],
  ): void {
    this.#settle(current, status, at, order, {
      CallbackDetails: { ...current.CallbackDetails, ...outcome },
    });
  }

  #settle(
    current: Operation,
    status: "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED",
    at: Date,
    order: number,
    details: Partial<Operation>,
  ): void {
    this.#put({ ...current, ...details, Status: status, EndTimestamp: at, SettleOrder: order });
  }

  #heartbeat(current: Operation, atMs: number): void {
    const seconds = current.CallbackDetails?.HeartbeatTimeoutSeconds;
    const dueMs = current.CallbackDetails?.HeartbeatDueTimestamp?.getTime();
    if (seconds === undefined || dueMs === undefined || atMs + seconds * 1000 <= dueMs) return;
    const dueAtMs = atMs + seconds * 1000;
    const operation: Operation = {
      ...current,
      CallbackDetails: { ...current.CallbackDetails, HeartbeatDueTimestamp: new Date(dueAtMs) },
    };
    this.#put(operation);
    this.#timer("callback_heartbeat", operation, dueAtMs);
  }

  #timer(kind: Timer["kind"], operation: Operation, dueAtMs: number): void {
    this.#timers.push(timerOf(kind, operation, dueAtMs));
  }

  #put(operation: Operation): void {
    if (this.#changed.at(-1) === operation) return;
    const id = operation.Id as string;
    const first = this.#changed[0];
    if (first !== undefined) this.#places ??= new Map([[first.Id as string, 0]]);
    const place = this.#places?.get(id);
    if (place !== undefined) {
      this.#changed[place] = undefined;
      this.#hasHoles = true;
    }
    this.#places?.set(id, this.#changed.length);
    // An empty list that is pushed to gets room for seventeen.
    if (this.#changed.length === 0) this.#changed = [operation];
    else this.#changed.push(operation);
  }

  /** Invariant 13: at least the time of the record before, at most the time of the checkpoint. */
  #advance(atMs: number): Date {
    const nowMs = Math.max(this.#nowMs, Math.min(atMs, this.#ceilingMs));
    // Records of one checkpoint often share their millisecond: a date is 96 bytes.
    if (this.#now === undefined || nowMs !== this.#nowMs) this.#now = new Date(nowMs);
    this.#nowMs = nowMs;
    return this.#now;
  }
}

/** Error types of the Lambda durable API (observed in its conformance cases). */
function timeoutError(reason: "timeout" | "heartbeat"): { ErrorType: string; ErrorMessage: string } {
  return reason === "timeout"
    ? { ErrorType: "Callback.Timeout", ErrorMessage: "Callback timed out" }
    : { ErrorType: "Callback.Heartbeat", ErrorMessage: "Callback timed out on heartbeat" };
}

function newOperation(update: OperationUpdate, at: Date, order: number): Operation {
  const operation: Operation = {
    Id: update.Id,
    Type: update.Type,
    Status: "STARTED",
    StartTimestamp: at,
    StartOrder: order,
  };
  if (update.ParentId !== undefined) operation.ParentId = update.ParentId;
  if (update.Name !== undefined) operation.Name = update.Name;
  if (update.SubType !== undefined) operation.SubType = update.SubType;
  if (update.StartedAfter !== undefined) operation.StartedAfter = update.StartedAfter;
  return operation;
}

function startedStep(before: StepDetails | undefined): StepDetails {
  const details: StepDetails = { Attempt: before?.Attempt ?? 0 };
  if (before?.Result !== undefined) details.Result = before.Result;
  return details;
}

function withOutcome<T extends StepDetails | ContextDetails>(details: T, update: OperationUpdate): T {
  if (update.Payload !== undefined) details.Result = update.Payload;
  if (update.Error !== undefined) details.Error = update.Error;
  return details;
}

/** The members that are there, without making slow objects: a member that is deleted costs every later read. */
function withoutUndefined<T extends object>(value: T): T {
  for (const key in value) {
    if (value[key] === undefined) return copyOfDefined(value);
  }
  return value;
}

function copyOfDefined<T extends object>(value: T): T {
  const copy: Partial<T> = {};
  for (const key in value) {
    if (value[key] !== undefined) copy[key] = value[key];
  }
  return copy as T;
}

/** What time alone brings about, and when it was due. */
export interface DueEvent {
  readonly event: OutsideEvent;
  readonly dueAtMs: number;
}

/** Takes the timers that are due by `nowMs` out of the state, in order of due time. */
export function takeDueEvents(state: ExecutionState, nowMs: number): DueEvent[] {
  const events: DueEvent[] = [];
  for (let timer = state.timers.takeDue(nowMs); timer !== undefined; timer = state.timers.takeDue(nowMs)) {
    events.push({ event: dueEvent(timer), dueAtMs: timer.dueAtMs });
  }
  return events;
}

function dueEvent(timer: Timer): OutsideEvent {
  switch (timer.kind) {
    case "wait":
      return { kind: "wait_elapsed", id: timer.operationId };
    case "retry":
      return { kind: "retry_ready", id: timer.operationId };
    case "callback_timeout":
      return { kind: "callback_timed_out", id: timer.operationId, reason: "timeout" };
    case "callback_heartbeat":
      return { kind: "callback_timed_out", id: timer.operationId, reason: "heartbeat" };
  }
}

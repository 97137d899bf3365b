/**
 * Owns the history of an execution as events, for people and tools.
 *
 * Shapes and names are those of the Lambda API `GetDurableExecutionHistory`.
 */

import { apply, isRejection } from "./apply.js";
import type { ExecutionHead } from "./execution.js";
import { childExecutionId, exactExecutionId, executionArn } from "./ids.js";
import type { ErrorObject, Operation } from "./operation.js";
import type { OutsideEvent } from "./outside-event.js";
import type { InvocationEnd, LogEntry, LogRecord } from "./record.js";
import { ExecutionState } from "./state.js";
import type { OperationUpdate } from "./update.js";

/** One event. The member `<EventType>Details` says more. */
export interface HistoryEvent {
  EventType: string;
  /** From 1, without gaps. */
  EventId: number;
  EventTimestamp: Date;
  SubType?: string;
  Id?: string;
  ParentId?: string;
  Name?: string;
  [details: `${string}Details`]: Record<string, unknown>;
}

/** Everything that has happened to an execution, in order. */
export function historyOf(head: ExecutionHead, entries: readonly LogEntry[]): HistoryEvent[] {
  const writer = new HistoryWriter(head);
  for (const entry of entries) writer.entry(entry);
  writer.end();
  return writer.events;
}

class HistoryWriter {
  readonly events: HistoryEvent[] = [];
  readonly #head: ExecutionHead;
  readonly #executionId: string;
  readonly #state: ExecutionState;
  #lastInvocation = 0;
  #lastMs = 0;

  constructor(head: ExecutionHead) {
    this.#head = head;
    this.#executionId = exactExecutionId(head);
    this.#state = new ExecutionState(this.#executionId, head.startedAtMs);
    this.#add("ExecutionStarted", head.startedAtMs, undefined, {
      Input: withPayload(head.input),
      ExecutionTimeout: Math.round((head.timeoutAtMs - head.startedAtMs) / 1000),
    });
  }

  entry(entry: LogEntry): void {
    if (entry.barrier !== undefined) this.#invocation(entry.barrier.previous);
    for (const record of entry.records) {
      const before = this.#find(record);
      const transition = apply(this.#state, [record], entry.atMs);
      if (isRejection(transition)) continue;
      const changed = transition.operations.at(-1);
      this.#state.commit(transition);
      if (changed === undefined) continue;
      if (record.update !== undefined) this.#update(record.update, changed);
      else this.#outside(record.event, changed, before);
    }
  }

  end(): void {
    const { status, lastInvocation, endedAtMs, result, error } = this.#head;
    if (lastInvocation !== undefined) this.#invocation(lastInvocation);
    if (endedAtMs === undefined) return;
    switch (status) {
      case "SUCCEEDED":
        return this.#add("ExecutionSucceeded", endedAtMs, undefined, { Result: withPayload(result) });
      case "FAILED":
        return this.#add("ExecutionFailed", endedAtMs, undefined, { Error: withPayload(error) });
      case "TIMED_OUT":
        return this.#add("ExecutionTimedOut", endedAtMs, undefined, { Error: withPayload(error) });
      case "STOPPED":
        return this.#add("ExecutionStopped", endedAtMs, undefined, { Error: withPayload(error) });
    }
  }

  #find(record: LogRecord): Operation | undefined {
    return this.#state.operations.get((record.update?.Id ?? record.event?.id) as string);
  }

  #invocation(end: InvocationEnd): void {
    if (end.epoch <= this.#lastInvocation) return;
    this.#lastInvocation = end.epoch;
    this.#add("InvocationCompleted", end.endedAtMs, undefined, {
      StartTimestamp: new Date(end.startedAtMs),
      EndTimestamp: new Date(end.endedAtMs),
      Error: withPayload(end.error),
      RequestId: requestId(this.#executionId, end.epoch),
    });
  }

  #update(update: OperationUpdate, operation: Operation): void {
    const atMs = Math.min(update.AtMs ?? this.#state.nowMs, this.#state.nowMs);
    const add = (type: string, details: Record<string, unknown>) => this.#add(type, atMs, operation, details);
    switch (update.Type) {
      case "STEP":
        return this.#step(update, operation, add);
      case "CONTEXT":
        if (update.Action === "START") return add("ContextStarted", {});
        if (update.Action === "FAIL") return add("ContextFailed", { Error: withPayload(update.Error) });
        return add("ContextSucceeded", { Result: withPayload(update.Payload) });
      case "WAIT":
        return add("WaitStarted", {
          Duration: update.WaitOptions?.WaitSeconds,
          ScheduledEndTimestamp: operation.WaitDetails?.ScheduledEndTimestamp,
        });
      case "CALLBACK":
        return add("CallbackStarted", {
          CallbackId: operation.CallbackDetails?.CallbackId,
          ...defined({
            Timeout: update.CallbackOptions?.TimeoutSeconds,
            HeartbeatTimeout: update.CallbackOptions?.HeartbeatTimeoutSeconds,
          }),
        });
      case "CHAINED_INVOKE":
        return add("ChainedInvokeStarted", this.#invokeDetails(update));
    }
  }

  #step(
    update: OperationUpdate,
    operation: Operation,
    add: (type: string, details: Record<string, unknown>) => void,
  ): void {
    if (update.Action === "START") return add("StepStarted", {});
    const RetryDetails = {
      CurrentAttempt: operation.StepDetails?.Attempt,
      ...defined({ NextAttemptDelaySeconds: update.StepOptions?.NextAttemptDelaySeconds }),
    };
    if (update.Error !== undefined)
      return add("StepFailed", { Error: withPayload(update.Error), RetryDetails });
    // A condition that goes on waiting has succeeded in checking.
    add("StepSucceeded", { Result: withPayload(update.Payload), RetryDetails });
  }

  #invokeDetails(update: OperationUpdate): Record<string, unknown> {
    const functionName = update.ChainedInvokeOptions?.FunctionName as string;
    const childId = childExecutionId(this.#executionId, update.Id as string);
    return {
      FunctionName: functionName,
      Input: withPayload(update.Payload),
      ExecutedVersion: "$LATEST",
      DurableExecutionArn: executionArn(functionName, childId),
      ...defined({ TenantId: update.ChainedInvokeOptions?.TenantId }),
    };
  }

  #outside(event: OutsideEvent, operation: Operation, before: Operation | undefined): void {
    const add = (type: string, details: Record<string, unknown>) =>
      this.#add(type, this.#state.nowMs, operation, details);
    switch (event.kind) {
      case "wait_elapsed": {
        const startMs = before?.StartTimestamp?.getTime() ?? 0;
        const endMs = before?.WaitDetails?.ScheduledEndTimestamp?.getTime() ?? startMs;
        return add("WaitSucceeded", { Duration: Math.round((endMs - startMs) / 1000) });
      }
      case "callback_succeeded":
        return add("CallbackSucceeded", { Result: withPayload(event.result) });
      case "callback_failed":
        return add("CallbackFailed", { Error: withPayload(event.error) });
      case "callback_timed_out":
        return add("CallbackTimedOut", { Error: withPayload(operation.CallbackDetails?.Error) });
      case "invoke_settled":
        if (event.outcome === "SUCCEEDED")
          return add("ChainedInvokeSucceeded", { Result: withPayload(event.result) });
        return add(INVOKE_EVENTS[event.outcome], { Error: withPayload(event.error) });
      // Bookkeeping of the service: not events of the API.
      case "retry_ready":
      case "callback_heartbeat":
      case "step_interrupted":
        return;
    }
  }

  #add(type: string, atMs: number, operation: Operation | undefined, details: Record<string, unknown>): void {
    // Invariant 13, also for people who read it.
    this.#lastMs = Math.max(this.#lastMs, atMs);
    this.events.push({
      EventType: type,
      EventId: this.events.length + 1,
      EventTimestamp: new Date(this.#lastMs),
      ...defined({
        SubType: operation?.SubType,
        Id: operation?.Id,
        ParentId: operation?.ParentId,
        Name: operation?.Name,
      }),
      [`${type}Details`]: details,
    } as HistoryEvent);
  }
}

const INVOKE_EVENTS = {
  FAILED: "ChainedInvokeFailed",
  TIMED_OUT: "ChainedInvokeTimedOut",
  STOPPED: "ChainedInvokeStopped",
} as const;

/** The request id of an invocation. */
export function requestId(executionId: string, epoch: number): string {
  return `${executionId}#${epoch}`;
}

function withPayload(payload: string | ErrorObject | undefined): { Payload?: string | ErrorObject } {
  return payload === undefined ? {} : { Payload: payload };
}

function defined<T extends object>(value: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

/** Owns the operations that a history tells of: what a backend shows only as events, operation by operation. */

import type { Operation, OperationStatus, OperationType, StepDetails } from "@tidemark/protocol";
import type { EventErrorPayload, EventPayload, RecordedEvent } from "./recorded-events.js";

/** The members that the details of events have, whatever their type. */
interface AnyDetails {
  readonly Result?: EventPayload | undefined;
  readonly Error?: EventErrorPayload | undefined;
  readonly RetryDetails?:
    | { readonly CurrentAttempt?: number | undefined; readonly NextAttemptDelaySeconds?: number | undefined }
    | undefined;
  readonly CallbackId?: string | undefined;
  readonly FunctionName?: string | undefined;
  readonly ScheduledEndTimestamp?: Date | undefined;
}

/** How the name of a type of event begins, and the type and the details of its operations. */
const KINDS = [
  ["Context", "CONTEXT", "ContextDetails"],
  ["Wait", "WAIT", "WaitDetails"],
  ["Step", "STEP", "StepDetails"],
  ["ChainedInvoke", "CHAINED_INVOKE", "ChainedInvokeDetails"],
  ["Callback", "CALLBACK", "CallbackDetails"],
] as const satisfies readonly (readonly [string, OperationType, keyof Operation])[];

/** How the name of a type of event ends, and the status of the operation after it. */
const STATUSES: Readonly<Record<string, OperationStatus>> = {
  Started: "STARTED",
  Succeeded: "SUCCEEDED",
  Failed: "FAILED",
  TimedOut: "TIMED_OUT",
  Stopped: "STOPPED",
  Cancelled: "CANCELLED",
};

/** The operation of an event as it is after it; `undefined` for events of the execution and of invocations. */
export function operationAfter(event: RecordedEvent, before: Operation | undefined): Operation | undefined {
  const { EventType: type = "", Id, EventTimestamp } = event;
  const kind = KINDS.find(([prefix]) => type.startsWith(prefix));
  const status = kind === undefined ? undefined : STATUSES[type.slice(kind[0].length)];
  if (Id === undefined || kind === undefined || status === undefined) return undefined;
  const [, Type, member] = kind;
  const details = (event[`${type}Details` as keyof RecordedEvent] ?? {}) as AnyDetails;
  const isRetried = details.RetryDetails?.NextAttemptDelaySeconds !== undefined;
  const Status = isRetried ? "PENDING" : status;
  const hasEnded = Status !== "STARTED" && Status !== "PENDING";
  return {
    ...before,
    Id,
    Type,
    Status,
    StartTimestamp: before?.StartTimestamp ?? EventTimestamp,
    ...(event.ParentId === undefined ? {} : { ParentId: event.ParentId }),
    ...(event.Name === undefined ? {} : { Name: event.Name }),
    ...(event.SubType === undefined ? {} : { SubType: event.SubType }),
    ...(hasEnded ? { EndTimestamp: EventTimestamp } : {}),
    [member]: { ...stillTrue(before?.[member], Status), ...detailsAfter(details, event) },
  };
}

/** What was known before, but for the failure of an attempt before one that succeeded, and for a delay that is over. */
function stillTrue(details: object | undefined, status: OperationStatus): object {
  const { Error: failure, NextAttemptTimestamp, ...kept } = (details ?? {}) as StepDetails;
  if (status === "PENDING") return { ...details };
  return status === "SUCCEEDED" || failure === undefined ? kept : { ...kept, Error: failure };
}

function detailsAfter(details: AnyDetails, { EventTimestamp }: RecordedEvent): object {
  const { Result, Error: failure, RetryDetails, CallbackId, FunctionName, ScheduledEndTimestamp } = details;
  const delaySeconds = RetryDetails?.NextAttemptDelaySeconds;
  const nextMs = delaySeconds === undefined ? undefined : Number(EventTimestamp) + delaySeconds * 1000;
  return {
    ...(Result?.Payload === undefined ? {} : { Result: Result.Payload }),
    ...(failure?.Payload === undefined ? {} : { Error: failure.Payload }),
    ...(RetryDetails?.CurrentAttempt === undefined ? {} : { Attempt: RetryDetails.CurrentAttempt }),
    ...(nextMs === undefined ? {} : { NextAttemptTimestamp: new Date(nextMs) }),
    ...(CallbackId === undefined ? {} : { CallbackId }),
    ...(FunctionName === undefined ? {} : { FunctionName }),
    ...(ScheduledEndTimestamp === undefined ? {} : { ScheduledEndTimestamp }),
  };
}

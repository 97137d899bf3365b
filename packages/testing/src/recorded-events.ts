/**
 * Owns the shape of the events of a history as tests read them. Names are those of the Lambda API
 * `GetDurableExecutionHistory`; the members are written out here, so that reading them is type-safe
 * without the AWS SDK.
 */

import type { ErrorObject } from "@tidemark/protocol";

export interface EventPayload {
  Payload?: string | undefined;
  Truncated?: boolean | undefined;
}

export interface EventErrorPayload {
  Payload?: ErrorObject | undefined;
  Truncated?: boolean | undefined;
}

interface WithResult {
  Result: EventPayload | undefined;
}

interface WithError {
  Error: EventErrorPayload | undefined;
}

interface WithRetry {
  RetryDetails:
    | { CurrentAttempt?: number | undefined; NextAttemptDelaySeconds?: number | undefined }
    | undefined;
}

/** What each type of event says, in its member `<type>Details`. */
interface EventDetails {
  ExecutionStarted: { Input: EventPayload | undefined; ExecutionTimeout: number | undefined };
  ExecutionSucceeded: WithResult;
  ExecutionFailed: WithError;
  ExecutionTimedOut: Partial<WithError>;
  ExecutionStopped: WithError;
  ContextStarted: object;
  ContextSucceeded: WithResult;
  ContextFailed: WithError;
  WaitStarted: { Duration: number | undefined; ScheduledEndTimestamp: Date | undefined };
  WaitSucceeded: { Duration?: number | undefined };
  WaitCancelled: Partial<WithError>;
  StepStarted: object;
  StepSucceeded: WithResult & WithRetry;
  StepFailed: WithError & WithRetry;
  ChainedInvokeStarted: {
    FunctionName: string | undefined;
    TenantId?: string | undefined;
    Input?: EventPayload | undefined;
    ExecutedVersion?: string | undefined;
    DurableExecutionArn?: string | undefined;
  };
  ChainedInvokeSucceeded: WithResult;
  ChainedInvokeFailed: WithError;
  ChainedInvokeTimedOut: WithError;
  ChainedInvokeStopped: WithError;
  CallbackStarted: {
    CallbackId: string | undefined;
    HeartbeatTimeout?: number | undefined;
    Timeout?: number | undefined;
  };
  CallbackSucceeded: WithResult;
  CallbackFailed: WithError;
  CallbackTimedOut: WithError;
  InvocationCompleted: {
    StartTimestamp: Date | undefined;
    EndTimestamp: Date | undefined;
    RequestId: string | undefined;
    Error?: EventErrorPayload | undefined;
  };
}

export type RecordedEventType = keyof EventDetails;

type DetailMembers = { [T in RecordedEventType as `${T}Details`]?: EventDetails[T] | undefined };

/** One event of a history. The member `<EventType>Details` says more. */
export interface RecordedEvent extends DetailMembers {
  EventType?: RecordedEventType | undefined;
  SubType?: string | undefined;
  /** From 1, without gaps. */
  EventId?: number | undefined;
  Id?: string | undefined;
  Name?: string | undefined;
  EventTimestamp?: Date | undefined;
  ParentId?: string | undefined;
}

/**
 * Owns the shape of an operation and the words for its kind, status and transitions.
 *
 * The names and values are those of the Lambda durable execution API, so that the managed
 * service is one more backend. Fields that Tidemark adds say so; other backends leave them out.
 */

/** The kind of an operation. */
export const OperationType = {
  CALLBACK: "CALLBACK",
  CHAINED_INVOKE: "CHAINED_INVOKE",
  CONTEXT: "CONTEXT",
  EXECUTION: "EXECUTION",
  STEP: "STEP",
  WAIT: "WAIT",
} as const;
export type OperationType = (typeof OperationType)[keyof typeof OperationType];

/** Where an operation is in its life. `PENDING` is a step between two attempts, `READY` one whose next attempt is due. */
export const OperationStatus = {
  CANCELLED: "CANCELLED",
  FAILED: "FAILED",
  PENDING: "PENDING",
  READY: "READY",
  STARTED: "STARTED",
  STOPPED: "STOPPED",
  SUCCEEDED: "SUCCEEDED",
  TIMED_OUT: "TIMED_OUT",
} as const;
export type OperationStatus = (typeof OperationStatus)[keyof typeof OperationStatus];

/** The transition that an update asks for. */
export const OperationAction = {
  CANCEL: "CANCEL",
  FAIL: "FAIL",
  RETRY: "RETRY",
  START: "START",
  SUCCEED: "SUCCEED",
} as const;
export type OperationAction = (typeof OperationAction)[keyof typeof OperationAction];

/** What the operation is to the person who wrote the handler. */
// biome-ignore lint/style/noEnum: an enum in the AWS SDK, so a type and a value for its users.
export enum OperationSubType {
  STEP = "Step",
  WAIT = "Wait",
  CALLBACK = "Callback",
  RUN_IN_CHILD_CONTEXT = "RunInChildContext",
  MAP = "Map",
  MAP_ITERATION = "MapIteration",
  PARALLEL = "Parallel",
  PARALLEL_BRANCH = "ParallelBranch",
  WAIT_FOR_CALLBACK = "WaitForCallback",
  WAIT_FOR_CONDITION = "WaitForCondition",
  CHAINED_INVOKE = "ChainedInvoke",
}

/** An error as it is recorded. */
export interface ErrorObject {
  ErrorMessage?: string | undefined;
  ErrorType?: string | undefined;
  /** Structured data that the error carried, serialized. */
  ErrorData?: string | undefined;
  StackTrace?: string[] | undefined;
  /** Tidemark: the error's own cause, so that the original type survives context boundaries. At most 10 deep. */
  Cause?: ErrorObject | undefined;
}

export interface ExecutionDetails {
  InputPayload?: string | undefined;
}

export interface ContextDetails {
  /** The result is rebuilt from the children, which therefore stay in the state. */
  ReplayChildren?: boolean | undefined;
  Result?: string | undefined;
  Error?: ErrorObject | undefined;
}

export interface StepDetails {
  /** Attempts that have ended. The attempt under way is this plus one. */
  Attempt?: number | undefined;
  NextAttemptTimestamp?: Date | undefined;
  Result?: string | undefined;
  Error?: ErrorObject | undefined;
  /** Tidemark: how often the process died while this attempt was under way. */
  Interruptions?: number | undefined;
}

export interface WaitDetails {
  ScheduledEndTimestamp?: Date | undefined;
}

export interface CallbackDetails {
  CallbackId?: string | undefined;
  Result?: string | undefined;
  Error?: ErrorObject | undefined;
  /** Tidemark: seconds from START to the timeout. */
  TimeoutSeconds?: number | undefined;
  /** Tidemark: seconds between heartbeats. */
  HeartbeatTimeoutSeconds?: number | undefined;
  /** Tidemark: when the callback times out unless a heartbeat comes. */
  HeartbeatDueTimestamp?: Date | undefined;
}

export interface ChainedInvokeDetails {
  Result?: string | undefined;
  Error?: ErrorObject | undefined;
  /** Tidemark: the function that was invoked. */
  FunctionName?: string | undefined;
  /** Tidemark: the tenant given with the invocation. */
  TenantId?: string | undefined;
  /** Tidemark: the input of the invoked function, serialized. */
  InputPayload?: string | undefined;
}

/** One operation of an execution. Exactly one `*Details` member is set, by `Type`. */
export interface Operation {
  Id: string | undefined;
  ParentId?: string | undefined;
  Name?: string | undefined;
  Type: OperationType | undefined;
  SubType?: string | undefined;
  StartTimestamp: Date | undefined;
  EndTimestamp?: Date | undefined;
  Status: OperationStatus | undefined;
  ExecutionDetails?: ExecutionDetails | undefined;
  ContextDetails?: ContextDetails | undefined;
  StepDetails?: StepDetails | undefined;
  WaitDetails?: WaitDetails | undefined;
  CallbackDetails?: CallbackDetails | undefined;
  ChainedInvokeDetails?: ChainedInvokeDetails | undefined;
  /** Tidemark: position in the log of the record that started the operation. */
  StartOrder?: number | undefined;
  /** Tidemark: position in the log of the record that settled the operation. */
  SettleOrder?: number | undefined;
  /**
   * Tidemark: position in the log of the last outcome that the code had been given when the operation began, 0 for none.
   * Set where the engine and not the code chose that moment, so that a replay chooses the same.
   */
  StartedAfter?: number | undefined;
}

/** A timestamp as other backends may send it: the event of an invocation is plain JSON. */
export type WireTimestamp = Date | string;

export interface WireStepDetails extends Omit<StepDetails, "NextAttemptTimestamp"> {
  NextAttemptTimestamp?: WireTimestamp | undefined;
}

export interface WireWaitDetails {
  ScheduledEndTimestamp?: WireTimestamp | undefined;
}

/** An {@link Operation} before its timestamps are read. */
export interface WireOperation
  extends Omit<Operation, "StartTimestamp" | "EndTimestamp" | "StepDetails" | "WaitDetails"> {
  StartTimestamp: WireTimestamp | undefined;
  EndTimestamp?: WireTimestamp | undefined;
  StepDetails?: WireStepDetails | undefined;
  WaitDetails?: WireWaitDetails | undefined;
}

/** True when the operation will not change any more (invariant 5). */
export function isSettled(operation: { readonly Status?: OperationStatus | undefined }): boolean {
  switch (operation.Status) {
    case "SUCCEEDED":
    case "FAILED":
    case "CANCELLED":
    case "TIMED_OUT":
    case "STOPPED":
      return true;
    default:
      return false;
  }
}

/** Owns the transitions that an invocation asks for, and the two calls that carry them. */

import type { ErrorObject, OperationAction, OperationType, WireOperation } from "./operation.js";

export interface ContextOptions {
  ReplayChildren?: boolean | undefined;
  /** Tidemark: the children stay in the state, to be seen; the result is recorded whole. */
  KeepChildren?: boolean | undefined;
}
export interface StepOptions {
  NextAttemptDelaySeconds?: number | undefined;
}
export interface WaitOptions {
  WaitSeconds?: number | undefined;
}
export interface CallbackOptions {
  TimeoutSeconds?: number | undefined;
  HeartbeatTimeoutSeconds?: number | undefined;
}
export interface ChainedInvokeOptions {
  FunctionName: string | undefined;
  TenantId?: string | undefined;
}

/** A requested transition of one operation. */
export interface OperationUpdate {
  Id: string | undefined;
  ParentId?: string | undefined;
  Name?: string | undefined;
  Type: OperationType | undefined;
  SubType?: string | undefined;
  Action: OperationAction | undefined;
  Payload?: string | undefined;
  /** Tidemark: what the payload is, in words for people. Kept with one that goes outside of the log, else not at all. */
  PayloadSummary?: string | undefined;
  Error?: ErrorObject | undefined;
  ContextOptions?: ContextOptions | undefined;
  StepOptions?: StepOptions | undefined;
  WaitOptions?: WaitOptions | undefined;
  CallbackOptions?: CallbackOptions | undefined;
  ChainedInvokeOptions?: ChainedInvokeOptions | undefined;
  /** Tidemark: when it happened, in epoch milliseconds; otherwise the time of the checkpoint counts. */
  AtMs?: number | undefined;
  /** Tidemark: see {@link Operation.StartedAfter}. Goes with a START. */
  StartedAfter?: number | undefined;
}

export interface CheckpointDurableExecutionRequest {
  DurableExecutionArn: string | undefined;
  CheckpointToken: string | undefined;
  Updates?: OperationUpdate[] | undefined;
  ClientToken?: string | undefined;
}

export interface CheckpointUpdatedExecutionState {
  Operations?: WireOperation[] | undefined;
  NextMarker?: string | undefined;
}

export interface CheckpointDurableExecutionResponse {
  CheckpointToken?: string | undefined;
  NewExecutionState: CheckpointUpdatedExecutionState | undefined;
}

export interface GetDurableExecutionStateRequest {
  DurableExecutionArn: string | undefined;
  CheckpointToken: string | undefined;
  Marker?: string | undefined;
  MaxItems?: number | undefined;
}

export interface GetDurableExecutionStateResponse {
  Operations: WireOperation[] | undefined;
  NextMarker?: string | undefined;
}

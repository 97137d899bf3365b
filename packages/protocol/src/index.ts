export { apply, type DueEvent, isRejection, type Rejection, takeDueEvents } from "./apply.js";
export type {
  DurableExecutionClient,
  ExecutionHost,
  ExecutionHostOptions,
  ExecutionProbe,
  PayloadReader,
  ProbedBody,
  ThrownError,
} from "./client.js";
export { type Due, DueQueue, type Timer } from "./due.js";
export { decodeEntry, ENTRY_VERSION, encodeEntry } from "./entry-codec.js";
export { errorObjectFrom } from "./error-object.js";
export {
  DurableExecutionClientError,
  type DurableExecutionClientErrorOptions,
  DurableExecutionClientErrorScope,
  isDurableExecutionClientError,
  TidemarkError,
} from "./errors.js";
export { type ExecutionHead, type ExecutionStatus, isTerminal, type ParentLink } from "./execution.js";
export { type ExportedHistory, exportHistory, importHistory } from "./exported-history.js";
export { type HistoryEvent, historyOf, requestId } from "./history.js";
export {
  callbackId,
  checkpointToken,
  childExecutionId,
  type ExactExecution,
  exactExecutionId,
  executionArn,
  executionIdOf,
  isMeant,
  namedExecutionId,
  operationId,
  parseCallbackId,
  parseExecutionId,
  validateExecutionName,
} from "./ids.js";
export {
  type DurableExecutionInvocationInput,
  DurableExecutionInvocationInputWithClient,
  type DurableExecutionInvocationOutput,
  InvocationStatus,
} from "./invocation.js";
export {
  isOverBytes,
  MAX_CAUSE_DEPTH,
  MAX_DURATION_SECONDS,
  MAX_EXECUTION_NAME_LENGTH,
  MAX_INLINE_PAYLOAD_BYTES,
  MAX_NAME_LENGTH,
  MAX_RESPONSE_BYTES,
} from "./limits.js";
export {
  type CallbackDetails,
  type ChainedInvokeDetails,
  type ContextDetails,
  type ErrorObject,
  type ExecutionDetails,
  isSettled,
  type Operation,
  OperationAction,
  OperationStatus,
  OperationSubType,
  OperationType,
  type StepDetails,
  type WaitDetails,
  type WireOperation,
  type WireStepDetails,
  type WireTimestamp,
  type WireWaitDetails,
} from "./operation.js";
export { type OptionNames, optionsProblem, requireOptionNames } from "./option-names.js";
export type { InvokeOutcome, OutsideEvent } from "./outside-event.js";
export {
  formatStandIn,
  isStandIn,
  type PayloadPointer,
  type PayloadStandIn,
  parseStandIn,
  READS_STAND_INS,
} from "./payload-text.js";
export { readPayloads } from "./read-payloads.js";
export type { Barrier, InvocationEnd, LogEntry, LogRecord } from "./record.js";
export { reporter } from "./reporter.js";
export { type BarrenRun, decodeSnapshot, encodeSnapshot, SNAPSHOT_VERSION } from "./snapshot-codec.js";
export { ExecutionState, type Transition } from "./state.js";
export type {
  CallbackOptions,
  ChainedInvokeOptions,
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  CheckpointUpdatedExecutionState,
  ContextOptions,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
  OperationUpdate,
  StepOptions,
  WaitOptions,
} from "./update.js";
export { valueText } from "./value-text.js";

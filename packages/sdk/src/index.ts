export {
  type CallbackDetails,
  type CallbackOptions,
  type ChainedInvokeDetails,
  type ChainedInvokeOptions,
  type CheckpointDurableExecutionRequest,
  type CheckpointDurableExecutionResponse,
  type CheckpointUpdatedExecutionState,
  type ContextDetails,
  type ContextOptions,
  type DurableExecutionClient,
  DurableExecutionClientError,
  type DurableExecutionClientErrorOptions,
  DurableExecutionClientErrorScope,
  type DurableExecutionInvocationInput,
  DurableExecutionInvocationInputWithClient,
  type DurableExecutionInvocationOutput,
  type ErrorObject,
  type ExecutionDetails,
  type GetDurableExecutionStateRequest,
  type GetDurableExecutionStateResponse,
  InvocationStatus,
  isDurableExecutionClientError,
  type Operation,
  OperationAction,
  OperationStatus,
  OperationSubType,
  OperationType,
  type OperationUpdate,
  type StepDetails,
  type StepOptions,
  TidemarkError,
  type WaitDetails,
  type WaitOptions,
  type WireOperation,
  type WireStepDetails,
  type WireTimestamp,
  type WireWaitDetails,
} from "@tidemark/protocol";
export { DurableExecutionApiClient } from "./api-client.js";
export { NestingType } from "./batch.js";
export { type BatchItem, BatchItemStatus, type BatchResult } from "./batch-result.js";
export type {
  CreateCallbackConfig,
  CreateCallbackResult,
  WaitForCallbackConfig,
  WaitForCallbackSubmitterFunc,
} from "./callback.js";
export type { ChildConfig, ChildFunc } from "./child.js";
export { getVersion, patched, pinVersions, type VersionRange } from "./code-version.js";
export {
  CompletionConfig,
  type CompletionDecision,
  type CompletionItemStatus,
  CompletionOutcome,
  type CompletionStatus,
  type CustomCompletionConfig,
  completeBatch,
  continueBatch,
  type ThresholdCompletionConfig,
} from "./completion.js";
export { createDefaultLogger, refreshLogConfig } from "./default-logger.js";
export type {
  BranchResult,
  DurableContext,
  DurablePromiseCombinators,
  MapConfig,
  MapFunc,
  NamedParallelBranch,
  ParallelConfig,
  ParallelFunc,
} from "./durable-context.js";
export { DurablePromise } from "./durable-promise.js";
export { type Duration, durationSeconds } from "./duration.js";
export {
  asError,
  BatchCompletionError,
  CallbackError,
  CallbackExternalError,
  CallbackSubmitterError,
  CallbackTimeoutError,
  ChildContextError,
  type CompletionReason,
  ContextUsageError,
  DurableOperationError,
  errorFromObject,
  errorObjectOf,
  InvokeError,
  NonDeterministicExecutionError,
  PayloadTooLargeError,
  PluginLoadError,
  PromiseCombinatorError,
  SerdesFailedError,
  StepError,
  StepInterruptedError,
  WaitForConditionError,
} from "./errors.js";
export {
  createFileSystemSerdes,
  FileSystemPathEncoding,
  type FileSystemSerdesConfig,
  FileSystemSerdesMode,
} from "./file-system-serdes.js";
export type { InvokeConfig } from "./invoke.js";
export {
  type LambdaConnection,
  type LambdaModule,
  type LambdaSender,
  lambdaConnection,
} from "./lambda-connection.js";
export type { LambdaContext } from "./lambda-context.js";
export {
  type DurableContextLogger,
  type DurableLogData,
  type DurableLogger,
  type DurableLoggingContext,
  DurableLogLevel,
  type LoggerConfig,
  type OperationContext,
  type StepContext,
  type WaitForCallbackContext,
  type WaitForConditionContext,
} from "./logger.js";
export { loadOptionalPeer } from "./optional-peer.js";
export {
  type AttemptEndInfo,
  AttemptEndInfoOutcome,
  type AttemptInfo,
  type ChildContextInfo,
  DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION,
  type DurableInstrumentationPlugin,
  type DurableInstrumentationPluginProvider,
  type DurableInstrumentationPluginType,
  type InvocationEndInfo,
  type InvocationInfo,
  type OperationChangeInfo,
  type OperationEndInfo,
  type OperationInfo,
  PluginInvocationStatus,
  PluginOperationStatus,
} from "./plugin.js";
export {
  buildPreview,
  FieldMatchMode,
  type PreviewConfig,
  type PreviewField,
  PreviewMode,
} from "./preview.js";
export {
  createLinearRetryStrategy,
  createRetryStrategy,
  JitterStrategy,
  type LinearRetryStrategyConfig,
  type RetryDecision,
  type RetryStrategyConfig,
  retryPresets,
} from "./retry.js";
export {
  type AnySerdes,
  type AnySerdesDeserializer,
  createClassSerdes,
  createClassSerdesWithDates,
  defaultSerdes,
  type Serdes,
  type SerdesConfig,
  type SerdesContext,
} from "./serdes.js";
export { type StepConfig, type StepFunc, StepSemantics } from "./step.js";
export { reportRejection, reportThrown, runWatched, type Thrown } from "./thrown.js";
export { SDK_VERSION } from "./version.js";
export type { WaitForConditionCheckFunc, WaitForConditionConfig } from "./wait-for-condition.js";
export {
  createWaitStrategy,
  type WaitForConditionDecision,
  type WaitForConditionWaitStrategyFunc,
  type WaitStrategyConfig,
} from "./wait-strategy.js";
export {
  type DurableExecutionConfig,
  type DurableExecutionHandler,
  type DurableLambdaHandler,
  withDurableExecution,
} from "./with-durable-execution.js";
export { type RetryableFunc, type WithRetryConfig, withRetry } from "./with-retry.js";

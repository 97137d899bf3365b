export { type Operation, OperationStatus, OperationType, type WireOperation } from "@tidemark/protocol";
export {
  assertDeterministic,
  type DeterminismOptions,
  type DeterministicOutcome,
} from "./assert-deterministic.js";
export {
  CloudDurableTestRunner,
  type CloudDurableTestRunnerConfig,
  type CloudDurableTestRunnerParameters,
} from "./cloud-durable-test-runner.js";
export type { Finding, FindingKind } from "./crash-findings.js";
export { CrashExplorationError, type CrashReport, type RepeatedEffect } from "./crash-report.js";
export type { CrashKind } from "./crash-schedule.js";
export { type ExploreOptions, exploreCrashes, type HandlerToExplore } from "./explore-crashes.js";
export type { ExploredOutcome, TimelineEvent } from "./explored-facts.js";
export type { FunctionToInvoke, StandIn } from "./explored-run.js";
export { answerCallback, type CallbackAnswer, type EffectOptions, effect } from "./explored-world.js";
export {
  type FaultHooks,
  type FaultKind,
  faultCalls,
  faultStore,
  InjectedError,
  type StoreCall,
} from "./fault-store.js";
export { HistoryDivergedError, type HistoryDivergence } from "./history-diverged.js";
export {
  LocalDurableTestRunner,
  type LocalDurableTestRunnerParameters,
  type LocalDurableTestRunnerSetupParameters,
  type PlainFunction,
} from "./local-durable-test-runner.js";
export {
  assertGoldenHistories,
  type GoldenOptions,
  type RecordOptions,
  recordHistory,
} from "./record-history.js";
export { recordedEvent } from "./recorded-event.js";
export type { EventErrorPayload, EventPayload, RecordedEvent, RecordedEventType } from "./recorded-events.js";
export {
  type HistoryReplay,
  type ReplayedOutcome,
  type ReplayOptions,
  replayHistory,
} from "./replay-history.js";
export { storeWith } from "./store-with.js";
export {
  type CallbackDetails,
  type CallbackSent,
  type ChainedInvokeDetails,
  type ContextDetails,
  type DurableOperation,
  type DurableTestRunner,
  ExecutionStatus,
  type Invocation,
  InvocationType,
  type InvokeRequest,
  type PrintConfig,
  type StepDetails,
  type TestResult,
  type TestResultError,
  type Untyped,
  WaitingOperationStatus,
  type WaitResultDetails,
} from "./test-types.js";
export { seededRandom, VirtualClock } from "./virtual-clock.js";
export { VirtualProcess } from "./virtual-process.js";
export { settledWithin, withVirtualTimers } from "./virtual-timers.js";
export { type WatchedStore, watchedStore } from "./watched-store.js";

export { DurableClient, ExecutionFailedError, type StartedExecution } from "./client.js";
export type {
  DurableClientOptions,
  HistoryOptions,
  ListOptions,
  ResultOptions,
  StartOptions,
} from "./client-options.js";
export { type Clock, systemClock } from "./clock.js";
export type { ExecutionDescription, LargePayload } from "./description.js";
export type { DurableHandler, PlainHandler, RegisteredFunction } from "./invocation.js";
export { type FunctionToRun, isFunctionName, registeredFunction } from "./registration.js";
export { type RunExecutionOptions, runExecution } from "./run-execution.js";
export { Worker, type WorkerOptions } from "./worker.js";

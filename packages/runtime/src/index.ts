export {
  DurableClient,
  type DurableClientOptions,
  ExecutionFailedError,
  type ListOptions,
  type StartedExecution,
  type StartOptions,
} from "./client.js";
export { type Clock, systemClock } from "./clock.js";
export type { ExecutionDescription, LargePayload } from "./description.js";
export type { DurableHandler, PlainHandler, RegisteredFunction } from "./invocation.js";
export { type FunctionToRun, registeredFunction } from "./registration.js";
export { type RunExecutionOptions, runExecution } from "./run-execution.js";
export { Worker, type WorkerOptions } from "./worker.js";

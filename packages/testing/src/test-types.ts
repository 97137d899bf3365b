/**
 * Owns what a test sees of a runner, an operation and a result. Names and shapes are those of the AWS
 * testing package, so that a test file moves by changing its import.
 *
 * Type parameters default to {@link Untyped}, as there: `runner.getOperation("x").getStepDetails()?.result.id`
 * compiles without naming a type.
 */

import type { ErrorObject, Operation, OperationStatus, OperationType } from "@tidemark/protocol";
import type { OperationSubType } from "@tidemark/sdk";
import type { RecordedEvent } from "./recorded-events.js";

/** The result of an operation or an execution whose type a test does not name. */
// biome-ignore lint/suspicious/noExplicitAny: as in the AWS testing package, so that members can be read.
export type Untyped = any;

/** How far an operation has come. */
// biome-ignore lint/style/noEnum: an enum in the AWS testing package, so a type and a value for its users.
export enum WaitingOperationStatus {
  /** It has been started. For `waitForCallback`: the callback exists, and can be completed. */
  STARTED = "STARTED",
  /** As `COMPLETED`; for `waitForCallback` as soon as the submitter has ended. */
  SUBMITTED = "SUBMITTED",
  /** It has an outcome. */
  COMPLETED = "COMPLETED",
}

export const ExecutionStatus = {
  FAILED: "FAILED",
  RUNNING: "RUNNING",
  STOPPED: "STOPPED",
  SUCCEEDED: "SUCCEEDED",
  TIMED_OUT: "TIMED_OUT",
} as const;
export type ExecutionStatus = (typeof ExecutionStatus)[keyof typeof ExecutionStatus];

export const InvocationType = {
  DryRun: "DryRun",
  Event: "Event",
  RequestResponse: "RequestResponse",
} as const;
export type InvocationType = (typeof InvocationType)[keyof typeof InvocationType];

export interface TestResultError {
  errorMessage: string | undefined;
  errorType: string | undefined;
  /** Text. */
  errorData: string | undefined;
  stackTrace: string[] | undefined;
}

export interface ContextDetails<TResult = unknown> {
  readonly result: TResult | undefined;
  readonly error: TestResultError | undefined;
}

export interface StepDetails<TResult = unknown> {
  /** Attempts that have ended. */
  readonly attempt: number | undefined;
  readonly nextAttemptTimestamp: Date | undefined;
  readonly result: TResult | undefined;
  readonly error: TestResultError | undefined;
}

export interface CallbackDetails<TResult = unknown> {
  readonly callbackId: string;
  readonly error?: TestResultError;
  readonly result?: TResult;
}

export interface ChainedInvokeDetails<TResult = unknown> {
  readonly error?: TestResultError;
  readonly result?: TResult;
}

export interface WaitResultDetails {
  readonly waitSeconds?: number;
  readonly scheduledEndTimestamp?: Date;
}

/** The answer to a callback that was sent: nothing. */
export type CallbackSent = object;

/**
 * One operation of the execution. What it tells is what is recorded at the moment of the call:
 * `undefined` as long as it has not been started.
 */
export interface DurableOperation<TResult = Untyped> {
  /**
   * Waits until the operation has come so far; time moves meanwhile. Default: until it is started.
   *
   * @throws TidemarkError `TIDEMARK_TEST_OPERATION` when the execution ends, or can never go on, before that.
   */
  waitForData(status?: WaitingOperationStatus): Promise<DurableOperation<TResult>>;
  /** @throws TidemarkError `TIDEMARK_TEST_OPERATION`, as the others below, for an operation of another type. */
  getContextDetails(): ContextDetails<TResult> | undefined;
  getStepDetails(): StepDetails<TResult> | undefined;
  getChainedInvokeDetails(): ChainedInvokeDetails<TResult> | undefined;
  /** Of a callback, or of the one in a `waitForCallback`. */
  getCallbackDetails(): CallbackDetails<TResult> | undefined;
  getWaitDetails(): WaitResultDetails | undefined;
  /** In the order of their starts. */
  getChildOperations(): DurableOperation[] | undefined;
  getOperationData(): Operation | undefined;
  getEvents(): RecordedEvent[] | undefined;
  getId(): string | undefined;
  getParentId(): string | undefined;
  getName(): string | undefined;
  getType(): OperationType | undefined;
  getSubType(): OperationSubType | undefined;
  isWaitForCallback(): boolean;
  isCallback(): boolean;
  getStatus(): OperationStatus | undefined;
  getStartTimestamp(): Date | undefined;
  getEndTimestamp(): Date | undefined;
  /** Completes the callback with a text. @throws TidemarkError `TIDEMARK_TEST_OPERATION`, `TIDEMARK_CALLBACK_SETTLED`. */
  sendCallbackSuccess(result?: string): Promise<CallbackSent>;
  /** Fails the callback. @throws as `sendCallbackSuccess`. */
  sendCallbackFailure(error?: ErrorObject): Promise<CallbackSent>;
  /** The heartbeat timeout of the callback starts anew. @throws as `sendCallbackSuccess`. */
  sendCallbackHeartbeat(): Promise<CallbackSent>;
}

export interface InvokeRequest {
  /** A JSON value. Default: none, and the handler gets `{}`. */
  payload?: unknown;
}

export interface Invocation {
  startTimestamp: Date | undefined;
  endTimestamp: Date | undefined;
  requestId: string | undefined;
  /** Why the invocation failed, if it did. */
  error: TestResultError | undefined;
}

/** Columns of `print()`. All are shown unless they are `false`. */
export interface PrintConfig {
  parentId?: boolean;
  name?: boolean;
  type?: boolean;
  subType?: boolean;
  status?: boolean;
  startTime?: boolean;
  endTime?: boolean;
  duration?: boolean;
}

export interface TestResult<TResult = Untyped> {
  /** In the order of their starts; with `status` those that have it. */
  getOperations(params?: { status: OperationStatus }): DurableOperation[];
  getInvocations(): Invocation[];
  getStatus(): ExecutionStatus | undefined;
  /** @throws the error of the execution, unless it succeeded. */
  getResult(): TResult | undefined;
  /** @throws TidemarkError `TIDEMARK_TEST_OPERATION` when the execution succeeded. */
  getError(): TestResultError;
  getHistoryEvents(): RecordedEvent[];
  /** Prints the operations as a table. */
  print(config?: PrintConfig): void;
}

export interface DurableTestRunner<TDurableOperation extends DurableOperation, ResultType> {
  run(params?: InvokeRequest): Promise<TestResult<ResultType>>;
  getOperation(name: string): TDurableOperation;
  getOperationByIndex(index: number): TDurableOperation;
  getOperationByNameAndIndex(name: string, index: number): TDurableOperation;
  getOperationById(id: string): TDurableOperation;
}

/** Owns the operation that a runner gives to a test: a question to the track, asked anew at every call. */

import { type ErrorObject, type Operation, type OperationType, TidemarkError } from "@tidemark/protocol";
import type { OperationSubType } from "@tidemark/sdk";
import type { ExecutionTrack } from "./execution-track.js";
import { type OperationQuery, operationText, queryText } from "./operation-index.js";
import { isBatchSummary, wholeBatch } from "./recorded-batch.js";
import type { RecordedEvent } from "./recorded-events.js";
import {
  type CallbackDetails,
  type CallbackSent,
  type ChainedInvokeDetails,
  type ContextDetails,
  type DurableOperation,
  type StepDetails,
  type TestResultError,
  WaitingOperationStatus,
  type WaitResultDetails,
} from "./test-types.js";

export class OperationHandle<TResult> implements DurableOperation<TResult> {
  readonly #trackOf: () => ExecutionTrack;
  readonly #query: OperationQuery;

  /** `trackOf` gives the execution that is followed at the moment: a test may ask for an operation before the run. */
  constructor(trackOf: () => ExecutionTrack, query: OperationQuery) {
    this.#trackOf = trackOf;
    this.#query = query;
  }

  get #track(): ExecutionTrack {
    return this.#trackOf();
  }

  async waitForData(status = WaitingOperationStatus.STARTED): Promise<DurableOperation<TResult>> {
    if (!Object.hasOwn(WaitingOperationStatus, status)) {
      throw new TidemarkError(
        "TIDEMARK_TEST_OPERATION",
        `waitForData: status is ${JSON.stringify(status)}; pass a WaitingOperationStatus: STARTED, SUBMITTED or COMPLETED`,
      );
    }
    await this.#track.waitFor(this.#query, status);
    return this;
  }

  getContextDetails(): ContextDetails<TResult> | undefined {
    const operation = this.#typed("CONTEXT");
    if (operation === undefined) return undefined;
    const { result, error } = this.#outcome(operation, operation.ContextDetails);
    if (!isBatchSummary(result)) return { result, error };
    const items = this.#track.index.childrenOf(operation.Id as string);
    return { result: wholeBatch(result, items, parsedValue) as TResult, error };
  }

  getStepDetails(): StepDetails<TResult> | undefined {
    const operation = this.#typed("STEP");
    if (operation === undefined) return undefined;
    const details = operation.StepDetails;
    return {
      attempt: details?.Attempt,
      nextAttemptTimestamp: details?.NextAttemptTimestamp,
      ...this.#outcome(operation, details),
    };
  }

  getChainedInvokeDetails(): ChainedInvokeDetails<TResult> | undefined {
    const operation = this.#typed("CHAINED_INVOKE");
    if (operation === undefined) return undefined;
    return this.#outcome(operation, operation.ChainedInvokeDetails) as ChainedInvokeDetails<TResult>;
  }

  getCallbackDetails(): CallbackDetails<TResult> | undefined {
    const operation = this.getOperationData();
    if (operation === undefined) return undefined;
    const callback = this.#callbackOf(operation);
    const callbackId = callback?.CallbackDetails?.CallbackId;
    if (callbackId === undefined) {
      throw this.#wrong(
        callback === operation || this.isWaitForCallback()
          ? "has no callback yet; wait for it with waitForData()"
          : "is no callback",
      );
    }
    return { callbackId, ...this.#outcome(callback, callback?.CallbackDetails) } as CallbackDetails<TResult>;
  }

  getWaitDetails(): WaitResultDetails | undefined {
    const operation = this.#typed("WAIT");
    if (operation === undefined) return undefined;
    const started = this.getEvents()?.find(({ EventType }) => EventType === "WaitStarted");
    const waitSeconds = started?.WaitStartedDetails?.Duration;
    const scheduledEndTimestamp =
      operation.WaitDetails?.ScheduledEndTimestamp ?? started?.WaitStartedDetails?.ScheduledEndTimestamp;
    return {
      ...(waitSeconds === undefined ? {} : { waitSeconds }),
      ...(scheduledEndTimestamp === undefined ? {} : { scheduledEndTimestamp }),
    };
  }

  getChildOperations(): DurableOperation[] | undefined {
    const id = this.getId();
    if (id === undefined) return undefined;
    const track = this.#track;
    return track.index.childrenOf(id).map((child) => handleOf(track, child));
  }

  getOperationData(): Operation | undefined {
    return this.#track.index.find(this.#query);
  }

  getEvents(): RecordedEvent[] | undefined {
    const id = this.getId();
    return id === undefined ? undefined : this.#track.events.filter((event) => event.Id === id);
  }

  getId(): string | undefined {
    return this.getOperationData()?.Id;
  }

  getParentId(): string | undefined {
    return this.getOperationData()?.ParentId;
  }

  getName(): string | undefined {
    return this.getOperationData()?.Name;
  }

  getType(): OperationType | undefined {
    return this.getOperationData()?.Type;
  }

  getSubType(): OperationSubType | undefined {
    // A text on the wire: the engine writes nothing else there.
    return this.getOperationData()?.SubType as OperationSubType | undefined;
  }

  isWaitForCallback(): boolean {
    return this.getType() === "CONTEXT" && this.getOperationData()?.SubType === "WaitForCallback";
  }

  isCallback(): boolean {
    return this.getType() === "CALLBACK";
  }

  getStatus(): Operation["Status"] {
    return this.getOperationData()?.Status;
  }

  getStartTimestamp(): Date | undefined {
    return this.getOperationData()?.StartTimestamp;
  }

  getEndTimestamp(): Date | undefined {
    return this.getOperationData()?.EndTimestamp;
  }

  async sendCallbackSuccess(result?: string): Promise<CallbackSent> {
    await this.#track.sender.sendCallbackSuccess(this.#callbackId(), result);
    return {};
  }

  async sendCallbackFailure(error?: ErrorObject): Promise<CallbackSent> {
    await this.#track.sender.sendCallbackFailure(this.#callbackId(), error);
    return {};
  }

  async sendCallbackHeartbeat(): Promise<CallbackSent> {
    await this.#track.sender.sendCallbackHeartbeat(this.#callbackId());
    return {};
  }

  #callbackId(): string {
    const details = this.getCallbackDetails();
    if (details !== undefined) return details.callbackId;
    throw this.#wrong("has not been started; wait for it with waitForData()");
  }

  #callbackOf(operation: Operation): Operation | undefined {
    if (operation.Type === "CALLBACK") return operation;
    if (!this.isWaitForCallback()) return undefined;
    return this.#track.index.childrenOf(operation.Id as string).find(({ Type }) => Type === "CALLBACK");
  }

  #outcome(
    operation: Operation | undefined,
    details: { readonly Result?: string | undefined; readonly Error?: ErrorObject | undefined } | undefined,
  ): { result: TResult | undefined; error: TestResultError | undefined } {
    const error = testError(details?.Error, (recorded) => this.#track.stackOf(recorded, operation?.Id));
    return { result: parsedValue<TResult>(details?.Result), error };
  }

  #typed(type: OperationType): Operation | undefined {
    const operation = this.getOperationData();
    if (operation === undefined || operation.Type === type) return operation;
    throw this.#wrong(`is not of type ${type}`);
  }

  #wrong(problem: string): TidemarkError {
    const operation = this.getOperationData();
    const what = operation === undefined ? queryText(this.#query) : `operation ${operationText(operation)}`;
    return new TidemarkError("TIDEMARK_TEST_OPERATION", `${what} ${problem}`);
  }
}

/** The operation with the id of a recorded one. */
export function handleOf(track: ExecutionTrack, operation: Operation): DurableOperation {
  return new OperationHandle(() => track, { id: operation.Id as string });
}

/** The JSON value, or the text itself when it is not JSON. */
export function parsedValue<TResult>(text: string | undefined): TResult | undefined {
  if (text === undefined) return undefined;
  try {
    return JSON.parse(text) as TResult;
  } catch {
    return text as TResult;
  }
}

export function testError(
  error: ErrorObject | undefined,
  stackOf: (error: ErrorObject) => string[] | undefined,
): TestResultError | undefined {
  if (error === undefined) return undefined;
  return {
    errorMessage: error.ErrorMessage,
    errorType: error.ErrorType,
    errorData: error.ErrorData,
    stackTrace: stackOf(error),
  };
}

/**
 * Owns the runner for functions that run elsewhere: on a store of our own, or in the managed service.
 * Time there is real; the runner starts an execution and follows its history.
 */

import { TidemarkError, valueText } from "@tidemark/protocol";
import { type Clock, type DurableClient, systemClock } from "@tidemark/runtime";
import type { LambdaSender } from "@tidemark/sdk";
import { AwaitedPromise } from "./awaited-promise.js";
import { type ExecutionEnd, ExecutionTrack } from "./execution-track.js";
import { clientSource, type HistorySource } from "./history-source.js";
import { lambdaSource } from "./lambda-source.js";
import { OperationHandle } from "./operation-handle.js";
import type { OperationQuery } from "./operation-index.js";
import { operationAfter } from "./operations-of-history.js";
import type { RecordedEvent } from "./recorded-events.js";
import { RecordedResult } from "./test-result.js";
import {
  type DurableOperation,
  type DurableTestRunner,
  InvocationType,
  type InvokeRequest,
  type TestResult,
  type Untyped,
} from "./test-types.js";

export interface CloudDurableTestRunnerConfig {
  /** How often the history is asked for. Milliseconds, default 1000. The end is seen at once, where the store tells. */
  pollInterval?: number;
  /** How a Lambda function is invoked. Default `RequestResponse`, which is answered after the first invocation. */
  invocationType?: InvocationType;
}

/** A `LambdaClient` of the AWS SDK. */
interface LambdaClientOfUser {
  send(command: never): Promise<unknown>;
}

export interface CloudDurableTestRunnerParameters {
  /** Name or ARN of the Lambda function, or the name under which workers have registered the function. */
  functionName: string;
  /** A `LambdaClient` for the managed service, or a `DurableClient` for a store. Default: a `LambdaClient`. */
  client?: LambdaClientOfUser | DurableClient;
  config?: CloudDurableTestRunnerConfig;
  /** Tidemark: the time between two looks. Default: that of the process. */
  clock?: Clock;
}

const ENDS = {
  ExecutionSucceeded: "SUCCEEDED",
  ExecutionFailed: "FAILED",
  ExecutionTimedOut: "TIMED_OUT",
  ExecutionStopped: "STOPPED",
} as const;

/**
 * Runs a function where it is deployed, and follows its execution.
 *
 * @example
 * ```ts
 * const runner = new CloudDurableTestRunner({ functionName: "order", client: new DurableClient({ store }) });
 * const result = await runner.run({ payload: { id: "order-1" } });
 * console.log(result.getStatus());
 * ```
 */
export class CloudDurableTestRunner<TResult = Untyped>
  implements DurableTestRunner<DurableOperation, TResult>
{
  readonly #functionName: string;
  readonly #source: HistorySource;
  readonly #pollIntervalMs: number;
  readonly #clock: Clock;
  #track = new ExecutionTrack();
  #running: { isLeft: boolean } | undefined;

  /** @throws TidemarkError `TIDEMARK_TEST_CONFIG`. */
  constructor({ functionName, client, config = {}, clock = systemClock }: CloudDurableTestRunnerParameters) {
    const { pollInterval = 1000, invocationType = InvocationType.RequestResponse } = config;
    if (typeof functionName !== "string" || functionName === "") {
      throw new TidemarkError(
        "TIDEMARK_TEST_CONFIG",
        `functionName is ${valueText(functionName)}; pass the name of a function`,
      );
    }
    if (!(Number.isFinite(pollInterval) && pollInterval >= 1)) {
      throw new TidemarkError(
        "TIDEMARK_TEST_CONFIG",
        `pollInterval is ${valueText(pollInterval)}; pass milliseconds of at least 1`,
      );
    }
    this.#functionName = functionName;
    this.#source = isDurableClient(client)
      ? clientSource(client)
      : lambdaSource(client as LambdaSender | undefined, invocationType);
    this.#pollIntervalMs = pollInterval;
    this.#clock = clock;
  }

  /**
   * Starts an execution, and settles when it has ended, in whatever status.
   *
   * @throws TidemarkError `TIDEMARK_TEST_RUN` when a run is under way; `TIDEMARK_TEST_CONFIG` when the function is no
   * durable function; `TIDEMARK_LAMBDA_CLIENT`; whatever the client throws.
   */
  run(params: InvokeRequest = {}): Promise<TestResult<TResult>> {
    if (this.#running !== undefined) {
      return Promise.reject(
        new TidemarkError(
          "TIDEMARK_TEST_RUN",
          "this runner has a run under way; await it first, or create another runner: several may run at once",
        ),
      );
    }
    if (this.#track.hasBegun) this.#track = new ExecutionTrack(this.#track);
    const running = { isLeft: false };
    this.#running = running;
    const run = this.#follow(this.#track, params.payload, running).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    return AwaitedPromise.of<TestResult<TResult>>(run, () => {});
  }

  /** The first operation of this name, in the order of their starts. */
  getOperation<TOperationResult = Untyped>(name: string, index?: number): DurableOperation<TOperationResult> {
    return this.#ask({ name, ...(index === undefined ? {} : { index }) });
  }

  getOperationByIndex<TOperationResult = Untyped>(index: number): DurableOperation<TOperationResult> {
    return this.#ask({ index });
  }

  getOperationByNameAndIndex<TOperationResult = Untyped>(
    name: string,
    index: number,
  ): DurableOperation<TOperationResult> {
    return this.#ask({ name, index });
  }

  getOperationById<TOperationResult = Untyped>(id: string): DurableOperation<TOperationResult> {
    return this.#ask({ id });
  }

  /** Forgets the last execution. One that is under way goes on where it runs, and is not followed any more. */
  reset(): void {
    if (this.#running !== undefined) this.#running.isLeft = true;
    this.#running = undefined;
    this.#track = new ExecutionTrack();
  }

  async #follow(
    track: ExecutionTrack,
    payload: unknown,
    running: { readonly isLeft: boolean },
  ): Promise<TestResult<TResult>> {
    const source = this.#source;
    let events: readonly RecordedEvent[] = [];
    try {
      const executionId = await source.start(this.#functionName, payload);
      track.begin({ sender: source, events: () => events });
      let failure: { readonly error: unknown } | undefined;
      const ended = source.ended(executionId).catch((error: unknown) => {
        failure = { error };
      });
      for (;;) {
        const seen = events.length;
        events = await source.history(executionId);
        takeIn(track, events.slice(seen));
        if (track.end !== undefined) return new RecordedResult<TResult>(track);
        if (failure !== undefined) throw failure.error;
        await this.#pause(ended);
        if (running.isLeft)
          throw new TidemarkError("TIDEMARK_TEST_RUN", "the runner was reset while this run was under way");
      }
    } catch (error) {
      track.reject(() => error);
      throw error;
    }
  }

  async #pause(ended: Promise<void>): Promise<void> {
    let cancel = (): void => {};
    const interval = new Promise<void>((resolve) => {
      cancel = this.#clock.setTimer(resolve, this.#pollIntervalMs);
    });
    await Promise.race([ended, interval]);
    cancel();
  }

  #ask<TOperationResult>(query: OperationQuery): DurableOperation<TOperationResult> {
    this.#track.ask(query);
    return new OperationHandle<TOperationResult>(() => this.#track, query);
  }
}

function takeIn(track: ExecutionTrack, events: readonly RecordedEvent[]): void {
  for (const event of events) {
    const before = event.Id === undefined ? undefined : track.index.get(event.Id);
    const operation = operationAfter(event, before);
    if (operation !== undefined) track.changed([operation]);
    const end = endOf(event);
    if (end !== undefined) track.ended(end);
  }
}

function endOf(event: RecordedEvent): ExecutionEnd | undefined {
  const status = ENDS[event.EventType as keyof typeof ENDS];
  if (status === undefined) return undefined;
  const result = event.ExecutionSucceededDetails?.Result?.Payload;
  const failure =
    event.ExecutionFailedDetails ?? event.ExecutionTimedOutDetails ?? event.ExecutionStoppedDetails;
  return { status, result, error: failure?.Error?.Payload };
}

function isDurableClient(client: CloudDurableTestRunnerParameters["client"]): client is DurableClient {
  return typeof (client as Partial<DurableClient> | undefined)?.history === "function";
}

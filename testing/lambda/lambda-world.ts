/**
 * Owns a Lambda that is simulated: functions by name, invocations with a deadline on virtual time, wake-ups that are
 * delivered as often and in the order that a test says. Handlers, stores and the runtime are the real ones.
 */

import {
  type Invoke,
  type LambdaHandler,
  type LambdaHandlerOptions,
  lambdaHandler,
  type WakerHandlerOptions,
  type WakerResult,
  type WakeUp,
  wakerHandler,
  wakeUpEvent,
  wakingStore,
} from "@tidemark/lambda";
import { DurableClient } from "@tidemark/runtime";
import { type DurableExecutionHandler, withDurableExecution } from "@tidemark/sdk";
import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import { VirtualClock, watchedStore } from "@tidemark/testing";

/** How the simulated Lambda treats a wake-up that it has accepted: after how many milliseconds it delivers it, each time. */
type Delivery = () => readonly number[];

export const ONCE: Delivery = () => [0];
export const TWICE: Delivery = () => [0, 0];
export const LOST: Delivery = () => [];

export class LambdaWorld {
  readonly clock = new VirtualClock();
  readonly store: ExecutionStore;
  /** From now on the invocation that runs this execution is dead. */
  readonly kill: (executionId: string) => void;
  /** A client as in a function that completes callbacks. */
  readonly client: DurableClient;
  /** What the handlers could report to nobody else. */
  readonly errors: unknown[] = [];
  /** Errors of asynchronous invocations, which nobody waits for. */
  readonly failures: unknown[] = [];
  /** Wake-ups that have been accepted. */
  readonly wakeUps: WakeUp[] = [];
  delivery: Delivery = ONCE;
  /** How long an invocation by a wake-up may take. */
  timeoutMs = (): number => 60_000;
  readonly #lambdas = new Map<string, LambdaHandler>();
  #requests = 0;

  constructor(store: ExecutionStore = new MemoryStore()) {
    const watched = watchedStore(store, this.clock);
    this.store = watched.store;
    this.kill = watched.cutOff;
    const onError = (error: unknown) => this.errors.push(error);
    this.client = new DurableClient({
      store: wakingStore(this.store, { invoke: this.invoke, onError }),
      clock: this.clock,
    });
  }

  /** Accepts a wake-up, as Lambda does with `InvocationType: "Event"`. */
  readonly invoke: Invoke = async (wakeUp) => {
    this.wakeUps.push(wakeUp);
    for (const delayMs of this.delivery()) {
      if (delayMs === 0) this.deliver(wakeUp);
      else this.clock.setTimer(() => this.deliver(wakeUp), delayMs);
    }
  };

  deliver({ functionName, executionId }: WakeUp): void {
    const answer = this.call(functionName, wakeUpEvent(executionId), this.timeoutMs());
    answer.catch((error: unknown) => this.failures.push(error));
  }

  deploy(
    functionName: string,
    handler: DurableExecutionHandler,
    options: Partial<LambdaHandlerOptions> = {},
  ): void {
    this.#lambdas.set(
      functionName,
      lambdaHandler({
        store: () => this.store,
        functionName,
        handler: withDurableExecution(handler),
        invoke: this.invoke,
        onError: (error) => this.errors.push(error),
        // What handlers throw is theirs to assert, and says nothing in the output of the tests.
        onThrown: () => {},
        clock: this.clock,
        ...options,
      }),
    );
  }

  /** Invokes a function and gives its answer, if it ever answers. */
  call(functionName: string, event: unknown, timeoutMs = 60_000, awsRequestId?: string): Promise<unknown> {
    const lambda = this.#lambdas.get(functionName);
    if (lambda === undefined) throw new Error(`no Lambda function ${functionName}`);
    this.#requests += 1;
    return lambda(event, this.context(timeoutMs, awsRequestId ?? `request-${this.#requests}`));
  }

  context(timeoutMs: number, awsRequestId = "request"): Parameters<LambdaHandler>[1] {
    const deadlineMs = this.clock.nowMs() + timeoutMs;
    return { awsRequestId, getRemainingTimeInMillis: () => deadlineMs - this.clock.nowMs() };
  }

  /** One run of the waker, and all that follows from it at once. */
  async wake(options: Partial<WakerHandlerOptions> = {}, timeoutMs = 60_000): Promise<WakerResult> {
    const waker = wakerHandler({
      store: () => this.store,
      functions: [...this.#lambdas.keys()],
      invoke: this.invoke,
      onError: (error) => this.errors.push(error),
      clock: this.clock,
      ...options,
    });
    const result = await waker({}, this.context(timeoutMs));
    await this.advance(0);
    return result;
  }

  advance(ms: number): Promise<void> {
    return this.clock.advanceTo(this.clock.nowMs() + ms);
  }

  async status(executionId: string): Promise<string> {
    return (await this.client.describe(executionId)).status;
  }
}

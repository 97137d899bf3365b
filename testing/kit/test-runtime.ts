/** Owns a runtime on virtual time: the real worker, client and store, driven step by step. */

import type { ErrorObject, HistoryEvent } from "@tidemark/protocol";
import { DurableClient, type DurableHandler, type PlainHandler, Worker } from "@tidemark/runtime";
import { type ExecutionStore, MemoryStore, plainPayloads } from "@tidemark/store";
import { VirtualClock, watchedStore } from "@tidemark/testing";

export interface TestRuntime {
  readonly client: DurableClient;
  readonly clock: VirtualClock;
  readonly store: ExecutionStore;
  /** Registers a wrapped handler, or a plain function with `{ durable: false }`. */
  register(
    name: string,
    handler: DurableHandler | PlainHandler,
    options?: { readonly durable?: boolean },
  ): void;
  /** Starts an execution and gives its id; nothing has run yet. */
  start(functionName: string, input: unknown): Promise<string>;
  /** Runs what is due now, until idle; time does not move. */
  settle(): Promise<void>;
  /** Moves time, running what becomes due on the way. */
  advance(ms: number): Promise<void>;
  /** Runs, moving time, until the execution has ended or nothing is scheduled any more. */
  runToEnd(executionId: string): Promise<ExecutionOutcome>;
  /** The process that runs the execution dies: nothing of the invocation is heard of again. */
  crash(executionId: string): void;
  history(executionId: string): Promise<HistoryEvent[]>;
  close(): Promise<void>;
}

export interface ExecutionOutcome {
  readonly status: string;
  /** JSON text. */
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

export interface TestRuntimeOptions {
  readonly store?: ExecutionStore;
  readonly clock?: VirtualClock;
  readonly maxBarrenInvocations?: number;
  readonly onError?: (error: unknown) => void;
}

const LEASE_MS = 30_000;

/** Longest run of timers that `runToEnd` follows: an execution that goes round in circles is a bug. */
const MAX_ROUNDS = 100_000;

export async function createTestRuntime(options: TestRuntimeOptions = {}): Promise<TestRuntime> {
  const clock = options.clock ?? new VirtualClock();
  const store = options.store ?? new MemoryStore();
  return new VirtualRuntime(store, clock, options);
}

class VirtualRuntime implements TestRuntime {
  readonly client: DurableClient;
  readonly clock: VirtualClock;
  readonly store: ExecutionStore;
  readonly #options: TestRuntimeOptions;
  readonly #functions: ConstructorParameters<typeof Worker>[0]["functions"] = {};
  #worker: Worker | undefined;
  #watched: ReturnType<typeof watchedStore>;

  constructor(store: ExecutionStore, clock: VirtualClock, options: TestRuntimeOptions) {
    this.store = store;
    this.clock = clock;
    this.#options = options;
    this.#watched = watchedStore(store, clock);
    this.client = new DurableClient({ store: this.#watched.store, clock });
  }

  register(
    name: string,
    handler: DurableHandler | PlainHandler,
    options: { readonly durable?: boolean } = {},
  ): void {
    this.#functions[name] =
      options.durable === false
        ? { handler: handler as PlainHandler, durable: false }
        : (handler as DurableHandler);
  }

  async start(functionName: string, input: unknown): Promise<string> {
    await this.store.registerFunctions(Object.keys(this.#functions));
    const { executionId } = await this.client.start(functionName, input === undefined ? {} : { input });
    return executionId;
  }

  async settle(): Promise<void> {
    await this.#startWorker();
    await this.clock.advanceTo(this.clock.nowMs());
  }

  async advance(ms: number): Promise<void> {
    await this.#startWorker();
    await this.clock.advanceTo(this.clock.nowMs() + ms);
  }

  async runToEnd(executionId: string): Promise<ExecutionOutcome> {
    const { payloads = plainPayloads } = this.store;
    for (let round = 0; round < MAX_ROUNDS; round++) {
      // A crash leaves no worker behind.
      await this.settle();
      const head = await this.store.head(executionId);
      if (head === undefined) throw new Error(`execution ${executionId} does not exist`);
      const { status, result, error } = head;
      const next = this.clock.nextTimerMs;
      if ((status !== "PENDING" && status !== "RUNNING") || next === undefined)
        return {
          status,
          result: result === undefined ? undefined : await payloads.read(result),
          error: error === undefined ? undefined : await payloads.readError(error),
        };
      await this.clock.advanceTo(next);
    }
    throw new Error(`execution ${executionId} has not ended after ${MAX_ROUNDS} timers`);
  }

  crash(executionId: string): void {
    this.#watched.cutOff(executionId);
    // The old worker holds the dead invocation for ever, as a dead process would; another one takes over.
    this.#worker = undefined;
  }

  history(executionId: string): Promise<HistoryEvent[]> {
    return this.client.history(executionId);
  }

  async close(): Promise<void> {
    const stopped = this.#worker?.stop();
    await this.clock.advanceTo(this.clock.nowMs() + 60_000);
    await stopped;
  }

  async #startWorker(): Promise<void> {
    if (this.#worker !== undefined) return;
    this.#worker = new Worker({
      store: this.#watched.store,
      functions: this.#functions,
      clock: this.clock,
      leaseMs: LEASE_MS,
      drainOnSigterm: false,
      drainMs: 1,
      // What handlers throw is theirs to assert, and says nothing in the output of the tests.
      onThrown: () => {},
      ...(this.#options.onError === undefined ? {} : { onError: this.#options.onError }),
      ...(this.#options.maxBarrenInvocations === undefined
        ? {}
        : { maxBarrenInvocations: this.#options.maxBarrenInvocations }),
    });
    await this.#worker.start();
  }
}

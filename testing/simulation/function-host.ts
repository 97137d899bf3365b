/**
 * Owns a process as Lambda gives it: invoked for one execution at a time with a deadline, cut off when it
 * runs over it. What is due it finds as a waker does.
 */

import { type Clock, type RegisteredFunction, runExecution } from "@tidemark/runtime";
import type { ExecutionStore } from "@tidemark/store";

/** What a process runs: a worker, or a function that is invoked. */
export interface Runner {
  /** @throws what the store throws; then the process ends. */
  start(): Promise<void>;
  /** Settles when nothing runs any more. */
  stop(): Promise<void>;
}

interface FunctionHostOptions {
  readonly store: ExecutionStore;
  readonly clock: Clock;
  readonly functions: Readonly<Record<string, RegisteredFunction>>;
  readonly leaseMs: number;
  readonly inlineWaitMs: number;
  /** How long an invocation may take. */
  readonly drawLifetimeMs: () => number;
  readonly onError: (error: unknown) => void;
  /** The platform ends a process that is over its time. */
  readonly onOverdue: () => void;
}

const WAKE_EVERY_MS = 1_500;
const HAND_OVER_MS = 1_000;
/** More at a time are more processes. */
const MOST_AT_A_TIME = 3;

export class FunctionHost implements Runner {
  readonly #options: FunctionHostOptions;
  readonly #active = new Set<string>();
  #isStopped = false;
  #onIdle: (() => void) | undefined;

  constructor(options: FunctionHostOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    await this.#options.store.registerFunctions(Object.keys(this.#options.functions));
    this.#wakeLater();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    return new Promise((resolve) => {
      this.#onIdle = resolve;
      this.#ended();
    });
  }

  #wakeLater(): void {
    const { clock, onError } = this.#options;
    clock.setTimer(() => {
      if (this.#isStopped) return;
      this.#wakeLater();
      this.#wake().catch(onError);
    }, WAKE_EVERY_MS);
  }

  async #wake(): Promise<void> {
    const { store, clock, functions } = this.#options;
    const { executionIds } = await store.due(clock.nowMs(), MOST_AT_A_TIME, Object.keys(functions));
    for (const executionId of executionIds) {
      if (this.#active.has(executionId) || this.#active.size >= MOST_AT_A_TIME) continue;
      this.#active.add(executionId);
      void this.#run(executionId);
    }
  }

  async #run(executionId: string): Promise<void> {
    const { store, clock, functions, leaseMs, inlineWaitMs, drawLifetimeMs, onError, onOverdue } =
      this.#options;
    const lifetimeMs = drawLifetimeMs();
    const cancel = clock.setTimer(onOverdue, lifetimeMs);
    try {
      const head = await store.head(executionId);
      const fn = head === undefined ? undefined : functions[head.functionName];
      if (fn === undefined) return;
      const deadlineMs = clock.nowMs() + lifetimeMs;
      await runExecution({
        store,
        executionId,
        fn,
        deadlineMs,
        handOverMs: HAND_OVER_MS,
        leaseMs,
        inlineWaitMs,
        onError,
        // What fails here does so by intention.
        onThrown: () => {},
        clock,
      });
    } catch (error) {
      onError(error);
    } finally {
      cancel();
      this.#active.delete(executionId);
      this.#ended();
    }
  }

  #ended(): void {
    if (this.#active.size === 0) this.#onIdle?.();
  }
}

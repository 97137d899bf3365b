/** Owns several workers on one store and virtual time, which are stopped after the test. */

import { DurableClient, Worker, type WorkerOptions } from "@tidemark/runtime";
import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import { VirtualClock } from "@tidemark/testing";

type Functions = WorkerOptions["functions"];

export class Fleet {
  readonly clock = new VirtualClock();
  readonly store: ExecutionStore = new MemoryStore();
  readonly client = new DurableClient({ store: this.store, clock: this.clock });
  /** What the workers could report to nobody else. */
  readonly errors: unknown[] = [];
  readonly startMs = this.clock.nowMs();
  #workers: Worker[] = [];

  /** A worker that has not been started. */
  create(functions: Functions, options: Partial<WorkerOptions> = {}): Worker {
    const worker = new Worker({
      store: this.store,
      clock: this.clock,
      functions,
      drainOnSigterm: false,
      drainMs: 1000,
      onError: (error) => this.errors.push(error),
      // What handlers throw is theirs to assert, and says nothing in the output of the tests.
      onThrown: () => {},
      ...options,
    });
    this.#workers.push(worker);
    return worker;
  }

  async worker(functions: Functions, options: Partial<WorkerOptions> = {}): Promise<Worker> {
    const worker = this.create(functions, options);
    await worker.start();
    return worker;
  }

  /** Starts `main` and runs it as far as it comes without time passing. */
  async begin(input?: unknown): Promise<string> {
    const { executionId } = await this.client.start("main", { input });
    await this.settle();
    return executionId;
  }

  settle(): Promise<void> {
    return this.advance(0);
  }

  advance(ms: number): Promise<void> {
    return this.clock.advanceTo(this.clock.nowMs() + ms);
  }

  /** Milliseconds since the test began. */
  elapsedMs(): number {
    return this.clock.nowMs() - this.startMs;
  }

  async stop(worker: Worker): Promise<void> {
    const stopped = worker.stop();
    await this.advance(2000);
    await stopped;
  }

  /** Does not wait for the workers after the test: one of them hangs by intention. */
  leaveOpen(): void {
    this.#workers = [];
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) await this.stop(worker);
  }
}

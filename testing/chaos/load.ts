/** Owns what is asked of the workers: keeps a number of executions under way until all have ended. */

import { setTimeout as sleep } from "node:timers/promises";
import { isTerminal } from "@tidemark/protocol";
import type { DurableClient } from "@tidemark/runtime";
import type { ExecutionStore } from "@tidemark/store";
import { untilWritten } from "./callback-answers";

export interface LoadOptions {
  readonly executions: number;
  readonly seed: number;
  /** Executions under way at a time. */
  readonly live: number;
  /** Give up when no execution has ended for this long. */
  readonly stallMs: number;
  /** For one execution in this many somebody waits from its start on, in the driver's process. */
  readonly awaitedEvery: number;
}

const LOOK_EVERY_MS = 200;

const MAX_LATENESS_MS = 5000;

export class Load {
  readonly #store: ExecutionStore;
  readonly #client: DurableClient;
  readonly #options: LoadOptions;
  readonly #awaited: Promise<string | undefined>[] = [];
  readonly #live = new Set<string>();
  readonly endedIds: string[] = [];
  #started = 0;
  #hasEnded = false;

  /** @param store where to look for what has ended; @param client which starts and awaits. */
  constructor(store: ExecutionStore, client: DurableClient, options: LoadOptions) {
    this.#store = store;
    this.#client = client;
    this.#options = options;
  }

  readonly hasEnded = (): boolean => this.#hasEnded;

  async run(onProgress: (progress: { started: number; ended: number }) => void): Promise<void> {
    const { executions, live, stallMs } = this.#options;
    let ended = 0;
    let movedMs = performance.now();
    try {
      while (ended < executions && performance.now() - movedMs < stallMs) {
        const nowEnded = await this.#countEnded();
        if (nowEnded > ended) movedMs = performance.now();
        ended = nowEnded;
        await this.#startUpTo(Math.min(executions, ended + live));
        onProgress({ started: this.#started, ended });
        await sleep(LOOK_EVERY_MS);
      }
    } finally {
      this.#hasEnded = true;
    }
  }

  async #startUpTo(count: number): Promise<void> {
    const starts: Promise<unknown>[] = [];
    while (this.#started < count) starts.push(this.#start(this.#started++));
    await Promise.all(starts);
  }

  async #start(index: number): Promise<void> {
    const input = { seed: this.#options.seed, index };
    // By its name a start may be made again, whatever has become of it.
    const { executionId } = await untilWritten(
      () => this.#client.start("order", { name: `order-${index}`, input }),
      ["TIDEMARK_PAYLOAD_STORE", "TIDEMARK_STORE_UNREACHABLE", "TIDEMARK_STORE_THROTTLED"],
    );
    this.#live.add(executionId);
    if (index % this.#options.awaitedEvery === 0) this.#awaited.push(this.#await(executionId));
  }

  /** What went wrong for those who waited for a result. Everything has ended: it comes at once. */
  async awaitedProblems(): Promise<string[]> {
    const late = sleep(MAX_LATENESS_MS, "an awaited result did not come", { ref: false });
    const problems = await Promise.all(this.#awaited.map((problem) => Promise.race([problem, late])));
    return problems.filter((problem) => problem !== undefined);
  }

  async #await(executionId: string): Promise<string | undefined> {
    try {
      await this.#client.result(executionId);
      return undefined;
    } catch (error) {
      return `${executionId}: waiting for its result failed: ${String(error)}`;
    }
  }

  /** Looks at those under way only: a list of all that have ended would cost more with every look. */
  async #countEnded(): Promise<number> {
    const heads = await Promise.all([...this.#live].map((executionId) => this.#store.head(executionId)));
    for (const head of heads) {
      if (head === undefined || !isTerminal(head.status)) continue;
      this.#live.delete(head.executionId);
      this.endedIds.push(head.executionId);
    }
    return this.#started - this.#live.size;
  }
}

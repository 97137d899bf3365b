/**
 * Owns the waker: on a schedule it finds what is due or has crashed, and wakes the functions that run it.
 *
 * It keeps nothing between runs, and may run twice at a time: a wake-up too many does nothing.
 */

import { type OptionNames, reporter, valueText } from "@tidemark/protocol";
import { type Clock, isFunctionName, systemClock } from "@tidemark/runtime";
import type { ExecutionStore } from "@tidemark/store";
import { type Invoke, lambdaInvoke } from "./lambda-invoke.js";
import {
  connection,
  type HandlerContext,
  type OpenStore,
  optionError,
  remainingTime,
  requireFunctions,
  requireNames,
  wholeNumber,
} from "./options.js";

export interface WakerHandlerOptions {
  /** Opens the store, once for each sandbox. */
  readonly store: OpenStore;
  /** The durable functions to look after. */
  readonly functions: readonly string[];
  /** Sends wake-ups. Default: `lambdaInvoke()`. */
  readonly invoke?: Invoke | undefined;
  /** Wake-ups under way at a time for each function. Default 20. */
  readonly concurrency?: number | undefined;
  /** How many due executions are asked for at first. As long as there are more, twice as many. Default 100. */
  readonly pageSize?: number | undefined;
  /** Begins nothing new this long before the deadline. Milliseconds, default 5000. */
  readonly stopMs?: number | undefined;
  /** Told of every failure. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly clock?: Clock | undefined;
}

const NAMES: OptionNames<WakerHandlerOptions> = {
  store: true,
  functions: true,
  invoke: true,
  concurrency: true,
  pageSize: true,
  stopMs: true,
  onError: true,
  clock: true,
};

/** What one run of the waker did. */
export interface WakerResult {
  /** Executions whose wake-up was accepted. */
  readonly woken: number;
  /** Wake-ups and looks at the store that failed. */
  readonly failed: number;
  /** The first ten of what failed. */
  readonly failures: readonly WakerFailure[];
  /** Executions removed because their retention has passed. */
  readonly purged: number;
  /** False when the time was over before all that was due had been found. */
  readonly isComplete: boolean;
}

export interface WakerFailure {
  readonly functionName?: string;
  readonly executionId?: string;
  readonly code: string;
  readonly message: string;
}

export type WakerHandler = (event: unknown, context: HandlerContext) => Promise<WakerResult>;

const MAX_FAILURES = 10;

/** Executions whose retention has passed are removed in portions of this size. */
const PURGE_LIMIT = 100;

/**
 * The handler of a Lambda function that a schedule invokes, usually once a minute. It wakes every execution that waits
 * and is due, and every one whose lease has run out; then it removes those whose retention has passed. One failure does
 * not stop the others; what failed is due still at the next run. It makes the functions known to the store.
 *
 * @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS`. What it gives rejects with it, too, when there is no time, and as the
 * store does when it cannot be opened.
 * @example
 * ```ts
 * export const handler = wakerHandler({ store: () => store, functions: ["order", "charge"] });
 * ```
 */
export function wakerHandler(options: WakerHandlerOptions): WakerHandler {
  requireNames("wakerHandler", options, NAMES);
  requireFunctions(options, ["invoke", "onError"]);
  const { functions, invoke = lambdaInvoke(), clock = systemClock } = options;
  const onError = reporter(options.onError);
  if (!Array.isArray(functions) || functions.length === 0)
    throw optionError(
      `functions is ${valueText(functions)}; pass the names of the durable functions to look after`,
    );
  // One that no store takes would keep the others from being woken.
  const noName = functions.findIndex((name) => !isFunctionName(name));
  if (noName !== -1)
    throw optionError(
      `functions[${noName}] is ${valueText(functions[noName])}, which is not a function name; use 1 to 140 of the characters A-Z, a-z, 0-9, _ . : $ and -`,
    );
  const concurrency = wholeNumber("concurrency", options.concurrency ?? 20, 1);
  const pageSize = wholeNumber("pageSize", options.pageSize ?? 100, 1);
  const stopMs = wholeNumber("stopMs", options.stopMs ?? 5000, 0);
  // A function can be invoked by another one before its own first event.
  const connect = connection(options.store, functions);
  return async (_event, context) => {
    // Too little time is too little in every run: nothing would ever be woken.
    remainingTime("the waker", context, ["stopMs", stopMs]);
    const store = await connect();
    const hasTime = (): boolean => context.getRemainingTimeInMillis() > stopMs;
    const round = new Round({ store, invoke, onError, clock, concurrency, pageSize, hasTime });
    // Side by side: a function with more to do than there is time for must not keep the others waiting.
    await Promise.all(Array.from(new Set(functions), (functionName) => round.wakeAll(functionName)));
    await round.purge();
    return round.result;
  };
}

interface RoundOptions {
  readonly store: ExecutionStore;
  readonly invoke: Invoke;
  readonly onError: (error: unknown) => void;
  readonly clock: Clock;
  readonly concurrency: number;
  readonly pageSize: number;
  readonly hasTime: () => boolean;
}

/** One run. */
class Round {
  readonly #options: RoundOptions;
  readonly #failures: WakerFailure[] = [];
  #woken = 0;
  #failed = 0;
  #purged = 0;
  #isComplete = true;

  constructor(options: RoundOptions) {
    this.#options = options;
  }

  get result(): WakerResult {
    return {
      woken: this.#woken,
      failed: this.#failed,
      failures: this.#failures,
      purged: this.#purged,
      isComplete: this.#isComplete,
    };
  }

  async wakeAll(functionName: string): Promise<void> {
    const { store, clock, pageSize } = this.#options;
    const seen = new Set<string>();
    let limit = pageSize;
    try {
      for (;;) {
        if (!this.#mayGoOn()) return;
        const { executionIds } = await store.due(clock.nowMs(), limit, [functionName]);
        const fresh = executionIds.filter((executionId) => !seen.has(executionId));
        for (const executionId of fresh) seen.add(executionId);
        await this.#wakeEach(functionName, fresh);
        if (executionIds.length < limit) return;
        // What has been woken is listed until somebody has taken it. Twice as much: each look begins anew.
        limit *= 2;
      }
    } catch (error) {
      this.#report(error, { functionName });
    }
  }

  async #wakeEach(functionName: string, executionIds: readonly string[]): Promise<void> {
    const waiting = executionIds.values();
    const sender = async (): Promise<void> => {
      for (const executionId of waiting) {
        if (!this.#mayGoOn()) return;
        await this.#wake(functionName, executionId);
      }
    };
    await Promise.all(Array.from({ length: this.#options.concurrency }, sender));
  }

  async #wake(functionName: string, executionId: string): Promise<void> {
    try {
      await this.#options.invoke({ functionName, executionId });
      this.#woken += 1;
    } catch (error) {
      this.#report(error, { functionName, executionId });
    }
  }

  async purge(): Promise<void> {
    const { store, clock, hasTime } = this.#options;
    try {
      // What is left over is removed by a later run.
      for (let count = PURGE_LIMIT; count === PURGE_LIMIT && hasTime(); this.#purged += count)
        count = await store.purgeExpired(clock.nowMs(), PURGE_LIMIT);
    } catch (error) {
      this.#report(error, {});
    }
  }

  #mayGoOn(): boolean {
    const mayGoOn = this.#options.hasTime();
    this.#isComplete &&= mayGoOn;
    return mayGoOn;
  }

  #report(error: unknown, what: Pick<WakerFailure, "functionName" | "executionId">): void {
    this.#failed += 1;
    this.#options.onError(error);
    if (this.#failures.length >= MAX_FAILURES) return;
    const { code, name, message } = Object(error) as { code?: unknown; name?: unknown; message?: unknown };
    this.#failures.push({ ...what, code: String(code ?? name), message: String(message ?? error) });
  }
}

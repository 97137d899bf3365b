/** Owns the runner for tests in this process: what a test calls, and the settings of the test environment. */

import { TidemarkError, valueText } from "@tidemark/protocol";
import {
  type DurableHandler,
  type PlainHandler,
  type RegisteredFunction,
  registeredFunction,
  systemClock,
} from "@tidemark/runtime";
import { type DurableLambdaHandler, type Duration, durationSeconds, type LambdaContext } from "@tidemark/sdk";
import { AwaitedPromise } from "./awaited-promise.js";
import { processNowMs } from "./event-loop.js";
import { ExecutionTrack } from "./execution-track.js";
import { asHandler, installHandlerTimers } from "./handler-timers.js";
import { LocalExecution, MAIN_FUNCTION } from "./local-execution.js";
import { OperationHandle } from "./operation-handle.js";
import type { OperationQuery } from "./operation-index.js";
import { RunnerClock } from "./runner-clock.js";
import { RecordedResult } from "./test-result.js";
import type {
  DurableOperation,
  DurableTestRunner,
  InvokeRequest,
  TestResult,
  Untyped,
} from "./test-types.js";
import { VirtualClock } from "./virtual-clock.js";

/** For all runners that are created until the environment is torn down. */
export interface LocalDurableTestRunnerSetupParameters {
  /**
   * `true`: virtual time, waits and retries take none. `false`, or left out: real time. Without a call of
   * `setupTestEnvironment` time is virtual.
   */
  skipTime?: boolean;
  /** Before each write to the log is answered, milliseconds of the runner's time. Default 0. Finds races. */
  checkpointDelay?: number;
  /**
   * Tidemark: `setTimeout`, `setInterval` and `Date` in handlers are of virtual time. Time then also moves while
   * bodies run, as soon as nothing happens, so that a body must not do real I/O. Default `false`.
   */
  fakeTimers?: boolean;
}

export interface LocalDurableTestRunnerParameters extends LocalDurableTestRunnerSetupParameters {
  /** A handler that is wrapped with `withDurableExecution`, of this SDK or of AWS's. */
  handlerFunction: DurableLambdaHandler;
  /** Tidemark: the virtual time at which a run starts. Default: now. */
  startTime?: Date;
  /** Tidemark: how long the execution may take, in its own time. Default: no limit. */
  timeout?: Duration;
  /**
   * Tidemark: the run fails when nothing has happened for so long while the test waits for it: no body has ended, no
   * callback was answered, nothing was recorded. Real milliseconds above 0, `Infinity` for no limit. Default 60,000 while
   * code of a handler runs, else 4,000, less than the limit of a test in Jest. Of virtual time only.
   */
  stallLimitMs?: number;
  /** Tidemark: the run fails when more updates have been recorded; a step makes two. Default 50,000. */
  updateLimit?: number;
}

/** A function of its input, as Lambda calls it: with a promise, or with a callback as its third parameter. */
export type PlainFunction = (
  event: never,
  context: LambdaContext,
  callback: (error?: Error | string | null, result?: unknown) => void,
) => unknown;

const UPDATE_LIMIT = 50_000;

let environment: LocalDurableTestRunnerSetupParameters = { skipTime: true };

/**
 * Runs a handler in this process with the real engine, runtime and memory store, in virtual time.
 *
 * Time moves only when all invocations have ended and the test waits for the runner, and then to the
 * next due date. Any number of runners may run at once; one runner has one run at a time.
 *
 * @example
 * ```ts
 * const handler = withDurableExecution(async (name: string, context: DurableContext) => {
 *   await context.wait("a year", { days: 365 });
 *   return context.step("greet", async () => `Hello ${name}`);
 * });
 * const runner = new LocalDurableTestRunner({ handlerFunction: handler });
 * const result = await runner.run({ payload: "Ada" });
 * console.log(result.getStatus(), result.getResult());
 * ```
 */
export class LocalDurableTestRunner<TResult = Untyped>
  implements DurableTestRunner<DurableOperation, TResult>
{
  readonly #options: LocalDurableTestRunnerParameters;
  readonly #functions = new Map<string, RegisteredFunction>();
  #track = new ExecutionTrack();
  #execution: LocalExecution | undefined;

  /** @throws TidemarkError `TIDEMARK_TEST_CONFIG`, `TIDEMARK_HANDLER`. */
  constructor(options: LocalDurableTestRunnerParameters) {
    this.#options = checked({ ...environment, ...defined(options) });
    this.#register(
      MAIN_FUNCTION,
      registeredFunction(MAIN_FUNCTION, options.handlerFunction as DurableHandler, "handlerFunction"),
    );
  }

  /** Settings for the runners that are created from now on. Nothing is started, and no timers are faked by this. */
  static async setupTestEnvironment(params: LocalDurableTestRunnerSetupParameters = {}): Promise<void> {
    environment = checked({ skipTime: false, ...defined(params) });
  }

  /** Back to the settings without `setupTestEnvironment`. */
  static async teardownTestEnvironment(): Promise<void> {
    environment = { skipTime: true };
  }

  /**
   * Runs the handler until its execution has ended, in whatever status.
   *
   * @throws TidemarkError `TIDEMARK_TEST_RUN` when a run is under way; `TIDEMARK_TEST_DEADLOCK` when the execution can
   * never go on; `TIDEMARK_TEST_ENDLESS` when it does not; `TIDEMARK_TEST_FUNCTION` when it invokes a function that is not registered; `TIDEMARK_INPUT`.
   */
  run(params: InvokeRequest = {}): Promise<TestResult<TResult>> {
    if (this.#execution !== undefined) {
      return Promise.reject(
        new TidemarkError(
          "TIDEMARK_TEST_RUN",
          "this runner has a run under way; await it first, or create another runner: several may run at once",
        ),
      );
    }
    if (this.#track.hasBegun) this.#track = new ExecutionTrack(this.#track);
    const track = this.#track;
    const clock = this.#clock();
    const execution = new LocalExecution({
      clock,
      track,
      functions: this.#options.fakeTimers === true ? withTimersOf(clock, this.#functions) : this.#functions,
      checkpointDelayMs: this.#options.checkpointDelay ?? 0,
      hasFakeTimers: this.#options.fakeTimers === true,
      timeout: this.#options.timeout,
      stallLimitMs: this.#options.stallLimitMs,
      updateLimit: this.#options.updateLimit ?? UPDATE_LIMIT,
    });
    this.#execution = execution;
    const uninstall = this.#options.fakeTimers === true ? installHandlerTimers() : () => {};
    const run = execution
      .run(params.payload)
      .then(() => new RecordedResult<TResult>(track))
      .finally(() => {
        uninstall();
        if (this.#execution === execution) this.#execution = undefined;
      });
    return AwaitedPromise.of<TestResult<TResult>>(run, () => execution.runIsAwaited());
  }

  /**
   * Registers a wrapped handler for `context.invoke`, under exactly this name.
   *
   * @throws TidemarkError `TIDEMARK_FUNCTION_NAME`, `TIDEMARK_HANDLER`, `TIDEMARK_TEST_CONFIG`.
   */
  registerDurableFunction(functionName: string, durableHandler: DurableLambdaHandler): this {
    return this.#register(functionName, registeredFunction(functionName, durableHandler as DurableHandler));
  }

  /** Registers a function without durable operations for `context.invoke`, under exactly this name. @throws as above. */
  registerFunction(functionName: string, handler: PlainFunction): this {
    return this.#register(
      functionName,
      registeredFunction(functionName, { handler: plain(handler), durable: false }),
    );
  }

  /** The first operation of this name, or the one at `index` among those of the name, in the order of their starts. */
  getOperation<TOperationResult = Untyped>(name: string, index?: number): DurableOperation<TOperationResult> {
    return this.#ask({ name, ...(index === undefined ? {} : { index }) });
  }

  /** The operation at `index` of all, in the order of their starts. */
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

  /**
   * Tidemark: moves the time of the run by a duration, running what becomes due on the way, and settles when that has
   * run. A body that runs does not stop it.
   *
   * @throws TidemarkError `TIDEMARK_TEST_RUN` when nothing runs or time is real.
   */
  async advanceTime(duration: Duration): Promise<void> {
    const ms = durationSeconds(duration, "advanceTime") * 1000;
    if (this.#execution === undefined) {
      throw new TidemarkError(
        "TIDEMARK_TEST_RUN",
        "advanceTime: nothing runs; call run() first, without awaiting it, and await it after this",
      );
    }
    if (this.#options.skipTime === false) {
      throw new TidemarkError("TIDEMARK_TEST_RUN", "advanceTime: time is real; set skipTime to true");
    }
    await this.#execution.advance(ms);
  }

  /** Forgets the last execution. One that is still under way is left behind, and its promises are rejected. */
  reset(): void {
    this.#execution?.abort(
      new TidemarkError(
        "TIDEMARK_TEST_RUN",
        "the runner was reset while this run was under way; await it first",
      ),
    );
    this.#execution = undefined;
    this.#track = new ExecutionTrack();
  }

  #register(name: string, fn: RegisteredFunction): this {
    if (name === MAIN_FUNCTION && this.#functions.has(name)) {
      throw config(
        `${JSON.stringify(name)} is what the runner calls the handler itself; choose another name`,
      );
    }
    this.#functions.set(name, fn);
    return this;
  }

  #ask<TOperationResult>(query: OperationQuery): DurableOperation<TOperationResult> {
    this.#track.ask(query);
    return new OperationHandle<TOperationResult>(() => this.#track, query);
  }

  #clock(): typeof systemClock {
    if (this.#options.skipTime === false) return systemClock;
    return new RunnerClock({ startMs: this.#options.startTime?.getTime() ?? processNowMs() });
  }
}

/** The functions, run with the timers of their clock. */
function withTimersOf(
  clock: typeof systemClock,
  functions: ReadonlyMap<string, RegisteredFunction>,
): ReadonlyMap<string, RegisteredFunction> {
  if (!(clock instanceof VirtualClock)) return functions;
  return new Map(
    [...functions].map(([name, fn]): [string, RegisteredFunction] => {
      // Members of a wrapped handler tell the runtime what it can do.
      const handler = Object.assign(
        (event: never, context: LambdaContext) => asHandler(clock, () => fn.handler(event, context)),
        fn.handler,
      );
      return [name, { ...fn, handler } as RegisteredFunction];
    }),
  );
}

/** A function that may answer through a callback, as one that gives a promise. */
function plain(handler: PlainFunction): PlainHandler {
  if (typeof handler !== "function" || handler.length < 3) return handler as PlainHandler;
  return (event, context) =>
    new Promise((resolve, reject) => {
      const returned = handler(event, context, (error, result) => (error ? reject(error) : resolve(result)));
      Promise.resolve(returned).then((value) => value !== undefined && resolve(value), reject);
    });
}

function checked<T extends Partial<LocalDurableTestRunnerParameters>>(options: T): T {
  const { checkpointDelay, stallLimitMs = 1, updateLimit = 1 } = options;
  if (typeof stallLimitMs !== "number" || !(stallLimitMs > 0)) {
    throw config(`stallLimitMs is ${valueText(stallLimitMs)}; pass milliseconds above 0, or Infinity`);
  }
  if (typeof updateLimit !== "number" || !(updateLimit > 0)) {
    throw config(`updateLimit is ${valueText(updateLimit)}; pass a number above 0, or Infinity`);
  }
  if (checkpointDelay !== undefined && !(Number.isFinite(checkpointDelay) && checkpointDelay >= 0)) {
    throw config(`checkpointDelay is ${valueText(checkpointDelay)}; pass milliseconds of at least 0`);
  }
  for (const field of ["skipTime", "fakeTimers"] as const) {
    const value = options[field];
    if (value !== undefined && typeof value !== "boolean") {
      throw config(`${field} is ${valueText(value)}; pass true or false`);
    }
  }
  if (options.fakeTimers === true && options.skipTime === false) {
    throw config("fakeTimers are of virtual time; set skipTime to true, or leave fakeTimers out");
  }
  // A date of another realm is one, too.
  if (options.startTime !== undefined && !Number.isFinite(options.startTime?.getTime?.())) {
    throw config(`startTime is ${valueText(options.startTime)}; pass a valid Date`);
  }
  return options;
}

function config(problem: string): TidemarkError {
  return new TidemarkError("TIDEMARK_TEST_CONFIG", problem);
}

/** Without members that are `undefined`: those must not hide a default. */
function defined<T extends object>(options: T): T {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as T;
}

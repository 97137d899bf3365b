/** Owns the interface that a handler programs against. Name for name that of the AWS SDK. */

import type { NestingType } from "./batch.js";
import type { BatchResult } from "./batch-result.js";
import type {
  CreateCallbackConfig,
  CreateCallbackResult,
  WaitForCallbackConfig,
  WaitForCallbackSubmitterFunc,
} from "./callback.js";
import type { ChildConfig, ChildFunc } from "./child.js";
import type { CompletionConfig } from "./completion.js";
import type { DurablePromise } from "./durable-promise.js";
import type { Duration } from "./duration.js";
import type { InvokeConfig } from "./invoke.js";
import type { LambdaContext } from "./lambda-context.js";
import type { DurableContextLogger, DurableLogger, LoggerConfig } from "./logger.js";
import type { Serdes, SerdesConfig } from "./serdes.js";
import type { StepConfig, StepFunc } from "./step.js";
import type { WaitForConditionCheckFunc, WaitForConditionConfig } from "./wait-for-condition.js";

/** Applied to each item of a map, in that item's own context. */
export type MapFunc<TInput, TOutput, Logger extends DurableLogger = DurableLogger> = (
  context: DurableContext<Logger>,
  item: TInput,
  index: number,
  array: TInput[],
) => Promise<TOutput>;

/** One branch of a parallel. */
export type ParallelFunc<TResult, Logger extends DurableLogger = DurableLogger> = (
  context: DurableContext<Logger>,
) => Promise<TResult>;

export interface NamedParallelBranch<TResult, Logger extends DurableLogger = DurableLogger> {
  name?: string;
  func: ParallelFunc<TResult, Logger>;
}

export interface ParallelConfig<TResult> {
  /** How many branches may be under way; one that waits counts. Default: all. */
  maxConcurrency?: number;
  /** Records the whole result. Default: it is rebuilt from the branches. */
  serdes?: Serdes<BatchResult<TResult>>;
  /** Records each branch's result. Default: the context's serdes, else JSON. */
  itemSerdes?: Serdes<TResult>;
  /** Default: the first failure ends the batch. */
  completionConfig?: CompletionConfig;
  /** Called for a result over 256 KB, and for one that goes to a payload store; its text is recorded beside the summary, for people. */
  summaryGenerator?: (result: BatchResult<TResult>) => string;
  /** Default `NestingType.NESTED`. */
  nesting?: NestingType;
}

export interface MapConfig<TItem, TResult> extends ParallelConfig<TResult> {
  /** Default `map-item-<index>`. */
  itemNamer?: (item: TItem, index: number) => string;
}

/** What the branch functions of a parallel return, as a union. */
export type BranchResult<Branches extends readonly unknown[], Logger extends DurableLogger> =
  Branches[number] extends ParallelFunc<infer R, Logger>
    ? R
    : Branches[number] extends NamedParallelBranch<infer R, Logger>
      ? R
      : BranchResultOf<Branches[number], Logger>;

type BranchResultOf<Branch, Logger extends DurableLogger> = Branch extends
  | ParallelFunc<infer R, Logger>
  | NamedParallelBranch<infer R, Logger>
  ? R
  : never;

/**
 * What a handler uses to do durable work.
 *
 * Every operation can be called with a name first or without one. Operations are known by their
 * position, so code must ask for the same operations in the same order whenever it runs; outcomes
 * are delivered in the order of the log, so native `Promise.race`, `Promise.any`, `Promise.all` and
 * shared variables behave on replay as they did live.
 *
 * Invalid arguments throw at the call, before anything is recorded.
 *
 * @example
 * ```ts
 * export const handler = withDurableExecution(async (event: { id: string }, context) => {
 *   const order = await context.step("load", async () => ({ id: event.id, amount: 12 }));
 *   await context.wait("cool off", { minutes: 10 });
 *   return context.step("charge", async () => `charged ${order.amount}`);
 * });
 * ```
 */
export interface DurableContext<TLogger extends DurableLogger = DurableLogger> {
  /** The context that the platform passed to the invocation. */
  lambdaContext: LambdaContext;
  /** Silent while the code runs over what an earlier invocation has seen. */
  logger: DurableContextLogger<TLogger>;
  executionContext: { readonly durableExecutionArn: string };

  /**
   * Runs `fn` once, records its result, and retries it when it fails.
   *
   * `fn` gets no context: it is one piece of work. The result is what a replay reads from the
   * record, so a `Date` comes back as text unless a serdes keeps it. `undefined` is recorded as
   * such. Errors: `StepError` when the retries are used up.
   *
   * @example
   * ```ts
   * const user = await context.step("load user", async ({ attempt, logger }) => {
   *   logger.info("loading", { attempt });
   *   return { id: "u-1" };
   * });
   * ```
   */
  step<TOutput>(
    name: string | undefined,
    fn: StepFunc<TOutput, TLogger>,
    config?: StepConfig<TOutput>,
  ): DurablePromise<TOutput>;
  step<TOutput>(fn: StepFunc<TOutput, TLogger>, config?: StepConfig<TOutput>): DurablePromise<TOutput>;

  /**
   * Runs another function and gives its result. Two texts are a name and a function.
   *
   * The invoked execution is started once, however often this one is interrupted. Errors:
   * `InvokeError` when it fails, times out or is stopped.
   *
   * @example
   * ```ts
   * const receipt = await context.invoke("charge", "payment-function", { amount: 12 });
   * ```
   */
  invoke<TInput, TOutput>(
    name: string,
    funcId: string,
    input?: TInput,
    config?: InvokeConfig<TInput, TOutput>,
  ): DurablePromise<TOutput>;
  invoke<TInput, TOutput>(
    funcId: string,
    input?: TInput,
    config?: InvokeConfig<TInput, TOutput>,
  ): DurablePromise<TOutput>;

  /**
   * Groups operations: `fn` gets a context of its own, and its outcome is recorded as one.
   *
   * A result over 256 KB is rebuilt by running `fn` again over its recorded operations, unless the backend has a payload
   * store to keep it in. Errors: `ChildContextError`, whose cause is the recorded error, unless `errorMapper` says otherwise.
   *
   * @example
   * ```ts
   * const total = await context.runInChildContext("sum", async (child) => {
   *   const a = await child.step(async () => 1);
   *   const b = await child.step(async () => 2);
   *   return a + b;
   * });
   * ```
   */
  runInChildContext<TOutput>(
    name: string | undefined,
    fn: ChildFunc<TOutput, TLogger>,
    config?: ChildConfig<TOutput>,
  ): DurablePromise<TOutput>;
  runInChildContext<TOutput>(
    fn: ChildFunc<TOutput, TLogger>,
    config?: ChildConfig<TOutput>,
  ): DurablePromise<TOutput>;

  /**
   * Waits without compute: the invocation ends and the execution goes on when the time is up.
   *
   * At least 1 second, at most 366 days, in whole seconds.
   *
   * @example
   * ```ts
   * await context.wait("a day", { days: 1 });
   * ```
   */
  wait(name: string, duration: Duration): DurablePromise<void>;
  wait(duration: Duration): DurablePromise<void>;

  /**
   * Repeats `checkFunc` with its own last state until the strategy is satisfied; gives that state.
   *
   * Errors: `StepError` when the check or the strategy throws; checks are not retried.
   *
   * @example
   * ```ts
   * const job = await context.waitForCondition("job done", async (state) => ({ polls: state.polls + 1 }), {
   *   initialState: { polls: 0 },
   *   waitStrategy: (state) =>
   *     state.polls < 3 ? { shouldContinue: true, delay: { seconds: 5 } } : { shouldContinue: false },
   * });
   * ```
   */
  waitForCondition<TOutput>(
    name: string | undefined,
    checkFunc: WaitForConditionCheckFunc<TOutput, TLogger>,
    config: WaitForConditionConfig<TOutput>,
  ): DurablePromise<TOutput>;
  waitForCondition<TOutput>(
    checkFunc: WaitForConditionCheckFunc<TOutput, TLogger>,
    config: WaitForConditionConfig<TOutput>,
  ): DurablePromise<TOutput>;

  /**
   * Creates an id that somebody outside completes, and the promise of what they send.
   *
   * The id is durable when it is given. Exactly one outcome counts: the first of success, failure
   * and timeout. Errors: `CallbackExternalError`, `CallbackTimeoutError`.
   *
   * @example
   * ```ts
   * const [approval, callbackId] = await context.createCallback("approval", { timeout: { hours: 1 } });
   * await context.step("ask", async () => console.log("approve with", callbackId));
   * const answer = await approval;
   * ```
   */
  createCallback<TOutput = string>(
    name: string | undefined,
    config?: CreateCallbackConfig<TOutput>,
  ): DurablePromise<CreateCallbackResult<TOutput>>;
  createCallback<TOutput = string>(
    config?: CreateCallbackConfig<TOutput>,
  ): DurablePromise<CreateCallbackResult<TOutput>>;

  /**
   * Creates a callback, hands its id over in a step, and waits for its outcome.
   *
   * Errors: `CallbackSubmitterError` when handing over fails, `CallbackExternalError`,
   * `CallbackTimeoutError`; all are `CallbackError`.
   *
   * @example
   * ```ts
   * const answer = await context.waitForCallback("approval", async (callbackId) => {
   *   console.log("approve with", callbackId);
   * }, { timeout: { hours: 1 } });
   * ```
   */
  waitForCallback<TOutput = string>(
    name: string | undefined,
    submitter: WaitForCallbackSubmitterFunc<TLogger>,
    config?: WaitForCallbackConfig<TOutput>,
  ): DurablePromise<TOutput>;
  waitForCallback<TOutput = string>(
    submitter: WaitForCallbackSubmitterFunc<TLogger>,
    config?: WaitForCallbackConfig<TOutput>,
  ): DurablePromise<TOutput>;

  /**
   * Runs `mapFunc` for every item, each in a context of its own.
   *
   * Items start in order, at most `maxConcurrency` at a time. An empty array completes at once.
   * The batch does not throw when items fail: see {@link BatchResult}.
   *
   * @example
   * ```ts
   * const batch = await context.map("resize", ["a.png", "b.png"], async (item, file) =>
   *   item.step("resize", async () => `small-${file}`),
   *   { maxConcurrency: 1, completionConfig: { toleratedFailureCount: 1 } },
   * );
   * ```
   */
  map<TInput, TOutput>(
    name: string | undefined,
    items: readonly TInput[],
    mapFunc: MapFunc<TInput, TOutput, TLogger>,
    config?: MapConfig<TInput, TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;
  map<TInput, TOutput>(
    items: readonly TInput[],
    mapFunc: MapFunc<TInput, TOutput, TLogger>,
    config?: MapConfig<TInput, TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;

  /**
   * Runs the branches, each in a context of its own. Branches of different types give their union.
   *
   * @example
   * ```ts
   * const batch = await context.parallel("both", [
   *   async (branch) => branch.step(async () => 1),
   *   { name: "text", func: async (branch) => branch.step(async () => "two") },
   * ]);
   * ```
   */
  parallel<TOutput>(
    name: string | undefined,
    branches: (ParallelFunc<TOutput, TLogger> | NamedParallelBranch<TOutput, TLogger>)[],
    config?: ParallelConfig<TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;
  parallel<TOutput>(
    branches: (ParallelFunc<TOutput, TLogger> | NamedParallelBranch<TOutput, TLogger>)[],
    config?: ParallelConfig<TOutput>,
  ): DurablePromise<BatchResult<TOutput>>;
  parallel<Branches extends readonly unknown[]>(
    name: string | undefined,
    branches: Branches,
    config?: ParallelConfig<BranchResult<Branches, TLogger>>,
  ): DurablePromise<BatchResult<BranchResult<Branches, TLogger>>>;
  parallel<Branches extends readonly unknown[]>(
    branches: Branches,
    config?: ParallelConfig<BranchResult<Branches, TLogger>>,
  ): DurablePromise<BatchResult<BranchResult<Branches, TLogger>>>;

  /** Combines operations that have been called already; the outcome is recorded. */
  promise: DurablePromiseCombinators;

  /** Sets the logger of this context and of children created later. `modeAware: false` logs on replay too. */
  configureLogger(config: LoggerConfig<TLogger>): void;
  /** Sets the default serdes of this context and of children created later. Callbacks only if said so. */
  configureSerdes(config: SerdesConfig): void;
}

/** `Promise.all` and its kin, with a recorded outcome. Errors: `PromiseCombinatorError`. */
export interface DurablePromiseCombinators {
  all<TOutput>(name: string | undefined, promises: DurablePromise<TOutput>[]): DurablePromise<TOutput[]>;
  all<TOutput>(promises: DurablePromise<TOutput>[]): DurablePromise<TOutput[]>;
  allSettled<TOutput>(
    name: string | undefined,
    promises: DurablePromise<TOutput>[],
  ): DurablePromise<PromiseSettledResult<TOutput>[]>;
  allSettled<TOutput>(promises: DurablePromise<TOutput>[]): DurablePromise<PromiseSettledResult<TOutput>[]>;
  any<TOutput>(name: string | undefined, promises: DurablePromise<TOutput>[]): DurablePromise<TOutput>;
  any<TOutput>(promises: DurablePromise<TOutput>[]): DurablePromise<TOutput>;
  race<TOutput>(name: string | undefined, promises: DurablePromise<TOutput>[]): DurablePromise<TOutput>;
  race<TOutput>(promises: DurablePromise<TOutput>[]): DurablePromise<TOutput>;
}

/** Owns the context object: reads the arguments of each call, checks them, and performs the operation. */

import { type CallbackOptions, valueText } from "@tidemark/protocol";
import {
  argumentError,
  invalidArgument,
  readName,
  requireArray,
  requireFunction,
  requireOneOf,
  requireOptionalFunction,
  requireOptionalMethods,
} from "./arguments.js";
import { Batch, type BatchSpec, NestingType } from "./batch.js";
import type { BatchResult } from "./batch-result.js";
import {
  type CreateCallbackConfig,
  type CreateCallbackResult,
  createCallback,
  type WaitForCallbackConfig,
  type WaitForCallbackSubmitterFunc,
} from "./callback.js";
import {
  type ChildConfig,
  type ChildFunc,
  ContextKind,
  childBody,
  childContextError,
  runVirtual,
} from "./child.js";
import { DECIDE_VERSION, decideVersion } from "./code-version.js";
import { combine, settledSerdes } from "./combinators.js";
import { batchProblem } from "./completion.js";
import type {
  DurableContext,
  DurablePromiseCombinators,
  MapConfig,
  MapFunc,
  NamedParallelBranch,
  ParallelConfig,
  ParallelFunc,
} from "./durable-context.js";
import type { DurablePromise } from "./durable-promise.js";
import { type Duration, durationSeconds } from "./duration.js";
import type { Engine } from "./engine.js";
import { ContextUsageError } from "./errors.js";
import { type InvokeConfig, InvokeKind } from "./invoke.js";
import type { LambdaContext } from "./lambda-context.js";
import { Deferred, type OperationKind, perform } from "./lifecycle.js";
import type { DurableContextLogger, DurableLogger, LoggerConfig } from "./logger.js";
import { bindLogger, createContextLogger } from "./replay-logger.js";
import { retryPresets } from "./retry.js";
import { currentlyRunning, type Scope } from "./scope.js";
import { type AnySerdes, defaultSerdes, type SerdesConfig } from "./serdes.js";
import type { ContextSettings } from "./settings.js";
import { type StepConfig, type StepFunc, StepKind, StepSemantics } from "./step.js";
import { WaitKind } from "./wait.js";
import { waitForCallbackKind } from "./wait-for-callback.js";
import {
  type WaitForConditionCheckFunc,
  type WaitForConditionConfig,
  WaitForConditionKind,
} from "./wait-for-condition.js";

/** What all contexts of one invocation share. */
interface Invocation {
  readonly engine: Engine;
  readonly lambdaContext: LambdaContext;
  readonly executionContext: { readonly durableExecutionArn: string };
  readonly logData: () => ReturnType<Parameters<typeof createContextLogger>[0]["logData"]>;
}

export class OperationContext implements DurableContext {
  readonly lambdaContext: LambdaContext;
  readonly executionContext: { readonly durableExecutionArn: string };
  readonly #invocation: Invocation;
  readonly #engine: Engine;
  readonly #scope: Scope;
  #settings: ContextSettings;
  #logger: DurableContextLogger<DurableLogger> | undefined;
  #promise: DurablePromiseCombinators | undefined;
  #createStepLogger: (() => DurableContextLogger<DurableLogger>) | undefined;

  constructor(invocation: Invocation, scope: Scope, settings: ContextSettings) {
    this.#invocation = invocation;
    this.#engine = invocation.engine;
    this.#scope = scope;
    this.#settings = settings;
    this.lambdaContext = invocation.lambdaContext;
    this.executionContext = invocation.executionContext;
  }

  get logger(): DurableContextLogger<DurableLogger> {
    this.#logger ??= this.#createLogger(() => this.#settings.isModeAware && this.#engine.isReplaying);
    return this.#logger;
  }

  configureLogger(config: LoggerConfig<DurableLogger>): void {
    if (config.customLogger !== undefined) bindLogger(config.customLogger, this.#invocation.logData);
    this.#settings = {
      ...this.#settings,
      ...(config.customLogger === undefined ? {} : { logger: config.customLogger }),
      ...(config.modeAware === undefined ? {} : { isModeAware: config.modeAware }),
    };
    this.#logger = undefined;
  }

  configureSerdes(config: SerdesConfig): void {
    this.#settings = {
      ...this.#settings,
      serdes: config.defaultSerdes ?? defaultSerdes,
      callbackDeserializer: config.defaultCallbackDeserializer,
    };
  }

  step<T>(...args: unknown[]): DurablePromise<T> {
    const [name, fn, config] = withName("step", args) as [
      string | undefined,
      StepFunc<T>,
      StepConfig<T> | undefined,
    ];
    requireFunction("step", "fn", fn, name);
    requireOptionalFunction("step", "retryStrategy", config?.retryStrategy, name);
    requireOneOf("step", "semantics", config?.semantics, StepSemantics, name);
    requireSerdes("step", "serdes", config?.serdes, name);
    return this.#perform(
      "step",
      new StepKind<T>({
        name,
        fn,
        semantics: config?.semantics ?? StepSemantics.AtLeastOncePerRetry,
        retryStrategy: config?.retryStrategy ?? retryPresets.default,
        serdes: config?.serdes ?? this.#settings.serdes,
        logger: this.#stepLogger,
      }),
    );
  }

  wait(...args: unknown[]): DurablePromise<void> {
    const hasName = args.length > 1 || typeof args[0] === "string";
    const [name, duration] = (hasName ? args : [undefined, args[0]]) as [unknown, Duration];
    const known = readName("wait", name);
    const seconds = durationSeconds(
      duration,
      known === undefined ? "wait duration" : `wait ${valueText(known)} duration`,
    );
    return this.#perform("wait", new WaitKind(known, seconds));
  }

  invoke<I, O>(...args: unknown[]): DurablePromise<O> {
    const hasName = typeof args[1] === "string";
    const [name, functionName, input, config] = (hasName ? args : [undefined, ...args]) as [
      unknown,
      unknown,
      I,
      InvokeConfig<I, O> | undefined,
    ];
    if (typeof functionName !== "string" || functionName === "") {
      throw invalidArgument("invoke", `function is ${valueText(functionName)}; pass its name`, name);
    }
    return this.#perform(
      "invoke",
      new InvokeKind<O>({
        name: readName("invoke", name),
        functionName,
        input,
        tenantId: config?.tenantId,
        payloadSerdes: config?.payloadSerdes ?? this.#settings.serdes,
        resultSerdes: config?.resultSerdes ?? this.#settings.serdes,
      }),
    );
  }

  runInChildContext<T>(...args: unknown[]): DurablePromise<T> {
    const [name, fn, given] = withName("runInChildContext", args) as [
      string | undefined,
      ChildFunc<T>,
      ChildConfig<T> | undefined,
    ];
    const config = given ?? {};
    requireFunction("runInChildContext", "fn", fn, name);
    requireSerdes("runInChildContext", "serdes", config.serdes, name);
    const run = (scope: Scope) => fn(this.#child(scope));
    if (config.virtualContext === true) return this.#runVirtual(name, run, config);
    const body = childBody<T>(run, config.serdes ?? this.#settings.serdes, config);
    const subType = config.subType ?? "RunInChildContext";
    return this.#perform("runInChildContext", new ContextKind<T>({ name, subType }, body));
  }

  #runVirtual<T>(
    name: string | undefined,
    run: (scope: Scope) => Promise<T>,
    config: ChildConfig<T>,
  ): DurablePromise<T> {
    const refused = this.#refused<T>("runInChildContext");
    if (refused !== undefined) return refused;
    const deferred = new Deferred<T>();
    const mapper = config.errorMapper ?? childContextError;
    void runVirtual(this.#scope, this.#scope.nextPosition(), name, this.#engine, run, mapper).then(
      (settled) => deferred.take(settled),
    );
    return deferred.promise;
  }

  createCallback<T>(...args: unknown[]): DurablePromise<CreateCallbackResult<T>> {
    const hasName = typeof args[0] === "string" || args.length > 1;
    const [name, config] = (hasName ? args : [undefined, args[0]]) as [
      unknown,
      CreateCallbackConfig<T> | undefined,
    ];
    const spec = {
      name: readName("createCallback", name),
      options: callbackOptions(config),
      deserializer: config?.serdes ?? this.#settings.callbackDeserializer,
    };
    return (
      this.#refused<CreateCallbackResult<T>>("createCallback") ??
      createCallback<T>(this.#engine, this.#scope, spec)
    );
  }

  waitForCallback<T>(...args: unknown[]): DurablePromise<T> {
    const [name, submitter, given] = withName("waitForCallback", args) as [
      string | undefined,
      WaitForCallbackSubmitterFunc<DurableLogger>,
      WaitForCallbackConfig<unknown> | undefined,
    ];
    const config = given ?? {};
    requireFunction("waitForCallback", "submitter", submitter, name);
    requireOptionalFunction("waitForCallback", "retryStrategy", config.retryStrategy, name);
    // Before anything is recorded; createCallback reads them again.
    callbackOptions(config);
    const deserializer = config.serdes ?? this.#settings.callbackDeserializer;
    const kind = waitForCallbackKind<T>({ name, submitter, config, deserializer }, (scope) =>
      this.#child(scope),
    );
    return this.#perform("waitForCallback", kind);
  }

  waitForCondition<T>(...args: unknown[]): DurablePromise<T> {
    const [name, check, config] = withName("waitForCondition", args) as [
      string | undefined,
      WaitForConditionCheckFunc<T>,
      WaitForConditionConfig<T> | undefined,
    ];
    requireFunction("waitForCondition", "checkFunc", check, name);
    requireFunction("waitForCondition", "waitStrategy", config?.waitStrategy, name);
    if (config?.initialState === undefined) {
      throw invalidArgument(
        "waitForCondition",
        "initialState is undefined; pass the state of the first check",
        name,
      );
    }
    return this.#perform(
      "waitForCondition",
      new WaitForConditionKind<T>({
        name,
        check: check as WaitForConditionCheckFunc<unknown>,
        waitStrategy: config.waitStrategy as WaitForConditionConfig<unknown>["waitStrategy"],
        initialState: config.initialState,
        serdes: config.serdes ?? this.#settings.serdes,
        logger: this.#stepLogger,
      }),
    );
  }

  map<I, O>(...args: unknown[]): DurablePromise<BatchResult<O>> {
    const [name, items, fn, given] = withList(args) as [
      unknown,
      I[],
      MapFunc<I, O>,
      MapConfig<I, O> | undefined,
    ];
    const config = given ?? {};
    requireArray("map", "items", items, name);
    requireFunction("map", "mapFunc", fn, name);
    requireOptionalFunction("map", "itemNamer", config.itemNamer, name);
    const { itemNamer } = config;
    return this.#batch<O>("map", readName("map", name), "Map", config, {
      type: "MapResult",
      itemSubType: "MapIteration",
      count: items.length,
      itemName: (index) =>
        readName("map itemNamer", itemNamer?.(items[index] as I, index)) ?? `map-item-${index}`,
      runItem: (scope, index) => fn(this.#child(scope), items[index] as I, index, items),
    });
  }

  parallel<T>(...args: unknown[]): DurablePromise<BatchResult<T>> {
    const [name, branches, given] = withList(args) as [
      unknown,
      (ParallelFunc<T> | NamedParallelBranch<T>)[],
      ParallelConfig<T> | undefined,
    ];
    const config = given ?? {};
    requireArray("parallel", "branches", branches, name);
    const named: { name: string; func: ParallelFunc<T> }[] = branches.map((branch, index) => {
      const { name: branchName, func } =
        typeof branch === "function" ? { name: undefined, func: branch } : (branch ?? {});
      if (typeof func !== "function") {
        throw invalidArgument(
          "parallel",
          `branches[${index}] is ${valueText(branch)}; pass a function or { name, func }`,
          name,
        );
      }
      return {
        name: readName("parallel", branchName) ?? `parallel-branch-${index}`,
        func: func as ParallelFunc<T>,
      };
    });
    return this.#batch<T>("parallel", readName("parallel", name), "Parallel", config, {
      type: "ParallelResult",
      itemSubType: "ParallelBranch",
      count: named.length,
      itemName: (index) => (named[index] as (typeof named)[number]).name,
      runItem: (scope, index) => (named[index] as (typeof named)[number]).func(this.#child(scope)),
    });
  }

  #batch<T>(
    operation: string,
    name: string | undefined,
    subType: string,
    config: ParallelConfig<T>,
    spec: Pick<BatchSpec<T>, "type" | "itemSubType" | "count" | "itemName" | "runItem">,
  ): DurablePromise<BatchResult<T>> {
    const problem = batchProblem(config.maxConcurrency, config.completionConfig);
    if (problem !== undefined) throw argumentError("TIDEMARK_BATCH_CONFIG", operation, problem, name);
    requireOptionalFunction(operation, "summaryGenerator", config.summaryGenerator, name);
    requireOneOf(operation, "nesting", config.nesting, NestingType, name);
    requireSerdes(operation, "serdes", config.serdes, name);
    requireSerdes(operation, "itemSerdes", config.itemSerdes, name);
    const body = new Batch<T>({
      ...spec,
      maxConcurrency: config.maxConcurrency ?? Number.POSITIVE_INFINITY,
      completionConfig: config.completionConfig,
      serdes: config.serdes,
      itemSerdes: config.itemSerdes ?? this.#settings.serdes,
      summaryGenerator: config.summaryGenerator,
      nesting: config.nesting ?? NestingType.NESTED,
    });
    return this.#perform(operation, new ContextKind<BatchResult<T>>({ name, subType }, body));
  }

  [DECIDE_VERSION](operation: string, name: string, choice: Parameters<typeof decideVersion>[3]): number {
    return this.#refused(operation) === undefined
      ? decideVersion(this.#engine, this.#scope, name, choice)
      : choice.newest;
  }

  get promise(): DurablePromiseCombinators {
    this.#promise ??= this.#combinators();
    return this.#promise;
  }

  #combinators(): DurablePromiseCombinators {
    const combinator =
      <T>(
        operation: string,
        run: (promises: readonly PromiseLike<unknown>[]) => Promise<T>,
        serdes?: AnySerdes,
      ) =>
      (...args: unknown[]): DurablePromise<T> => {
        const [name, promises] = (Array.isArray(args[0]) ? [undefined, args[0]] : args) as [
          unknown,
          PromiseLike<unknown>[],
        ];
        requireArray(`promise.${operation}`, "promises", promises, name);
        const spec = {
          name: readName(`promise.${operation}`, name),
          promises: promises.map((promise) => Promise.resolve(promise)),
          combine: run,
          serdes: serdes ?? this.#settings.serdes,
        };
        return this.#refused<T>(`promise.${operation}`) ?? combine(this.#engine, this.#scope, spec);
      };
    return {
      all: combinator("all", (promises) => Promise.all(promises)),
      allSettled: combinator("allSettled", (promises) => Promise.allSettled(promises), settledSerdes),
      any: combinator("any", (promises) => Promise.any(promises)),
      race: combinator("race", (promises) => Promise.race(promises)),
    } as DurablePromiseCombinators;
  }

  #perform<T>(operation: string, kind: OperationKind<T>): DurablePromise<T> {
    return this.#refused<T>(operation) ?? perform(this.#engine, this.#scope, kind);
  }

  /**
   * What the caller gets in place of the operation when it runs in another scope: ids taken there could not be repeated
   * on replay. The execution fails, and the promise never settles. Code of another invocation, which has this context
   * from a variable that executions share, gets a rejection: it fails by itself, and this execution goes on.
   */
  #refused<T>(operation: string): DurablePromise<T> | undefined {
    const running = currentlyRunning();
    if (running === undefined || running.scope === this.#scope) return undefined;
    const refused = new Deferred<T>();
    const call = `context.${operation} of context ${this.#scope.prefix || "(root)"}`;
    if (running.invocation === this.#engine) {
      const where =
        running.scope === undefined
          ? `inside the body of operation ${running.operationId}`
          : `inside context ${running.scope.prefix || "(root)"}`;
      this.#engine.fail(
        new ContextUsageError(
          `${call} was called ${where}; ` +
            "use the context that the function around the call was given, and runInChildContext to group operations",
        ),
      );
    } else if (running.invocation.hasEnded !== true) {
      const error = new ContextUsageError(
        `${call} was called by code of another invocation than the one of ${this.#engine.executionArn} that it was given to; ` +
          "use the context that the handler was given for this invocation, and keep none in a variable that executions share",
      );
      refused.take({ ok: false, error });
    }
    return refused.promise;
  }

  #child(scope: Scope): OperationContext {
    return new OperationContext(this.#invocation, scope, this.#settings);
  }

  /** Made when the first step asks: most contexts have few. */
  get #stepLogger(): () => DurableContextLogger<DurableLogger> {
    this.#createStepLogger ??= () => this.#createLogger(() => false);
    return this.#createStepLogger;
  }

  #createLogger(isSilent: () => boolean): DurableContextLogger<DurableLogger> {
    return createContextLogger({
      getBase: () => this.#settings.logger,
      isSilent,
      logData: this.#invocation.logData,
    });
  }
}

/** `(name, fn, config)` from `(fn, config)` or `(name, fn, config)`. */
/** `args` belongs to the call, and becomes the answer. */
function withName(operation: string, args: unknown[]): unknown[] {
  if (typeof args[0] === "function") args.unshift(undefined);
  else args[0] = readName(operation, args[0]);
  return args;
}

/** `(name, list, ...)` from `(list, ...)` or `(name, list, ...)`. An object is no name: it was meant for the list. */
function withList(args: unknown[]): unknown[] {
  return typeof args[0] === "object" && args[0] !== null ? [undefined, ...args] : args;
}

function requireSerdes(operation: string, field: string, serdes: unknown, name: string | undefined): void {
  requireOptionalMethods(operation, field, serdes, ["serialize", "deserialize"], name);
}

function callbackOptions(config: CreateCallbackConfig<unknown> | undefined): CallbackOptions {
  const options: CallbackOptions = {};
  if (config?.timeout !== undefined) options.TimeoutSeconds = durationSeconds(config.timeout, "timeout");
  if (config?.heartbeatTimeout !== undefined) {
    options.HeartbeatTimeoutSeconds = durationSeconds(config.heartbeatTimeout, "heartbeatTimeout");
  }
  return options;
}

/** Owns the wrapping of a handler: from the event of an invocation to its output. */

import {
  type DurableExecutionClient,
  type DurableExecutionInvocationInput,
  DurableExecutionInvocationInputWithClient,
  type DurableExecutionInvocationOutput,
  InvocationStatus,
  isDurableExecutionClientError,
  MAX_RESPONSE_BYTES,
  type Operation,
  READS_STAND_INS,
  TidemarkError,
  valueText,
  type WireOperation,
} from "@tidemark/protocol";
import { DurableExecutionApiClient } from "./api-client.js";
import { OperationContext } from "./context.js";
import { createDefaultLogger, silentLogger } from "./default-logger.js";
import type { DurableContext } from "./durable-context.js";
import { Engine, type Outcome } from "./engine.js";
import { asError, errorObjectOf } from "./errors.js";
import { systemHost } from "./host.js";
import type { LambdaContext } from "./lambda-context.js";
import type { DurableLogData, DurableLogger } from "./logger.js";
import { normalizeOperation } from "./normalize.js";
import type { DurableInstrumentationPlugin } from "./plugin.js";
import { loadConfiguredPlugins } from "./plugin-loader.js";
import { PluginObserver } from "./plugin-observer.js";
import { createPluginRunner, type PluginRunner } from "./plugin-runner.js";
import { hashedPosition, positionItself } from "./recorded-ids.js";
import { createContextLogger } from "./replay-logger.js";
import { currentlyRunning, runIn, Scope } from "./scope.js";
import { defaultSerdes, serializeJson } from "./serdes.js";
import { reportThrown } from "./thrown.js";

// biome-ignore lint/suspicious/noExplicitAny: the default of the AWS SDK's types, on which handlers without annotations rest.
type Untyped = any;

/** A workflow: one async function of an event and a durable context. */
export type DurableExecutionHandler<
  TEvent = Untyped,
  TResult = Untyped,
  TLogger extends DurableLogger = DurableLogger,
> = (event: TEvent, context: DurableContext<TLogger>) => Promise<TResult>;

/** A wrapped handler, as a platform or a runner invokes it. */
export type DurableLambdaHandler = (
  event: DurableExecutionInvocationInput,
  context: LambdaContext,
) => Promise<DurableExecutionInvocationOutput>;

export interface DurableExecutionConfig {
  /** A `LambdaClient` for the managed service. @deprecated Use `durableExecutionClient`. */
  client?: ConstructorParameters<typeof DurableExecutionApiClient>[0];
  /** Keeps the log. Default: what the invocation brings, else AWS's managed service. */
  durableExecutionClient?: DurableExecutionClient;
  /** Observers of the execution. */
  plugins?: DurableInstrumentationPlugin[];
  pluginsConfig?: {
    /** How many levels of child operations stay visible to plugins after their context has ended. Default 0. */
    childOperationsDepth?: number;
  };
}

interface Failure {
  readonly error: unknown;
}

/**
 * Makes a handler durable: what its operations record survives crashes, waits and deployments.
 *
 * @throws TidemarkError `TIDEMARK_HANDLER` when `handler` is not a function.
 * @example
 * ```ts
 * export const handler = withDurableExecution(async (event: { name: string }, context) => {
 *   const greeting = await context.step("greet", async () => `Hello, ${event.name}!`);
 *   await context.wait({ seconds: 5 });
 *   return greeting;
 * });
 * ```
 */
export function withDurableExecution<
  TEvent = Untyped,
  TResult = Untyped,
  TLogger extends DurableLogger = DurableLogger,
>(
  handler: DurableExecutionHandler<TEvent, TResult, TLogger>,
  config: DurableExecutionConfig = {},
): DurableLambdaHandler {
  if (typeof handler !== "function") {
    throw new TidemarkError(
      "TIDEMARK_HANDLER",
      `withDurableExecution: handler is ${valueText(handler)}; pass an async function of an event and a context`,
    );
  }
  let plugins: Promise<DurableInstrumentationPlugin[]> | undefined;
  let client: DurableExecutionClient | undefined;
  const durable: DurableLambdaHandler = async (event, lambdaContext) => {
    const problem = invalidConfig(config);
    if (problem !== undefined) return failed(problem);
    try {
      plugins ??= loadConfiguredPlugins(config.plugins);
      await plugins;
    } catch (error) {
      return failed(error);
    }
    // Only where it is needed: making one begins to load the AWS SDK.
    const remoteClient = () => {
      client ??= config.durableExecutionClient ?? new DurableExecutionApiClient(config.client);
      return client;
    };
    return new HandlerInvocation({
      handler: handler as DurableExecutionHandler,
      event,
      lambdaContext,
      client: DurableExecutionInvocationInputWithClient.isInstance(event)
        ? event.durableExecutionClient
        : remoteClient(),
      runner: createPluginRunner(await plugins),
      childOperationsDepth: config.pluginsConfig?.childOperationsDepth ?? 0,
    }).run();
  };
  Object.defineProperty(durable, READS_STAND_INS, { value: true });
  return durable;
}

function invalidConfig(config: DurableExecutionConfig): TidemarkError | undefined {
  if (config.client !== undefined && config.durableExecutionClient !== undefined) {
    return new TidemarkError(
      "TIDEMARK_CONFIG",
      "client and durableExecutionClient are both given; pass only durableExecutionClient",
    );
  }
  const depth = config.pluginsConfig?.childOperationsDepth;
  if (depth === undefined || depth === Number.POSITIVE_INFINITY || (Number.isInteger(depth) && depth >= 0)) {
    return undefined;
  }
  return new TidemarkError(
    "TIDEMARK_CONFIG",
    `pluginsConfig.childOperationsDepth is ${depth}; pass a whole number of at least 0, or Infinity`,
  );
}

interface InvocationOptions {
  readonly handler: DurableExecutionHandler;
  readonly event: DurableExecutionInvocationInput;
  readonly lambdaContext: LambdaContext;
  readonly client: DurableExecutionClient;
  readonly runner: PluginRunner | undefined;
  readonly childOperationsDepth: number;
}

/** One invocation of a handler. */
class HandlerInvocation {
  readonly #options: InvocationOptions;
  readonly #arn: string;

  constructor(options: InvocationOptions) {
    this.#options = options;
    this.#arn = options.event.DurableExecutionArn;
  }

  async run(): Promise<DurableExecutionInvocationOutput> {
    const { event, runner } = this.#options;
    const operations = await this.#loadOperations();
    const updatedIds = new Set(event.UpdatedOperationIds ?? []);
    const execution = executionOf(operations);
    const input = await this.#input(execution);
    const observer =
      runner === undefined
        ? undefined
        : new PluginObserver({
            runner,
            executionArn: this.#arn,
            operations,
            updatedIds,
            childOperationsDepth: this.#options.childOperationsDepth,
          });
    const engine = () => this.#engine(operations, updatedIds, observer);
    if (observer === undefined) return (await this.#handle(engine(), input)).output;
    return this.#observed(observer, execution, input, operations, updatedIds, engine);
  }

  #engine(
    operations: Map<string, Operation>,
    updatedIds: ReadonlySet<string>,
    observer: PluginObserver | undefined,
  ): Engine {
    const { lambdaContext, event, client } = this.#options;
    return new Engine({
      client,
      executionArn: this.#arn,
      token: event.CheckpointToken,
      operations,
      updatedIds,
      observer,
      remainingTimeMs: () => lambdaContext?.getRemainingTimeInMillis?.() ?? Number.POSITIVE_INFINITY,
    });
  }

  async #observed(
    observer: PluginObserver,
    execution: Operation,
    input: unknown,
    operations: ReadonlyMap<string, Operation>,
    updatedIds: ReadonlySet<string>,
    engine: () => Engine,
  ): Promise<DurableExecutionInvocationOutput> {
    const { runner, infos } = observer;
    const isFirstInvocation = operations.size === 1;
    const base = {
      requestId: this.#requestId(),
      executionArn: this.#arn,
      executionInput: input,
      operations: infos,
      ...(execution.StartTimestamp === undefined
        ? {}
        : { executionStartTimestamp: execution.StartTimestamp }),
    };
    const updatedOperations = Object.fromEntries(Object.entries(infos).filter(([id]) => updatedIds.has(id)));
    const start = { ...base, isFirstInvocation, updatedOperations };
    await runner.onInvocationStart(start);
    let value: unknown;
    try {
      const output = await runner.wrapInvocation(start, async () => {
        const handled = await this.#handle(engine(), input);
        value = handled.value;
        return handled.output;
      });
      const result = output.Status === InvocationStatus.SUCCEEDED ? { executionResult: value } : {};
      const error =
        output.Status === InvocationStatus.FAILED && value instanceof Error ? { executionError: value } : {};
      await runner.onInvocationEnd({
        ...base,
        isFirstInvocation,
        status: output.Status,
        ...result,
        ...error,
      });
      return output;
    } catch (error) {
      const failure = error instanceof Error ? { executionError: error } : {};
      await runner.onInvocationEnd({ ...base, isFirstInvocation, status: "RETRYING", ...failure });
      throw error;
    }
  }

  /** Runs the handler to its end or suspension. `value`: what it returned, or the error that failed it. */
  async #handle(
    engine: Engine,
    input: unknown,
  ): Promise<{ readonly output: DurableExecutionInvocationOutput; readonly value?: unknown }> {
    const root = new Scope(undefined, { idOf: engine.isRemote ? hashedPosition : positionItself });
    const context = this.#rootContext(engine, root);
    const running = {
      scope: root,
      operationId: undefined,
      operationName: undefined,
      attempt: undefined,
      invocation: engine,
    };
    let result: { readonly value: unknown } | undefined;
    let failure: Failure | undefined;
    const call = async () => this.#options.handler(input, context);
    runIn(running, call).then(
      (value) => {
        result = { value };
        engine.handlerSettled();
      },
      (error: unknown) => {
        failure = { error };
        engine.handlerSettled();
      },
    );
    engine.wake();
    const outcome = await engine.outcome;
    if (outcome.kind === "suspended") return { output: { Status: InvocationStatus.PENDING } };
    const ended = endedBy(outcome, failure) ?? (await this.#succeeded(engine, result?.value));
    if (ended.output.Status === InvocationStatus.FAILED)
      engine.onThrown?.({ error: asError(ended.value), message: "the execution failed" });
    return ended;
  }

  async #succeeded(
    engine: Engine,
    value: unknown,
  ): Promise<{ readonly output: DurableExecutionInvocationOutput; readonly value?: unknown }> {
    let Result: string | undefined;
    try {
      Result = serializeJson(value);
    } catch (error) {
      return { output: failed(error), value: error };
    }
    if (Result === undefined) return { output: { Status: InvocationStatus.SUCCEEDED }, value };
    if (!engine.isRemote || Buffer.byteLength(Result) <= MAX_RESPONSE_BYTES) {
      return { output: { Status: InvocationStatus.SUCCEEDED, Result }, value };
    }
    try {
      await this.#recordResult(engine.token, Result);
      return { output: { Status: InvocationStatus.SUCCEEDED, Result: "" }, value };
    } catch (error) {
      if (!isForTheExecution(error)) throw error;
      return { output: failed(error), value: error };
    }
  }

  /** A result too large for the response goes into the log. */
  async #recordResult(CheckpointToken: string, Payload: string): Promise<void> {
    await this.#options.client.checkpoint({
      DurableExecutionArn: this.#arn,
      CheckpointToken,
      Updates: [
        { Id: `execution-result-${systemHost.nowMs()}`, Type: "EXECUTION", Action: "SUCCEED", Payload },
      ],
    });
  }

  #rootContext(engine: Engine, root: Scope): OperationContext {
    const { lambdaContext, runner } = this.#options;
    const requestId = this.#requestId();
    const tenantId = lambdaContext?.tenantId;
    const identity = { requestId, executionArn: this.#arn, ...(tenantId === undefined ? {} : { tenantId }) };
    const logData = (): DurableLogData => {
      const data: DurableLogData = { ...identity };
      const running = currentlyRunning();
      if (running?.operationId !== undefined) data.operationId = running.operationId;
      if (running?.operationName !== undefined) data.operationName = running.operationName;
      if (running?.attempt !== undefined) data.attempt = running.attempt;
      return data;
    };
    const enrich = runner?.has("enrichLogContext") === true ? () => runner.enrichLogContext() : undefined;
    const logger =
      engine.hostOptions?.probe?.isSilent === true
        ? silentLogger
        : createDefaultLogger({ ...identity, nowMs: () => engine.host.nowMs() }, enrich);
    const settings = { serdes: defaultSerdes, callbackDeserializer: undefined, logger, isModeAware: true };
    const executionContext = { durableExecutionArn: engine.executionArn };
    this.#watch(engine, createContextLogger({ getBase: () => logger, isSilent: () => false, logData }));
    return new OperationContext({ engine, lambdaContext, executionContext, logData }, root, settings);
  }

  /** Sees to it that what code throws is told of with its stack. */
  #watch(engine: Engine, logger: DurableLogger): void {
    if (engine.isRemote) return;
    const { onThrown } = this.#options.client.hostOptions ?? {};
    engine.onThrown = (thrown) => reportThrown(thrown, { executionArn: this.#arn, logger, onThrown });
  }

  async #input(execution: Operation): Promise<unknown> {
    const recorded = execution.ExecutionDetails?.InputPayload;
    if (recorded === undefined || recorded === "") return {};
    return JSON.parse((await this.#options.client.hostOptions?.payloads?.read(recorded)) ?? recorded);
  }

  #requestId(): string {
    return this.#options.lambdaContext?.awsRequestId ?? "";
  }

  async #loadOperations(): Promise<Map<string, Operation>> {
    const { event, client } = this.#options;
    const operations = new Map<string, Operation>();
    const isRemote = client.hostOptions === undefined;
    const add = (page: readonly WireOperation[] | undefined) => {
      for (const operation of page ?? []) {
        operations.set(
          operation.Id as string,
          isRemote ? normalizeOperation(operation) : (operation as Operation),
        );
      }
    };
    add(event.InitialExecutionState?.Operations);
    let marker = event.InitialExecutionState?.NextMarker;
    while (marker !== undefined && marker !== null && marker !== "") {
      const page = await client.getExecutionState({
        DurableExecutionArn: this.#arn,
        CheckpointToken: event.CheckpointToken,
        Marker: marker,
        MaxItems: 1000,
      });
      add(page.Operations);
      marker = page.NextMarker;
    }
    return operations;
  }
}

function executionOf(operations: ReadonlyMap<string, Operation>): Operation {
  const [execution] = operations.values();
  if (execution?.Type === "EXECUTION") return execution;
  throw new TidemarkError(
    "TIDEMARK_INVOCATION",
    `the first operation of the invocation's state is ${execution === undefined ? "missing" : execution.Type}, not the EXECUTION; ` +
      "invoke the handler through a Tidemark Worker, a test runner or Lambda's durable execution service",
  );
}

/** The output of an invocation that failed, or nothing. Some failures are for the platform to try again. */
function endedBy(
  outcome: Outcome,
  failure: Failure | undefined,
): { readonly output: DurableExecutionInvocationOutput; readonly value?: unknown } | undefined {
  const error =
    outcome.kind === "failed" ? outcome.error : outcome.kind === "done" ? failure?.error : undefined;
  if (outcome.kind === "failed") {
    if (isForTheExecution(error)) return { output: failed(error), value: error };
    throw error;
  }
  if (outcome.kind === "done" && failure !== undefined) return { output: failed(error), value: error };
  return undefined;
}

/** True when a new invocation would fail the same way. Source: AWS SDK 2.4, its fault mapping. */
function isForTheExecution(error: unknown): boolean {
  if (isDurableExecutionClientError(error)) return error.scope === "EXECUTION";
  const { code, name, $metadata, message } = (error ?? {}) as {
    code?: unknown;
    name?: unknown;
    $metadata?: { httpStatusCode?: number };
    message?: string;
  };
  if (code === "TIDEMARK_NON_DETERMINISTIC" || code === "TIDEMARK_CONTEXT_USAGE") return true;
  const status = $metadata?.httpStatusCode;
  // The customer's key, which the service reports as its own fault (502): it must be mended first.
  if (status !== undefined && KEY_ERRORS.includes(name as string)) return true;
  if (status === undefined || status === 429 || status < 400 || status >= 500) return false;
  // The service writes it in lower case, whatever AWS's SDKs up to 2.4 look for.
  return message?.toLowerCase().includes("invalid checkpoint token") !== true;
}

const KEY_ERRORS = [
  "KMSAccessDeniedException",
  "KMSDisabledException",
  "KMSInvalidStateException",
  "KMSNotFoundException",
];

function failed(error: unknown): DurableExecutionInvocationOutput {
  return { Status: InvocationStatus.FAILED, Error: errorObjectOf(error) };
}

/**
 * Owns the contract with plugins: the hooks, and what each of them is told.
 *
 * Names and shapes are those of the AWS SDK's experimental plugin API, so that one plugin serves
 * both. What Tidemark adds says so. `plugin-runner` calls the hooks, `plugin-loader` finds plugins.
 */

import type { DurableExecutionInvocationOutput } from "@tidemark/protocol";

/** The version of {@link DurableInstrumentationPluginProvider} that this SDK loads. */
export const DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION = 1;

/** How an invocation ended. `RETRYING`: it threw, and the host will run it again. */
export const PluginInvocationStatus = {
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  PENDING: "PENDING",
  RETRYING: "RETRYING",
} as const;
export type PluginInvocationStatus = (typeof PluginInvocationStatus)[keyof typeof PluginInvocationStatus];

/** Where an operation is in its life. */
export const PluginOperationStatus = {
  STARTED: "STARTED",
  READY: "READY",
  PENDING: "PENDING",
  SUCCEEDED: "SUCCEEDED",
  FAILED: "FAILED",
  TIMED_OUT: "TIMED_OUT",
  STOPPED: "STOPPED",
  CANCELLED: "CANCELLED",
} as const;
export type PluginOperationStatus = (typeof PluginOperationStatus)[keyof typeof PluginOperationStatus];

/** How one attempt ended. */
export const AttemptEndInfoOutcome = { SUCCEEDED: "SUCCEEDED", FAILED: "FAILED" } as const;
export type AttemptEndInfoOutcome = (typeof AttemptEndInfoOutcome)[keyof typeof AttemptEndInfoOutcome];

/** An operation, as a hook sees it. What is not known, or does not apply, is absent. */
export interface OperationInfo {
  /** The id under which the history records the operation. */
  id: string;
  name?: string;
  /** `STEP`, `WAIT`, `CALLBACK`, `CHAINED_INVOKE`, `CONTEXT` or `EXECUTION`. */
  type: string;
  /** What the handler called, such as `Step`, `Map` or `WaitForCallback`. */
  subType?: string;
  /** The context around it; absent at the top. */
  parentId?: string;
  status?: PluginOperationStatus;
  startTimestamp?: Date;
  endTimestamp?: Date;
  /** The serialized result as recorded. Only of an operation that succeeded. */
  result?: string;
  /** The recorded error: of an operation that failed, or of the attempt before the next one. */
  error?: Error;
  /** The attempt that this is about, from 1. Only of steps and conditions. */
  attempt?: number;
  /** True when an earlier invocation has already begun the operation. */
  isReplay: boolean;
}

/** An operation that has settled. */
export interface OperationEndInfo extends OperationInfo {
  error?: Error;
}

/** An attempt of a step or of a condition's check. */
export interface AttemptInfo extends OperationInfo {
  attempt: number;
}

export interface AttemptEndInfo extends AttemptInfo {
  outcome: AttemptEndInfoOutcome;
  error?: Error;
}

/**
 * A context whose function is about to run.
 *
 * Tidemark: the AWS SDK gives an {@link OperationInfo} here.
 */
export interface ChildContextInfo extends OperationInfo {
  /** True when the function runs over children that are already recorded. */
  isReplayingChildren?: boolean;
}

/** What every hook about an invocation is told. */
interface InvocationBaseInfo {
  requestId: string;
  executionArn: string;
  /** The event of the handler. */
  executionInput: unknown;
  /** Every operation known at this moment, by id. */
  operations: Record<string, OperationInfo>;
  /** When the execution began, the same in all of its invocations. */
  executionStartTimestamp?: Date;
}

export interface InvocationInfo extends InvocationBaseInfo {
  isFirstInvocation: boolean;
  /**
   * What happened from outside since the previous invocation, such as a wait that is over or a
   * callback that came. A part of `operations`; empty in the first invocation.
   */
  updatedOperations: Record<string, OperationInfo>;
}

export interface InvocationEndInfo extends InvocationBaseInfo {
  /** Tidemark: the same as the start of this invocation said. */
  isFirstInvocation: boolean;
  status: PluginInvocationStatus;
  /** What the handler returned, when the status is `SUCCEEDED`. */
  executionResult?: unknown;
  /** Why the status is `FAILED` or `RETRYING`. */
  executionError?: Error;
}

/** One answer of the backend has been taken over. */
export interface OperationChangeInfo {
  executionArn: string;
  /** The operations that it changed, by id. A part of `operations`. */
  updatedOperations: Record<string, OperationInfo>;
  operations: Record<string, OperationInfo>;
}

type CustomerFnResult = unknown;
/** The code of the user that a wrap hook stands around. */
type CustomerFn = () => CustomerFnResult;

/**
 * Observes executions: for traces, metrics and logs. All hooks are optional.
 *
 * A plugin observes and never decides (invariant 14):
 *
 * - **`on…` hooks** of several plugins run side by side, and the SDK awaits all of them before it goes
 *   on; the time that they take is time of the invocation. For work that nobody should wait for,
 *   return without awaiting it, and await it in `onInvocationEnd`: a host may freeze the process
 *   right after.
 * - **`wrap…` hooks** are nested, the first plugin outermost, and run around the user's code in one
 *   async context. `fn` runs exactly once, and its outcome is what counts: a second call gives the
 *   same outcome again, a hook that does not call it has it called for it, and what the hook itself
 *   returns or throws is ignored. Call `fn` before the first `await` to stand around all of it.
 * - **`enrichLogContext`** is called for each line of the default logger. Later plugins win.
 * - **Failures.** What a hook throws or rejects with is dropped; the first failure of each hook is
 *   reported on the console. A hook that never settles stops the invocation, though.
 *
 * Infos are built for the hooks alone, and all plugins see the same object. Do not change it.
 *
 * Tidemark: in the AWS SDK a `wrap…` hook can replace the outcome, keep the code from running, and
 * fail it by rejecting.
 *
 * @example
 * ```ts
 * class StepTimer implements DurableInstrumentationPlugin {
 *   async onOperationEnd({ type, name, startTimestamp, endTimestamp }: OperationEndInfo): Promise<void> {
 *     if (type !== "STEP" || startTimestamp === undefined || endTimestamp === undefined) return;
 *     console.log(name, endTimestamp.getTime() - startTimestamp.getTime(), "ms");
 *   }
 * }
 * ```
 */
export interface DurableInstrumentationPlugin {
  /** Before the handler runs, in every invocation. */
  onInvocationStart?(info: InvocationInfo): Promise<void>;
  wrapInvocation?(
    info: InvocationInfo,
    fn: () => Promise<DurableExecutionInvocationOutput>,
  ): Promise<DurableExecutionInvocationOutput>;
  /** After everything is recorded and before the host gets the answer. The place to flush. */
  onInvocationEnd?(info: InvocationEndInfo): Promise<void>;
  /**
   * An operation begins, or goes on in a later invocation (`isReplay`). Not told of settled ones. Told again, as of a
   * beginning, when an invocation ends or dies before the beginning is recorded: of a step up to half a second later.
   */
  onOperationStart?(info: OperationInfo): Promise<void>;
  wrapChildContextFn?(info: ChildContextInfo, fn: CustomerFn): CustomerFnResult;
  /** An operation has settled: once per operation. */
  onOperationEnd?(info: OperationEndInfo): Promise<void>;
  /** The body of a step, or the check of a condition, is about to run. */
  onOperationAttemptStart?(info: AttemptInfo): Promise<void>;
  wrapOperationAttemptFn?(info: AttemptInfo, fn: CustomerFn): CustomerFnResult;
  /** The attempt has ended; `outcome` says how. */
  onOperationAttemptEnd?(info: AttemptEndInfo): Promise<void>;
  /** The backend has answered with changes. */
  onOperationChange?(info: OperationChangeInfo): Promise<void>;
  /** Fields for the log line that is being written. */
  enrichLogContext?(): Record<string, string | number | boolean> | undefined;
}

/** The class of a plugin. */
export type DurableInstrumentationPluginType<
  Plugin extends DurableInstrumentationPlugin = DurableInstrumentationPlugin,
> = abstract new (
  ...args: never[]
) => Plugin;

/**
 * What a module exports as `durableExecutionPluginProvider`, so that the environment variable
 * `DURABLE_EXECUTION_PLUGINS` can name it.
 *
 * @example
 * ```ts
 * class Tracing implements DurableInstrumentationPlugin {}
 *
 * export const durableExecutionPluginProvider: DurableInstrumentationPluginProvider<Tracing> = {
 *   pluginApiVersion: DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION,
 *   pluginType: Tracing,
 *   createPlugin: () => new Tracing(),
 * };
 * ```
 */
export interface DurableInstrumentationPluginProvider<
  Plugin extends DurableInstrumentationPlugin = DurableInstrumentationPlugin,
> {
  readonly pluginApiVersion: typeof DURABLE_INSTRUMENTATION_PLUGIN_API_VERSION;
  /** The class of what `createPlugin` returns; the loader checks it. */
  readonly pluginType: DurableInstrumentationPluginType<Plugin>;
  /** Called once per wrapped handler. */
  createPlugin(): Plugin;
}

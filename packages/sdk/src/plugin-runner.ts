/**
 * Owns the calls to plugins: every hook of every plugin is called here and nowhere else.
 *
 * It does not know what the infos say, nor when a hook is due: the engine builds and calls.
 *
 * 1. Nothing that a plugin does reaches the caller (invariant 14): what it throws or rejects with is
 *    reported once per plugin and hook, and dropped.
 * 2. Code inside wrap hooks runs exactly once, and its outcome is the outcome.
 * 3. Without plugins there is no runner, so an execution without plugins pays nothing.
 */

import type { DurableExecutionInvocationOutput } from "@tidemark/protocol";
import { type Warn, warnOnConsole } from "./logger.js";
import type {
  AttemptEndInfo,
  AttemptInfo,
  ChildContextInfo,
  DurableInstrumentationPlugin,
  InvocationEndInfo,
  InvocationInfo,
  OperationChangeInfo,
  OperationEndInfo,
  OperationInfo,
} from "./plugin.js";

type PluginHook = keyof DurableInstrumentationPlugin;

/** All plugins as one. No method ever throws or rejects, but for what the wrapped `fn` does. */
export interface PluginRunner {
  /** Whether any plugin has the hook. If not, its info need not be built. */
  has(hook: PluginHook): boolean;
  onInvocationStart(info: InvocationInfo): Promise<void>;
  onInvocationEnd(info: InvocationEndInfo): Promise<void>;
  onOperationStart(info: OperationInfo): Promise<void>;
  onOperationEnd(info: OperationEndInfo): Promise<void>;
  onOperationAttemptStart(info: AttemptInfo): Promise<void>;
  onOperationAttemptEnd(info: AttemptEndInfo): Promise<void>;
  onOperationChange(info: OperationChangeInfo): Promise<void>;
  wrapInvocation(
    info: InvocationInfo,
    fn: () => Promise<DurableExecutionInvocationOutput>,
  ): Promise<DurableExecutionInvocationOutput>;
  wrapChildContextFn<T>(info: ChildContextInfo, fn: () => T | Promise<T>): Promise<T>;
  wrapOperationAttemptFn<T>(info: AttemptInfo, fn: () => T | Promise<T>): Promise<T>;
  enrichLogContext(): LogFields | undefined;
}

type EventHook = Extract<PluginHook, `on${string}`>;
type WrapHook = Extract<PluginHook, `wrap${string}`>;

type LogFields = Record<string, string | number | boolean>;

/** A hook of any kind, bound to its plugin. */
type AnyHook = (...args: unknown[]) => unknown;

/**
 * Makes one runner of `plugins`, in their order; `undefined` when there are none.
 *
 * Hooks are looked up when they are called, so a plugin may get hooks after it was made. `warn` is
 * told of the first failure of each hook of each plugin in this process; default: `console.warn`.
 *
 * @example
 * ```ts
 * const runner = createPluginRunner([{ enrichLogContext: () => ({ region: "eu" }) }]);
 * runner?.has("onOperationEnd"); // false
 * runner?.enrichLogContext(); // { region: "eu" }
 * ```
 */
export function createPluginRunner(
  plugins: readonly DurableInstrumentationPlugin[],
  warn: Warn = warnOnConsole,
): PluginRunner | undefined {
  // JavaScript callers build lists like [isTraced && new Tracing()]; the AWS SDK allows that too.
  const present = plugins.filter((plugin) => typeof plugin === "object" && plugin !== null);
  if (present.length === 0) return undefined;
  return new Runner(present.map((plugin, index) => new GuardedPlugin(plugin, index + 1, warn)));
}

/** The hooks whose failure was reported. A plugin outlives the runner of one invocation. */
const reported = new WeakMap<DurableInstrumentationPlugin, Set<PluginHook>>();

/** One plugin, its hooks safe to call. */
class GuardedPlugin {
  readonly #plugin: DurableInstrumentationPlugin;
  readonly #position: number;
  readonly #warn: Warn;

  constructor(plugin: DurableInstrumentationPlugin, position: number, warn: Warn) {
    this.#plugin = plugin;
    this.#position = position;
    this.#warn = warn;
  }

  /** The hook, bound to its plugin; `undefined` if there is none, or if reading it throws. */
  hook(hook: PluginHook): AnyHook | undefined {
    try {
      const method = this.#plugin[hook] as AnyHook | undefined;
      if (typeof method !== "function") return undefined;
      return (...args) => Reflect.apply(method, this.#plugin, args);
    } catch (error) {
      this.report(hook, error);
      return undefined;
    }
  }

  report(hook: PluginHook, error: unknown): void {
    const hooks = reported.get(this.#plugin) ?? new Set();
    if (hooks.has(hook)) return;
    reported.set(this.#plugin, hooks.add(hook));
    this.#warn(
      `Plugin ${this.#position} (${nameOf(this.#plugin)}) failed in ${hook}; the execution goes on as if it had not. ` +
        "This is reported once per plugin and hook.",
      error,
    );
  }
}

function nameOf(plugin: DurableInstrumentationPlugin): string {
  try {
    return plugin.constructor.name;
  } catch {
    // Without a prototype, or a proxy that refuses.
    return "unnamed";
  }
}

class Runner implements PluginRunner {
  readonly #plugins: readonly GuardedPlugin[];

  constructor(plugins: readonly GuardedPlugin[]) {
    this.#plugins = plugins;
  }

  has(hook: PluginHook): boolean {
    return this.#plugins.some((plugin) => plugin.hook(hook) !== undefined);
  }

  onInvocationStart(info: InvocationInfo): Promise<void> {
    return this.#notify("onInvocationStart", info);
  }

  onInvocationEnd(info: InvocationEndInfo): Promise<void> {
    return this.#notify("onInvocationEnd", info);
  }

  onOperationStart(info: OperationInfo): Promise<void> {
    return this.#notify("onOperationStart", info);
  }

  onOperationEnd(info: OperationEndInfo): Promise<void> {
    return this.#notify("onOperationEnd", info);
  }

  onOperationAttemptStart(info: AttemptInfo): Promise<void> {
    return this.#notify("onOperationAttemptStart", info);
  }

  onOperationAttemptEnd(info: AttemptEndInfo): Promise<void> {
    return this.#notify("onOperationAttemptEnd", info);
  }

  onOperationChange(info: OperationChangeInfo): Promise<void> {
    return this.#notify("onOperationChange", info);
  }

  wrapInvocation(
    info: InvocationInfo,
    fn: () => Promise<DurableExecutionInvocationOutput>,
  ): Promise<DurableExecutionInvocationOutput> {
    return this.#wrap("wrapInvocation", info, fn);
  }

  wrapChildContextFn<T>(info: ChildContextInfo, fn: () => T | Promise<T>): Promise<T> {
    return this.#wrap("wrapChildContextFn", info, fn);
  }

  wrapOperationAttemptFn<T>(info: AttemptInfo, fn: () => T | Promise<T>): Promise<T> {
    return this.#wrap("wrapOperationAttemptFn", info, fn);
  }

  enrichLogContext(): LogFields | undefined {
    let merged: LogFields | undefined;
    for (const plugin of this.#plugins) {
      const fields = logFieldsOf(plugin);
      if (fields !== undefined) merged = { ...merged, ...fields };
    }
    return merged;
  }

  /** Calls the hook of all plugins at once, and waits for all of them. */
  async #notify(hook: EventHook, info: object): Promise<void> {
    await Promise.all(this.#plugins.map((plugin) => tell(plugin, hook, info)));
  }

  /** Nests the hooks around `fn`, from the last plugin to the first, so that the first is outermost. */
  #wrap<T>(hook: WrapHook, info: object, fn: () => T | Promise<T>): Promise<T> {
    let run = once(fn);
    for (const plugin of this.#plugins.toReversed()) {
      const call = plugin.hook(hook);
      if (call === undefined) continue;
      const inner = run;
      run = once(() => around({ plugin, hook, call: () => call(info, inner) }, inner));
    }
    return run();
  }
}

async function tell(plugin: GuardedPlugin, hook: EventHook, info: object): Promise<void> {
  try {
    await plugin.hook(hook)?.(info);
  } catch (error) {
    plugin.report(hook, error);
  }
}

function logFieldsOf(plugin: GuardedPlugin): LogFields | undefined {
  try {
    const fields = plugin.hook("enrichLogContext")?.();
    if (typeof fields !== "object" || fields === null || Array.isArray(fields)) return undefined;
    return { ...fields };
  } catch (error) {
    plugin.report("enrichLogContext", error);
    return undefined;
  }
}

interface Wrapping {
  readonly plugin: GuardedPlugin;
  readonly hook: WrapHook;
  readonly call: () => unknown;
}

/** Lets one hook stand around `inner`, and settles as `inner` does, whatever the hook makes of it. */
async function around<T>({ plugin, hook, call }: Wrapping, inner: () => Promise<T>): Promise<T> {
  try {
    await call();
  } catch (error) {
    // A hook that passes on how `inner` failed has done nothing wrong.
    if (error !== (await failureOf(inner()))) plugin.report(hook, error);
  }
  // Runs it now if the hook has not; gives its outcome again if the hook has.
  return inner();
}

async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  return undefined;
}

/** Runs `fn` at the first call and gives the same promise to every call. */
function once<T>(fn: () => T | Promise<T>): () => Promise<T> {
  let promise: Promise<T> | undefined;
  return () => {
    if (promise === undefined) {
      promise = (async () => fn())();
      // A hook may drop what it was given; whoever stands around it still gets the failure.
      promise.catch(ignore);
    }
    return promise;
  };
}

function ignore(): void {}

import { AsyncLocalStorage } from "node:async_hooks";
import { onNextTurn } from "./host.js";
import type {
  AttemptInfo,
  ChildContextInfo,
  DurableInstrumentationPlugin,
  InvocationInfo,
  OperationInfo,
} from "./plugin.js";
import { createPluginRunner, type PluginRunner } from "./plugin-runner.js";

const OPERATION: OperationInfo = { id: "1", type: "STEP", isReplay: false };
const ATTEMPT: AttemptInfo = { ...OPERATION, attempt: 1 };
const CHILD: ChildContextInfo = { id: "2", type: "CONTEXT", isReplay: false, isReplayingChildren: false };
const INVOCATION: InvocationInfo = {
  requestId: "r-1",
  executionArn: "arn:1",
  executionInput: {},
  operations: {},
  isFirstInvocation: true,
  updatedOperations: {},
};

const broken = new Error("broken plugin");
const bodyError = new Error("body");

function fails(): never {
  throw broken;
}

/** Plugins may be written without types. */
function untyped(plugin: Record<string, unknown> | null | undefined | string): DurableInstrumentationPlugin {
  return plugin as unknown as DurableInstrumentationPlugin;
}

function runnerOf(...plugins: DurableInstrumentationPlugin[]) {
  const warn = jest.fn();
  return { runner: createPluginRunner(plugins, warn) as PluginRunner, warn };
}

describe("createPluginRunner", () => {
  it.each([[[]], [[untyped(null), untyped(undefined), untyped("")]]])(
    "makes nothing without plugins",
    (plugins) => {
      expect(createPluginRunner(plugins)).toBeUndefined();
    },
  );

  it("knows which hooks any plugin has, at the moment of asking", () => {
    const late: DurableInstrumentationPlugin = {};
    const { runner } = runnerOf(untyped({ onOperationEnd: "not a function" }), late, {
      onOperationStart: async () => {},
    });
    expect([runner.has("onOperationStart"), runner.has("onOperationEnd")]).toEqual([true, false]);
    late.onOperationEnd = async () => {};
    expect(runner.has("onOperationEnd")).toBe(true);
  });

  it("finds hooks that a class defines", () => {
    class Plugin implements DurableInstrumentationPlugin {
      enrichLogContext() {
        return { a: 1 };
      }
    }
    expect(runnerOf(new Plugin()).runner.has("enrichLogContext")).toBe(true);
  });
});

describe("on… hooks", () => {
  it("call all plugins at once, in order, on themselves, and wait for all of them", async () => {
    const lines: string[] = [];
    const releases: (() => void)[] = [];
    class Plugin implements DurableInstrumentationPlugin {
      readonly name: string;
      constructor(name: string) {
        this.name = name;
      }
      async onOperationStart(info: OperationInfo): Promise<void> {
        lines.push(`${this.name} begins ${info.id}`);
        await new Promise<void>((resolve) => releases.push(resolve));
        lines.push(`${this.name} ends`);
      }
    }
    const { runner } = runnerOf(new Plugin("a"), new Plugin("b"));
    const told = runner.onOperationStart(OPERATION).then(() => lines.push("told"));
    releases[1]?.();
    await Promise.resolve();
    releases[0]?.();
    await told;
    expect(lines).toEqual(["a begins 1", "b begins 1", "b ends", "a ends", "told"]);
  });

  it("hand every plugin the very info", async () => {
    const onInvocationStart = jest.fn(async () => {});
    const { runner } = runnerOf({ onInvocationStart }, { onInvocationStart });
    await runner.onInvocationStart(INVOCATION);
    expect(onInvocationStart.mock.calls).toEqual([[INVOCATION], [INVOCATION]]);
  });

  const hooks = [
    "onInvocationStart",
    "onInvocationEnd",
    "onOperationStart",
    "onOperationEnd",
    "onOperationAttemptStart",
    "onOperationAttemptEnd",
    "onOperationChange",
  ] as const;

  it.each(hooks)("keep a plugin that fails in %s from the others and from the caller", async (hook) => {
    const healthy = jest.fn(async () => {});
    const { runner, warn } = runnerOf(
      untyped({ [hook]: fails }),
      untyped({ [hook]: () => Promise.reject(broken) }),
      untyped({ [hook]: healthy }),
      untyped({ [hook]: () => undefined }),
    );
    const call = () => (runner[hook] as (info: unknown) => Promise<void>)(OPERATION);
    await call();
    await call();
    expect(healthy.mock.calls).toEqual([[OPERATION], [OPERATION]]);
    expect(warn.mock.calls).toEqual([
      [expect.stringMatching(`^Plugin 1 \\(Object\\) failed in ${hook};`), broken],
      [expect.stringMatching(`^Plugin 2 \\(Object\\) failed in ${hook};`), broken],
    ]);
  });

  it("are not reported again when the plugin gets another runner", async () => {
    const plugin = { onOperationEnd: fails };
    const { warn } = runnerOf(plugin);
    for (const runner of [createPluginRunner([plugin], warn), createPluginRunner([{}, plugin], warn)]) {
      await runner?.onOperationEnd({ ...OPERATION });
    }
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it("report each hook of a plugin on its own, with the name of its class", async () => {
    class Tracing implements DurableInstrumentationPlugin {
      onOperationStart = fails;
      onOperationEnd = fails;
    }
    const { runner, warn } = runnerOf(new Tracing());
    await runner.onOperationStart(OPERATION);
    await runner.onOperationEnd(OPERATION);
    expect(warn.mock.calls.map(([message]) => message)).toEqual([
      expect.stringMatching(/^Plugin 1 \(Tracing\) failed in onOperationStart;/),
      expect.stringMatching(/^Plugin 1 \(Tracing\) failed in onOperationEnd;/),
    ]);
  });

  it("count as absent when reading them throws", async () => {
    const plugin = Object.defineProperty({}, "onOperationEnd", { get: fails });
    const { runner, warn } = runnerOf(plugin);
    expect(runner.has("onOperationEnd")).toBe(false);
    await runner.onOperationEnd(OPERATION);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it("survive a plugin that can be asked nothing at all", async () => {
    const { proxy, revoke } = Proxy.revocable<DurableInstrumentationPlugin>({}, {});
    const { runner, warn } = runnerOf(proxy);
    revoke();
    await runner.onOperationEnd(OPERATION);
    expect(runner.enrichLogContext()).toBeUndefined();
    expect(await runner.wrapOperationAttemptFn(ATTEMPT, () => 7)).toBe(7);
    expect(warn.mock.calls[0]?.[0]).toMatch(/^Plugin 1 \(unnamed\) failed in onOperationEnd;/);
  });

  it("report on the console unless something else is asked for", async () => {
    const warn = jest.spyOn(console, "warn").mockImplementation(() => {});
    await createPluginRunner([{ onOperationEnd: fails }])?.onOperationEnd(OPERATION);
    expect(warn.mock.calls).toEqual([[expect.stringContaining("onOperationEnd"), broken]]);
    warn.mockRestore();
  });
});

describe("wrap… hooks", () => {
  it("are nested, the first plugin outermost", async () => {
    const lines: string[] = [];
    const around = (name: string): DurableInstrumentationPlugin => ({
      async wrapOperationAttemptFn(info, fn) {
        lines.push(`${name} before ${info.attempt}`);
        await fn();
        lines.push(`${name} after`);
      },
    });
    const { runner, warn } = runnerOf(around("a"), {}, around("b"));
    const value = await runner.wrapOperationAttemptFn(ATTEMPT, () => {
      lines.push("body");
      return "value";
    });
    expect(value).toBe("value");
    expect(lines).toEqual(["a before 1", "b before 1", "body", "b after", "a after"]);
    expect(warn).not.toHaveBeenCalled();
  });

  it("stand around the code in one async context, from its first synchronous part on", async () => {
    const storage = new AsyncLocalStorage<string>();
    const { runner } = runnerOf({ wrapChildContextFn: (_info, fn) => storage.run("span", fn) });
    const seen = await runner.wrapChildContextFn(CHILD, async () => {
      const before = storage.getStore();
      await Promise.resolve();
      return [before, storage.getStore()];
    });
    expect(seen).toEqual(["span", "span"]);
  });

  it("run the code at once, without a plugin that has the hook too", async () => {
    const body = jest.fn(() => 7);
    const promise = runnerOf({}).runner.wrapOperationAttemptFn(ATTEMPT, body);
    expect(body).toHaveBeenCalledTimes(1);
    expect(await promise).toBe(7);
  });

  it("stand around an invocation as they do around code", async () => {
    const wrapInvocation = jest.fn(async (_info: InvocationInfo, fn: () => Promise<never>) => fn());
    const { runner } = runnerOf({ wrapInvocation });
    const output = { Status: "PENDING" } as never;
    expect(await runner.wrapInvocation(INVOCATION, async () => output)).toBe(output);
    expect(wrapInvocation.mock.calls[0]?.[0]).toBe(INVOCATION);
  });
});

type Wrap = (info: unknown, fn: () => Promise<unknown>) => unknown;

/** What a hook may do to the code inside, and whether that is worth a report: when the code succeeds, and when it fails. */
const MISBEHAVIOURS: readonly [what: string, wrap: Wrap, reports: readonly [boolean, boolean]][] = [
  ["does as it should", (_info, fn) => fn(), [false, false]],
  ["throws before it calls", fails, [true, true]],
  ["rejects before it calls", () => Promise.reject(broken), [true, true]],
  ["fails after the call", async (_info, fn) => fn().then(fails, fails), [true, true]],
  ["never calls", () => undefined, [false, false]],
  ["never calls and gives a value", () => "other", [false, false]],
  ["calls twice", async (_info, fn) => [await fn(), await fn()], [false, false]],
  ["gives another value", async (_info, fn) => fn().then(() => "other"), [false, false]],
  ["swallows the failure", async (_info, fn) => fn().catch(() => "swallowed"), [false, false]],
  ["does not wait", (_info, fn) => void fn(), [false, false]],
  ["calls after it has settled", (_info, fn) => void Promise.resolve().then(() => void fn()), [false, false]],
];

describe.each(["wrapOperationAttemptFn", "wrapChildContextFn", "wrapInvocation"] as const)(
  "a %s that",
  (hook) => {
    function run(wrap: Wrap, body: () => unknown) {
      const healthy = jest.fn((_info: unknown, fn: () => unknown) => fn());
      const { runner, warn } = runnerOf(untyped({ [hook]: wrap }), untyped({ [hook]: healthy }));
      const outcome = (runner[hook] as (info: unknown, fn: () => unknown) => Promise<unknown>)(ATTEMPT, body);
      return { outcome, healthy, warn };
    }

    it.each(MISBEHAVIOURS)("%s changes nothing for code that succeeds", async (_what, wrap, [reports]) => {
      const body = jest.fn(async () => "value");
      const { outcome, healthy, warn } = run(wrap, body);
      expect(await outcome).toBe("value");
      expect(body).toHaveBeenCalledTimes(1);
      expect(healthy).toHaveBeenCalledTimes(1);
      expect(warn).toHaveBeenCalledTimes(reports ? 1 : 0);
    });

    it.each(MISBEHAVIOURS)("%s changes nothing for code that fails", async (_what, wrap, [, reports]) => {
      const body = jest.fn(async () => {
        throw bodyError;
      });
      const { outcome, healthy, warn } = run(wrap, body);
      await expect(outcome).rejects.toBe(bodyError);
      expect(body).toHaveBeenCalledTimes(1);
      expect(healthy).toHaveBeenCalledTimes(1);
      expect(warn).toHaveBeenCalledTimes(reports ? 1 : 0);
    });

    it("drops the promise of failing code does not leave an unhandled rejection", async () => {
      const unhandled = jest.fn();
      process.on("unhandledRejection", unhandled);
      const later = new Promise<void>((resolve) => onNextTurn(resolve));
      const { outcome } = run(
        async (_info, fn) => {
          fn();
          await later;
        },
        () => Promise.reject(bodyError),
      );
      await expect(outcome).rejects.toBe(bodyError);
      process.off("unhandledRejection", unhandled);
      expect(unhandled).not.toHaveBeenCalled();
    });

    it("wraps code which throws at once sees a rejection", async () => {
      const seen: unknown[] = [];
      const { outcome } = run(
        async (_info, fn) => {
          await fn().catch((error: unknown) => seen.push(error));
        },
        () => {
          throw bodyError;
        },
      );
      await expect(outcome).rejects.toBe(bodyError);
      expect(seen).toEqual([bodyError]);
    });
  },
);

describe("enrichLogContext", () => {
  it("merges what the plugins give, later ones winning, without what fails", () => {
    const { runner, warn } = runnerOf(
      { enrichLogContext: () => ({ a: 1, shared: "first" }) },
      { enrichLogContext: fails },
      { enrichLogContext: () => undefined },
      { enrichLogContext: () => ({ shared: "last", b: true }) },
    );
    expect(runner.enrichLogContext()).toEqual({ a: 1, shared: "last", b: true });
    expect(runner.enrichLogContext()).toEqual({ a: 1, shared: "last", b: true });
    expect(warn.mock.calls).toEqual([
      [expect.stringContaining("Plugin 2 (Object) failed in enrichLogContext"), broken],
    ]);
  });

  it.each([[5], ["text"], [null], [[1, 2]], [() => 1]])("takes no fields from %p", (value) => {
    expect(runnerOf(untyped({ enrichLogContext: () => value })).runner.enrichLogContext()).toBeUndefined();
  });

  it("does not hand out the object of a plugin", () => {
    const own = { a: 1 };
    expect(runnerOf({ enrichLogContext: () => own }).runner.enrichLogContext()).not.toBe(own);
  });
});

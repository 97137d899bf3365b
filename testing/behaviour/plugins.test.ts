/** Plugins: what they are told and when, and that they change nothing (invariant 14). */

import {
  type DurableContext,
  type DurableInstrumentationPlugin,
  NestingType,
  type OperationInfo,
  retryPresets,
} from "@tidemark/sdk";
import { createRig, type TestHandler } from "./rig";

/** Writes down every hook, and takes some turns in each, so that who does not wait is overtaken. */
function recorder(log: string[], turns = 0): DurableInstrumentationPlugin {
  const told = (hook: string) => async (given: object) => {
    const info = given as { id?: string; name?: string; status?: string };
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    log.push([hook, info.id, info.name, info.status].filter((part) => part !== undefined).join(" "));
  };
  return {
    onInvocationStart: told("invocation start"),
    onInvocationEnd: told("invocation end"),
    onOperationStart: told("start"),
    onOperationEnd: told("end"),
    onOperationAttemptStart: told("attempt start"),
    onOperationAttemptEnd: told("attempt end"),
    wrapOperationAttemptFn: async (_info, fn) => {
      log.push("wrap attempt");
      return fn();
    },
    wrapChildContextFn: async (info, fn) => {
      log.push(`wrap context ${info.id}`);
      return fn();
    },
    wrapInvocation: async (_info, fn) => {
      log.push("wrap invocation");
      return fn();
    },
  };
}

const failing = (): DurableInstrumentationPlugin => {
  const fail = () => Promise.reject(new Error("plugin"));
  const boom = (): never => {
    throw new Error("plugin");
  };
  return {
    onInvocationStart: fail,
    onInvocationEnd: boom,
    onOperationStart: fail,
    onOperationEnd: boom,
    onOperationAttemptStart: boom,
    onOperationAttemptEnd: fail,
    onOperationChange: boom,
    wrapOperationAttemptFn: boom,
    wrapChildContextFn: fail,
    wrapInvocation: fail,
    enrichLogContext: boom,
  };
};

/** Some of everything. */
const workflow: TestHandler = async (_event, context: DurableContext) => {
  const seen: unknown[] = [];
  seen.push(await context.step("step", async () => 1));
  const child = context.runInChildContext("child", async (inner) => {
    seen.push("child runs");
    return inner.step("inner", async () => 2);
  });
  seen.push("the caller goes on");
  seen.push(await child);
  seen.push(
    await context.step(
      "retried",
      async ({ attempt }) => {
        if (attempt < 3) throw new Error("again");
        return attempt;
      },
      { retryStrategy: retryPresets.linear },
    ),
  );
  for (const nesting of [NestingType.NESTED, NestingType.FLAT]) {
    const batch = await context.map(
      "map",
      [3, 1, 2],
      async (item, n) => {
        await item.wait({ seconds: n });
        if (n === 2) throw new Error("two");
        return item.step(async () => n);
      },
      { nesting, completionConfig: { toleratedFailureCount: 1 } },
    );
    seen.push(batch.getResults(), batch.completionReason);
  }
  const [outcome] = await context.createCallback("callback", { timeout: { seconds: 5 } });
  seen.push(await outcome.catch((error: Error) => error.message));
  seen.push(
    await context.promise.race([
      context.wait({ seconds: 5 }).then(() => "slow"),
      context.step(async () => "fast"),
    ] as never),
  );
  seen.push(await context.invoke("unknown", {}).catch((error: Error) => error.name));
  return seen;
};

describe("hooks", () => {
  it.each([0, 5])("are called in order and awaited, though each takes %d turns", async (turns) => {
    const rig = await createRig();
    const log: string[] = [];
    await rig.run(
      async (_event, context) => {
        log.push("handler");
        await context.step("a", async () => void log.push("body a"));
        log.push("after a");
        await context.runInChildContext("c", async (child) => {
          log.push("child");
          await child.step("b", async () => void log.push("body b"));
        });
        log.push("after c");
      },
      {},
      { plugins: [recorder(log, turns)] },
    );

    expect(log).toEqual([
      "invocation start",
      "wrap invocation",
      "handler",
      "start 1 a STARTED",
      "attempt start 1 a STARTED",
      "wrap attempt",
      "body a",
      "attempt end 1 a SUCCEEDED",
      "end 1 a SUCCEEDED",
      "after a",
      "start 2 c STARTED",
      "wrap context 2",
      "child",
      "start 2-1 b STARTED",
      "attempt start 2-1 b STARTED",
      "wrap attempt",
      "body b",
      "attempt end 2-1 b SUCCEEDED",
      "end 2-1 b SUCCEEDED",
      "end 2 c SUCCEEDED",
      "after c",
      "invocation end SUCCEEDED",
    ]);
  });

  it("tell of each operation's end once, over all invocations", async () => {
    const rig = await createRig();
    const log: string[] = [];
    const id = await rig.begin(workflow, {}, { plugins: [recorder(log)] });
    expect((await rig.end(id)).status).toBe("SUCCEEDED");

    const ends = log.filter((line) => line.startsWith("end "));
    expect(new Set(ends).size).toBe(ends.length);
    const recorded = (await rig.runtime.history(id)).filter(({ EventType }) =>
      /^(Step|Wait|Callback|Context|ChainedInvoke)(Succeeded|Failed|TimedOut)$/.test(EventType),
    );
    const settled = new Set(recorded.map(({ Id }) => Id));
    expect(new Set(ends.map((line) => line.split(" ")[1]))).toEqual(settled);
  });

  it("tell of attempts: one start and one end each, with the attempt's number", async () => {
    const rig = await createRig();
    const log: unknown[] = [];
    await rig.run(
      async (_event, context) =>
        context.step(
          "retried",
          async ({ attempt }) => {
            if (attempt < 3) throw new RangeError(`attempt ${attempt}`);
          },
          { retryStrategy: retryPresets.linear },
        ),
      {},
      {
        plugins: [
          {
            onOperationAttemptStart: async ({ attempt }) => void log.push(["start", attempt]),
            onOperationAttemptEnd: async ({ attempt, outcome, error }) =>
              void log.push(["end", attempt, outcome, error?.message]),
          },
        ],
      },
    );

    expect(log).toEqual([
      ["start", 1],
      ["end", 1, "FAILED", "attempt 1"],
      ["start", 2],
      ["end", 2, "FAILED", "attempt 2"],
      ["start", 3],
      ["end", 3, "SUCCEEDED", undefined],
    ]);
  });

  it("tell of invocations: how each ended, what changed before it, and the handler's result or error", async () => {
    const rig = await createRig();
    const starts: unknown[] = [];
    const ends: unknown[] = [];
    const plugin: DurableInstrumentationPlugin = {
      onInvocationStart: async ({ isFirstInvocation, updatedOperations }) =>
        void starts.push([isFirstInvocation, Object.keys(updatedOperations)]),
      onInvocationEnd: async ({ status, executionResult, executionError }) =>
        void ends.push([status, executionResult, executionError?.message]),
    };
    await rig.run(
      async (_event, context) => {
        await context.wait({ seconds: 1 });
        return "done";
      },
      {},
      { plugins: [plugin] },
    );
    await rig.run(async () => Promise.reject(new Error("failed")), {}, { plugins: [plugin] });

    expect(starts).toEqual([
      [true, []],
      [false, ["1"]],
      [true, []],
    ]);
    expect(ends).toEqual([
      ["PENDING", undefined, undefined],
      ["SUCCEEDED", "done", undefined],
      ["FAILED", undefined, "failed"],
    ]);
  });

  it("see every operation in onOperationChange, each once per change", async () => {
    const rig = await createRig();
    const changes: string[] = [];
    await rig.run(
      async (_event, context) => {
        await context.step("a", async () => 1);
        await context.wait("w", { seconds: 1 });
      },
      {},
      {
        plugins: [
          {
            onOperationChange: async ({ updatedOperations, operations }) => {
              for (const { id, status } of Object.values(updatedOperations)) {
                changes.push(`${id} ${status} ${operations[id]?.status}`);
              }
            },
          },
        ],
      },
    );

    expect(changes).toEqual(["1 SUCCEEDED SUCCEEDED", "2 STARTED STARTED"]);
  });
});

describe("an execution", () => {
  async function outcomeWith(plugins: DurableInstrumentationPlugin[]) {
    const rig = await createRig();
    const id = await rig.begin(workflow, {}, { plugins });
    const ending = await rig.end(id);
    const history = (await rig.runtime.history(id)).map(({ EventType, Id, Name, EventTimestamp }) => [
      EventType,
      Id,
      Name,
      EventTimestamp.getTime(),
    ]);
    return { ending, history, tree: await rig.tree(id) };
  }

  it.each<[string, () => DurableInstrumentationPlugin[]]>([
    ["that do nothing", () => [{}]],
    ["that record", () => [recorder([])]],
    ["that fail everywhere", () => [failing()]],
    ["of both kinds", () => [recorder([]), failing()]],
  ])("has the same result and the same history with plugins %s", async (_name, plugins) => {
    const warned = jest.spyOn(console, "warn").mockImplementation(() => {});
    const without = await outcomeWith([]);
    const withPlugins = await outcomeWith(plugins());
    warned.mockRestore();

    expect(without.ending.status).toBe("SUCCEEDED");
    expect(withPlugins).toEqual(without);
  });

  it("has the same result and the same events with plugins that take their time", async () => {
    const sorted = ({ ending, history, tree }: Awaited<ReturnType<typeof outcomeWith>>) => ({
      ending,
      history: history.map((event) => event.join(" ")).sort(),
      tree: [...tree].sort(),
    });

    expect(sorted(await outcomeWith([recorder([], 3)]))).toEqual(sorted(await outcomeWith([])));
  });

  // engine.ts `startInOrder` chains the hooks: a thousand items that are asked for together wait a thousand times.
  it("waits for the start hooks of operations that were asked for together side by side", async () => {
    const rig = await createRig();
    let waiting = 0;
    let most = 0;
    const onOperationStart = async (): Promise<void> => {
      most = Math.max(most, ++waiting);
      await new Promise(setImmediate);
      waiting -= 1;
    };
    await rig.run(
      async (_event, context) => Promise.all([1, 2, 3, 4].map((n) => context.step(async () => n))),
      {},
      { plugins: [{ onOperationStart }] },
    );

    expect(most).toBe(4);
  });

  it("may get plugins, or lose them, while it is under way", async () => {
    for (const [before, after] of [
      [[], [recorder([], 2)]],
      [[recorder([], 2)], []],
    ]) {
      const rig = await createRig();
      const id = await rig.begin(workflow, {}, { plugins: before as DurableInstrumentationPlugin[] });
      rig.deploy("main", workflow, { plugins: after as DurableInstrumentationPlugin[] });

      expect((await rig.end(id)).status).toBe("SUCCEEDED");
    }
  });
});

function operationIds(operations: Readonly<Record<string, OperationInfo>>): string[] {
  return Object.values(operations)
    .filter(({ type }) => type !== "EXECUTION")
    .map(({ id }) => id)
    .sort();
}

describe("childOperationsDepth", () => {
  it("keeps the operations below contexts that have ended for plugins to see", async () => {
    const rig = await createRig();
    const seen: string[][] = [];
    await rig.run(
      async (_event, context) => {
        await context.runInChildContext("c", async (child) => child.step("inner", async () => 1));
        await context.wait({ seconds: 1 });
      },
      {},
      {
        plugins: [{ onInvocationStart: async ({ operations }) => void seen.push(operationIds(operations)) }],
        pluginsConfig: { childOperationsDepth: 1 },
      },
    );

    expect(seen).toEqual([[], ["1", "1-1", "2"]]);
  });

  // child.ts `keepsChildren` marks a result that is recorded whole with ReplayChildren; `isRebuilt` then takes it for a
  // result that has to be rebuilt: a FLAT batch reads its own record as a summary and fails every invocation, and a
  // child context gives the object itself instead of what was recorded.
  it.each<[string, TestHandler]>([
    [
      "a child context",
      async (_event, context) => typeof (await context.runInChildContext(async () => new Date(0))),
    ],
    [
      "a FLAT map",
      async (_event, context) =>
        (await context.map([1], async () => 7, { nesting: NestingType.FLAT })).getResults(),
    ],
  ])("changes nothing that the code sees: %s", async (_name, operate) => {
    const results: unknown[] = [];
    for (const childOperationsDepth of [0, 3]) {
      const rig = await createRig({ maxBarrenInvocations: 2 });
      const ending = await rig.run(
        async (event, context) => {
          const seen = await operate(event, context);
          await context.wait({ seconds: 1 });
          return seen;
        },
        {},
        { plugins: [{}], pluginsConfig: { childOperationsDepth } },
      );
      results.push(ending);
    }

    expect(results[1]).toEqual(results[0]);
  });
});

describe("a configuration that cannot work", () => {
  it.each<[string, object, string, string]>([
    [
      "a negative depth",
      { pluginsConfig: { childOperationsDepth: -1 } },
      "TIDEMARK_CONFIG",
      "childOperationsDepth is -1; pass a whole number of at least 0, or Infinity",
    ],
    [
      "a fraction for a depth",
      { pluginsConfig: { childOperationsDepth: 0.5 } },
      "TIDEMARK_CONFIG",
      "childOperationsDepth is 0.5",
    ],
    [
      "two clients",
      { client: {}, durableExecutionClient: {} },
      "TIDEMARK_CONFIG",
      "pass only durableExecutionClient",
    ],
  ])("%s fails the execution before the handler runs", async (_name, config, _code, message) => {
    const rig = await createRig();
    let runs = 0;

    const ending = await rig.run(async () => ++runs, {}, config);

    expect([ending.status, runs]).toEqual(["FAILED", 0]);
    expect(ending.error?.ErrorMessage).toContain(message);
  });
});

/** Code that no longer fits its log (invariant 12): a clear error, and no side effect past that point. */

import { type DurableContext, NestingType } from "@tidemark/sdk";
import { VirtualClock, withVirtualTimers } from "@tidemark/testing";
import { createRig, defer, type TestHandler } from "./rig";

type Operate = (context: DurableContext, effects: string[]) => PromiseLike<unknown>;

const body = (effects: string[]) => async () => void effects.push("body");

/** Each kind of operation, under a name. */
const KINDS: Record<string, (name: string) => Operate> = {
  step: (name) => (context, effects) => context.step(name, body(effects)),
  wait: (name) => (context) => context.wait(name, { seconds: 1 }),
  createCallback: (name) => (context) => context.createCallback(name),
  invoke: (name) => (context) => context.invoke(name, "other", {}),
  runInChildContext: (name) => (context, effects) => context.runInChildContext(name, body(effects)),
  waitForCondition: (name) => (context, effects) =>
    context.waitForCondition(name, body(effects), {
      initialState: 1 as never,
      waitStrategy: () => ({ shouldContinue: false }),
    }),
  waitForCallback: (name) => (context) =>
    context.waitForCallback(name, async () => {}, { timeout: { seconds: 1 } }).catch(() => {}),
  map: (name) => (context, effects) => context.map(name, [1], body(effects)),
  parallel: (name) => (context, effects) => context.parallel(name, [body(effects)]),
  combinator: (name) => (context) => context.promise.all(name, []),
};

/** Combinators and child contexts are recorded alike, as by the AWS SDK. */
const ALIKE = [["runInChildContext", "combinator"]];

/** Runs `recorded` to a suspension, then `changed` over its log; gives the end and what `changed` did. */
async function runChanged(recorded: TestHandler, changed: (effects: string[]) => TestHandler) {
  const clock = new VirtualClock();
  return withVirtualTimers(clock, async () => {
    const rig = await createRig({ clock });
    const effects: string[] = [];
    rig.deploy("other", async () => "other");
    const id = await rig.begin(recorded);
    rig.deploy("main", changed(effects));
    const ending = await rig.end(id);
    return { ending, effects, events: await rig.events(id) };
  });
}

function thenPause(operate: Operate): TestHandler {
  return async (_event, context) => {
    await operate(context, []);
    await context.wait("pause", { seconds: 60 });
  };
}

function thenEffect(operate: Operate): (effects: string[]) => TestHandler {
  return (effects) => async (_event, context) => {
    await operate(context, effects);
    effects.push("code after it");
    await context.step("after", async () => void effects.push("step after it"));
    await context.wait("pause", { seconds: 60 });
  };
}

describe("an operation that has another name than in the log", () => {
  it.each(Object.keys(KINDS))("%s: fails the execution, and nothing runs", async (kind) => {
    const operate = KINDS[kind] as (name: string) => Operate;

    const { ending, effects } = await runChanged(thenPause(operate("old")), thenEffect(operate("new")));

    expect(ending).toMatchObject({
      status: "FAILED",
      error: {
        ErrorType: "NonDeterministicExecutionError",
        ErrorMessage: expect.stringMatching(
          /^operation 1: the log has .*"old", the code asks for .*"new"; run/,
        ),
      },
    });
    expect(effects).toEqual([]);
  });
});

describe("an operation of another kind than in the log", () => {
  const pairs = Object.keys(KINDS).flatMap((recorded) =>
    Object.keys(KINDS)
      .filter(
        (asked) =>
          asked !== recorded && !ALIKE.some((alike) => alike.includes(recorded) && alike.includes(asked)),
      )
      .map((asked) => [recorded, asked] as const),
  );

  it.each(pairs)("%s became %s: fails the execution, and nothing runs", async (recorded, asked) => {
    const { ending, effects } = await runChanged(
      thenPause((KINDS[recorded] as (name: string) => Operate)("same name")),
      thenEffect((KINDS[asked] as (name: string) => Operate)("same name")),
    );

    expect(ending).toMatchObject({
      status: "FAILED",
      error: { ErrorType: "NonDeterministicExecutionError" },
    });
    expect(effects).toEqual([]);
  });
});

describe("a sub-type that has changed", () => {
  it("fails the execution, and nothing runs", async () => {
    const child =
      (subType: string): Operate =>
      (context, effects) =>
        context.runInChildContext("same", body(effects), { subType });

    const { ending, effects } = await runChanged(thenPause(child("Saga")), thenEffect(child("Batch")));

    expect(ending.error?.ErrorMessage).toContain('the log has CONTEXT (Saga) "same"');
    expect(effects).toEqual([]);
  });
});

describe("items of a batch", () => {
  const batch =
    (names: string[], nesting: NestingType, operation: string): Operate =>
    (context, effects) =>
      context.map(
        "batch",
        names,
        async (item, name, index) => {
          await item.wait(operation, { seconds: 10 + 10 * index });
          effects.push(`after ${name}`);
        },
        { itemNamer: (name) => name, nesting },
      );
  const recorded =
    (operate: Operate): TestHandler =>
    async (_event, context) =>
      operate(context, []);

  it("with another name fail the execution, and nothing runs", async () => {
    const { ending, effects } = await runChanged(
      recorded(batch(["a", "b"], NestingType.NESTED, "w")),
      thenEffect(batch(["a", "c"], NestingType.NESTED, "w")),
    );

    expect(ending.error?.ErrorMessage).toContain(
      'operation 1-2: the log has CONTEXT (MapIteration) "b", the code asks for CONTEXT (MapIteration) "c"',
    );
    expect(effects).toEqual([]);
  });

  it.each([NestingType.NESTED, NestingType.FLAT])(
    "of a %s batch that do something else fail the execution, and nothing runs",
    async (nesting) => {
      const { ending, effects } = await runChanged(
        recorded(batch(["a", "b"], nesting, "old")),
        thenEffect(batch(["a", "b"], nesting, "new")),
      );

      expect(ending.error?.ErrorMessage).toContain('operation 1-1-1: the log has WAIT (Wait) "old"');
      expect(effects).toEqual([]);
    },
  );
});

describe("operations that the code has lost", () => {
  it("a settled one at the end: the handler ends without it", async () => {
    const { ending } = await runChanged(
      async (_event, context) => {
        await context.step("kept", async () => 1);
        await context.wait("removed", { seconds: 5 });
      },
      () => async (_event, context) => context.step("kept", async () => 2),
    );

    expect(ending).toMatchObject({
      status: "FAILED",
      error: {
        ErrorType: "NonDeterministicExecutionError",
        ErrorMessage: expect.stringContaining(
          'WAIT (Wait) "removed" next, and the handler has ended without it',
        ),
      },
    });
  });

  it("one in the middle: the next takes its place, and does not fit", async () => {
    const { ending, effects } = await runChanged(
      async (_event, context) => {
        await context.step("a", async () => 1);
        await context.step("b", async () => 1);
        await context.wait("pause", { seconds: 60 });
      },
      (effects) => async (_event, context) => {
        await context.step("a", async () => 1);
        await context.step("c", async () => void effects.push("c"));
      },
    );

    expect(ending.error?.ErrorMessage).toContain('operation 2: the log has STEP (Step) "b"');
    expect(effects).toEqual([]);
  });

  it("a handler that returns early", async () => {
    const { ending } = await runChanged(
      async (_event, context) => {
        await context.step("a", async () => 1);
        await context.wait("pause", { seconds: 60 });
      },
      () => async () => "early",
    );

    expect(ending).toMatchObject({
      status: "FAILED",
      error: { ErrorType: "NonDeterministicExecutionError" },
    });
  });

  it("a settled step: after 10 s of real time it counts as lost, and no step after it runs", async () => {
    const rig = await createRig();
    const effects: string[] = [];
    const id = await rig.begin(async (_event, context) => {
      await Promise.all([
        context.wait({ seconds: 60 }),
        context.step("a", async () => 1).then(() => context.step("lost", async () => 2)),
      ]);
    });
    jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask"] });
    try {
      rig.deploy("main", async (_event, context) => {
        await Promise.all([context.wait({ seconds: 60 }), context.step("a", async () => 1)]);
        await context.wait({ seconds: 1 });
        effects.push("after");
      });
      await rig.runtime.advance(60_000);
      jest.advanceTimersByTime(9999);
      await rig.runtime.settle();
      expect(await rig.ending(id)).toEqual({ status: "RUNNING" });
      jest.advanceTimersByTime(1);
      await rig.runtime.settle();
    } finally {
      jest.useRealTimers();
    }

    expect(await rig.ending(id)).toMatchObject({
      status: "FAILED",
      error: {
        ErrorType: "NonDeterministicExecutionError",
        ErrorMessage: expect.stringContaining("and the code has not asked for it"),
      },
    });
    expect(effects).toEqual([]);
  });

  it("a branch that is under way: the batch does not end without it", async () => {
    const { ending, effects } = await runChanged(
      async (_event, context) => {
        await context.parallel("p", [
          async (branch) => branch.wait({ seconds: 5 }),
          async (branch) => branch.wait({ seconds: 60 }),
        ]);
      },
      (effects) => async (_event, context) => {
        await context.parallel("p", [async (branch) => branch.wait({ seconds: 5 })]);
        await context.step("after", async () => void effects.push("after"));
      },
    );

    expect(ending).toMatchObject({
      status: "FAILED",
      error: { ErrorType: "NonDeterministicExecutionError" },
    });
    expect(effects).toEqual([]);
  });

  it("a step between two attempts: the handler does not succeed without it", async () => {
    const { ending } = await runChanged(
      async (_event, context) =>
        context.step("retried", () => Promise.reject(new Error("again")), {
          retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 5 } }),
        }),
      () => async () => "early",
    );

    expect(ending).toMatchObject({
      status: "FAILED",
      error: { ErrorType: "NonDeterministicExecutionError" },
    });
  });
});

describe("a step that could go on beside an operation that does not fit", () => {
  const recorded =
    (gap: number): TestHandler =>
    async (_event, context) => {
      const step = context.step("retried", () => Promise.reject(new Error("again")), {
        retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 3 } }),
      });
      for (let tick = 0; tick < gap; tick++) await null;
      await context.wait("old", { seconds: 60 });
      await step;
    };
  const changed =
    (gap: number) =>
    (effects: string[]): TestHandler =>
    async (_event, context) => {
      const step = context.step("retried", async () => void effects.push("body"));
      for (let tick = 0; tick < gap; tick++) await null;
      await context.wait("new", { seconds: 60 });
      await step;
    };

  // step.ts `#run` goes on after `await null` without looking whether the invocation has failed meanwhile, and
  // engine.ts `whenReplayed` begins at once when no outcome is left to deliver, before the code has been idle.
  it.each([
    ["in the same turn", 0],
    ["a few microtasks later", 10],
  ])("does not run its body: asked for %s", async (_when, gap) => {
    const { ending, effects } = await runChanged(recorded(gap), changed(gap));

    expect(ending).toMatchObject({
      status: "FAILED",
      error: { ErrorType: "NonDeterministicExecutionError" },
    });
    expect(effects).toEqual([]);
  });
});

describe("a context beside an operation that does not fit", () => {
  const changed =
    (config: object) =>
    (effects: string[]): TestHandler =>
    async (_event, context) => {
      const wait = context.wait("new", { seconds: 60 });
      const child = context.runInChildContext("child", async () => void effects.push("child"), config);
      await wait;
      await child;
    };
  const recorded: TestHandler = async (_event, context) => context.wait("old", { seconds: 60 });

  it("does not run its code", async () => {
    const { ending, effects } = await runChanged(recorded, changed({}));

    expect(ending.status).toBe("FAILED");
    expect(effects).toEqual([]);
  });

  // child.ts `runVirtual` does not look whether the invocation has failed, as `runBody` does.
  it("does not run its code when it is virtual", async () => {
    const { ending, effects } = await runChanged(recorded, changed({ virtualContext: true }));

    expect(ending.status).toBe("FAILED");
    expect(effects).toEqual([]);
  });
});

describe("code that has become slower", () => {
  it("may await something native before it asks for the next recorded operation", async () => {
    const rig = await createRig();
    const gap = defer();
    let runs = 0;
    const id = await rig.begin(async (_event, context) => {
      runs += 1;
      if (runs > 1) await gap.promise;
      await context.step("a", async () => 1);
      await context.wait("pause", { seconds: 5 });
      return "done";
    });
    await rig.runtime.advance(60_000);
    expect(await rig.ending(id)).toEqual({ status: "RUNNING" });

    gap.resolve();

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "done" });
    expect(runs).toBe(2);
  });
});

describe("native code that takes time before an operation that was under way", () => {
  it("is waited for, and the operation may then take as long as it likes", async () => {
    const clock = new VirtualClock();
    await withVirtualTimers(clock, async () => {
      const rig = await createRig({ clock });
      const pause = (ms: number) => new Promise<void>((resolve) => void clock.setTimer(resolve, ms));
      const id = await rig.begin(async (_event, context) => {
        await pause(4_000);
        return context.step("slow", async () => {
          await pause(60_000);
          return "done";
        });
      });
      // The START has been recorded, and nothing else: the next invocation must ask for the step again.
      await rig.runtime.advance(6_000);
      rig.runtime.crash(id);

      expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "done" });
    });
  });
});

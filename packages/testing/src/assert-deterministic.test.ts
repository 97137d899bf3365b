/** What a replay of a cut log shows, how few cuts show it, and what the whole check costs. */

import { importHistory } from "@tidemark/protocol";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { assertDeterministic } from "./assert-deterministic.js";
import { recordHistory } from "./record-history.js";
import { cutsOf } from "./replay-cuts.js";

type Code = (context: DurableContext) => Promise<unknown>;

const handlerOf = (code: Code) => withDurableExecution(async (_event, context) => code(context));
const body = (value: unknown) => async () => value;

/** A handler that counts how often it is run. */
function counted(code: Code) {
  const count = { runs: 0 };
  const handler = handlerOf(async (context) => {
    count.runs += 1;
    return code(context);
  });
  return { handler, count };
}

async function cuts(code: Code) {
  const recorded = importHistory(await recordHistory(handlerOf(code)));
  return { cuts: cutsOf(recorded, () => 0).map(({ count }) => count), entries: recorded.entries.length };
}

const STEPS = 200;

const sequence: Code = async (context) => {
  for (let n = 0; n < STEPS; n++) await context.step(`step ${n}`, body(n));
};

describe("assertDeterministic", () => {
  it("takes four ways through the log for each run of two hundred steps one after the other", async () => {
    const { handler, count } = counted(sequence);
    await assertDeterministic(handler, { runs: 3 });
    expect(count.runs).toBe(3 * 4);
  });

  it("replays what several runs have in common once, and cuts before each context that ends", async () => {
    const contexts = 20;
    const { handler, count } = counted(async (context) => {
      for (let n = 0; n < contexts; n++) {
        await context.runInChildContext(`child ${n}`, (child) => child.wait({ seconds: 1 }));
        await context.step(`step ${n}`, body(n));
      }
    });
    // Every wait ends an invocation.
    const recording = contexts + 1;
    await assertDeterministic(handler, { runs: 1 });
    expect(count.runs).toBe(recording + 3 + contexts);
    await assertDeterministic(handler, { runs: 5 });
    expect(count.runs).toBe(recording + 3 + contexts + 5 * (recording + 3) + contexts);
  });

  it("finds code of a child context that depends on the clock after a wait, although the child has ended", async () => {
    const code = handlerOf(async (context) => {
      await context.runInChildContext("child", async (child) => {
        await child.wait({ seconds: 1 });
        await child.step(`at ${Date.now()}`, body(1));
      });
      await context.step("after", body(2));
    });
    await expect(assertDeterministic(code, { runs: 1 })).rejects.toMatchObject({
      code: "TIDEMARK_HISTORY_DIVERGED",
      message: expect.stringMatching(/replayed up to entry \d+ of \d+/),
    });
  });

  it("finds code that asks for an operation only after the outcome of another one", async () => {
    let invocations = 0;
    const code = handlerOf(async (context) => {
      invocations += 1;
      const soon = context.wait("soon", { seconds: 10 });
      // The first three invocations are the recorded run.
      if (invocations > 3) await soon;
      await Promise.all([soon, context.wait("late", { hours: 1 })]);
    });
    await expect(assertDeterministic(code, { runs: 1 })).rejects.toMatchObject({
      code: "TIDEMARK_HISTORY_DIVERGED",
      message: expect.stringContaining("replayed up to entry 1 of"),
      divergence: { operation: "2", recorded: 'WAIT (Wait) "late"' },
    });
  });

  it("finds code that is seldom different by chance", async () => {
    const code = handlerOf(async (context) => context.step(Math.random() < 1e-6 ? "rare" : "usual", body(1)));
    await expect(assertDeterministic(code, { runs: 1 })).rejects.toMatchObject({
      code: "TIDEMARK_HISTORY_DIVERGED",
    });
  });

  it("lets code draw again until a number fits", async () => {
    const code = handlerOf(async (context) => {
      while (Math.random() < 0.5);
      while (Math.random() > 0.5);
      return context.step("usual", body(1));
    });
    expect(await assertDeterministic(code, { runs: 1 })).toHaveLength(1);
  });
});

describe("a log is cut", () => {
  it("nowhere, when its operations come one after the other", async () => {
    const { cuts: found, entries } = await cuts(async (context) => {
      await context.step("a", body(1));
      await context.wait({ hours: 1 });
      return context.waitForCondition(async (n: number) => n + 1, {
        initialState: 0,
        waitStrategy: (n) =>
          n < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
      });
    });
    expect(found).toEqual([]);
    expect(entries).toBeGreaterThan(5);
  });

  it("before each context that ends, and where an operation is overtaken", async () => {
    const child: Code = (context) =>
      context.runInChildContext("child", async (inner) => {
        await inner.wait({ seconds: 1 });
        await inner.wait({ seconds: 1 });
      });
    const inTurn = await cuts(async (context) => {
      await child(context);
      await child(context);
    });
    const overtaken = await cuts((context) =>
      Promise.all([context.wait({ hours: 1 }), context.wait({ seconds: 1 }), context.wait({ seconds: 2 })]),
    );
    expect([inTurn.cuts.length, overtaken.cuts]).toEqual([2, [1]]);
  });
});

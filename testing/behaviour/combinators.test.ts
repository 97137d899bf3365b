/** `context.promise.*` and native combinators: who wins live wins on replay. */

import type { DurableContext } from "@tidemark/sdk";
import { graphOfRejection } from "./error-graph";
import { createRig, defer, type Rig } from "./rig";

const HUGE = "h".repeat(300_000);

/** Two steps; the second ends first, the first much later. */
async function raceOfSteps(
  combine: (context: DurableContext, steps: Promise<string>[]) => PromiseLike<unknown>,
  winner: string,
): Promise<{ rig: Rig; seen: unknown[]; id: string }> {
  const rig = await createRig();
  const gates = [defer<string>(), defer<string>()] as const;
  const seen: unknown[] = [];
  const id = await rig.begin(async (_event, context) => {
    const first = context.step("first", () => gates[0].promise);
    const second = context.step("second", () => gates[1].promise);
    const won = await combine(context, [first, second]);
    seen.push(typeof won === "string" ? won.slice(0, 10) : won);
    // The loser ends here, so that the log has both.
    await first;
    await context.wait("replay", { seconds: 1 });
    return "done";
  });
  gates[1].resolve(winner);
  await rig.runtime.settle();
  gates[0].resolve("the loser");
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "done" });
  return { rig, seen, id };
}

describe.each([
  ["small", "winner"],
  ["over 256 KB", HUGE],
])("a winner that is %s", (_size, winner) => {
  it.each<[string, (context: DurableContext, steps: Promise<string>[]) => PromiseLike<unknown>]>([
    ["context.promise.race", (context, steps) => context.promise.race(steps as never)],
    ["context.promise.any", (context, steps) => context.promise.any(steps as never)],
    ["Promise.race", (_context, steps) => Promise.race(steps)],
    ["Promise.any", (_context, steps) => Promise.any(steps)],
    [
      "a chain of then",
      (_context, steps) => new Promise((resolve) => steps.map((step) => step.then(resolve))),
    ],
  ])("of %s wins on every replay, though the loser has ended too", async (_name, combine) => {
    const { seen } = await raceOfSteps(combine, winner);

    expect(seen).toEqual([winner.slice(0, 10), winner.slice(0, 10)]);
  });
});

describe("context.promise", () => {
  it.each<[string, (context: DurableContext) => PromiseLike<unknown>, unknown]>([
    ["all of nothing", (context) => context.promise.all([]), []],
    ["allSettled of nothing", (context) => context.promise.allSettled([]), []],
    [
      "all keeps the order of the arguments",
      (context) => {
        const slow = context.runInChildContext(async (child) => {
          await child.wait({ seconds: 5 });
          return "slow";
        });
        return context.promise.all("both", [slow, context.step(async () => "fast")]);
      },
      ["slow", "fast"],
    ],
    [
      "any skips failures",
      (context) =>
        context.promise.any([
          context.runInChildContext<string>(() => Promise.reject(new Error("no"))),
          context.step(async () => "yes"),
        ]),
      "yes",
    ],
  ])("%s", async (_name, operate, expected) => {
    const rig = await createRig();

    const { live, replayed } = await rig.twice(async (context) => operate(context));

    expect([live, replayed]).toEqual([expected, expected]);
  });

  it("allSettled gives reasons that are errors of their class, live and replayed", async () => {
    const rig = await createRig();

    const { live, replayed } = await rig.twice(async (context) => {
      const [failed, fine] = await context.promise.allSettled([
        context.runInChildContext<string>(() => Promise.reject(new RangeError("no"))),
        context.step(async () => "yes"),
      ]);
      return [await graphOfRejection(Promise.reject((failed as PromiseRejectedResult).reason)), fine];
    });

    expect(live).toMatchObject([
      { class: "ChildContextError", message: "no", cause: { cause: { name: "RangeError" } } },
      { status: "fulfilled", value: "yes" },
    ]);
    expect(replayed).toEqual(live);
  });

  it("any of failures alone rejects, live and replayed", async () => {
    const rig = await createRig();

    const { live, replayed } = await rig.twice((context) =>
      graphOfRejection(
        context.promise.any([context.runInChildContext(() => Promise.reject(new Error("no")))]),
      ),
    );

    expect(live).toMatchObject({
      class: "PromiseCombinatorError",
      cause: { cause: { name: "AggregateError" } },
    });
    expect(replayed).toEqual(live);
  });

  it("records the outcome of a race while its losers are under way, and suspends with them", async () => {
    const rig = await createRig();
    const id = await rig.begin(async (_event, context) => {
      const winner = await context.promise.race("race", [
        context.runInChildContext("long", async (child) => {
          await child.wait({ seconds: 100 });
          return "long";
        }),
        context.runInChildContext("short", async (child) => {
          await child.wait({ seconds: 1 });
          return "short";
        }),
      ]);
      await context.wait({ seconds: 1 });
      return winner;
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "short" });
    expect(await rig.tree(id)).toEqual([
      "1 CONTEXT long STARTED",
      "2 CONTEXT short SUCCEEDED",
      "3 CONTEXT race SUCCEEDED",
      "1-1 WAIT STARTED",
      "4 WAIT SUCCEEDED",
    ]);
  });
});

describe("shared variables", () => {
  it("are written by branches in the order of the log, live and replayed", async () => {
    const rig = await createRig();
    const seen: string[] = [];
    const gates = [defer(), defer(), defer()];
    const id = await rig.begin(async (_event, context) => {
      const order: string[] = [];
      await Promise.all(
        gates.map(async (gate, index) => {
          await context.step(`step ${index}`, () => gate.promise);
          order.push(String(index));
        }),
      );
      seen.push(order.join(""));
      await context.wait({ seconds: 1 });
      return order.join("");
    });
    for (const index of [2, 0, 1]) {
      gates[index]?.resolve();
      await rig.runtime.settle();
    }

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "201" });
    expect(seen).toEqual(["201", "201"]);
  });

  it("are written in the same order when several end in one checkpoint", async () => {
    const rig = await createRig();
    const seen: string[] = [];
    const ending = await rig.run(async (_event, context) => {
      const order: number[] = [];
      await Promise.all(
        [3, 1, 2].map(async (ticks) => {
          await context.step(async () => {
            for (let tick = 0; tick < ticks; tick++) await null;
          });
          order.push(ticks);
        }),
      );
      seen.push(order.join(""));
      await context.wait({ seconds: 1 });
      return order.join("");
    });

    expect(ending).toEqual({ status: "SUCCEEDED", result: "123" });
    expect(seen).toEqual(["123", "123"]);
  });
});

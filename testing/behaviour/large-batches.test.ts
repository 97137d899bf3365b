/** Items beyond a number begin in turns of their own, and a replay begins each where it began live. */

import { AsyncLocalStorage } from "node:async_hooks";
import type { LogEntry } from "@tidemark/protocol";
import { CompletionConfig, type DurableContext, NestingType } from "@tidemark/sdk";
import { MemoryStore } from "@tidemark/store";
import { fewAtOnce, type ItemsAtOnce } from "../kit/few-at-once";
import { createRig, type Rig } from "./rig";

/** More than a record takes, so that the code of the context runs again on replay. */
const large = "x".repeat(300 * 1024);

function rigOf(itemsAtOnce: ItemsAtOnce): Promise<Rig> {
  return createRig({ around: (handler) => fewAtOnce(handler, itemsAtOnce) });
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index);

test("all items begin though the first of them wait, in the order of their index, and the batch is whole", async () => {
  const rig = await rigOf({ first: 3, later: 2 });
  const begun: number[] = [];
  const id = await rig.begin(async (_event, context) => {
    const batch = await context.map("map", numbers(8), async (child, item) => {
      begun.push(item);
      await child.wait("pause", { seconds: 60 });
      return item * 2;
    });
    return batch.getResults();
  });
  expect(begun).toEqual(numbers(8));
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: numbers(8).map((item) => item * 2) });
  // Three begin at once; each group after them says what the code had been given, which was nothing.
  expect((await rig.operations(id)).filter(({ SubType }) => SubType === "MapIteration")).toMatchObject(
    numbers(8).map((item) => (item >= 3 && item % 2 === 1 ? { StartedAfter: 0 } : {})),
  );
});

/** Steps beside a batch whose items see how many of them have ended, when they begin and after their own step. */
async function besideSteps(context: DurableContext): Promise<unknown> {
  let ended = 0;
  const beside = async (): Promise<void> => {
    for (let step = 0; step < 6; step++) {
      await context.step(`beside-${step}`, async () => step);
      ended += 1;
    }
  };
  const [batch] = await Promise.all([
    context.map("map", numbers(7), async (child, item) => {
      const atBegin = ended;
      await child.step(`item ${item} after ${atBegin}`, async () => item);
      return { counts: [atBegin, ended], large };
    }),
    beside(),
  ]);
  return batch.getResults().map(({ counts }) => counts);
}

test.each<[string, ItemsAtOnce]>([
  ["one by one", { first: 1, later: 1 }],
  ["in groups", { first: 2, later: 3 }],
])("code that runs again finds the items begun where they began live, %s", async (_how, itemsAtOnce) => {
  const { live, replayed } = await (await rigOf(itemsAtOnce)).twice(besideSteps);
  expect(replayed).toEqual(live);
  // It would be no test if all had begun before the first step ended.
  expect(new Set((live as number[][]).map(([atBegin]) => atBegin)).size).toBeGreaterThan(1);
});

/** Items without operations, beside what `next` awaits: all that is recorded of them is how they began and ended. */
async function bareItemsBeside(
  context: DurableContext,
  next: (round: number) => Promise<unknown>,
): Promise<unknown> {
  let ended = 0;
  const beside = async (): Promise<void> => {
    for (let round = 0; round < 4; round++) {
      await next(round);
      ended += 1;
    }
  };
  const [batch] = await Promise.all([
    context.map("map", numbers(12), async () => ({ atBegin: ended, large })),
    beside(),
  ]);
  return batch.getResults().map(({ atBegin }) => atBegin);
}

test.each<[string, (context: DurableContext) => Promise<unknown>]>([
  ["steps", (context) => bareItemsBeside(context, (round) => context.step(`${round}`, async () => round))],
  ["slow steps", (context) => bareItemsBeside(context, (round) => context.step(`${round}`, turns))],
  ["new callbacks", (context) => bareItemsBeside(context, (round) => context.createCallback(`${round}`))],
])(
  "items that end as soon as they begin are where they were on replay, beside %s",
  async (_what, operate) => {
    const { live, replayed } = await (await rigOf({ first: 1, later: 1 })).twice(operate);
    expect(replayed).toEqual(live);
    expect(new Set(live as number[]).size).toBeGreaterThan(1);
  },
);

/** A body that takes some turns of the event loop. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

/** Its answers take some turns of the event loop. */
class SlowStore extends MemoryStore {
  override async append(executionId: string, entry: LogEntry): ReturnType<MemoryStore["append"]> {
    await turns();
    return super.append(executionId, entry);
  }
}

test("one request is on its way at a time, while groups begin and bodies end", async () => {
  let open = 0;
  let most = 0;
  const onSent = () => {
    open += 1;
    most = Math.max(most, open);
    return () => {
      open -= 1;
    };
  };
  const rig = await createRig({
    store: new SlowStore(),
    around: (handler) => fewAtOnce(handler, { first: 1, later: 2 }, onSent),
  });
  const ending = await rig.run(async (_event, context) => {
    const batch = await context.map("map", numbers(9), (child, item) => child.step(async () => item));
    return batch.getResults();
  });
  expect(ending).toEqual({ status: "SUCCEEDED", result: numbers(9) });
  expect([open, most]).toEqual([0, 1]);
});

test("items of later groups run in the async context of the code that asked for the batch", async () => {
  const storage = new AsyncLocalStorage<string>();
  const seen: unknown[] = [];
  const rig = await rigOf({ first: 1, later: 1 });
  await rig.run(async (_event, context) => {
    // The turns go on from those of other code.
    await context.step("before", async () => {});
    await storage.run("asked here", () =>
      context.map(numbers(5), async () => {
        seen.push(storage.getStore());
      }),
    );
  });
  expect(seen).toEqual(numbers(5).map(() => "asked here"));
});

test("a process that begins other numbers at once follows the log", async () => {
  let itemsAtOnce: ItemsAtOnce = { first: 1, later: 2 };
  const rig = await createRig({
    around: (handler) => (event, context) => fewAtOnce(handler, itemsAtOnce)(event, context),
  });
  const seen: unknown[] = [];
  const id = await rig.begin(async (_event, context) => {
    seen.push(await besideSteps(context));
    await context.wait("deploy", { seconds: 1 });
  });
  itemsAtOnce = { first: 1_000, later: 100 };
  expect(await rig.end(id)).toMatchObject({ status: "SUCCEEDED" });
  expect(seen).toEqual([seen[0], seen[0]]);
});

test("an answer that comes while items begin waits until their code is idle", async () => {
  const { live, replayed } = await (await rigOf({ first: 1, later: 1 })).twice(async (context) => {
    let ended = 0;
    const [batch] = await Promise.all([
      context.map("map", numbers(5), async (child, item) => {
        const atBegin = ended;
        // The store's answer is here before these are over.
        for (let hop = 0; hop < 1_000; hop++) await null;
        await child.step(`item ${item} after ${ended}`, async () => item);
        return { counts: [atBegin, ended], large };
      }),
      context
        .step("beside", async () => {})
        .then(() => {
          ended += 1;
        }),
    ]);
    return batch.getResults().map(({ counts }) => counts);
  });
  expect(replayed).toEqual(live);
  expect(live).toEqual([0, 0, 1, 1, 1].map((atBegin) => [atBegin, 1]));
});

test("a namer that throws at an item of a later group fails the batch, and not the invocation", async () => {
  const rig = await rigOf({ first: 2, later: 1 });
  let begun = 0;
  const { live, replayed } = await rig.twice(async (context) => {
    const batch = context.map("map", numbers(5), async (child) => child.step(async () => (begun += 1)), {
      itemNamer: (_item, index) => {
        if (index === 3) throw new Error(`item ${index} has no name`);
        return `item-${index}`;
      },
    });
    return batch.catch((error: Error) => `${error.name}: ${error.message}`);
  });
  expect(live).toBe("ChildContextError: item 3 has no name");
  expect(replayed).toBe(live);
  expect(begun).toBeLessThanOrEqual(3);
});

test("items that have not begun when the batch ends early are not in its result, live and on replay", async () => {
  const { live, replayed } = await (await rigOf({ first: 2, later: 1 })).twice(async (context) => {
    const batch = await context.map("map", numbers(50), async (child, item) => child.step(async () => item), {
      completionConfig: CompletionConfig.firstSuccessful(),
    });
    return { results: batch.getResults(), total: batch.totalCount, reason: batch.completionReason };
  });
  expect(replayed).toEqual(live);
  expect(live).toMatchObject({ results: [0], reason: "MIN_SUCCESSFUL_REACHED" });
  expect((live as { total: number }).total).toBeLessThan(50);
});

test("maxConcurrency holds, and a batch that nobody waits for any more begins nothing", async () => {
  const rig = await rigOf({ first: 2, later: 2 });
  let open = 0;
  let most = 0;
  let begun = 0;
  const ending = await rig.run(async (_event, context) => {
    const bounded = await context.map(
      "bounded",
      numbers(9),
      async (child, item) => {
        open += 1;
        most = Math.max(most, open);
        await child.step(async () => item);
        open -= 1;
      },
      { maxConcurrency: 3 },
    );
    void context.map("left behind", numbers(9), async () => {
      begun += 1;
    });
    return bounded.successCount;
  });
  expect(ending).toEqual({ status: "SUCCEEDED", result: 9 });
  expect(most).toBe(3);
  expect(begun).toBe(2);
});

test("items without records of their own all begin at once: no log could say where they began", async () => {
  const { live } = await (await rigOf({ first: 1, later: 1 })).twice(async (context) => {
    let steps = 0;
    const seen: number[] = [];
    const [batch] = await Promise.all([
      context.map(
        "flat",
        numbers(4),
        async (child, item) => {
          seen.push(steps);
          return child.step(async () => item);
        },
        { nesting: NestingType.FLAT },
      ),
      context
        .step("beside", async () => {})
        .then(() => {
          steps += 1;
        }),
    ]);
    return [batch.getResults(), seen];
  });
  expect(live).toEqual([numbers(4), [0, 0, 0, 0]]);
});

test("of five thousand items that end soon, a few hundred more than a thousand are open together", async () => {
  const rig = await createRig();
  let open = 0;
  let most = 0;
  const ending = await rig.run(async (_event, context) => {
    const batch = await context.map("large", numbers(5_000), async (child, item) => {
      open += 1;
      most = Math.max(most, open);
      await child.step(async () => item);
      open -= 1;
    });
    return batch.successCount;
  });
  expect(ending).toEqual({ status: "SUCCEEDED", result: 5_000 });
  expect(most).toBeGreaterThanOrEqual(1_000);
  expect(most).toBeLessThan(1_500);
});

/** Map and parallel: nesting, concurrency and completion. */

import {
  type CompletionConfig,
  CompletionOutcome,
  completeBatch,
  continueBatch,
  NestingType,
  retryPresets,
} from "@tidemark/sdk";
import type { InteropCase } from "../interop-case";
import { defineCase, describeBatch, failureOf } from "./define";

const FLAT = { nesting: NestingType.FLAT };
const noRetry = { retryStrategy: retryPresets.noRetry };
const LARGE = 100 * 1024;

/** A map over numbers, of which the negative ones fail. */
function mapNumbers(
  name: string,
  items: number[],
  config: { completionConfig?: CompletionConfig; maxConcurrency?: number; nesting?: NestingType },
): InteropCase {
  return defineCase(name, async (context, trace) => {
    const batch = await context.map(
      "numbers",
      items,
      async (child, item, index) =>
        child.step(
          `item ${index}`,
          async () => {
            trace.push(`item ${index}`);
            if (item < 0) throw new Error(`negative ${item}`);
            return item * 2;
          },
          noRetry,
        ),
      config,
    );
    await context.wait({ seconds: 1 });
    return describeBatch(batch);
  });
}

const inBoth = (name: string, items: number[], completionConfig?: CompletionConfig): InteropCase[] =>
  [NestingType.NESTED, NestingType.FLAT].map((nesting) =>
    mapNumbers(`map: ${name}, ${nesting}`, items, {
      nesting,
      maxConcurrency: 1,
      ...(completionConfig === undefined ? {} : { completionConfig }),
    }),
  );

export const batchCases: readonly InteropCase[] = [
  defineCase("map: the batch is the result", async (context) => {
    const batch = await context.map("items", ["a", "b"], async (_child, item) => item);
    await context.wait({ seconds: 1 });
    return batch;
  }),
  ...inBoth("all succeed", [1, 2, 3]),
  ...inBoth("no config, one fails", [1, -2, 3]),
  ...inBoth("no config, the last one fails", [1, 2, -3]),
  ...inBoth("toleratedFailureCount is met", [1, -2, 3], { toleratedFailureCount: 1 }),
  ...inBoth("toleratedFailureCount is exceeded", [-1, -2, 3, 4], { toleratedFailureCount: 1 }),
  ...inBoth("toleratedFailurePercentage at the limit", [-1, 2, -3, 4], { toleratedFailurePercentage: 50 }),
  ...inBoth("minSuccessful is reached", [1, 2, 3, 4], { minSuccessful: 2 }),
  ...inBoth("minSuccessful is all", [1, 2], { minSuccessful: 2 }),
  ...inBoth("minSuccessful is never reached", [1, -2, -3], { minSuccessful: 2 }),
  ...inBoth("shouldComplete succeeds", [1, -2, 3, 4], {
    shouldComplete: ({ completedCount }) => (completedCount >= 2 ? completeBatch() : continueBatch()),
  }),
  ...inBoth("shouldComplete fails", [1, 2, 3], {
    shouldComplete: ({ successCount }) =>
      successCount >= 2 ? completeBatch(CompletionOutcome.FAILED) : continueBatch(),
  }),
  ...inBoth("empty", []),
  mapNumbers("map: all at once", [1, 2, 3, 4, 5], {}),
  mapNumbers("map: two at a time", [1, 2, 3, 4, 5], { maxConcurrency: 2 }),

  ...[NestingType.NESTED, NestingType.FLAT].map((nesting) =>
    defineCase(`map: items that wait, ${nesting}`, async (context) => {
      const batch = await context.map(
        "waiters",
        ["a", "b", "c"],
        async (child, item, index, array) => {
          await child.wait({ seconds: 1 });
          return child.step("work", async () => `${item} ${index} of ${array.length}`);
        },
        { nesting, maxConcurrency: 2 },
      );
      return describeBatch(batch);
    }),
  ),

  defineCase("map: itemNamer, unnamed, without operations", async (context) => {
    const batch = await context.map([{ id: "x" }, { id: "y" }], async (_child, item) => item.id, {
      itemNamer: (item, index) => `${item.id}-${index}`,
    });
    return describeBatch(batch);
  }),

  defineCase("map: retries in an item", async (context, trace) => {
    const batch = await context.map("flaky", [1], async (child) =>
      child.step(
        "work",
        async ({ attempt }) => {
          const calls = trace.count("work");
          trace.push(`attempt ${attempt}`);
          if (calls < 3) throw new Error("not yet");
          return calls;
        },
        { retryStrategy: (_error, n) => ({ shouldRetry: n < 4, delay: { seconds: 1 } }) },
      ),
    );
    return batch.getResults();
  }),

  defineCase("map: throwIfError", async (context) => {
    const batch = await context.map("numbers", [1, -2], async (child, item) => {
      if (item < 0) throw new RangeError("negative");
      return child.step(async () => item);
    });
    return failureOf(Promise.resolve().then(() => batch.throwIfError()));
  }),

  defineCase("map: throwIfError of a failed predicate", async (context) => {
    const batch = await context.map("numbers", [1, 2], async (_child, item) => item, {
      completionConfig: { shouldComplete: () => completeBatch(CompletionOutcome.FAILED) },
    });
    return failureOf(Promise.resolve().then(() => batch.throwIfError()));
  }),

  ...[NestingType.NESTED, NestingType.FLAT].map((nesting) =>
    defineCase(`map: large results, ${nesting}`, async (context, trace) => {
      const batch = await context.map(
        "large",
        ["a", "b", "c", "d"],
        async (child, letter) => {
          const piece = await child.step("piece", async () => {
            trace.push(letter);
            return letter;
          });
          return piece.repeat(LARGE);
        },
        { nesting },
      );
      await context.wait({ seconds: 1 });
      return [batch.completionReason, batch.getResults().map((text) => `${text[0]}${text.length}`)];
    }),
  ),

  ...[NestingType.NESTED, NestingType.FLAT].map((nesting) =>
    defineCase(`parallel: named and unnamed branches, ${nesting}`, async (context) => {
      const batch = await context.parallel<number | string>(
        "both",
        [
          async (branch) => branch.step("one", async () => 1),
          {
            name: "text",
            func: async (branch) => {
              await branch.wait("pause", { seconds: 1 });
              return branch.step("two", async () => "two");
            },
          },
          { func: async () => 3 },
        ],
        { nesting },
      );
      return describeBatch(batch);
    }),
  ),

  defineCase("parallel: a branch fails", async (context) => {
    const batch = await context.parallel(
      "both",
      [
        async (branch) => branch.step("fine", async () => "fine"),
        async (branch) =>
          branch.step(
            "bad",
            async () => {
              throw new TypeError("bad branch");
            },
            noRetry,
          ),
      ],
      { completionConfig: { toleratedFailureCount: 1 } },
    );
    await context.wait({ seconds: 1 });
    return describeBatch(batch);
  }),

  defineCase("parallel: the first success ends it", async (context) => {
    const batch = await context.parallel(
      [
        async (branch) => branch.step("quick", async () => "quick"),
        async (branch) => {
          await branch.wait("long", { seconds: 600 });
          return "slow";
        },
      ],
      { completionConfig: { minSuccessful: 1 } },
    );
    await context.wait({ seconds: 1 });
    return describeBatch(batch);
  }),

  defineCase("parallel: nested in a map", async (context) => {
    const batch = await context.map(
      "outer",
      [1, 2],
      async (child, item) => {
        const inner = await child.parallel("inner", [
          async (branch) => branch.step("a", async () => item),
          async (branch) => branch.step("b", async () => item * 10),
        ]);
        return inner.getResults().reduce((sum, n) => sum + n, 0);
      },
      FLAT,
    );
    await context.wait({ seconds: 1 });
    return batch.getResults();
  }),

  defineCase("map: predicate and thresholds together", async (context) =>
    context.map("mixed", [1], async () => 1, {
      completionConfig: {
        minSuccessful: 1,
        shouldComplete: () => completeBatch(),
      } as unknown as CompletionConfig,
    }),
  ),

  defineCase("map: maxConcurrency of 0", async (context) =>
    context.map("none", [1], async () => 1, { maxConcurrency: 0 }),
  ),
];

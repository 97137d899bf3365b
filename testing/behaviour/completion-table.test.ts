/** When a map or parallel is complete, and why: every boundary of the table in aws-semantics section 2. */

import {
  BatchItemStatus,
  CompletionConfig,
  CompletionOutcome,
  type CompletionStatus,
  completeBatch,
  continueBatch,
  NestingType,
} from "@tidemark/sdk";
import { createRig } from "./rig";

/** `S` succeeds, `F` fails; items end one after the other, in order. */
function runOutcomes(outcomes: string, completionConfig: CompletionConfig | undefined, nesting: NestingType) {
  return async () => {
    const rig = await createRig();
    return rig.twice(async (context) => {
      const batch = await context.map(
        "table",
        [...outcomes],
        async (item, outcome, index) =>
          item.step(
            async () => {
              if (outcome === "F") throw new Error(`item ${index}`);
              return index;
            },
            { retryStrategy: () => ({ shouldRetry: false }) },
          ),
        { maxConcurrency: 1, nesting, ...(completionConfig === undefined ? {} : { completionConfig }) },
      );
      const letters = batch.all.map(({ status }) => (status === BatchItemStatus.STARTED ? "-" : status[0]));
      return [letters.join(""), batch.completionReason, batch.status];
    });
  };
}

const THRESHOLDS: [string, CompletionConfig | undefined, string, string, string, string][] = [
  ["nothing configured, all succeed", undefined, "SSS", "SSS", "ALL_COMPLETED", "SUCCEEDED"],
  ["nothing configured, the first fails", undefined, "FSS", "F", "FAILURE_TOLERANCE_EXCEEDED", "FAILED"],
  ["nothing configured, the last fails", undefined, "SSF", "SSF", "FAILURE_TOLERANCE_EXCEEDED", "FAILED"],
  ["an empty configuration", {}, "SFS", "SF", "FAILURE_TOLERANCE_EXCEEDED", "FAILED"],
  [
    "only undefined thresholds",
    { minSuccessful: undefined } as never,
    "SFS",
    "SF",
    "FAILURE_TOLERANCE_EXCEEDED",
    "FAILED",
  ],
  ["no items", undefined, "", "", "ALL_COMPLETED", "SUCCEEDED"],
  ["no items and a minimum", { minSuccessful: 2 }, "", "", "ALL_COMPLETED", "SUCCEEDED"],
  ["no items and no tolerance", { toleratedFailurePercentage: 0 }, "", "", "ALL_COMPLETED", "SUCCEEDED"],
  [
    "minimum reached before the end",
    { minSuccessful: 2 },
    "SSS",
    "SS",
    "MIN_SUCCESSFUL_REACHED",
    "SUCCEEDED",
  ],
  ["minimum reached by the last item", { minSuccessful: 2 }, "SS", "SS", "ALL_COMPLETED", "SUCCEEDED"],
  ["minimum reached after failures", { minSuccessful: 1 }, "FFSS", "FFS", "MIN_SUCCESSFUL_REACHED", "FAILED"],
  ["minimum never reached", { minSuccessful: 3 }, "SFS", "SFS", "ALL_COMPLETED", "FAILED"],
  ["minimum above the number of items", { minSuccessful: 9 }, "SS", "SS", "ALL_COMPLETED", "SUCCEEDED"],
  [
    "failures equal to the tolerated count",
    { toleratedFailureCount: 1 },
    "FSS",
    "FSS",
    "ALL_COMPLETED",
    "FAILED",
  ],
  [
    "one failure more than tolerated",
    { toleratedFailureCount: 1 },
    "FSFS",
    "FSF",
    "FAILURE_TOLERANCE_EXCEEDED",
    "FAILED",
  ],
  [
    "tolerance exceeded by the last item",
    { toleratedFailureCount: 0 },
    "SSF",
    "SSF",
    "FAILURE_TOLERANCE_EXCEEDED",
    "FAILED",
  ],
  [
    "exactly the tolerated percentage",
    { toleratedFailurePercentage: 50 },
    "FFSS",
    "FFSS",
    "ALL_COMPLETED",
    "FAILED",
  ],
  [
    "more than the tolerated percentage",
    { toleratedFailurePercentage: 49 },
    "FFSS",
    "FF",
    "FAILURE_TOLERANCE_EXCEEDED",
    "FAILED",
  ],
  [
    "a percentage counts all items, not the ended ones",
    { toleratedFailurePercentage: 25 },
    "FSSS",
    "FSSS",
    "ALL_COMPLETED",
    "FAILED",
  ],
  ["every failure tolerated", { toleratedFailurePercentage: 100 }, "FFF", "FFF", "ALL_COMPLETED", "FAILED"],
  [
    "minimum and tolerance in one item: tolerance first",
    { minSuccessful: 1, toleratedFailureCount: 0 },
    "FS",
    "F",
    "FAILURE_TOLERANCE_EXCEEDED",
    "FAILED",
  ],
  [
    "minimum with a tolerance that holds",
    { minSuccessful: 1, toleratedFailureCount: 1 },
    "FSS",
    "FS",
    "MIN_SUCCESSFUL_REACHED",
    "FAILED",
  ],
  [
    "count exceeded while the percentage holds",
    { toleratedFailureCount: 0, toleratedFailurePercentage: 100 },
    "FS",
    "F",
    "FAILURE_TOLERANCE_EXCEEDED",
    "FAILED",
  ],
  ["the preset allCompleted", CompletionConfig.allCompleted(), "FSF", "FSF", "ALL_COMPLETED", "FAILED"],
  [
    "the preset allSuccessful",
    CompletionConfig.allSuccessful(),
    "SFS",
    "SF",
    "FAILURE_TOLERANCE_EXCEEDED",
    "FAILED",
  ],
  [
    "the preset firstSuccessful",
    CompletionConfig.firstSuccessful(),
    "FSS",
    "FS",
    "MIN_SUCCESSFUL_REACHED",
    "FAILED",
  ],
];

describe.each([NestingType.NESTED, NestingType.FLAT])("thresholds of a %s map", (nesting) => {
  it.each(THRESHOLDS)("%s", async (_name, config, outcomes, letters, reason, status) => {
    const { live, replayed } = await runOutcomes(outcomes, config, nesting)();

    expect(live).toEqual([letters, reason, status]);
    expect(replayed).toEqual(live);
  });
});

// 7 / 25 * 100 is 28.000000000000004: completion.ts `exceedsTolerance` compares floating-point shares.
test("a share that is exactly the tolerated percentage is tolerated, whatever the division rounds to", async () => {
  const rig = await createRig();
  const wrong: string[] = [];
  await rig.run(async (_event, context) => {
    for (const [failures, count] of [
      [7, 25],
      [14, 25],
      [29, 100],
      [57, 100],
      [1, 3],
    ] as const) {
      const percentage = (100 * failures) / count;
      const batch = await context.map(
        Array.from({ length: count }, (_, index) => index),
        async (_item, index) => {
          if (index < failures) throw new Error("one of the tolerated");
        },
        { completionConfig: { toleratedFailurePercentage: percentage }, nesting: NestingType.FLAT },
      );
      if (batch.completionReason !== "ALL_COMPLETED") wrong.push(`${failures}/${count} at ${percentage} %`);
    }
  });
  expect(wrong).toEqual([]);
});

describe.each([NestingType.NESTED, NestingType.FLAT])("a predicate of a %s map", (nesting) => {
  it("is asked at zero progress and after each item, the last one included", async () => {
    const rig = await createRig();
    const asked: CompletionStatus[] = [];
    const ending = await rig.run(async (_event, context) => {
      const batch = await context.map(["a", "b"], async (_item, letter) => letter, {
        maxConcurrency: 1,
        nesting,
        itemNamer: (letter) => `item ${letter}`,
        completionConfig: {
          shouldComplete: (status) => {
            asked.push(status);
            return continueBatch();
          },
        },
      });
      return [batch.completionReason, batch.status];
    });

    expect(ending.result).toEqual(["ALL_COMPLETED", "SUCCEEDED"]);
    const status = (first?: string, second?: string) => [
      { index: 0, name: "item a", ...(first === undefined ? {} : { status: first }) },
      { index: 1, name: "item b", ...(second === undefined ? {} : { status: second }) },
    ];
    expect(asked).toEqual([
      { successCount: 0, failureCount: 0, completedCount: 0, totalCount: 2, items: status() },
      { successCount: 1, failureCount: 0, completedCount: 1, totalCount: 2, items: status("SUCCEEDED") },
      {
        successCount: 2,
        failureCount: 0,
        completedCount: 2,
        totalCount: 2,
        items: status("SUCCEEDED", "SUCCEEDED"),
      },
    ]);
  });

  it.each([
    ["ends an empty batch", [], 0, undefined, [0, "CUSTOM_COMPLETION_SUCCEEDED", "SUCCEEDED"]],
    [
      "ends it before the first item",
      ["S", "S"],
      0,
      undefined,
      [0, "CUSTOM_COMPLETION_SUCCEEDED", "SUCCEEDED"],
    ],
    [
      "ends it in the middle",
      ["S", "S"],
      1,
      CompletionOutcome.SUCCEEDED,
      [1, "CUSTOM_COMPLETION_SUCCEEDED", "SUCCEEDED"],
    ],
    [
      "ends it as failed without a failure",
      ["S", "S"],
      1,
      CompletionOutcome.FAILED,
      [1, "CUSTOM_COMPLETION_FAILED", "FAILED"],
    ],
    [
      "decides at the last item, before all are counted",
      ["S", "S"],
      2,
      undefined,
      [2, "CUSTOM_COMPLETION_SUCCEEDED", "SUCCEEDED"],
    ],
    [
      "makes a success of failures",
      ["F", "F"],
      2,
      undefined,
      [2, "CUSTOM_COMPLETION_SUCCEEDED", "SUCCEEDED"],
    ],
  ])("%s", async (_name, outcomes, endAt, outcome, expected) => {
    const rig = await createRig();
    const { live, replayed } = await rig.twice(async (context) => {
      const batch = await context.map(
        outcomes,
        async (_item, letter) => {
          if (letter === "F") throw new Error("failed");
        },
        {
          maxConcurrency: 1,
          nesting,
          completionConfig: {
            shouldComplete: ({ completedCount }) =>
              completedCount >= endAt ? completeBatch(outcome) : continueBatch(),
          },
        },
      );
      return [batch.totalCount, batch.completionReason, batch.status];
    });

    expect(live).toEqual(expected);
    expect(replayed).toEqual(expected);
  });

  it("that fails the batch makes throwIfError throw, live and replayed", async () => {
    const rig = await createRig();
    const { live, replayed } = await rig.twice(async (context) => {
      const batch = await context.map(["a"], async (_item, letter) => letter, {
        nesting,
        completionConfig: { shouldComplete: () => completeBatch(CompletionOutcome.FAILED) },
      });
      try {
        batch.throwIfError();
        return "nothing thrown";
      } catch (error) {
        return [(error as Error).name, (error as Error).message];
      }
    });

    expect(live).toEqual([
      "BatchCompletionError",
      "the batch was completed as failed (CUSTOM_COMPLETION_FAILED) with 0 of 0 started items succeeded",
    ]);
    expect(replayed).toEqual(live);
  });
});

// batch.ts `#completeIfDone` makes a new list of all items, names included, for every outcome: the work grows with the
// square of the items. 2,000 items with a predicate take 20 times as long as 500.
test("a predicate costs each item a constant number of names", async () => {
  const rig = await createRig();
  let named = 0;
  await rig.run(async (_event, context) => {
    await context.map(
      Array.from({ length: 100 }, (_, index) => index),
      async () => {},
      {
        itemNamer: (_item, index) => {
          named += 1;
          return `item ${index}`;
        },
        completionConfig: { shouldComplete: () => continueBatch() },
      },
    );
  });

  expect(named).toBeLessThanOrEqual(300);
});

/** Owns the handlers of the suite `map` (9). */

import {
  BatchItemStatus,
  type BatchResult,
  type DurableContext,
  type Serdes,
  withDurableExecution,
} from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";

/** About 70 KB each, so that four exceed the 256 KB of a checkpoint. */
const LARGE_ITEM_LENGTH = 70 * 1024;

/** Runs one item; the names of the items say what they do. */
async function runItem(_context: DurableContext, item: string): Promise<string> {
  if (item.startsWith("fail")) throw new Error(`${item} failed`);
  return item;
}

const upperCased = async (_context: DurableContext, item: string): Promise<string> => item.toUpperCase();

const wrappingSerdes: Serdes<string> = {
  serialize: async (value) => `wrapped:${value}`,
  deserialize: async (data) => data?.slice("wrapped:".length),
};

const operationSerdes: Serdes<BatchResult<string>> = {
  serialize: async (batch) => `OPSERDE:${batch?.getResults().join(",")}`,
  deserialize: async (data) =>
    data === undefined ? undefined : batchOf(data.slice("OPSERDE:".length).split(",")),
};

/** The batch result of items that have all succeeded. */
function batchOf(results: string[]): BatchResult<string> {
  const all = results.map((result, index) => ({ result, index, status: BatchItemStatus.SUCCEEDED }));
  return {
    all,
    succeeded: () => all,
    failed: () => [],
    started: () => [],
    status: BatchItemStatus.SUCCEEDED,
    completionReason: "ALL_COMPLETED",
    hasFailure: false,
    throwIfError: () => {},
    getResults: () => results,
    getErrors: () => [],
    successCount: all.length,
    failureCount: 0,
    startedCount: 0,
    totalCount: all.length,
  };
}

export const mapHandlers: CaseHandlers = {
  "9-1": () =>
    withDurableExecution(async (items: string[], context) => {
      const greet = async (child: DurableContext, item: string) => child.step(async () => `Hello, ${item}!`);
      return (await context.map("map", items, greet, { maxConcurrency: 1 })).getResults();
    }),

  "9-2": () =>
    withDurableExecution(async (items: number[], context) => {
      const batch = await context.map(items, async (_child, item) => item * 2, { maxConcurrency: 1 });
      return batch.getResults();
    }),

  "9-4": () =>
    withDurableExecution(async (items: string[], context) =>
      (await context.map("empty", items, runItem)).getResults(),
    ),

  "9-5": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const batch = await context.map("failfast", ["ok", "fail", "never started"], runItem, {
        maxConcurrency: 1,
        completionConfig: { toleratedFailureCount: 0 },
      });
      const { completionReason, status, successCount, failureCount, totalCount } = batch;
      return { completionReason, status, successCount, failureCount, totalCount };
    }),

  "9-7": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const batch = await context.map("min-successful", ["i0", "i1", "i2", "i3"], runItem, {
        maxConcurrency: 1,
        completionConfig: { minSuccessful: 2 },
      });
      const { completionReason, successCount, totalCount } = batch;
      return { completionReason, successCount, totalCount };
    }),

  "9-8": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const batch = await context.map("tolerated", ["i0", "fail", "i2"], runItem, {
        maxConcurrency: 1,
        completionConfig: { toleratedFailureCount: 1 },
      });
      const { completionReason, status, successCount, failureCount, totalCount } = batch;
      return { completionReason, status, successCount, failureCount, totalCount };
    }),

  "9-10": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const batch = await context.map("tolerated-pct", ["fail-0", "fail-1", "i2", "i3"], runItem, {
        maxConcurrency: 1,
        completionConfig: { toleratedFailurePercentage: 25 },
      });
      const { completionReason, successCount, failureCount, totalCount } = batch;
      return { completionReason, successCount, failureCount, totalCount };
    }),

  "9-11": () =>
    withDurableExecution(async (_event: unknown, context) =>
      (await context.map("concurrent", ["r0", "r1", "r2"], runItem, { maxConcurrency: 2 })).getResults(),
    ),

  "9-13": () =>
    withDurableExecution(async (items: number[], context) => {
      const batch = await context.map("named-items", items, async (_child, item) => item * 10, {
        maxConcurrency: 1,
        itemNamer: (item) => `item-${item}`,
      });
      return batch.getResults();
    }),

  "9-14": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const batch = await context.map("serdes", ["x", "y"], upperCased, {
        maxConcurrency: 1,
        itemSerdes: wrappingSerdes,
      });
      return batch.getResults();
    }),

  "9-16": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const produce = async (_child: DurableContext, item: string) => item.repeat(LARGE_ITEM_LENGTH);
      const batch = await context.map("large", ["a", "b", "c", "d"], produce, { maxConcurrency: 1 });
      const { successCount, totalCount } = batch;
      return { successCount, totalCount };
    }),

  "9-17": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const batch = await context.map("then-wait", ["a", "b"], upperCased, { maxConcurrency: 1 });
      await context.wait({ seconds: 1 });
      return batch.getResults();
    }),

  "9-19": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const batch = await context.map("op-serde", ["x", "y"], upperCased, {
        maxConcurrency: 1,
        serdes: operationSerdes,
      });
      return batch.getResults();
    }),

  "9-20": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const batch = await context.map("op-serde-replay", ["x", "y"], upperCased, {
        maxConcurrency: 1,
        serdes: operationSerdes,
      });
      await context.wait({ seconds: 1 });
      return batch.getResults();
    }),
};

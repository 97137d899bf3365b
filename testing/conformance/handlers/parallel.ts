/** Owns the handlers of the suite `parallel` (8). */

import { type CompletionConfig, type DurableContext, withDurableExecution } from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";

type Branch = () => Promise<string>;

function returning(value: string): Branch {
  return async () => value;
}

function failing(message = "the branch failed"): Branch {
  return async () => {
    throw new Error(message);
  };
}

/** One branch after the other, so that the history is the same every time. */
function sequential(completionConfig: CompletionConfig): {
  maxConcurrency: number;
  completionConfig: CompletionConfig;
} {
  return { maxConcurrency: 1, completionConfig };
}

export const parallelHandlers: CaseHandlers = {
  "8-1": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = ["task-1", "task-2"].map(
        (task) => async (branch: DurableContext) => branch.step(async () => task),
      );
      return (await context.parallel("parallel", branches, { maxConcurrency: 1 })).getResults();
    }),

  "8-2": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const batch = await context.parallel([returning("alpha"), returning("beta")], { maxConcurrency: 1 });
      return batch.getResults();
    }),

  "8-4": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = ["hello", 42, { k: "v" }].map((value) => async () => value);
      return (await context.parallel("hetero", branches, { maxConcurrency: 1 })).getResults();
    }),

  "8-5": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const noBranches: Branch[] = [];
      return (await context.parallel("empty", noBranches)).getResults();
    }),

  "8-7": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = [failing(), returning("never started")];
      const batch = await context.parallel("throwing", branches, sequential({ toleratedFailureCount: 0 }));
      batch.throwIfError();
      return batch.getResults();
    }),

  "8-8": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = ["b0", "b1", "b2", "b3"].map(returning);
      const batch = await context.parallel("min-successful", branches, sequential({ minSuccessful: 2 }));
      const { completionReason, successCount, totalCount } = batch;
      return { completionReason, successCount, totalCount };
    }),

  "8-10": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = [failing(), failing(), returning("never started")];
      const config = sequential({ toleratedFailureCount: 1 });
      const batch = await context.parallel("tolerated-exceeded", branches, config);
      const { completionReason, successCount, failureCount, totalCount } = batch;
      return { completionReason, successCount, failureCount, totalCount };
    }),

  "8-11": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = ["r0", "r1", "r2"].map(returning);
      return (await context.parallel("concurrent", branches, { maxConcurrency: 2 })).getResults();
    }),

  "8-13": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = [failing(), failing(), returning("never started"), returning("never started")];
      const config = sequential({ toleratedFailurePercentage: 25 });
      const batch = await context.parallel("tolerated-pct", branches, config);
      const { completionReason, successCount, failureCount, totalCount } = batch;
      return { completionReason, successCount, failureCount, totalCount };
    }),

  "8-14": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = [
        async (branch: DurableContext) => branch.step(async () => "b0"),
        async (branch: DurableContext) => {
          await branch.wait({ seconds: 2 });
          return "b1";
        },
      ];
      return (await context.parallel("replay", branches, { maxConcurrency: 1 })).getResults();
    }),

  "8-16": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = [failing("first"), failing("second"), failing("third")];
      const batch = await context.parallel("all-fail", branches, sequential({ toleratedFailureCount: 3 }));
      const { completionReason, status, successCount, failureCount, totalCount } = batch;
      return { completionReason, status, successCount, failureCount, totalCount };
    }),

  "8-17": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = [returning("b0"), failing(), returning("b2")];
      const batch = await context.parallel("min-not-reached", branches, sequential({ minSuccessful: 3 }));
      const { completionReason, status, successCount, failureCount, totalCount } = batch;
      return { completionReason, status, successCount, failureCount, totalCount };
    }),

  "8-19": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = [returning("b0"), returning("b1")];
      return (await context.parallel("bad-concurrency", branches, { maxConcurrency: 0 })).getResults();
    }),

  "8-20": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = [returning("b0"), failing(), returning("b2")];
      const batch = await context.parallel("accessors", branches, sequential({ toleratedFailureCount: 1 }));
      return {
        hasFailure: batch.hasFailure,
        successCount: batch.succeeded().length,
        failureCount: batch.failed().length,
        errorCount: batch.getErrors().length,
      };
    }),

  "8-22": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const branches = [failing(), returning("b1"), returning("b2"), returning("b3")];
      const config = sequential({ toleratedFailurePercentage: 25 });
      const batch = await context.parallel("pct-boundary", branches, config);
      const { completionReason, status, successCount, failureCount, totalCount } = batch;
      return { completionReason, status, successCount, failureCount, totalCount };
    }),
};

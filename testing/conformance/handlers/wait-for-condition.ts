/** Owns the handlers of the suite `wait_for_condition` (6). */

import {
  createWaitStrategy,
  JitterStrategy,
  type Serdes,
  type WaitForConditionWaitStrategyFunc,
  withDurableExecution,
} from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";

/** Polls every second while the state is below the threshold. */
function until(threshold: number): WaitForConditionWaitStrategyFunc<number> {
  return (state) =>
    state < threshold ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false };
}

const increment = async (state: number): Promise<number> => state + 1;

async function failingCheck(): Promise<number> {
  throw new Error("the check failed");
}

const encodingSerdes: Serdes<string> = {
  serialize: async (value) =>
    value === undefined ? undefined : `encoded:${Buffer.from(value).toString("base64")}`,
  deserialize: async (data) =>
    data === undefined ? undefined : Buffer.from(data.slice("encoded:".length), "base64").toString("utf8"),
};

export const waitForConditionHandlers: CaseHandlers = {
  "6-1": () =>
    withDurableExecution(async (threshold: number, context) =>
      context.waitForCondition(increment, { initialState: 0, waitStrategy: until(threshold) }),
    ),

  "6-2": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.waitForCondition(async (state: number) => state, { initialState: 5, waitStrategy: until(5) }),
    ),

  "6-4": () =>
    withDurableExecution(async (threshold: number, context) =>
      context.waitForCondition(increment, { initialState: 5, waitStrategy: until(threshold) }),
    ),

  "6-5": () =>
    withDurableExecution(async (threshold: number, context) =>
      context.waitForCondition(increment, {
        initialState: 0,
        waitStrategy: createWaitStrategy({
          initialDelay: { seconds: 2 },
          backoffRate: 1,
          jitter: JitterStrategy.NONE,
          shouldContinuePolling: (state: number) => state < threshold,
        }),
      }),
    ),

  "6-7": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.waitForCondition(failingCheck, { initialState: 0, waitStrategy: until(1) }),
    ),

  "6-8": () =>
    withDurableExecution(async (_event: unknown, context) => {
      try {
        return await context.waitForCondition(failingCheck, { initialState: 0, waitStrategy: until(1) });
      } catch {
        return "recovered";
      }
    }),

  "6-10": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.waitForCondition<string | null>(async () => null, {
        initialState: "not checked yet",
        waitStrategy: () => ({ shouldContinue: false }),
      }),
    ),

  "6-11": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.waitForCondition(async (state: string) => `${state}x`, {
        initialState: "",
        waitStrategy: (state) =>
          state.length < 2 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
        serdes: encodingSerdes,
      }),
    ),

  "6-13": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const first = await context.waitForCondition(increment, { initialState: 0, waitStrategy: until(2) });
      return context.waitForCondition(increment, { initialState: first, waitStrategy: until(4) });
    }),
};

/** Waits and conditions. */

import { createWaitStrategy, JitterStrategy, retryPresets } from "@tidemark/sdk";
import type { InteropCase } from "../interop-case";
import { defineCase, failureOf } from "./define";

export const waitCases: readonly InteropCase[] = [
  defineCase("wait: named and unnamed", async (context) => {
    await context.wait("pause", { seconds: 2 });
    await context.wait({ seconds: 1 });
    return "rested";
  }),

  defineCase("wait: between steps", async (context, trace) => {
    const before = await context.step("before", async () => trace.count("body"));
    await context.wait({ seconds: 1 });
    const after = await context.step("after", async () => trace.count("body"));
    return { before, after };
  }),

  defineCase("wait: two at once", async (context) => {
    await Promise.all([context.wait("a", { seconds: 1 }), context.wait("b", { seconds: 1 })]);
    return "both";
  }),

  defineCase("wait: beside a step", async (context, trace) => {
    const wait = context.wait("pause", { seconds: 1 });
    const step = context.step("work", async () => {
      trace.push("work");
      return "worked";
    });
    const result = await step;
    await wait;
    return result;
  }),

  defineCase("wait: not awaited", async (context) => {
    void context.wait("left", { seconds: 600 });
    return context.step("work", async () => "done");
  }),

  defineCase("condition: a strategy of its own", async (context, trace) =>
    context.waitForCondition(
      "polls",
      async (state: { polls: number }, { attempt }) => {
        trace.push(`check ${attempt}`);
        return { polls: state.polls + 1 };
      },
      {
        initialState: { polls: 0 },
        waitStrategy: (state, attempt) => {
          trace.push(`strategy ${state.polls}, ${attempt}`);
          return state.polls < 3
            ? { shouldContinue: true, delay: { seconds: 1 } }
            : { shouldContinue: false };
        },
      },
    ),
  ),

  defineCase("condition: createWaitStrategy, unnamed", async (context) =>
    context.waitForCondition(async (state: number) => state + 1, {
      initialState: 0,
      waitStrategy: createWaitStrategy<number>({
        shouldContinuePolling: (state) => state < 2,
        initialDelay: { seconds: 1 },
        jitter: JitterStrategy.NONE,
      }),
    }),
  ),

  defineCase("condition: too many attempts", async (context) =>
    failureOf(
      context.waitForCondition("never", async (state: number) => state + 1, {
        initialState: 0,
        waitStrategy: createWaitStrategy<number>({
          shouldContinuePolling: () => true,
          maxAttempts: 2,
          initialDelay: { seconds: 1 },
          jitter: JitterStrategy.NONE,
        }),
      }),
    ),
  ),

  defineCase("condition: the check throws", async (context, trace) =>
    failureOf(
      context.waitForCondition(
        "broken",
        async () => {
          trace.push("check");
          throw new TypeError("no such job");
        },
        { initialState: 1, waitStrategy: () => ({ shouldContinue: false }) },
      ),
    ),
  ),

  defineCase("condition: in a child, between steps", async (context) =>
    context.runInChildContext("child", async (child) => {
      const first = await child.step("first", async () => 10, { retryStrategy: retryPresets.noRetry });
      const state = await child.waitForCondition("grow", async (n: number) => n * 2, {
        initialState: first,
        waitStrategy: (n) =>
          n < 40 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
      });
      return child.step("last", async () => state + 1);
    }),
  ),
];

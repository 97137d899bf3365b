/** context.promise and native combinations. */

import { retryPresets } from "@tidemark/sdk";
import type { InteropCase } from "../interop-case";
import { defineCase, failureOf } from "./define";

const noRetry = { retryStrategy: retryPresets.noRetry };

const fails = (message: string) => async (): Promise<string> => {
  throw new Error(message);
};

export const promiseCases: readonly InteropCase[] = [
  defineCase("promise.all", async (context) => {
    const values = await context.promise.all("both", [
      context.step("a", async () => 1),
      context.step("b", async () => 2),
    ]);
    await context.wait({ seconds: 1 });
    return values;
  }),

  defineCase("promise.all: one fails", async (context) =>
    failureOf(
      context.promise.all([
        context.step("a", async () => "1"),
        context.step("b", fails("b failed"), noRetry),
      ]),
    ),
  ),

  defineCase("promise.all: empty", async (context) => context.promise.all([])),

  defineCase("promise.allSettled", async (context) => {
    const settled = await context.promise.allSettled("both", [
      context.step("a", async () => "1"),
      context.step("b", fails("b failed"), noRetry),
    ]);
    await context.wait({ seconds: 1 });
    return settled.map((each) =>
      each.status === "fulfilled" ? each.value : [each.reason instanceof Error, each.reason?.message],
    );
  }),

  defineCase("promise.any", async (context) => {
    const value = await context.promise.any("first", [
      context.step("a", fails("a failed"), noRetry),
      context.step("b", async () => "b"),
    ]);
    await context.wait({ seconds: 1 });
    return value;
  }),

  defineCase("promise.any: all fail", async (context) =>
    failureOf(
      context.promise.any("first", [
        context.step("a", fails("a failed"), noRetry),
        context.step("b", fails("b failed"), noRetry),
      ]),
    ),
  ),

  defineCase("promise.race", async (context) => {
    const value = await context.promise.race<string | undefined>("race", [
      context.step("quick", async () => "quick"),
      context.runInChildContext("slow", async (child) => {
        await child.wait({ seconds: 600 });
        return "slow";
      }),
    ]);
    await context.wait({ seconds: 1 });
    return value;
  }),

  defineCase("promise.race: the first one fails", async (context) =>
    failureOf(context.promise.race("race", [context.step("bad", fails("lost"), noRetry)])),
  ),

  defineCase("native: Promise.race, replayed", async (context) => {
    const slow = context.runInChildContext("slow", async (child) => {
      await child.wait({ seconds: 1 });
      return "slow";
    });
    const winner = await Promise.race([slow, context.step("quick", async () => "quick")]);
    await context.step("after", async () => winner);
    await slow;
    await context.wait({ seconds: 1 });
    return winner;
  }),
];

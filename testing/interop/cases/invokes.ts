/** Chained invokes of durable and plain functions. */

import { withDurableExecution } from "@tidemark/sdk";
import type { InteropCase } from "../interop-case";
import { defineCase, failureOf } from "./define";

const doubler = withDurableExecution(async (event: { n: number }, context) => {
  const doubled = await context.step("double", async () => event.n * 2);
  await context.wait({ seconds: 1 });
  return { doubled };
});

const failing = withDurableExecution(async (_event, context) => {
  await context.step("fine", async () => 1);
  throw new RangeError("out of range");
});

export const invokeCases: readonly InteropCase[] = [
  defineCase(
    "invoke: a durable function",
    async (context) => context.invoke<{ n: number }, { doubled: number }>("call", "doubler", { n: 21 }),
    { durableFunctions: { doubler } },
  ),

  defineCase("invoke: unnamed, without input", async (context) => context.invoke("echo"), {
    plainFunctions: { echo: async (event) => ({ event: event ?? null }) },
  }),

  defineCase("invoke: a plain function", async (context) => context.invoke("call", "adder", { a: 1, b: 2 }), {
    plainFunctions: {
      adder: async (event) => {
        const { a, b } = event as { a: number; b: number };
        return a + b;
      },
    },
  }),

  defineCase(
    "invoke: a durable function fails",
    async (context) => failureOf(context.invoke("call", "failing", {})),
    {
      durableFunctions: { failing },
    },
  ),

  defineCase(
    "invoke: a plain function fails",
    async (context) => failureOf(context.invoke("call", "thrower", {})),
    {
      plainFunctions: {
        thrower: async () => {
          throw new TypeError("no such thing");
        },
      },
    },
  ),

  defineCase(
    "invoke: two at once, then a step",
    async (context) => {
      const results = await Promise.all([
        context.invoke<{ n: number }, { doubled: number }>("one", "doubler", { n: 1 }),
        context.invoke<{ n: number }, { doubled: number }>("two", "doubler", { n: 2 }),
      ]);
      return context.step("sum", async () => results.reduce((sum, { doubled }) => sum + doubled, 0));
    },
    { durableFunctions: { doubler } },
  ),

  defineCase(
    "invoke: from a child context",
    async (context) =>
      context.runInChildContext("child", async (child) => {
        const { doubled } = await child.invoke<{ n: number }, { doubled: number }>("doubler", { n: 4 });
        return doubled;
      }),
    { durableFunctions: { doubler } },
  ),

  defineCase("invoke: the failure is not caught", async (context) => context.invoke("call", "failing", {}), {
    durableFunctions: { failing },
  }),
];

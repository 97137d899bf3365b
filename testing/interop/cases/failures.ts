/** How executions fail. */

import { retryPresets } from "@tidemark/sdk";
import type { InteropCase } from "../interop-case";
import { defineCase } from "./define";

const noRetry = { retryStrategy: retryPresets.noRetry };

class OrderError extends Error {
  readonly orderId: string;

  constructor(orderId: string) {
    super(`order ${orderId} is unknown`);
    this.name = "OrderError";
    this.orderId = orderId;
  }
}

export const failureCases: readonly InteropCase[] = [
  defineCase("failure: the handler throws", async () => {
    throw new Error("handler broke");
  }),

  defineCase("failure: an error of its own", async (context) => {
    await context.step("fine", async () => 1);
    throw new OrderError("o-1");
  }),

  defineCase("failure: not an error", async () => {
    throw { code: 7 };
  }),

  defineCase("failure: a step fails", async (context) =>
    context.step(
      "bad",
      async () => {
        throw new OrderError("o-2");
      },
      noRetry,
    ),
  ),

  defineCase("failure: a step in two contexts fails", async (context) =>
    context.runInChildContext("outer", async (outer) =>
      outer.runInChildContext("inner", async (inner) =>
        inner.step(
          "bad",
          async () => {
            throw new OrderError("o-3");
          },
          noRetry,
        ),
      ),
    ),
  ),

  defineCase("failure: after a wait", async (context) => {
    await context.wait({ seconds: 1 });
    throw new OrderError("o-4");
  }),

  defineCase("failure: a rejected operation that nobody awaits", async (context) => {
    context
      .step(
        "bad",
        async () => {
          throw new Error("unseen");
        },
        noRetry,
      )
      .catch(() => {});
    await context.wait({ seconds: 1 });
    return "fine";
  }),

  defineCase(
    "failure: the code changes between invocations",
    async (context, trace) => {
      if (trace.count("invocation") === 1) await context.step("a step", async () => 1);
      else await context.wait("a wait", { seconds: 1 });
      return context.waitForCallback("go on", async () => {});
    },
    { outside: async (world) => (await world.submission("go on")).succeed() },
  ),

  defineCase(
    "failure: the name of a step changes between invocations",
    async (context, trace) => {
      await context.step(trace.count("invocation") === 1 ? "old" : "new", async () => trace.push("body"));
      return context.waitForCallback("go on", async () => {});
    },
    { outside: async (world) => (await world.submission("go on")).succeed() },
  ),
];

/** Child contexts: nested, virtual, failing, and with results too large to record. */

import { retryPresets, StepError } from "@tidemark/sdk";
import type { InteropCase } from "../interop-case";
import { defineCase, failureOf } from "./define";

/** Over the 256 KB that a record holds. */
const LARGE = 300 * 1024;

const noRetry = { retryStrategy: retryPresets.noRetry };

export const contextCases: readonly InteropCase[] = [
  defineCase("child: named, unnamed and nested", async (context) => {
    const a = await context.runInChildContext("outer", async (outer) => {
      const first = await outer.step("first", async () => 1);
      const second = await outer.runInChildContext(async (inner) => {
        await inner.wait({ seconds: 1 });
        return inner.step(async () => 2);
      });
      return first + second;
    });
    return context.step("after", async () => a + 1);
  }),

  defineCase("child: without operations", async (context) =>
    context.runInChildContext("empty", async () => "value"),
  ),

  defineCase("child: two at once", async (context) =>
    Promise.all(
      ["a", "b"].map((name) =>
        context.runInChildContext(name, async (child) => {
          await child.wait({ seconds: 1 });
          return child.step("work", async () => name);
        }),
      ),
    ),
  ),

  defineCase("child: throws", async (context) =>
    failureOf(
      context.runInChildContext("bad", async (child) => {
        await child.step("fine", async () => 1);
        throw new TypeError("child broke");
      }),
    ),
  ),

  defineCase("child: a step in it fails", async (context) =>
    failureOf(
      context.runInChildContext("bad", async (child) =>
        child.step(
          "worse",
          async () => {
            throw new RangeError("too far");
          },
          noRetry,
        ),
      ),
    ),
  ),

  defineCase("child: the failure after a wait", async (context) => {
    const failure = await failureOf(
      context.runInChildContext("bad", async () => {
        throw new Error("child broke");
      }),
    );
    await context.wait({ seconds: 1 });
    return failure;
  }),

  defineCase("child: errorMapper", async (context) =>
    failureOf(
      context.runInChildContext(
        "mapped",
        async () => {
          throw new Error("inside");
        },
        { errorMapper: (error) => new StepError(`mapped: ${error.message}`, error) },
      ),
    ),
  ),

  defineCase("child: subType of its own", async (context) =>
    context.runInChildContext("typed", async (child) => child.step(async () => 1), { subType: "Custom" }),
  ),

  defineCase("child: virtual", async (context, trace) => {
    const value = await context.runInChildContext(
      "virtual",
      async (child) => {
        const one = await child.step("one", async () => {
          trace.push("one");
          return 1;
        });
        await child.wait({ seconds: 1 });
        return one + (await child.step("two", async () => 2));
      },
      { virtualContext: true },
    );
    return context.step("after", async () => value);
  }),

  defineCase("child: virtual in a child", async (context) =>
    context.runInChildContext("outer", async (outer) =>
      outer.runInChildContext("virtual", async (child) => child.step("leaf", async () => "x"), {
        virtualContext: true,
      }),
    ),
  ),

  defineCase("child: a large result", async (context, trace) => {
    const text = await context.runInChildContext("large", async (child) => {
      const piece = await child.step("piece", async () => {
        trace.push("piece");
        return "0123456789";
      });
      return piece.repeat(LARGE / 10);
    });
    await context.wait({ seconds: 1 });
    return { length: text.length, start: text.slice(0, 12) };
  }),

  defineCase("child: a large result with a summary", async (context) => {
    const text = await context.runInChildContext(
      "large",
      async (child) => (await child.step("piece", async () => "ab")).repeat(LARGE / 2),
      { summaryGenerator: (value) => `${value.length} letters` },
    );
    await context.wait({ seconds: 1 });
    return text.length;
  }),

  defineCase("child: a large result rebuilt from a nested one", async (context) => {
    const text = await context.runInChildContext("outer", async (outer) => {
      const inner = await outer.runInChildContext("inner", async (child) =>
        (await child.step("piece", async () => "x")).repeat(LARGE),
      );
      await outer.wait({ seconds: 1 });
      return `${inner}!`;
    });
    await context.wait({ seconds: 1 });
    return text.length;
  }),

  defineCase("child: the parent's context is used in it", async (context) =>
    context.runInChildContext("child", async () => context.step("wrong", async () => 1)),
  ),

  defineCase("result: over 1 MB", async () => "x".repeat(1024 * 1024)),
];

/** Steps: names, values, retries, semantics and serdes. */

import {
  createClassSerdes,
  createClassSerdesWithDates,
  createLinearRetryStrategy,
  createRetryStrategy,
  JitterStrategy,
  retryPresets,
  type Serdes,
  StepSemantics,
  withDurableExecution,
  withRetry,
} from "@tidemark/sdk";
import type { InteropCase } from "../interop-case";
import { defineCase, describeError, failureOf, flaky } from "./define";

const everySecond = createRetryStrategy({
  maxAttempts: 3,
  initialDelay: { seconds: 1 },
  backoffRate: 1,
  jitter: JitterStrategy.NONE,
});

class Point {
  x = 0;
  at = new Date(0);
  label(): string {
    return `${this.constructor.name}(${this.x})`;
  }
}

const upperCase: Serdes<string> = {
  serialize: async (value) => value?.toUpperCase(),
  deserialize: async (data) => data?.toLowerCase(),
};

export const stepCases: readonly InteropCase[] = [
  defineCase("step: named and unnamed", async (context, trace) => {
    const a = await context.step("first", async () => {
      trace.push("first");
      return { text: "a" };
    });
    const b = await context.step(async () => {
      trace.push("second");
      return 2;
    });
    const c = await context.step(undefined, async ({ attempt }) => attempt);
    return { a, b, c };
  }),

  defineCase("step: values as JSON has them", async (context) => {
    const values = {
      nothing: await context.step("nothing", async () => undefined),
      empty: await context.step("null", async () => null),
      date: await context.step("date", async () => new Date(0)),
      nested: await context.step("nested", async () => ({ a: [1, undefined, null], b: undefined, c: "ü💥" })),
      falsy: await context.step("falsy", async () => ["", 0, false]),
      isDate: (await context.step("date again", async () => new Date(0))) instanceof Date,
    };
    return { ...values, wasUndefined: values.nothing === undefined };
  }),

  defineCase("step: several at once", async (context, trace) => {
    const results = await Promise.all(
      [3, 1, 2].map((n) =>
        context.step(`s${n}`, async () => {
          trace.push(`s${n}`);
          return n;
        }),
      ),
    );
    return results;
  }),

  defineCase("step: retried by a custom strategy", async (context, trace) => {
    const attempt = flaky(2, "third time", trace);
    return context.step("flaky", ({ attempt: n }) => attempt(n), {
      retryStrategy: (error, attemptCount) => {
        trace.push(`strategy ${error.name}: ${error.message}, ${attemptCount}`);
        return { shouldRetry: attemptCount < 5, delay: { seconds: attemptCount } };
      },
    });
  }),

  defineCase("step: retried by the default strategy", async (context, trace) => {
    const attempt = flaky(1, "second time", trace);
    return context.step("flaky", ({ attempt: n }) => attempt(n));
  }),

  defineCase("step: retries used up", async (context, trace) => {
    const attempt = flaky(9, "never", trace);
    return failureOf(context.step("flaky", ({ attempt: n }) => attempt(n), { retryStrategy: everySecond }));
  }),

  defineCase("step: linear strategy and presets", async (context, trace) => {
    const linear = createLinearRetryStrategy({
      maxAttempts: 2,
      initialDelay: { seconds: 1 },
      jitter: JitterStrategy.NONE,
    });
    const one = flaky(1, "ok", trace, "one");
    const two = flaky(1, "ok", trace, "two");
    return [
      await context.step("linear", ({ attempt }) => one(attempt), { retryStrategy: linear }),
      await failureOf(
        context.step("none", ({ attempt }) => two(attempt), { retryStrategy: retryPresets.noRetry }),
      ),
    ];
  }),

  defineCase("step: only some errors are retried", async (context, trace) => {
    const retryStrategy = createRetryStrategy({
      maxAttempts: 3,
      initialDelay: { seconds: 1 },
      jitter: JitterStrategy.NONE,
      retryableErrors: [/failure 1/],
      retryableErrorTypes: [RangeError],
    });
    const attempt = flaky(9, "never", trace);
    return failureOf(context.step("choosy", ({ attempt: n }) => attempt(n), { retryStrategy }));
  }),

  defineCase("step: throws what is not an error", async (context, trace) =>
    failureOf(
      context.step(
        "text",
        async () => {
          throw "a text";
        },
        {
          retryStrategy: (error) => {
            trace.push(`${error.name}: ${error.message}`);
            return { shouldRetry: false };
          },
        },
      ),
    ),
  ),

  defineCase("step: keeps the type of what it threw as the cause", async (context) =>
    failureOf(
      context.step(
        "typed",
        async () => {
          throw new TypeError("not a function");
        },
        { retryStrategy: retryPresets.noRetry },
      ),
    ),
  ),

  defineCase("step: at most once", async (context, trace) => {
    const attempt = flaky(1, "done", trace);
    return context.step("once", ({ attempt: n }) => attempt(n), {
      semantics: StepSemantics.AtMostOncePerRetry,
      retryStrategy: everySecond,
    });
  }),

  defineCase("step: serdes of its own", async (context) => {
    const text = await context.step("text", async () => "Mixed", { serdes: upperCase });
    const point = await context.step("point", async () => Object.assign(new Point(), { x: 3 }), {
      serdes: createClassSerdes(Point),
    });
    const dated = await context.step(
      "dated",
      async () => Object.assign(new Point(), { x: 4, at: new Date(86_400_000) }),
      { serdes: createClassSerdesWithDates(Point, ["at"]) },
    );
    await context.wait({ seconds: 1 });
    return {
      text,
      x: point.x,
      method: point.label(),
      isPoint: point instanceof Point,
      at: dated.at.getTime(),
    };
  }),

  defineCase("step: default serdes of a context", async (context) => {
    context.configureSerdes({ defaultSerdes: upperCase });
    const outer = await context.step("outer", async () => "One");
    const inner = await context.runInChildContext("child", async (child) =>
      child.step("in", async () => "Two"),
    );
    await context.wait({ seconds: 1 });
    return [outer, inner];
  }),

  defineCase("step: 100 in a row", async (context) => {
    let sum = 0;
    for (let index = 0; index < 100; index++) sum += await context.step(`s${index}`, async () => index);
    return sum;
  }),

  defineCase("withRetry: a block of operations", async (context, trace) => {
    const attempt = flaky(2, "third time", trace);
    const result = await withRetry(
      context,
      "block",
      async (child, n) => {
        await child.wait({ seconds: 1 });
        return child.step("work", () => attempt(n), { retryStrategy: retryPresets.noRetry });
      },
      { retryStrategy: everySecond },
    );
    return result;
  }),

  defineCase("withRetry: without a context, used up", async (context, trace) => {
    const attempt = flaky(9, "never", trace);
    try {
      return await withRetry(
        context,
        (child, n) => child.step(() => attempt(n), { retryStrategy: retryPresets.noRetry }),
        { retryStrategy: everySecond, wrapWithRunInChildContext: false },
      );
    } catch (error) {
      return describeError(error);
    }
  }),

  {
    name: "step: what the handler is given",
    payload: { id: 7, list: [1] },
    create: (trace) => ({
      handler: withDurableExecution(async (event, context) => {
        trace.push(typeof context.executionContext.durableExecutionArn);
        trace.push(typeof context.lambdaContext.getRemainingTimeInMillis());
        return event;
      }),
    }),
  },

  defineCase("step: no payload, no result", async (_context, trace, event) => {
    trace.push(JSON.stringify(event));
  }),
];

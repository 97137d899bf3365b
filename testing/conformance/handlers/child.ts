/** Owns the handlers of the suite `child` (3). */

import {
  createRetryStrategy,
  JitterStrategy,
  retryPresets,
  type Serdes,
  withDurableExecution,
} from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";

/** Above the 256 KB that fit into a checkpoint. */
const LARGE_RESULT_LENGTH = 300 * 1024;

const twoAttempts = createRetryStrategy({
  maxAttempts: 2,
  initialDelay: { seconds: 1 },
  jitter: JitterStrategy.NONE,
});

const upperCaseSerdes: Serdes<string> = {
  serialize: async (value) => value?.toUpperCase(),
  deserialize: async (data) => data,
};

export const childHandlers: CaseHandlers = {
  "3-1": () =>
    withDurableExecution(async (input: string, context) =>
      context.runInChildContext(async (child) => child.step(async () => input)),
    ),

  "3-2": () =>
    withDurableExecution(async ({ name, value }: { name: string; value: string }, context) =>
      context.runInChildContext(name, async (child) => child.step(async () => value)),
    ),

  "3-4": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.runInChildContext("failing-child", async (child) =>
        child.step(
          async () => {
            throw new Error("the inner step failed");
          },
          { retryStrategy: retryPresets.noRetry },
        ),
      ),
    ),

  "3-5": () =>
    withDurableExecution(async (input: string, context) => {
      try {
        await context.runInChildContext(async (child) =>
          child.step(
            async () => {
              throw new Error("the inner step failed");
            },
            { retryStrategy: retryPresets.noRetry },
          ),
        );
      } catch {
        // Recovered below.
      }
      return context.step(async () => input);
    }),

  "3-7": (world) =>
    withDurableExecution(async (input: string, context) =>
      context.runInChildContext("retrying-child", async (child) =>
        child.step(
          async () => {
            if (world.countAttempt("inner") === 1) throw new Error("the first attempt failed");
            return input;
          },
          { retryStrategy: twoAttempts },
        ),
      ),
    ),

  "3-8": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.runInChildContext("exhausted-child", async (child) =>
        child.step(
          async () => {
            throw new Error("always fails");
          },
          { retryStrategy: twoAttempts },
        ),
      ),
    ),

  "3-10": () =>
    withDurableExecution(async (input: string, context) =>
      context.runInChildContext("mixed-child", async (child) => {
        await child.step(async () => input);
        await child.wait({ seconds: 1 });
        return input;
      }),
    ),

  "3-11": () =>
    withDurableExecution(async (input: string, context) => {
      const large = await context.runInChildContext("large-child", async (child) => {
        child.configureLogger({ modeAware: false });
        child.logger.info(input);
        const small = await child.step(async () => "x");
        return small.repeat(LARGE_RESULT_LENGTH);
      });
      await context.wait({ seconds: 1 });
      return large.length;
    }),

  "3-13": () =>
    withDurableExecution(async (input: string, context) => {
      const result = await context.runInChildContext("waiting-child", async (child) => {
        await child.wait({ seconds: 1 });
        return input;
      });
      return context.step(async () => result);
    }),

  "3-14": () =>
    withDurableExecution(async (input: string, context) =>
      context.runInChildContext("upper-case-child", async (child) => child.step(async () => input), {
        serdes: upperCaseSerdes,
      }),
    ),

  "3-16": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.runInChildContext("null-child", async () => null),
    ),

  "3-17": () =>
    withDurableExecution(async (input: string, context) => {
      const result = await context.runInChildContext("logging-child", async (child) => {
        child.configureLogger({ modeAware: false });
        child.logger.info(input);
        return input;
      });
      await context.wait({ seconds: 1 });
      return result;
    }),
};

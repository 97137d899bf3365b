/** Owns the handlers of the suite `step` (1). */

import {
  createRetryStrategy,
  JitterStrategy,
  retryPresets,
  StepSemantics,
  withDurableExecution,
} from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";

interface Person {
  readonly name: string;
  readonly tags: readonly string[];
}

class TransientError extends Error {
  override readonly name = "TransientError";
}

const oneRetryAfterASecond = createRetryStrategy({
  maxAttempts: 2,
  initialDelay: { seconds: 1 },
  jitter: JitterStrategy.NONE,
});

export const stepHandlers: CaseHandlers = {
  "1-1": () =>
    withDurableExecution(async (name: string, context) => context.step(async () => `Hello, ${name}!`)),

  "1-2": () =>
    withDurableExecution(async (name: string, context) =>
      context.step("custom_step_name", async () => `Hello, ${name}!`),
    ),

  "1-4": () =>
    withDurableExecution(async ({ name, tags }: Person, context) =>
      context.step(async () => ({ user: { name, tags }, count: tags.length })),
    ),

  "1-5": () => withDurableExecution(async (_event: unknown, context) => context.step(async () => null)),

  "1-7": () =>
    withDurableExecution(async (name: string, context) =>
      context.step(async (stepContext) => {
        stepContext.logger.info(`Greeting step started for: ${name}`);
        const greeting = `Hello, ${name}!`;
        stepContext.logger.info(`Greeting step completed with: ${greeting}`);
        return greeting;
      }),
    ),

  "1-8": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const result = await context.step(async () => "computed");
      await context.wait({ seconds: 2 });
      return result;
    }),

  "1-10": () =>
    withDurableExecution(async (_event: unknown, context) => {
      let caught = "nothing was thrown";
      try {
        await context.step(
          async (stepContext) => {
            stepContext.logger.info("step executed");
            throw new Error("the step failed");
          },
          { retryStrategy: retryPresets.noRetry },
        );
      } catch (error) {
        caught = (error as Error).message;
      }
      await context.wait({ seconds: 1 });
      return caught;
    }),

  "1-11": (world) =>
    withDurableExecution(async (_event: unknown, context) =>
      context.step(async () => failedUntil(2, world.countAttempt("unreliable")), {
        retryStrategy: oneRetryAfterASecond,
      }),
    ),

  "1-13": (world) =>
    withDurableExecution(async (_event: unknown, context) =>
      context.step(async () => failedUntil(3, world.countAttempt("unreliable"))),
    ),

  "1-14": (world) =>
    withDurableExecution(async (_event: unknown, context) =>
      context.step(async () => failedUntil(3, world.countAttempt("unreliable")), {
        retryStrategy: createRetryStrategy({
          maxAttempts: 5,
          initialDelay: { seconds: 2 },
          backoffRate: 3,
          jitter: JitterStrategy.NONE,
        }),
      }),
    ),

  "1-16": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.step(
        async () => {
          throw new TransientError("not available just now");
        },
        { retryStrategy: (error) => ({ shouldRetry: !(error instanceof TransientError) }) },
      ),
    ),

  "1-17": (world) =>
    withDurableExecution(async (input: string, context) =>
      context.step(
        "at_most_once_flaky_step",
        async (stepContext) => {
          stepContext.logger.info(input);
          return world.exit(1);
        },
        { semantics: StepSemantics.AtMostOncePerRetry, retryStrategy: retryPresets.noRetry },
      ),
    ),

  "1-19": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.step(
        async () => {
          throw new Error("always fails");
        },
        { retryStrategy: retryPresets.noRetry },
      ),
    ),

  "1-20": () =>
    withDurableExecution(async (_event: unknown, context) => {
      let value: string;
      try {
        value = await context.step(
          async () => {
            throw new Error("always fails");
          },
          { retryStrategy: retryPresets.noRetry },
        );
      } catch {
        value = "fallback_result";
      }
      return context.step(async () => value);
    }),
};

/** Throws before the given attempt. */
function failedUntil(successfulAttempt: number, attempt: number): string {
  if (attempt < successfulAttempt) throw new Error(`attempt ${attempt} failed`);
  return "Operation succeeded";
}

/** Owns the handlers of the suite `wait_for_callback` (7). */

import { createRetryStrategy, JitterStrategy, withDurableExecution } from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";

/** A submitter that hands the callback id to nobody: the case completes the callback itself. */
const submit = async (): Promise<void> => {};

export const waitForCallbackHandlers: CaseHandlers = {
  "7-1": () => withDurableExecution(async (name: string, context) => context.waitForCallback(name, submit)),

  "7-2": () =>
    withDurableExecution(async (_event: unknown, context) => context.waitForCallback("approval", submit)),

  "7-4": () => withDurableExecution(async (name: string, context) => context.waitForCallback(name, submit)),

  "7-5": () =>
    withDurableExecution(async (name: string, context) =>
      context.waitForCallback(name, submit, { timeout: { seconds: 3 } }),
    ),

  "7-7": () =>
    withDurableExecution(async (name: string, context) =>
      context.waitForCallback(
        name,
        async () => {
          throw new Error("the submitter failed");
        },
        {
          retryStrategy: createRetryStrategy({
            maxAttempts: 2,
            initialDelay: { seconds: 1 },
            jitter: JitterStrategy.NONE,
          }),
        },
      ),
    ),

  "7-8": () =>
    withDurableExecution(async (name: string, context) =>
      context.runInChildContext("wrapper", async (child) => child.waitForCallback(name, submit)),
    ),

  "7-10": () =>
    withDurableExecution(async (name: string, context) => {
      await context.wait({ seconds: 1 });
      await context.step(async () => ({ id: 7, ready: true }));
      return context.waitForCallback(name, submit);
    }),

  "7-11": () =>
    withDurableExecution(async (name: string, context) => {
      const { status } = await context.waitForCallback<{ status: string }>(name, submit, {
        serdes: { deserialize: async (data) => (data === undefined ? undefined : JSON.parse(data)) },
      });
      return status;
    }),

  "7-13": () =>
    withDurableExecution(async (name: string, context) =>
      context.waitForCallback(name, submit, { heartbeatTimeout: { seconds: 10 } }),
    ),

  "7-14": () =>
    withDurableExecution(async (name: string, context) => {
      try {
        return await context.waitForCallback(name, submit, { timeout: { seconds: 3 } });
      } catch {
        return "timed-out-handled";
      }
    }),
};

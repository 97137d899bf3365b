/**
 * Owns the handlers of the suite `invoke` (5) and the functions that they invoke.
 *
 * A text as input needs a name in front: `invoke("echo", "text")` means the function "text".
 */

import { type Serdes, withDurableExecution } from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";

/** Just under the 256 KB that a checkpoint takes. */
const LARGE_PAYLOAD_LENGTH = 250 * 1024;

/** Durable functions: the history names the execution that an invocation starts. */
export const invokeTargets = {
  echo: withDurableExecution(async (event: unknown) => event),
  failing: withDurableExecution(async () => {
    throw new Error("the target failed");
  }),
  length: withDurableExecution(async (text: string) => text.length),
} as const;

const upperCaseSerdes: Serdes<string> = {
  serialize: async (value) => JSON.stringify(value),
  deserialize: async (data) => (data === undefined ? undefined : String(JSON.parse(data)).toUpperCase()),
};

export const invokeHandlers: CaseHandlers = {
  "5-1": () =>
    withDurableExecution(async (event: string, context) => context.invoke("call-echo", "echo", event)),

  "5-2": () =>
    withDurableExecution(async (event: { name: string; payload: string }, context) =>
      context.invoke(event.name, "echo", event.payload),
    ),

  "5-4": () => withDurableExecution(async (_event: unknown, context) => context.invoke("echo", null)),

  "5-5": () => withDurableExecution(async (_event: unknown, context) => context.invoke("failing")),

  "5-7": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.invoke("call-length", "length", "x".repeat(LARGE_PAYLOAD_LENGTH)),
    ),

  "5-8": () =>
    withDurableExecution(async (event: { tenantId: string; payload: string }, context) =>
      context.invoke("call-echo", "echo", event.payload, { tenantId: event.tenantId }),
    ),

  "5-10": () =>
    withDurableExecution(async (_event: unknown, context) => {
      let caught = "nothing was thrown";
      try {
        await context.invoke("failing");
      } catch (error) {
        caught = (error as Error).message;
      }
      await context.wait({ seconds: 1 });
      return caught;
    }),

  "5-11": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const result = await context.step(async () => ({ from: "the step" }));
      return context.invoke("echo", result);
    }),

  "5-13": () =>
    withDurableExecution(async (_event: unknown, context) =>
      context.runInChildContext(async (child) => child.invoke("echo", { from: "the child context" })),
    ),

  "5-14": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const first = await context.invoke("first-call", "echo", "first");
      const second = await context.invoke("second-call", "length", "second");
      return [first, second];
    }),

  "5-16": () =>
    withDurableExecution(async (event: string, context) =>
      context.invoke("call-echo", "echo", event, { resultSerdes: upperCaseSerdes }),
    ),
};

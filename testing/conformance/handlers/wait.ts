/** Owns the handlers of the suite `wait` (2). */

import { withDurableExecution } from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";

export const waitHandlers: CaseHandlers = {
  "2-1": () =>
    withDurableExecution(async (_event: unknown, context) => {
      await context.wait({ seconds: 2 });
    }),

  "2-2": () =>
    withDurableExecution(async (_event: unknown, context) => {
      await context.wait("custom_wait_name", { seconds: 2 });
    }),

  "2-4": () =>
    withDurableExecution(async (_event: unknown, context) => {
      await context.wait({ minutes: 1 });
    }),

  "2-5": () =>
    withDurableExecution(async (_event: unknown, context) => {
      await context.wait({ hours: 1 });
    }),
};

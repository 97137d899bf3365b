/** Owns the handlers of the suite `callback` (4). */

import { withDurableExecution } from "@tidemark/sdk";
import type { CaseHandlers } from "./case-world";

export const callbackHandlers: CaseHandlers = {
  "4-1": () =>
    withDurableExecution(async (name: string, context) => {
      const [result] = await context.createCallback(name);
      return result;
    }),

  "4-2": () =>
    withDurableExecution(async (_event: unknown, context) => {
      const [result] = await context.createCallback("approval");
      return result;
    }),

  "4-4": () =>
    withDurableExecution(async (name: string, context) => {
      const [result] = await context.createCallback(name, { heartbeatTimeout: { seconds: 5 } });
      return result;
    }),

  "4-5": () =>
    withDurableExecution(async (name: string, context) => {
      const [result] = await context.createCallback(name, { heartbeatTimeout: { seconds: 10 } });
      return result;
    }),

  "4-7": () =>
    withDurableExecution(async (name: string, context) => {
      const [result] = await context.createCallback(name);
      await context.step(async () => "done");
      return result;
    }),

  "4-8": () =>
    withDurableExecution(async (name: string, context) => {
      const [result] = await context.createCallback(name, { timeout: { seconds: 5 } });
      await context.step(async () => "done");
      return result;
    }),

  "4-10": () =>
    withDurableExecution(async (name: string, context) => {
      const [result] = await context.createCallback(name);
      await context.wait({ seconds: 5 });
      return result;
    }),

  "4-11": () =>
    withDurableExecution(async (name: string, context) => {
      const [result] = await context.createCallback(name, { timeout: { seconds: 3 } });
      await context.wait({ seconds: 6 });
      return result;
    }),

  "4-13": () =>
    withDurableExecution(async (name: string, context) => {
      const [result] = await context.createCallback(name);
      const message = await messageOf(result);
      await context.wait({ seconds: 2 });
      return message;
    }),

  "4-14": () =>
    withDurableExecution(async (name: string, context) => {
      const [result] = await context.createCallback(name, { timeout: { seconds: 3 } });
      const message = await messageOf(result);
      await context.wait({ seconds: 2 });
      return message;
    }),

  "4-16": () =>
    withDurableExecution(async (name: string, context) => {
      const [result] = await context.createCallback<number>(name, {
        serdes: { deserialize: async (data) => Number(data) },
      });
      const count = await result;
      return { count, doubled: count * 2 };
    }),

  "4-17": () =>
    withDurableExecution(async ([nameA, nameB]: [string, string], context) => {
      const [callbackA] = await context.createCallback(nameA);
      const resultA = await callbackA;
      const [callbackB] = await context.createCallback(nameB);
      const resultB = await callbackB;
      return [resultA, resultB];
    }),

  "4-19": () =>
    withDurableExecution(async ([nameA, nameB]: [string, string], context) => {
      const [callbackA] = await context.createCallback(nameA);
      const [callbackB] = await context.createCallback(nameB);
      const resultB = await callbackB;
      const resultA = await callbackA;
      return [resultA, resultB];
    }),
};

async function messageOf(result: PromiseLike<string>): Promise<string> {
  try {
    return await result;
  } catch (error) {
    return (error as Error).message;
  }
}

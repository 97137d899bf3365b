/** Callbacks: created, waited for, completed, failed, kept alive and timed out. */

import { retryPresets } from "@tidemark/sdk";
import type { InteropCase } from "../interop-case";
import { defineCase, failureOf } from "./define";

const json = {
  deserialize: async (data: string | undefined) => (data === undefined ? undefined : JSON.parse(data)),
};

export const callbackCases: readonly InteropCase[] = [
  defineCase(
    "waitForCallback: success, the text as it is",
    async (context, trace) => {
      const answer = await context.waitForCallback("approval", async (callbackId) => {
        trace.push(`submitted ${typeof callbackId}`);
      });
      return { answer };
    },
    { outside: async (world) => (await world.submission("approval")).succeed('{"ok":true}') },
  ),

  defineCase(
    "waitForCallback: success, read by a serdes",
    async (context) => context.waitForCallback<{ ok: boolean }>("approval", async () => {}, { serdes: json }),
    { outside: async (world) => (await world.submission("approval")).succeed('{"ok":true}') },
  ),

  defineCase(
    "waitForCallback: no payload",
    async (context) => {
      const answer = await context.waitForCallback("approval", async () => {});
      return { isUndefined: answer === undefined };
    },
    { outside: async (world) => (await world.submission("approval")).succeed() },
  ),

  defineCase(
    "waitForCallback: failure",
    async (context) => failureOf(context.waitForCallback("approval", async () => {})),
    {
      outside: async (world) =>
        (await world.submission("approval")).fail({
          ErrorType: "Declined",
          ErrorMessage: "no",
          ErrorData: "because",
        }),
    },
  ),

  defineCase("waitForCallback: timeout", async (context) =>
    failureOf(context.waitForCallback("approval", async () => {}, { timeout: { seconds: 2 } })),
  ),

  defineCase("waitForCallback: heartbeat timeout", async (context) =>
    failureOf(context.waitForCallback("approval", async () => {}, { heartbeatTimeout: { seconds: 2 } })),
  ),

  defineCase("waitForCallback: the submitter fails", async (context, trace) =>
    failureOf(
      context.waitForCallback(
        "approval",
        async () => {
          trace.push("submit");
          throw new RangeError("nobody there");
        },
        { retryStrategy: retryPresets.noRetry },
      ),
    ),
  ),

  defineCase(
    "waitForCallback: the submitter is retried",
    async (context, trace) =>
      context.waitForCallback(
        "approval",
        async () => {
          const calls = trace.count("submit");
          trace.push(`submit ${calls}`);
          if (calls === 1) throw new Error("busy");
        },
        { retryStrategy: (_error, n) => ({ shouldRetry: n < 3, delay: { seconds: 1 } }) },
      ),
    { outside: async (world) => (await world.submission("approval")).succeed("yes") },
  ),

  defineCase(
    "createCallback: success",
    async (context) => {
      const [approval, callbackId] = await context.createCallback("approval");
      await context.step("ask", async () => `asked with a ${typeof callbackId}`);
      return approval;
    },
    { outside: async (world) => (await world.callback("approval")).succeed("approved") },
  ),

  defineCase(
    "createCallback: heartbeat, then success",
    async (context) => {
      const [approval] = await context.createCallback("approval", {
        timeout: { hours: 1 },
        heartbeatTimeout: { minutes: 10 },
      });
      return approval;
    },
    {
      outside: async (world) => {
        const sender = await world.callback("approval");
        await sender.heartbeat();
        await sender.succeed("alive");
      },
    },
  ),

  defineCase(
    "createCallback: failure, caught around the promise",
    async (context) => {
      const [approval] = await context.createCallback("approval");
      return failureOf(approval);
    },
    { outside: async (world) => (await world.callback("approval")).fail({ ErrorMessage: "no" }) },
  ),

  defineCase("createCallback: timeout", async (context) => {
    const [approval] = await context.createCallback("approval", { timeout: { seconds: 2 } });
    return failureOf(approval);
  }),

  defineCase(
    "createCallback: two, completed in turn",
    async (context) => {
      const [first] = await context.createCallback("first");
      const [second] = await context.createCallback("second");
      return Promise.all([first, second]);
    },
    {
      outside: async (world) => {
        await (await world.callback("second")).succeed("2");
        await (await world.callback("first")).succeed("1");
      },
    },
  ),

  defineCase(
    "createCallback: in a child context",
    async (context) =>
      context.runInChildContext("child", async (child) => {
        const [approval] = await child.createCallback("approval");
        const answer = await approval;
        return child.step("use", async () => `got ${answer}`);
      }),
    { outside: async (world) => (await world.callback("approval")).succeed("it") },
  ),

  defineCase(
    "createCallback: default deserializer of the context",
    async (context) => {
      context.configureSerdes({ defaultCallbackDeserializer: json });
      const [approval] = await context.createCallback<{ n: number }>("approval");
      return (await approval).n;
    },
    { outside: async (world) => (await world.callback("approval")).succeed('{"n":5}') },
  ),
];

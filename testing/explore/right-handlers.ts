/** Owns handlers that are right, and use what a careless exploration could take for a bug. */

import { randomUUID } from "node:crypto";
import {
  type DurableContext,
  type DurableLambdaHandler,
  patched,
  retryPresets,
  StepSemantics,
  withDurableExecution,
} from "@tidemark/sdk";
import { answerCallback, type ExploreOptions, effect } from "@tidemark/testing";

export interface RightHandler {
  readonly create: () => DurableLambdaHandler;
  readonly options?: ExploreOptions;
}

const body =
  <T>(value: T) =>
  async () =>
    value;

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Ten steps, six of them in a parallel: what the speed is measured with. */
const tenSteps: RightHandler = {
  create: () =>
    withDurableExecution(async (_event, context) => {
      let sum = 0;
      for (let n = 1; n <= 3; n++) sum += await context.step(`step ${n}`, body(n));
      const batch = await context.parallel(
        "both",
        [1, 2, 3].map((n) => async (branch: DurableContext) => {
          const first = await branch.step("first", body(n));
          return branch.step("second", body(first + 1));
        }),
      );
      for (const result of batch.getResults()) sum += result;
      return context.step("last", body(sum));
    }),
};

export const rightHandlers: Readonly<Record<string, RightHandler>> = {
  tenSteps,
  chargeWithKey: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        const key = await context.step("key", async () => randomUUID());
        await context.step("charge", async () => effect("charge", { key }));
        return "charged";
      }),
  },
  mailAtLeastOnce: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        await context.step("mail", async () => effect("mail"));
        await context.wait("a day", { days: 1 });
        return context.step("remind", async () => {
          effect("reminder");
          return "reminded";
        });
      }),
    options: { atLeastOnce: ["mail", "reminder"] },
  },
  callback: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        const answer = await context.waitForCallback(
          "approval",
          async (callbackId) => answerCallback(callbackId, { result: { ok: true }, afterMs: 60_000 }),
          { timeout: { hours: 1 } },
        );
        const [signed] = await context.createCallback("signature", { timeout: { days: 1 } });
        return [answer, await signed];
      }),
    options: { callbacks: { signature: { result: "signed", afterMs: 5_000 } } },
  },
  callbackNotSubmitted: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        const submitter = async (): Promise<void> => Promise.reject(new RangeError("no route"));
        const approval = context.waitForCallback("approval", submitter, {
          retryStrategy: retryPresets.noRetry,
        });
        return approval.catch((error: Error) => error.message);
      }),
  },
  retries: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        const done = await context.step("flaky", async ({ attempt }) => {
          await pause(100);
          if (attempt < 3) throw new Error(`busy ${attempt}`);
          return "done";
        });
        const failed = await context
          .step("broken", async () => Promise.reject(new TypeError("broken")), {
            retryStrategy: retryPresets.noRetry,
          })
          .catch((error: Error) => (error.cause as Error).name);
        return [done, failed];
      }),
  },
  batchWithWaits: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        const batch = await context.map(
          "items",
          [1, 2, 3, 4],
          async (item, n) => {
            if (n === 2) throw new RangeError("two");
            await item.wait("rest", { minutes: n });
            return item.step("double", body(n * 2));
          },
          { maxConcurrency: 2, completionConfig: { toleratedFailureCount: 1 } },
        );
        return [batch.getResults(), batch.getErrors().map((error) => error.message)];
      }),
  },
  largeResults: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        const text = await context.runInChildContext("large", async (child) => {
          const letter = await child.step("letter", body("x"));
          return letter.repeat(2000);
        });
        const again = await context.step("again", body(text));
        return again.length;
      }),
    options: { inlineLimitBytes: 1024, pairs: 30 },
  },
  invokes: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        const price = await context.invoke<object, number>("price", "price", { item: "a" });
        const receipt = await context.invoke<number, string>("pay", "pay", price);
        return receipt;
      }),
    options: {
      pairs: 30,
      functions: {
        price: { handler: async () => 12, durable: false },
        pay: withDurableExecution(async (price: number, context) => {
          await context.wait({ seconds: 5 });
          return context.step("pay", body(`paid ${price}`));
        }),
      },
    },
  },
  condition: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        const job = await context.waitForCondition("job", async (state) => ({ polls: state.polls + 1 }), {
          initialState: { polls: 0 },
          waitStrategy: ({ polls }) =>
            polls < 3 ? { shouldContinue: true, delay: { seconds: 30 } } : { shouldContinue: false },
        });
        return job.polls;
      }),
  },
  nativePromises: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        const seen: string[] = [];
        const first = await Promise.race([
          context.wait("long", { days: 2 }).then(() => "long"),
          context.wait("short", { seconds: 1 }).then(() => "short"),
        ]);
        await Promise.all(
          ["a", "b", "c"].map(async (name) => {
            await context.step(name, body(name));
            seen.push(name);
          }),
        );
        await context.step("log", body("logged"));
        return [first, seen];
      }),
  },
  onceOrNever: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        try {
          return await context.step(
            "print",
            async () => {
              effect("cheque");
              return "printed";
            },
            { semantics: StepSemantics.AtMostOncePerRetry, retryStrategy: retryPresets.noRetry },
          );
        } catch {
          return context.step("ask a person", body("somebody looks whether it is printed"));
        }
      }),
    options: { accepts: ({ result }) => result === "somebody looks whether it is printed" },
  },
  snapshots: {
    create: () =>
      withDurableExecution(async (_event, context) => {
        let sum = 0;
        for (let n = 1; n <= 3; n++) {
          sum += await context.runInChildContext(`round ${n}`, async (child) => {
            const one = await child.step("one", body(n));
            return child.step("two", body(one + 1));
          });
          await context.wait("rest", { minutes: 1 });
        }
        return sum;
      }),
    options: { snapshotAfterBytes: 0 },
  },
  timeAndChanceInSteps: {
    create: () => {
      let started = 0;
      return withDurableExecution(async (_event, context) => {
        // State of the module that nothing depends on.
        started += 1;
        context.logger.debug("invocation", { started });
        const [at, chance] = await context.step("facts", async () => [Date.now(), Math.random()]);
        const isNew = patched(context, "way");
        await context.wait("a while", { seconds: 20 });
        const name = (chance ?? 0) < 0.5 ? "small" : "large";
        return context.step(name, async () => [isNew, typeof at, name]);
      });
    },
  },
};

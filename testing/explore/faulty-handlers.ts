/** Owns handlers that work as long as nothing happens, each with one bug that a crash brings out. */

import { randomUUID } from "node:crypto";
import {
  type DurableContext,
  type DurableLambdaHandler,
  StepSemantics,
  withDurableExecution,
} from "@tidemark/sdk";
import { answerCallback, type ExploreOptions, effect, type FindingKind } from "@tidemark/testing";

export interface FaultyHandler {
  /** What is wrong with it. */
  readonly bug: string;
  /** As a new process has it. */
  readonly create: () => DurableLambdaHandler;
  readonly options?: ExploreOptions;
  /** How it is found. */
  readonly found: FindingKind;
}

const body =
  <T>(value: T) =>
  async () =>
    value;

/** Steps in front, so that there is something to replay. */
async function prelude(context: DurableContext): Promise<number> {
  const order = await context.step("load", body(12));
  return context.step("price", body(order * 2));
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

export const faultyHandlers: Readonly<Record<string, FaultyHandler>> = {
  sharedCounter: {
    bug: "a variable of the module counts, and a new process begins at 0",
    found: "outcome",
    create: () => {
      let served = 0;
      return withDurableExecution(async (_event, context) => {
        await prelude(context);
        await context.wait("cool off", { minutes: 1 });
        served += 1;
        return { served: await context.step("number", body(served)), seen: served > 1 };
      });
    },
  },
  dateBranch: {
    bug: "the branch depends on the time of day, which has moved on when the code runs again",
    found: "tree",
    create: () =>
      withDurableExecution(async (_event, context) => {
        const startedAt = await context.step("started", async () => Date.now());
        await prelude(context);
        const isLate = Date.now() - startedAt > 20_000;
        await context.step(isLate ? "ship by air" : "ship by land", body("shipped"));
        return context.step("done", body("done"));
      }),
  },
  chargeWithoutKey: {
    bug: "the charge has no idempotency key, and the step may run again",
    found: "effect",
    create: () =>
      withDurableExecution(async (_event, context) => {
        const cents = await prelude(context);
        return context.step("charge", async () => {
          effect("charge");
          return `charged ${cents}`;
        });
      }),
  },
  keyMadeInTheStep: {
    bug: "the idempotency key is made in the step that uses it, so every run has another one",
    found: "effect",
    create: () =>
      withDurableExecution(async (_event, context) => {
        await prelude(context);
        return context.step("charge", async () => {
          effect("charge", { key: randomUUID() });
          return "charged";
        });
      }),
  },
  lateCallback: {
    bug: "the callback's time runs from its creation, and a crash before its id is handed over eats it up",
    found: "outcome",
    create: () =>
      withDurableExecution(async (_event, context) => {
        const [approval, callbackId] = await context.createCallback("approval", { timeout: { seconds: 20 } });
        const text = await context.step("write the mail", body("please approve"));
        await context.step("send the mail", async () => {
          answerCallback(callbackId, { result: "yes", afterMs: 5_000 });
          return text;
        });
        return approval.catch((error: Error) => error.name);
      }),
  },
  unawaitedStep: {
    bug: "nobody awaits the step, so the handler may end without it",
    found: "not-awaited",
    create: () =>
      withDurableExecution(async (_event, context) => {
        await prelude(context);
        void context.step("audit", async () => {
          await pause(200);
          effect("audit");
        });
        return context.step("answer", body("done"));
      }),
  },
  unawaitedInstantStep: {
    bug: "nobody awaits the step, which ends at once, so that it is only missing after a crash between it and the end",
    found: "not-awaited",
    create: () =>
      withDurableExecution(async (_event, context) => {
        await prelude(context);
        void context.step("audit", async () => effect("audit", { key: "a-1" }));
        return context.step("answer", body("done"));
      }),
  },
  mutationFromBranch: {
    bug: "branches add to a variable of the handler, and branches that have ended do not run again",
    found: "outcome",
    create: () =>
      withDurableExecution(async (_event, context) => {
        let total = 0;
        await context.parallel(
          "count",
          [1, 2, 3].map((n) => async (branch: DurableContext) => {
            total += await branch.step("count", body(n));
          }),
        );
        await context.step("report", body("sent"));
        return total;
      }),
  },
  randomBranch: {
    bug: "the branch is drawn, and drawn again by the replay",
    found: "tree",
    create: () =>
      withDurableExecution(async (_event, context) => {
        await prelude(context);
        const isSample = Math.random() < 0.5;
        await context.step(isSample ? "inspect" : "pass", body("ok"));
        return context.step("done", body("done"));
      }),
  },
  mailBetweenSteps: {
    bug: "the mail is sent between two steps, again in every invocation",
    found: "effect",
    create: () =>
      withDurableExecution(async (_event, context) => {
        await prelude(context);
        effect("mail");
        return context.step("done", body("done"));
      }),
  },
  flagSetByABody: {
    bug: "the body sets a variable, and a body that is recorded does not run again: the mail is never sent",
    found: "effect",
    create: () =>
      withDurableExecution(async (_event, context) => {
        let isNew = false;
        await context.step("register", async () => {
          isNew = true;
        });
        const text = await context.step("write the mail", body("welcome"));
        await context.step("send", async () => {
          if (isNew) effect("mail", { key: "m-1" });
        });
        return text;
      }),
  },
  atMostOnceIsRetried: {
    bug: "at most once is per attempt, and the default strategy tries again",
    found: "effect",
    create: () =>
      withDurableExecution(async (_event, context) => {
        await prelude(context);
        return context.step(
          "print a cheque",
          async () => {
            effect("cheque");
            return "printed";
          },
          { semantics: StepSemantics.AtMostOncePerRetry },
        );
      }),
  },
  answerInMemory: {
    bug: "the answer is awaited in the memory of the process that asked",
    found: "stuck",
    create: () => {
      const answers = new Map<string, Promise<string>>();
      return withDurableExecution(async (_event, context) => {
        await prelude(context);
        await context.step("ask", async () => {
          answers.set(
            "o-1",
            pause(5_000).then(() => "yes"),
          );
        });
        const answer = await (answers.get("o-1") ?? new Promise<string>(() => {}));
        return context.step("done", body(answer));
      });
    },
  },
  moduleCache: {
    bug: "what a step gave is kept in the module, and a later invocation in the same process does not ask for the step",
    found: "outcome",
    create: () => {
      const cache = new Map<string, number>();
      return withDurableExecution(async (_event, context) => {
        const rate = cache.get("rate") ?? (await context.step("load rate", body(3)));
        cache.set("rate", rate);
        await context.wait("cool off", { minutes: 1 });
        return rate * (await context.step("amount", body(2)));
      });
    },
  },
};

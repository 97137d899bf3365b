/**
 * Owns the handlers whose histories are kept: together they use every kind of operation.
 *
 * Never change one: histories of released versions were recorded with them. Add another instead.
 * `ran` counts step bodies; a replay of a finished history must leave it at zero.
 */

import {
  BatchItemStatus,
  type DurableContext,
  type DurableLambdaHandler,
  getVersion,
  NestingType,
  patched,
  StepSemantics,
  withDurableExecution,
} from "@tidemark/sdk";

import type { ItemsAtOnce } from "../kit/few-at-once";

export interface Counter {
  ran: number;
}

export type GoldenHandler = (counter: Counter) => DurableLambdaHandler;

const noRetry = { retryStrategy: () => ({ shouldRetry: false }) };

/** A step body that counts. */
function body<T>(counter: Counter, value: T): () => Promise<T> {
  return async () => {
    counter.ran += 1;
    return value;
  };
}

const steps: GoldenHandler = (counter) =>
  withDurableExecution(async (event: { id: string }, context) => {
    const a = await context.step("named", body(counter, { id: event.id }));
    const b = await context.step(body(counter, undefined));
    const once = await context.step("once", body(counter, 7), {
      semantics: StepSemantics.AtMostOncePerRetry,
    });
    const failed = await context
      .step(
        "fails",
        async () => {
          counter.ran += 1;
          throw new RangeError("out of range");
        },
        noRetry,
      )
      .catch((error: Error) => [error.name, error.message, (error.cause as Error).name]);
    const retried = await context.step(
      "retried",
      async ({ attempt }) => {
        counter.ran += 1;
        if (attempt < 3) throw new Error(`attempt ${attempt}`);
        return attempt;
      },
      { retryStrategy: (_error, attempt) => ({ shouldRetry: attempt < 3, delay: { seconds: 2 } }) },
    );
    await context.wait("pause", { minutes: 1 });
    return { a, b: b === undefined, once, failed, retried };
  });

const contexts: GoldenHandler = (counter) =>
  withDurableExecution(async (_event, context) => {
    const small = await context.runInChildContext("small", async (child) => {
      const one = await child.step("one", body(counter, 1));
      await child.wait({ seconds: 5 });
      return one + 1;
    });
    const large = await context.runInChildContext("large", async (child) => {
      const letter = await child.step("letter", body(counter, "x"));
      return letter.repeat(300 * 1024);
    });
    const virtual = await context.runInChildContext(
      "virtual",
      (child) => child.step("inner", body(counter, 3)),
      {
        virtualContext: true,
      },
    );
    const failure = await context
      .runInChildContext("fails", async (child) => {
        await child.step(
          "deep",
          async () => {
            counter.ran += 1;
            throw new TypeError("wrong");
          },
          noRetry,
        );
      })
      .catch((error: Error) => [error.name, (error.cause as Error).name]);
    await context.wait({ seconds: 1 });
    return { small, large: large.length, virtual, failure };
  });

const batches: GoldenHandler = (counter) =>
  withDurableExecution(async (_event, context) => {
    const nested = await context.parallel("nested", [
      async (branch) => branch.step("left", body(counter, "l")),
      {
        name: "right",
        func: async (branch: DurableContext) => {
          await branch.wait({ seconds: 3 });
          const inner = await branch.map("inner", [1, 2, 3], async (item, n) =>
            item.step(body(counter, n * 2)),
          );
          return inner.getResults().join();
        },
      },
    ]);
    const early = await context.map(
      "early",
      [1, 2, 3, 4],
      async (item, n) => {
        if (n === 2) await item.wait("slow", { hours: 1 });
        return item.step(`item ${n}`, body(counter, n));
      },
      { completionConfig: { minSuccessful: 2 }, maxConcurrency: 3, itemNamer: (n) => `n-${n}` },
    );
    const flat = await context.map(
      "flat",
      ["a", "b"],
      async (item, s) => item.step(body(counter, s.toUpperCase())),
      {
        nesting: NestingType.FLAT,
      },
    );
    const tolerant = await context.map(
      "tolerant",
      [0, 1],
      async (_item, n) => {
        if (n === 0) throw new Error("zero");
        return n;
      },
      { completionConfig: { toleratedFailureCount: 1 } },
    );
    await context.wait({ seconds: 1 });
    return {
      nested: nested.getResults(),
      early: [
        early.completionReason,
        early.all.map((item) => (item.status === BatchItemStatus.STARTED ? "-" : item.result)),
      ],
      flat: flat.getResults(),
      tolerant: [tolerant.status, tolerant.getErrors().map((error) => error.message)],
    };
  });

const outside: GoldenHandler = (counter) =>
  withDurableExecution(async (_event, context) => {
    const [timedOut] = await context.createCallback("never", { timeout: { seconds: 30 } });
    const lost = await timedOut.catch((error: Error) => error.name);
    const answered = await context.waitForCallback("answered", async () => {
      counter.ran += 1;
    });
    const polled = await context.waitForCondition(
      "polled",
      async (state: number) => {
        counter.ran += 1;
        return state + 1;
      },
      {
        initialState: 0,
        waitStrategy: (state) =>
          state < 3 ? { shouldContinue: true, delay: { seconds: 4 } } : { shouldContinue: false },
      },
    );
    const invoked = await context.invoke("child", "echo", { text: "hello" });
    return { lost, answered, polled, invoked };
  });

const races: GoldenHandler = (counter) =>
  withDurableExecution(async (_event, context) => {
    const seen: string[] = [];
    const see = (name: string) => (value: unknown) => {
      seen.push(`${name}=${value}`);
      return value;
    };
    const first = await Promise.race([
      context.wait("long", { minutes: 1 }).then(() => "long"),
      context.wait("short", { seconds: 1 }).then(() => "short"),
    ]);
    const all = context.promise.all("all", [context.step(body(counter, 1)), context.step(body(counter, 2))]);
    const any = context.promise.any("any", [
      context.step(async () => Promise.reject(new Error("no")), noRetry),
      context.step(body(counter, "yes")),
    ]);
    const branches = await Promise.all([
      context.step("x", body(counter, "x")).then(see("x")),
      context.wait("w", { seconds: 2 }).then(see("w")),
      context.step("y", body(counter, "y")).then(see("y")),
    ]);
    const settled = await context.promise.allSettled("settled", [
      context.step(async () => Promise.reject(new TypeError("bad")), noRetry),
    ]);
    await context.wait({ seconds: 1 });
    return {
      first,
      all: await all,
      any: await any,
      branches: branches.length,
      seen,
      settled: settled.map((result) =>
        result.status === "rejected" ? (result.reason as Error).name : result.value,
      ),
    };
  });

const versions: GoldenHandler = (counter) =>
  withDurableExecution(async (_event, context) => {
    const root = getVersion(context, "root", { min: 0, max: 2 });
    if (patched(context, "check")) await context.step("check", body(counter, "checked"));
    const items = await context.map("items", [1, 2], async (item, n) => {
      const isNew = patched(item, "item");
      return item.step(`item ${n}`, body(counter, isNew));
    });
    const large = await context.runInChildContext("large", async (child) => {
      const letter = await child.step("letter", body(counter, patched(child, "letter") ? "n" : "o"));
      return letter.repeat(300 * 1024);
    });
    await context.wait("pause", { minutes: 1 });
    return { root, items: items.getResults(), large: large.slice(0, 2) };
  });

/** Results of contexts over the inline limit, on a payload store: the code of the contexts counts as a body. */
const storedContexts: GoldenHandler = (counter) =>
  withDurableExecution(async (_event, context) => {
    const large = await context.runInChildContext(
      "large",
      async (child) => {
        counter.ran += 1;
        const letter = await child.step("letter", body(counter, "x"));
        return { text: letter.repeat(200), at: new Date(0) as unknown };
      },
      { summaryGenerator: ({ text }) => `${text.length} letters` },
    );
    const long = async (item: DurableContext, letter: string): Promise<string> => {
      counter.ran += 1;
      return (await item.step(letter, body(counter, letter))).repeat(200);
    };
    const nested = await context.map("nested", ["n", "m"], long);
    const flat = await context.map("flat", ["f"], long, { nesting: NestingType.FLAT });
    await context.wait("pause", { minutes: 1 });
    return [large.text.length, large.at, nested.getResults().join(""), flat.getResults().length];
  });

/** Items that begin in turns of their own, beside steps, and run again on replay. */
const groups: GoldenHandler = (counter) =>
  withDurableExecution(async (_event: unknown, context) => {
    let ended = 0;
    const beside = async (): Promise<void> => {
      for (let step = 0; step < 4; step++) {
        await context.step(`beside-${step}`, body(counter, step));
        ended += 1;
      }
    };
    const [batch] = await Promise.all([
      context.map("items", [0, 1, 2, 3, 4], async (child, item) => {
        const atBegin = ended;
        const value = await child.step(`${item} after ${atBegin}`, body(counter, item));
        // Too large for a record: the code runs again.
        return { value, atBegin, text: "x".repeat(300 * 1024) };
      }),
      beside(),
    ]);
    return batch.getResults().map(({ value, atBegin }) => [value, atBegin]);
  });

/** Handlers whose batches begin few items at once, as it is with thousands of them. */
export const ITEMS_AT_ONCE: Readonly<Record<string, ItemsAtOnce>> = { groups: { first: 2, later: 1 } };

/** Handlers whose histories have a payload store, and the limit of bytes above which payloads go there. */
export const INLINE_LIMIT_BYTES: Readonly<Record<string, number>> = { storedContexts: 100 };

export const goldenHandlers: Record<string, GoldenHandler> = {
  steps,
  contexts,
  batches,
  outside,
  races,
  versions,
  storedContexts,
  groups,
};

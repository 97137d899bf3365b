/** Result types flow from what the handler passes in to what it gets back. */

import {
  type BatchItem,
  type BatchItemStatus,
  type BatchResult,
  type ChildContextError,
  type CompletionConfig,
  type CompletionReason,
  completeBatch,
  continueBatch,
  type DurableContext,
  type DurableContextLogger,
  type DurableExecutionHandler,
  type DurableLambdaHandler,
  type DurableLogger,
  type DurablePromise,
  type Duration,
  type RetryDecision,
  retryPresets,
  type StepContext,
  withDurableExecution,
  withRetry,
} from "@tidemark/sdk";
import { assertType, type Equals } from "./assert-type";

declare const context: DurableContext;

export async function steps(): Promise<void> {
  const object = context.step("named", async () => ({ a: 1 }));
  assertType<Equals<typeof object, DurablePromise<{ a: number }>>>();
  const text = await context.step(async ({ attempt, logger }) => {
    assertType<Equals<typeof attempt, number>>();
    assertType<Equals<typeof logger, DurableContextLogger<DurableLogger>>>();
    return "text";
  });
  assertType<Equals<typeof text, string>>();
  const nothing = await context.step(undefined, async () => {});
  assertType<Equals<typeof nothing, void>>();
  const union = await context.step(async () => (text === "" ? 1 : "one"));
  assertType<Equals<typeof union, 1 | "one">>();
  assertType<
    Equals<Parameters<Parameters<typeof context.step>[0] & object>, [context: StepContext<DurableLogger>]>
  >();
  // @ts-expect-error: the body of a step is asynchronous
  context.step("sync", () => 1);
  // @ts-expect-error: a serdes of another type
  context.step("n", async () => 1, {
    serdes: { serialize: async (v: string) => v, deserialize: async () => "" },
  });
}

export async function waits(): Promise<void> {
  const wait = context.wait("pause", { seconds: 1 });
  assertType<Equals<typeof wait, DurablePromise<void>>>();
  // @ts-expect-error: a duration, not a number
  context.wait(5);
  // @ts-expect-error: nothing to wait for
  context.wait({});
  // @ts-expect-error: no such unit
  context.wait({ weeks: 1 });
  assertType<Equals<Extract<Duration, { days: number }>["days"], number>>();
  const durations: Duration[] = [
    { days: 1, seconds: 2 },
    { hours: 1, minutes: 2 },
    { minutes: 1 },
    { seconds: 0 },
  ];
  context.wait(durations[0] as Duration);
  const state = await context.waitForCondition("polls", async (n: number) => n + 1, {
    initialState: 0,
    waitStrategy: (n, attempt) => {
      assertType<Equals<[typeof n, typeof attempt], [number, number]>>();
      return { shouldContinue: false };
    },
  });
  assertType<Equals<typeof state, number>>();
  // @ts-expect-error: a condition needs a strategy
  context.waitForCondition("polls", async (n: number) => n, { initialState: 0 });
  context.waitForCondition(async (n: number) => n, {
    initialState: 0,
    // @ts-expect-error: going on needs a delay
    waitStrategy: () => ({ shouldContinue: true }),
  });
}

export async function callbacks(): Promise<void> {
  const plain = await context.waitForCallback("approval", async (callbackId) => {
    assertType<Equals<typeof callbackId, string>>();
  });
  assertType<Equals<typeof plain, string>>();
  const typed = await context.waitForCallback<{ ok: boolean }>(async () => {}, { timeout: { hours: 1 } });
  assertType<Equals<typeof typed, { ok: boolean }>>();
  const [promise, id] = await context.createCallback("approval");
  assertType<Equals<typeof promise, DurablePromise<string>>>();
  assertType<Equals<typeof id, string>>();
  const [numbers] = await context.createCallback<number[]>({ heartbeatTimeout: { minutes: 1 } });
  assertType<Equals<Awaited<typeof numbers>, number[]>>();
  const [read] = await context.createCallback({ serdes: { deserialize: async () => 7 } });
  assertType<Equals<Awaited<typeof read>, number>>();
}

export async function invokes(): Promise<void> {
  const typed = await context.invoke<{ n: number }, string>("call", "function", { n: 1 });
  assertType<Equals<typeof typed, string>>();
  const unnamed = await context.invoke<{ n: number }, string>("function", { n: 1 }, { tenantId: "t" });
  assertType<Equals<typeof unnamed, string>>();
  const unknown = await context.invoke("function");
  assertType<Equals<typeof unknown, unknown>>();
  // @ts-expect-error: another input than declared
  context.invoke<{ n: number }, string>("call", "function", { m: 1 });
}

export async function children(): Promise<void> {
  const nested = await context.runInChildContext("outer", async (outer) => {
    assertType<Equals<typeof outer, DurableContext<DurableLogger>>>();
    return outer.runInChildContext(async (inner) => inner.step(async () => [1]));
  });
  assertType<Equals<typeof nested, number[]>>();
  context.runInChildContext("sum", async () => 1, {
    summaryGenerator: (value) => {
      assertType<Equals<typeof value, number>>();
      return "";
    },
  });
}

export async function batches(): Promise<void> {
  const mapped = await context.map("m", ["a"], async (child, item, index, array) => {
    assertType<Equals<typeof child, DurableContext<DurableLogger>>>();
    assertType<Equals<[typeof item, typeof index, typeof array], [string, number, string[]]>>();
    return item.length;
  });
  assertType<Equals<typeof mapped, BatchResult<number>>>();
  assertType<Equals<typeof mapped.all, BatchItem<number>[]>>();
  assertType<Equals<ReturnType<typeof mapped.getResults>, number[]>>();
  assertType<Equals<ReturnType<typeof mapped.getErrors>, ChildContextError[]>>();
  const [succeeded] = mapped.succeeded();
  assertType<Equals<NonNullable<typeof succeeded>["result"], number>>();
  const [failed] = mapped.failed();
  assertType<Equals<NonNullable<typeof failed>["error"], ChildContextError>>();
  const [started] = mapped.started();
  assertType<Equals<NonNullable<typeof started>["status"], BatchItemStatus.STARTED>>();
  assertType<Equals<typeof mapped.status, BatchItemStatus.SUCCEEDED | BatchItemStatus.FAILED>>();
  assertType<Equals<typeof mapped.completionReason, CompletionReason>>();
  assertType<Equals<typeof mapped.successCount, number>>();

  const homogeneous = await context.parallel([async () => 1, async () => 2]);
  assertType<Equals<typeof homogeneous, BatchResult<number>>>();
  const named = await context.parallel("p", [{ name: "a", func: async () => "x" }, async () => "y"]);
  assertType<Equals<typeof named, BatchResult<string>>>();
  const mixed = await context.parallel("p", [async () => 1, async () => "two"]);
  assertType<Equals<typeof mixed, BatchResult<number | string>>>();
  const mixedNamed = await context.parallel([async () => 1, { name: "b", func: async () => "two" }]);
  assertType<Equals<typeof mixedNamed, BatchResult<number | string>>>();
  const tuple = await context.parallel([async () => 1, async () => true, async () => "x"] as const);
  assertType<Equals<typeof tuple, BatchResult<number | boolean | string>>>();
  const stated = await context.parallel<number | null>([async () => 1, async () => null]);
  assertType<Equals<typeof stated, BatchResult<number | null>>>();
  // @ts-expect-error: the name of an item is made from the items of this map
  context.map([1], async () => 1, { itemNamer: (item: string) => item });
}

export function completion(): CompletionConfig[] {
  const thresholds: CompletionConfig = {
    minSuccessful: 1,
    toleratedFailureCount: 1,
    toleratedFailurePercentage: 5,
  };
  const predicate: CompletionConfig = {
    shouldComplete: ({ items }) => (items.length > 0 ? completeBatch() : continueBatch()),
  };
  // @ts-expect-error: thresholds or a predicate, not both
  const both: CompletionConfig = { minSuccessful: 1, shouldComplete: () => completeBatch() };
  // @ts-expect-error: a decision, not a boolean
  const boolean: CompletionConfig = { shouldComplete: () => true };
  return [thresholds, predicate, both, boolean];
}

export async function combinators(): Promise<void> {
  const number = context.step(async () => 1);
  const text = context.step(async () => "a");
  assertType<Equals<Awaited<ReturnType<typeof allNumbers>>, number[]>>();
  const settled = await context.promise.allSettled([number]);
  assertType<Equals<typeof settled, PromiseSettledResult<number>[]>>();
  const any = await context.promise.any("any", [text]);
  assertType<Equals<typeof any, string>>();
  const raced = await context.promise.race<number | string>([number, text] as DurablePromise<
    number | string
  >[]);
  assertType<Equals<typeof raced, number | string>>();
  function allNumbers() {
    return context.promise.all("all", [number, number]);
  }
}

interface AuditLogger extends DurableLogger {
  audit(message: string): void;
  info(message: string, data?: { readonly id: string }): void;
}

export const loggers = withDurableExecution<{ id: string }, number, AuditLogger>(async (event, ctx) => {
  assertType<Equals<typeof ctx, DurableContext<AuditLogger>>>();
  assertType<Equals<typeof ctx.logger, DurableContextLogger<AuditLogger>>>();
  ctx.logger.info("with its own parameters", { id: event.id });
  // @ts-expect-error: the parameters are the logger's own
  ctx.logger.info(1);
  // @ts-expect-error: only the methods of levels are passed on
  ctx.logger.audit("no");
  return ctx.runInChildContext(async (child) =>
    child.step(async ({ logger }) => {
      assertType<Equals<typeof logger, DurableContextLogger<AuditLogger>>>();
      return 1;
    }),
  );
});

export const inferred = withDurableExecution(async (event: { id: string }, ctx) => {
  assertType<Equals<typeof ctx, DurableContext<DurableLogger>>>();
  return event.id;
});
assertType<Equals<typeof inferred, DurableLambdaHandler>>();

export const stated: DurableExecutionHandler<{ id: string }, number> = async (event, ctx) =>
  ctx.step(async () => event.id.length);
// @ts-expect-error: another result than declared
export const wrong: DurableExecutionHandler<{ id: string }, number> = async (event) => event.id;
// @ts-expect-error: a handler is asynchronous
withDurableExecution((event: string) => event);

export async function retries(): Promise<void> {
  const value = await withRetry(
    context,
    "block",
    async (child, attempt) => {
      assertType<Equals<[typeof child, typeof attempt], [DurableContext<DurableLogger>, number]>>();
      return { attempt };
    },
    { retryStrategy: retryPresets.noRetry },
  );
  assertType<Equals<typeof value, { attempt: number }>>();
  const unnamed = await withRetry(context, async () => "x", {
    retryStrategy: (error, attempt): RetryDecision => ({ shouldRetry: attempt < 3 && error.name !== "" }),
  });
  assertType<Equals<typeof unnamed, string>>();
  // @ts-expect-error: a strategy is needed
  withRetry(context, async () => 1, {});
}

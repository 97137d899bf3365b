/** Owns handlers that are run by several hosts, to compare what they tell. */

import { createRetryStrategy, type DurableContext, JitterStrategy } from "@tidemark/sdk";

/** An operation of every kind, but for invokes. */
export async function everything({ name }: { name: string }, context: DurableContext): Promise<unknown> {
  await context.step("greet", async () => `Hello ${name}`);
  const [one, two] = await Promise.all([
    context.step("twice", async () => 1),
    context.step("twice", async () => 2),
  ]);
  let tries = 0;
  await context.step(
    "flaky",
    async (step) => {
      tries += 1;
      if (step.attempt === 1 && tries === 1) throw new Error("not yet");
      return "now";
    },
    {
      retryStrategy: createRetryStrategy({
        maxAttempts: 3,
        initialDelay: { seconds: 1 },
        jitter: JitterStrategy.NONE,
      }),
    },
  );
  await context.wait("pause", { seconds: 1 });
  await context.runInChildContext("child", async (child) =>
    child.step("inner", async () => ({ deep: true })),
  );
  await context.map("items", ["a", "b"], async (item, _name, index) => item.step("work", async () => index));
  await context.map(
    "some",
    [1, 2],
    async (_item, n) => (n === 2 ? Promise.reject(new RangeError("two")) : { kept: n }),
    { completionConfig: { toleratedFailureCount: 1 } },
  );
  const approved = await context.waitForCallback("approval", async () => {}, { timeout: { hours: 1 } });
  const [refusal] = await context.createCallback("refusal");
  const refused = await refusal.then(
    () => "yes",
    (error: Error) => error.message,
  );
  return { approved, refused, sum: one + two };
}

export async function fails(_: unknown, context: DurableContext): Promise<unknown> {
  return context.step(
    "reserve",
    async () => {
      throw new RangeError("out of stock");
    },
    { retryStrategy: () => ({ shouldRetry: false }) },
  );
}

export async function waitsForever(_: unknown, context: DurableContext): Promise<unknown> {
  return context.waitForCallback("forever", async () => {});
}

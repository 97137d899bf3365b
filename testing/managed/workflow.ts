/** Owns a workflow of every kind of operation, for either SDK: it uses only what both have. */

import { type LambdaClient, SendDurableExecutionCallbackSuccessCommand } from "@aws-sdk/client-lambda";
import type { DurableContext } from "@tidemark/sdk";

interface WorkflowEvent {
  readonly sdk?: string;
  readonly large?: boolean;
}

export interface Workflow {
  readonly handler: (event: WorkflowEvent, context: DurableContext) => Promise<unknown>;
  readonly child: (event: { readonly n: number }, context: DurableContext) => Promise<number>;
  /** How often each step body has run. */
  readonly bodies: ReadonlyMap<string, number>;
  /** Completes callbacks. */
  useClient(client: LambdaClient): void;
}

/** More than a response may have. Source: Lambda invocation payload quota, 6 MB. */
const LARGE = "y".repeat(6_400_000);

/** Four of these are over the limit of a checkpoint, and two over that of a context's result. */
const PAYLOAD = "x".repeat(200_000);

export function createWorkflow(): Workflow {
  const bodies = new Map<string, number>();
  let client: LambdaClient | undefined;
  const count = (name: string): number => {
    bodies.set(name, (bodies.get(name) ?? 0) + 1);
    return bodies.get(name) as number;
  };
  const retryStrategy = (_error: Error, attempt: number) =>
    attempt < 3 ? { shouldRetry: true, delay: { seconds: 1 } } : { shouldRetry: false };

  const operations = async (event: WorkflowEvent, context: DurableContext): Promise<unknown> => {
    const first = await context.step("first", async () => count("first"));
    await context.wait("pause", { seconds: 2 });
    const retried = await context.step(
      "flaky",
      async () => {
        count("flaky");
        if ((bodies.get("flaky") as number) % 3 !== 0) throw new Error("not yet");
        return "third";
      },
      { retryStrategy },
    );
    const mapped = await context.map("map", [1, 2, 3, 4, 5], async (item, n) => {
      const text = await item.step(async () => `${PAYLOAD}${n}`);
      if (n % 2 === 0) await item.wait({ seconds: 1 });
      return text;
    });
    const branches = await context.parallel("parallel", [
      async (branch) => branch.step(async () => "a"),
      async (branch) => branch.runInChildContext("inner", async (inner) => inner.step(async () => "b")),
    ]);
    const condition = await context.waitForCondition("condition", async (n: number) => n + 1, {
      initialState: 0,
      waitStrategy: (n) =>
        n < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
    });
    const called = await context.waitForCallback("callback", async (CallbackId) => {
      const Result = Buffer.from(`"for ${event.sdk}"`);
      await client?.send(new SendDurableExecutionCallbackSuccessCommand({ CallbackId, Result }));
    });
    const child = await context.invoke<object, number>("child", `${event.sdk}-child`, { n: 20 });
    const arn = "arn:aws:lambda:eu-west-1:000000000000:function:double:1";
    const plain = await context.invoke<object, number>("plain", arn, { n: 21 });
    return {
      first,
      retried,
      mapped: mapped.getResults().map((text) => [text.length, text.at(-1)]),
      reason: mapped.completionReason,
      branches: branches.getResults(),
      condition,
      called,
      child,
      plain,
    };
  };

  return {
    handler: async (event, context) => (event.large === true ? LARGE : operations(event, context)),
    child: async ({ n }, context) => {
      await context.wait({ seconds: 1 });
      return context.step(async () => n + 1);
    },
    bodies,
    useClient: (given) => {
      client = given;
    },
  };
}

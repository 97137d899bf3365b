/**
 * A process with one worker, whose handlers leave rejections behind. Prints what came of them as JSON; with the argument
 * `elsewhere` it then leaves one behind that is of no handler.
 */

import { DurableClient, Worker } from "@tidemark/runtime";
import { retryPresets, withDurableExecution } from "@tidemark/sdk";
import { MemoryStore } from "@tidemark/store";

const once = { retryStrategy: retryPresets.noRetry };

const declined = async (): Promise<never> => {
  throw new RangeError("declined");
};

/** At the wait the code is suspended; only after it would it catch. */
const caughtLater = withDurableExecution(async (_event, context) => {
  const charge = (async () => context.step("charge", declined, once))();
  await context.wait({ seconds: 1 });
  return charge.catch((error: Error) => error.message);
});

const forgotten = withDurableExecution(async (_event, context) => {
  void (async () => context.step("mail", declined, once))();
  await context.step("order", async () => undefined);
  await context.wait({ seconds: 1 });
  return "ordered";
});

const plain = async (): Promise<string> => {
  void declined();
  return "plain";
};

async function main(): Promise<void> {
  const store = new MemoryStore();
  const told: string[] = [];
  const worker = new Worker({
    store,
    functions: { caughtLater, forgotten, plain: { handler: plain, durable: false } },
    onThrown: ({ executionArn, message }) => {
      if (message.includes("nobody waited")) told.push(`${executionArn.split("/").at(-1)}: ${message}`);
    },
  });
  await worker.start();
  const client = new DurableClient({ store });
  const results: unknown[] = [];
  for (const name of ["caughtLater", "forgotten", "plain"]) {
    const { executionId } = await client.start(name, { name: "one" });
    results.push(await client.result(executionId));
  }
  await worker.stop();
  // Node.js tells of rejections at the end of a turn.
  await new Promise((resolve) => setImmediate(resolve));
  console.log(JSON.stringify({ results, told: [...new Set(told)] }));
  if (process.argv[2] === "elsewhere") void declined();
}

void main();

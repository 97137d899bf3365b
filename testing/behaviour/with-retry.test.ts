/** withRetry: a block of operations that is tried again as a whole. */

import { withRetry } from "@tidemark/sdk";
import { createRig } from "./rig";

/** A value where the types ask for another one. */
const wrong = (value: unknown): never => value as never;

const none = async (): Promise<undefined> => undefined;

describe("withRetry", () => {
  it("retries a block after durable waits, and gives its result", async () => {
    const rig = await createRig();
    const attempts: number[] = [];
    const id = await rig.begin(async (_event, context) =>
      withRetry(
        context,
        "block",
        async (child, attempt) => {
          if (!attempts.includes(attempt)) attempts.push(attempt);
          const value = await child.step(`try ${attempt}`, async () => attempt);
          if (value < 3) throw new Error("again");
          return value;
        },
        { retryStrategy: (_error, attempt) => ({ shouldRetry: attempt < 5, delay: { seconds: attempt } }) },
      ),
    );

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 3 });
    expect(attempts).toEqual([1, 2, 3]);
    expect((await rig.events(id)).filter((event) => event.includes("Started ")).slice(1)).toEqual([
      "StepStarted 1-1 try 1",
      "WaitStarted 1-2 block-backoff-1",
      "StepStarted 1-3 try 2",
      "WaitStarted 1-4 block-backoff-2",
      "StepStarted 1-5 try 3",
    ]);
  });

  it("gives the last error, as a child context's or as it is", async () => {
    const rig = await createRig();
    const seen: string[] = [];
    await rig.run(async (_event, context) => {
      const fail = async (): Promise<never> => {
        throw new RangeError("no");
      };
      const config = { retryStrategy: () => ({ shouldRetry: false }) };
      for (const wrapWithRunInChildContext of [true, false]) {
        await withRetry(context, fail, { ...config, wrapWithRunInChildContext }).catch(
          (error: Error) => void seen.push(error.name),
        );
      }
    });

    expect(seen).toEqual(["ChildContextError", "RangeError"]);
  });

  it("refuses what cannot be retried, at the call", async () => {
    const rig = await createRig();
    const messages: string[] = [];
    await rig.run(async (_event, context) => {
      for (const call of [
        () => withRetry(context, "block", wrong(undefined), { retryStrategy: () => ({ shouldRetry: true }) }),
        () => withRetry(context, none, wrong(undefined)),
        () => withRetry(context, "block", none, wrong({ maxAttempts: 3 })),
      ]) {
        try {
          await call();
        } catch (error) {
          messages.push((error as Error).message);
        }
      }
    });

    expect(messages).toEqual([
      'withRetry "block": func is undefined; pass a function',
      "withRetry: config.retryStrategy is undefined; pass a function",
      'withRetry "block": config.retryStrategy is undefined; pass a function',
    ]);
  });

  it("fails with what is no decision, as a step does", async () => {
    const rig = await createRig();
    const retryStrategy = wrong(async () => ({ shouldRetry: true }));
    const fail = async (): Promise<never> => {
      throw new RangeError("no");
    };

    expect(await rig.run(async (_event, context) => withRetry(context, fail, { retryStrategy }))).toEqual({
      status: "FAILED",
      error: expect.objectContaining({
        ErrorMessage:
          "retryStrategy gave a promise; return an object with a boolean shouldRetry, not a promise of one",
      }),
    });
  });
});

it("that nobody awaits fails without an unhandled rejection, which would end the process of all executions", async () => {
  const rig = await createRig();
  const unhandled: unknown[] = [];
  const note = (error: unknown) => void unhandled.push(error);
  process.on("unhandledRejection", note);
  const ending = await rig.run(async (_event, context) => {
    const fail = async (): Promise<never> => Promise.reject(new RangeError("no"));
    void withRetry(context, fail, {
      retryStrategy: () => ({ shouldRetry: false }),
      wrapWithRunInChildContext: false,
    });
    await context.step("after", async () => undefined);
    return "done";
  });
  process.off("unhandledRejection", note);

  expect(ending).toEqual({ status: "SUCCEEDED", result: "done" });
  expect(unhandled).toEqual([]);
});

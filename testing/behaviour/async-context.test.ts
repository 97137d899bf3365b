/** Step bodies, checks and items of batches run in the async contexts of the code that asked for them. */

import { AsyncLocalStorage } from "node:async_hooks";
import { NestingType, StepSemantics } from "@tidemark/sdk";
import { createRig } from "./rig";

describe("the user's AsyncLocalStorage", () => {
  it("is that of the caller: at first, in retries, at most once, in checks, and for what a replay held back", async () => {
    const rig = await createRig();
    const storage = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const note = (what: string): void => void seen.push(`${what}: ${storage.getStore()}`);
    await rig.run(async (_event, context) => {
      const branch = (name: string) =>
        storage.run(name, async () => {
          await context.step(
            `${name} retried`,
            async ({ attempt }) => {
              note(`attempt ${attempt} of ${name}`);
              if (attempt < 2) throw new Error("again");
            },
            { retryStrategy: (_error, attempt) => ({ shouldRetry: attempt < 2, delay: { seconds: 1 } }) },
          );
          await context.step(`${name} once`, async () => note(`once of ${name}`), {
            semantics: StepSemantics.AtMostOncePerRetry,
          });
          await context.waitForCondition(
            `${name} condition`,
            async (round: number) => {
              note(`check ${round} of ${name}`);
              return round + 1;
            },
            {
              initialState: 1,
              waitStrategy: (round) =>
                round < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
            },
          );
        });
      await Promise.all([branch("A"), branch("B")]);
    });

    const expected = ["A", "B"].flatMap((name) =>
      ["attempt 1", "attempt 2", "once", "check 1", "check 2"].map((what) => `${what} of ${name}: ${name}`),
    );
    expect(seen.sort()).toEqual(expected.sort());
  });

  it.each([NestingType.NESTED, NestingType.FLAT])(
    "is that of the batch for an item that begins when another one ends: %s",
    async (nesting) => {
      const rig = await createRig();
      const storage = new AsyncLocalStorage<string>();
      const seen: string[] = [];
      let end = (): void => {};
      const slow = new Promise<void>((resolve) => {
        end = resolve;
      });
      await rig.run(async (_event, context) =>
        storage.run("batch", () =>
          context.map(
            ["keeps the invocation", "waits", "begins later"],
            async (item, name) => {
              if (name === "keeps the invocation") return item.step(() => slow);
              if (name === "waits") return item.wait({ seconds: 1 });
              seen.push(`${name}: ${storage.getStore()}`);
              await item.step(async () => void seen.push(`its body: ${storage.getStore()}`));
              end();
            },
            { maxConcurrency: 2, nesting },
          ),
        ),
      );

      expect(seen.slice(0, 2)).toEqual(["begins later: batch", "its body: batch"]);
    },
  );
});

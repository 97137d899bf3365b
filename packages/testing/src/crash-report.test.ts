/** What a failure of an exploration says, and what its options must be. */

import { withDurableExecution } from "@tidemark/sdk";
import { assertDeterministic } from "./assert-deterministic.js";
import { type ExploreOptions, exploreCrashes } from "./explore-crashes.js";

/** Its module is lost with the process. */
const forgetful = () => {
  let total = 0;
  return withDurableExecution(async (_event: unknown, context) => {
    await context.step("one", async () => {
      total += 1;
    });
    await context.step("two", async () => {
      total += 1;
    });
    await context.waitForCallback("approve", async () => {});
    return total;
  });
};

async function lastLines(options: ExploreOptions): Promise<{ lines: string[]; schedule: string }> {
  const { message, schedule } = await exploreCrashes(forgetful, options).catch((error) => error);
  const lines = message.split("\n");
  return { lines: lines.slice(lines.indexOf("See it again:") + 1), schedule };
}

describe("how to see it again", () => {
  it("has every option that a run depends on, and none that chooses the schedule", async () => {
    const { lines, schedule } = await lastLines({
      input: { id: "o-1" },
      callbacks: { approve: { result: true, afterMs: 1_000 } },
      atLeastOnce: ["mail"],
      leaseMs: 5_000,
      inlineLimitBytes: 100,
      snapshotAfterBytes: 0,
      callLimit: Number.POSITIVE_INFINITY,
      kinds: ["crash-before", "crash-after"],
      singles: 40,
      pairs: 0,
      seed: 7,
    });
    expect(lines).toEqual([
      `  await exploreCrashes(handler, { input: {"id":"o-1"}, callbacks: {"approve":{"result":true,"afterMs":1000}}, atLeastOnce: ["mail"], ` +
        `leaseMs: 5000, inlineLimitBytes: 100, snapshotAfterBytes: 0, callLimit: Infinity, only: "${schedule}" });`,
    ]);
  });

  it("names the options that cannot be written down", async () => {
    const { lines, schedule } = await lastLines({
      input: "x".repeat(2_000),
      callbacks: { approve: { result: true } },
      steps: { two: async () => 2 },
      accepts: () => false,
      pairs: 0,
    });
    expect(lines).toEqual([
      `  await exploreCrashes(handler, { input, callbacks: {"approve":{"result":true}}, steps, accepts, only: "${schedule}" });`,
      "  // input, steps, accepts: as in the call that found it",
    ]);
  });
});

describe("a seed", () => {
  it.each([0.5, Number.NaN, "1" as never, 2 ** 60])("that is %p is refused", async (seed) => {
    for (const [name, call] of [
      ["exploreCrashes", exploreCrashes(forgetful, { seed })],
      ["assertDeterministic", assertDeterministic(forgetful, { seed })],
    ] as const) {
      await expect(call).rejects.toMatchObject({
        code: "TIDEMARK_EXPLORE_OPTIONS",
        message: expect.stringMatching(new RegExp(`^${name}: seed is .*; pass a whole number$`)),
      });
    }
  });
});

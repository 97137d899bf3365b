/** The crash explorer finds what it is there to find, and blames nobody else. `npm run explore:check` is the long form. */

import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import * as aws from "@aws/durable-execution-sdk-js";
import { withDurableExecution } from "@tidemark/sdk";
import { answerCallback, type CrashExplorationError, exploreCrashes, recordHistory } from "@tidemark/testing";
import { type GoldenHandler, goldenHandlers } from "../histories/handlers";
import { exploreFaulty, exploreRight } from "./check";
import { faultyHandlers } from "./faulty-handlers";
import { rightHandlers } from "./right-handlers";

describe("a faulty handler", () => {
  it.each(Object.keys(faultyHandlers))("%s is found", async (name) => {
    const { error } = await exploreFaulty(name, { pairs: 0 });
    expect(error?.kind).toBe(faultyHandlers[name]?.found);
  });

  it.each(["mutationFromBranch", "chargeWithoutKey"])(
    "%s is found again, with the same story, by the line that is told",
    async (name) => {
      const { error } = await exploreFaulty(name, { pairs: 0 });
      const { schedule, timeline } = error as CrashExplorationError;
      expect((error as CrashExplorationError).message).toContain(`only: ${JSON.stringify(schedule)} }`);
      const again = (await exploreFaulty(name, { only: schedule })).error as CrashExplorationError;
      expect(again.timeline).toEqual(timeline);
    },
  );
});

describe("a right handler", () => {
  it.each(Object.keys(rightHandlers))("%s is not blamed", async (name) => {
    const report = await exploreRight(name, { kinds: ["crash-after"], singles: 12, pairs: 2 });
    expect(report.schedules).toBeGreaterThan(5);
  });
});

it("of two faults the one that matters is told", async () => {
  const { error } = await exploreFaulty("mutationFromBranch", {
    only: "acquire#1:crash-before + append#3:crash-after",
  });
  expect(error?.schedule).toBe("append#3:crash-after");
});

it("a step that may run again is reported with how often it ran", async () => {
  const report = await exploreRight("mailAtLeastOnce", { pairs: 0, kinds: ["crash-before"] });
  expect(report.repeated).toEqual([
    { what: 'step 1 "mail"', undisturbed: 1, most: 2, schedule: "append#1:crash-before" },
    { what: "effect mail", undisturbed: 1, most: 2, schedule: "append#1:crash-before" },
    { what: 'step 3 "remind"', undisturbed: 1, most: 2, schedule: "append#4:crash-before" },
    { what: "effect reminder", undisturbed: 1, most: 2, schedule: "append#4:crash-before" },
  ]);
});

it("stand-ins run in place of the steps of their name, and count like them", async () => {
  const steps = { charge: () => "no money moves", key: () => "k-1" };
  const report = await exploreRight("chargeWithKey", { pairs: 0, steps, kinds: ["crash-before"] });
  expect(report.repeated.map(({ what }) => what)).toEqual(['step 1 "key"', 'step 2 "charge"']);
});

it("explorations beside each other and the test's own clock do not disturb each other", async () => {
  const real = [Date, setTimeout, Math.random];
  const reports = await Promise.all([
    exploreRight("condition", { pairs: 0, kinds: ["crash-before"] }),
    exploreRight("retries", { pairs: 0, kinds: ["crash-before"] }),
  ]);
  expect(reports.map(({ schedules }) => schedules > 0)).toEqual([true, true]);
  expect([Date, setTimeout, Math.random]).toEqual(real);
});

it.each([
  ["a schedule that is none", { only: "append:crash" }, "only has"],
  ["a call that is never made", { only: "append#99:crash-after" }, "made no such call"],
  ["a kind that is none", { kinds: ["explode" as never] }, "kinds has"],
  ["fewer than no schedules", { singles: -1 }, "singles is"],
  ["a part of a pair", { pairs: 1.5 }, "pairs is"],
  ["no lease", { leaseMs: 0 }, "leaseMs is"],
  ["a lease of days", { leaseMs: 86_400_000 }, "leaseMs is"],
  ["no kind at all", { kinds: [] }, "kinds is []"],
  ["a kind that is not in an array", { kinds: "crash-after" as never }, 'kinds is "crash-after"'],
  ["a schedule that is no text", { only: 7 as never }, 'only has "7"'],
  ["a stand-in that is none", { steps: { charge: 1 as never } }, "steps.charge is 1; pass a function"],
  [
    "a function that is none",
    { functions: { pay: {} as never } },
    "functions.pay is {}; pass a wrapped handler",
  ],
  ["an answer before its time", { callbacks: { ok: { afterMs: -1 } } }, "callbacks.ok.afterMs is -1"],
  ["an answer that JSON cannot carry", { callbacks: { ok: { result: 1n } } }, "callbacks.ok.result is 1n"],
  [
    "a rule for a step that no run has",
    { pairs: 0, exactlyOnce: ["chrge"] },
    'exactlyOnce has "chrge", and no run',
  ],
  [
    "a stand-in for a step that no run has",
    { pairs: 0, steps: { chrge: () => 1 } },
    'steps has "chrge", and no run',
  ],
  [
    "an answer to a callback that no run has",
    { pairs: 0, callbacks: { aproval: { result: 1 } } },
    'callbacks has "aproval", and no run had such a callback; its callbacks were none that has a name',
  ],
])("%s is refused", async (_what, options, message) => {
  await expect(exploreRight("chargeWithKey", options)).rejects.toMatchObject({
    code: "TIDEMARK_EXPLORE_OPTIONS",
    message: expect.stringContaining(message),
  });
});

it("a function that is invoked and not given is refused, not taken for an execution that fails", async () => {
  const bill = withDurableExecution(async (_event: unknown, context) => context.invoke("tax", 1));
  const refusal = {
    code: "TIDEMARK_TEST_FUNCTION",
    message: expect.stringMatching(
      /invokes function "tax", which is not among functions \(there are: "tip"\)/,
    ),
  };
  const functions = { tip: { handler: async () => 1, durable: false as const } };
  await expect(exploreCrashes(bill, { functions })).rejects.toMatchObject(refusal);
  await expect(recordHistory(bill, { functions })).rejects.toMatchObject(refusal);
});

it("a long handler can be given a budget, which is spread over its calls", async () => {
  const report = await exploreRight("tenSteps", { singles: 7, pairs: 3 });
  expect([report.schedules, report.pairs]).toEqual([10, 3]);
  expect(report.outcome).toEqual({ status: "SUCCEEDED", result: 15 });
});

it("a handler that is not wrapped is told, and not explored", async () => {
  const plain = async (_event: unknown, _context: unknown) => "done";
  await expect(exploreCrashes(plain as never)).rejects.toMatchObject({
    kind: "outcome",
    schedule: "undisturbed",
    message: expect.stringContaining("wrap it with withDurableExecution"),
  });
});

it("something that is no handler is refused", async () => {
  await expect(exploreCrashes((() => 1) as never)).rejects.toMatchObject({
    code: "TIDEMARK_EXPLORE_OPTIONS",
  });
});

describe("a handler runs as it is", () => {
  it("with steps that do real I/O, for which time stands still", async () => {
    const reads = withDurableExecution(async (_event, context) => {
      const text = await context.step("read", async () => {
        await sleep(1);
        return (await readFile(__filename, "utf8")).length;
      });
      return text > 0;
    });
    const report = await exploreCrashes(reads, { kinds: ["crash-after", "freeze-before"], pairs: 0 });
    expect(report.calls).toEqual(expect.arrayContaining(["acquire#1", "load#1", "append#1", "finish#1"]));
    expect(report.calls.filter((call) => call.startsWith("renew"))).toEqual([]);
  });

  it("with timers of its own and callbacks that are answered after days", async () => {
    const waits = withDurableExecution(async (_event, context) => {
      await context.step("slow", () => new Promise<void>((resolve) => setTimeout(resolve, 120_000)));
      return context.waitForCallback("approval", async (id) =>
        answerCallback(id, { result: "yes", afterMs: 3 * 86_400_000 }),
      );
    });
    const report = await exploreCrashes(waits, { kinds: ["lost-answer"], pairs: 0 });
    expect(report.calls.filter((call) => call.startsWith("renew")).length).toBe(12);
  });

  it("with the AWS SDK in place of ours", async () => {
    const handler = aws.withDurableExecution(async (_event, context) => {
      const one = await context.step("one", async () => 1);
      await context.wait({ hours: 1 });
      return context.step("two", async () => one + 1);
    });
    const report = await exploreCrashes(handler, {
      kinds: ["crash-before", "crash-after"],
      pairs: 5,
    });
    expect(report.schedules).toBeGreaterThan(20);
  });

  it.each(Object.keys(goldenHandlers))("with every kind of operation: %s", async (name) => {
    const create = () => (goldenHandlers[name] as GoldenHandler)({ ran: 0 });
    const report = await exploreCrashes(create, {
      input: { id: "g-1" },
      snapshotAfterBytes: 0,
      kinds: ["crash-after"],
      singles: 15,
      pairs: 2,
      ...(name === "outside" && { callbacks: { answered: { result: "an answer", afterMs: 31_000 } } }),
      functions: { echo: { handler: async (event: unknown) => event, durable: false } },
    });
    expect(report.schedules).toBeGreaterThanOrEqual(10);
  });
});

it("a long replay takes no time", async () => {
  const steps = withDurableExecution(async (_event, context) => {
    await Promise.all(Array.from({ length: 60 }, (_, n) => context.step(`step ${n}`, async () => n)));
    const before = await context.step("before", async () => Date.now());
    await context.wait({ seconds: 1 });
    return (await context.step("after", async () => Date.now())) - before;
  });
  const { outcome } = await exploreCrashes(steps, { kinds: ["crash-after"], singles: 5, pairs: 0 });
  expect(outcome.result).toBe(1_000);
});

it("of a handler that never ends the beginning and the end are told", async () => {
  const polls = withDurableExecution(async (_event, context) => {
    for (;;) await context.step("poll", async () => "not yet");
  });
  const error = (await exploreCrashes(polls).catch((found: unknown) => found)) as CrashExplorationError;
  expect([error.kind, error.schedule]).toEqual(["stuck", "undisturbed"]);
  expect(error.message).toContain("goes round in circles");
  expect(error.message.split("\n").length).toBeLessThan(220);
});

it("an execution that waits for what never comes is told", async () => {
  const waits = withDurableExecution(async (_event, context) =>
    context.createCallback("never").then(([p]) => p),
  );
  await expect(exploreCrashes(waits)).rejects.toMatchObject({
    kind: "stuck",
    schedule: "undisturbed",
    message: expect.stringContaining('"never" (Callback 1, STARTED) waits to be completed'),
  });
});

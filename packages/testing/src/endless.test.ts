/** Handlers that never end: refused early, with what they wait for and the option that gives them longer. */

import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { exploreCrashes } from "./explore-crashes.js";
import {
  LocalDurableTestRunner,
  type LocalDurableTestRunnerParameters,
} from "./local-durable-test-runner.js";
import { recordHistory } from "./record-history.js";

type Code = (context: DurableContext) => Promise<unknown>;

const handlerOf = (code: Code) => withDurableExecution(async (_event, context) => code(context));
const never = () => new Promise(() => {});

const endlessSteps: Code = async (context) => {
  for (;;) await context.step("poll", async () => 1);
};
const endlessWaits: Code = async (context) => {
  for (;;) await context.wait("an hour", { hours: 1 });
};
const ownPromise: Code = async (context) => {
  await context.step("charge", async () => 1);
  await never();
};
const endlessBody: Code = async (context) => context.step("charge", never);
const unanswered: Code = async (context) => context.waitForCallback("approve", async () => {});

describe("the runner", () => {
  const runnerOf = (code: Code, options: Partial<LocalDurableTestRunnerParameters>) =>
    new LocalDurableTestRunner({ handlerFunction: handlerOf(code), ...options });

  it.each<[string, Code, string]>([
    ["the body of a step", endlessBody, '"charge" (Step 1, STARTED) runs its body'],
    [
      "a promise of the handler's own",
      ownPromise,
      'code of the handler awaits something that is no operation, after "charge" (Step 1, SUCCEEDED)',
    ],
    [
      "a promise in a child context",
      async (context) => context.runInChildContext("child", () => never()),
      '"child" (RunInChildContext 1, STARTED) runs code that awaits something that is no operation',
    ],
  ])("refuses a run in which nothing happens but %s", async (_what, code, waits) => {
    await expect(runnerOf(code, { stallLimitMs: 30 }).run()).rejects.toMatchObject({
      code: "TIDEMARK_TEST_ENDLESS",
      message:
        `the execution does not go on: nothing has happened for 30 ms of real time. It waits for this: ${waits}. ` +
        "Let that end or answer it, or raise the option stallLimitMs of the runner if it takes longer",
    });
  });

  it("refuses a run whose callback the test has asked for and does not answer", async () => {
    const runner = runnerOf(unanswered, { stallLimitMs: 30 });
    const callback = runner.getOperation("approve");
    await expect(runner.run()).rejects.toMatchObject({
      code: "TIDEMARK_TEST_ENDLESS",
      message: expect.stringContaining('"approve" (Callback 1-1, STARTED) waits to be completed'),
    });
    expect(callback.getStatus()).toBe("STARTED");
  });

  it("waits for a body and for a test as long as each takes less than the limit", async () => {
    const runner = runnerOf(
      async (context) => {
        for (const name of ["a", "b", "c"])
          await context.step(name, () => new Promise((resolve) => setTimeout(resolve, 40)));
        return context.waitForCallback("approve", async () => {});
      },
      { stallLimitMs: 100 },
    );
    const callback = runner.getOperation("approve");
    const run = runner.run();
    await callback.waitForData();
    await callback.sendCallbackSuccess("yes");
    expect((await run).getResult()).toBe("yes");
  });

  it("refuses a loop of steps, and ends it", async () => {
    let ran = 0;
    const runner = runnerOf(
      async (context) => {
        for (;;) await context.step("poll", async () => (ran += 1));
      },
      { updateLimit: 100 },
    );
    await expect(runner.run()).rejects.toMatchObject({
      code: "TIDEMARK_TEST_ENDLESS",
      message: expect.stringMatching(
        /^the execution does not end: it has recorded more than 100 updates, the newest operation is "poll" \(Step \d+, SUCCEEDED\)\. Let its loop end, or raise the option updateLimit/,
      ),
    });
    const atTheEnd = ran;
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    expect([ran, ran < 110]).toEqual([atTheEnd, true]);
  });

  it.each([{ stallLimitMs: 0 }, { stallLimitMs: "1 s" as never }, { updateLimit: Number.NaN }])(
    "refuses %j",
    (options) => {
      const [name] = Object.keys(options);
      expect(() => runnerOf(unanswered, options)).toThrow(`${name} is `);
    },
  );
});

describe("exploreCrashes", () => {
  it.each<[string, Code, string]>([
    [
      "a loop of steps",
      endlessSteps,
      'it goes round in circles: \\d+ calls to the store, more than the option callLimit \\(2000\\) with what they replayed\\. the newest operation is "poll" \\(Step \\d+, SUCCEEDED\\)',
    ],
    ["a loop of waits", endlessWaits, 'the newest operation is "an hour" \\(Wait \\d+, STARTED\\)'],
    [
      "a promise of the handler's own",
      ownPromise,
      "code of the handler awaits something that is no operation",
    ],
    [
      "the body of a step",
      endlessBody,
      'a body has not ended within 30 ms of real time, which is the option stallLimitMs\\. It waits for this: "charge" \\(Step 1, STARTED\\) runs its body',
    ],
    ["a callback", unanswered, '"approve" \\(Callback 1-1, STARTED\\) waits to be completed'],
  ])("refuses %s that never ends, with a timeline", async (_what, code, message) => {
    await expect(
      exploreCrashes(handlerOf(code), { callLimit: 2_000, stallLimitMs: 30 }),
    ).rejects.toMatchObject({
      code: "TIDEMARK_EXPLORE_FOUND",
      kind: "stuck",
      schedule: "undisturbed",
      message: expect.stringMatching(new RegExp(message)),
      timeline: expect.arrayContaining([expect.objectContaining({ text: "started" })]),
    });
  });

  it("weighs what is replayed: a loop of waits takes fewer of them than one of steps", async () => {
    const entriesOf = async (code: Code) => {
      const error = await exploreCrashes(handlerOf(code), { callLimit: 2_000 }).catch((found) => found);
      return Number(/\((?:Step|Wait) (\d+),/.exec(error.message)?.[1]);
    };
    expect(await entriesOf(endlessSteps)).toBeGreaterThan(1_900);
    expect(await entriesOf(endlessWaits)).toBeLessThan(200);
  });

  it.each([{ callLimit: 0 }, { stallLimitMs: -1 }])("refuses %j", async (options) => {
    await expect(exploreCrashes(handlerOf(endlessBody), options)).rejects.toMatchObject({
      code: "TIDEMARK_EXPLORE_OPTIONS",
      message: expect.stringContaining(`exploreCrashes: ${Object.keys(options)[0]} is `),
    });
  });
});

it("recordHistory names what an execution waits for", async () => {
  await expect(recordHistory(handlerOf(unanswered))).rejects.toMatchObject({
    code: "TIDEMARK_HISTORY_RECORD",
    message: expect.stringContaining('"approve" (Callback 1-1, STARTED) waits to be completed'),
  });
});

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DurableContext, getVersion, withDurableExecution } from "@tidemark/sdk";
import { assertDeterministic } from "./assert-deterministic.js";
import { assertGoldenHistories, recordHistory } from "./record-history.js";
import { replayHistory } from "./replay-history.js";

type Code = (context: DurableContext) => Promise<unknown>;

const handlerOf = (code: Code) => withDurableExecution(async (_event, context) => code(context));
const body = (value: unknown) => async () => value;

const recorded: Code = async (context) => {
  await context.step("reserve", body("r-1"));
  await context.wait("cool off", { hours: 1 });
  return context.step("ship", body("shipped"));
};

/** The history as it was after so many entries. */
async function cutAfter(code: Code, count: number) {
  const history = await recordHistory(handlerOf(code));
  return {
    ...history,
    head: { ...history.head, status: "RUNNING" as const },
    entries: history.entries.slice(0, count),
  };
}

/** The line of this file on which `text` stands for the first time, as a source says it. */
function placeOf(text: string): RegExp {
  const lines = readFileSync(__filename, "utf8").split("\n");
  return new RegExp(`replay-history\\.test\\.ts:${lines.findIndex((line) => line.includes(text)) + 1}:\\d+$`);
}

describe("replayHistory", () => {
  it("runs the code over a history that has been through JSON, and no body", async () => {
    let ran = 0;
    const history = JSON.parse(JSON.stringify(await recordHistory(handlerOf(recorded))));
    const counting = handlerOf(async (context) => {
      await context.step("reserve", async () => ++ran);
      await context.wait("cool off", { hours: 1 });
      return context.step("ship", async () => ++ran);
    });
    expect(await replayHistory(counting, history)).toEqual({
      kind: "matches",
      outcome: { status: "SUCCEEDED", result: '"shipped"' },
    });
    expect(ran).toBe(0);
  });

  it.each<[string, Code]>([
    [
      "one after the other",
      async (context) => {
        for (let n = 0; n < 60; n++) await context.step(`step ${n}`, body(n));
      },
    ],
    [
      "beside each other",
      async (context) => {
        await Promise.all(Array.from({ length: 60 }, (_, n) => context.step(`step ${n}`, body(n))));
      },
    ],
    [
      "after a timer of the code's own",
      async (context) => {
        await new Promise((resolve) => setTimeout(resolve, 1_000));
        for (let n = 0; n < 60; n++) await context.step(`step ${n}`, body(n));
      },
    ],
  ])("waits for a long history to be replayed, with operations %s", async (_how, code) => {
    const history = await recordHistory(handlerOf(code));
    expect(await replayHistory(handlerOf(code), history)).toMatchObject({ kind: "matches" });
  });

  it("tells the operation, what was recorded, what is asked, and where", async () => {
    const replay = await replayHistory(
      handlerOf(async (context) => {
        await context.step("reserve", body("r-1"));
        await context.step("check", body(true)); // line C
        return context.wait("cool off", { hours: 1 });
      }),
      await recordHistory(handlerOf(recorded)),
    );
    expect(replay).toEqual({
      kind: "diverges",
      message: 'operation 2: the log has WAIT (Wait) "cool off", the code asks for STEP (Step) "check"',
      operation: "2",
      recorded: 'WAIT (Wait) "cool off"',
      actual: 'STEP (Step) "check"',
      source: expect.stringMatching(placeOf("line C")),
    });
  });

  it("tells an operation that the code no longer asks for, and where it asked last", async () => {
    const replay = await replayHistory(
      handlerOf(async (context) => {
        await context.step("reserve", body("r-1")); // line A
        return "shipped";
      }),
      await recordHistory(handlerOf(recorded)),
    );
    expect(replay).toMatchObject({
      kind: "diverges",
      operation: "2",
      recorded: 'WAIT (Wait) "cool off"',
      actual: undefined,
      source: expect.stringMatching(placeOf("line A")),
    });
  });

  it("tells an operation that the code asks for after the end", async () => {
    const replay = await replayHistory(
      handlerOf(async (context) => {
        await recorded(context);
        return context.runInChildContext("more", async (child) => child.step("report", body(1))); // line B
      }),
      await recordHistory(handlerOf(recorded)),
    );
    expect(replay).toMatchObject({
      kind: "diverges",
      operation: "4-1",
      recorded: undefined,
      actual: 'STEP (Step) "report"',
      source: expect.stringMatching(placeOf("line B")),
    });
  });

  it("tells another end, unless results are to be ignored", async () => {
    const history = await recordHistory(handlerOf(recorded));
    const other = handlerOf(async (context) => ({ state: await recorded(context) }));
    expect(await replayHistory(other, history)).toMatchObject({
      kind: "diverges",
      operation: undefined,
      recorded: 'SUCCEEDED "shipped"',
      actual: 'SUCCEEDED {"state":"shipped"}',
    });
    expect((await replayHistory(other, history, { result: "ignore" })).kind).toBe("matches");
    const failing = handlerOf(async (context) => {
      await recorded(context);
      throw new RangeError("no");
    });
    expect(await replayHistory(failing, history, { result: "ignore" })).toMatchObject({
      kind: "diverges",
      actual: "FAILED RangeError: no",
    });
  });

  it("lets code go on where the history of an open execution stops", async () => {
    const history = await cutAfter(recorded, 1);
    const longer = handlerOf(async (context) => {
      await context.step("reserve", body("r-1"));
      await context.step("new", body(1));
      return recorded(context);
    });
    expect(await replayHistory(longer, history)).toEqual({ kind: "matches", outcome: { status: "PENDING" } });
  });

  it("tells what is under way and not asked for again", async () => {
    const history = await cutAfter(recorded, 2);
    const replay = await replayHistory(
      handlerOf(async (context) => context.step("reserve", body("r-1"))),
      history,
    );
    expect(replay).toMatchObject({ kind: "diverges", operation: "2", recorded: 'WAIT (Wait) "cool off"' });
  });

  it("tells code that waits for what is not in the history", async () => {
    const history = await recordHistory(handlerOf(async () => "done"));
    expect(
      await replayHistory(
        handlerOf(() => new Promise(() => {})),
        history,
      ),
    ).toMatchObject({
      kind: "diverges",
      message: "the code waits for something that is not in the history",
    });
  });

  it("tells a version that the code does not have", async () => {
    const at = (max: number) =>
      handlerOf(async (context) => {
        getVersion(context, "way", { min: 0, max });
        return recorded(context);
      });
    expect(await replayHistory(at(1), await recordHistory(at(2)))).toMatchObject({
      kind: "diverges",
      actual: expect.stringContaining('the execution is at version 2 of "way"'),
    });
  });

  it("takes results for the same whatever the order of their members", async () => {
    const history = await recordHistory(handlerOf(async () => ({ a: 1, b: [{ c: 2, d: 3 }] })));
    const other = handlerOf(async () => ({ b: [{ d: 3, c: 2 }], a: 1 }));
    expect((await replayHistory(other, history)).kind).toBe("matches");
    const reversed = handlerOf(async () => ({ a: 1, b: [{ c: 3, d: 2 }] }));
    expect((await replayHistory(reversed, history)).kind).toBe("diverges");
  });

  it("refuses a handler that gives no invocation output, and says so", async () => {
    const history = await recordHistory(handlerOf(recorded));
    await expect(replayHistory((() => handlerOf(recorded)) as never, history)).rejects.toMatchObject({
      code: "TIDEMARK_HANDLER",
      message: expect.stringContaining("which is no invocation output"),
    });
  });

  it("refuses a history that has been altered, and shows little of a long one", async () => {
    const history = await recordHistory(handlerOf(recorded));
    const twice = { ...history, entries: [history.entries[0] as object, ...history.entries] };
    await expect(replayHistory(handlerOf(recorded), twice)).rejects.toMatchObject({
      code: "TIDEMARK_HISTORY_FORMAT",
      message: expect.stringContaining("entry 2 of the history says that it is entry 1"),
    });
    const headless = { ...history, head: {} as never };
    await expect(replayHistory(handlerOf(recorded), headless)).rejects.toMatchObject({
      code: "TIDEMARK_HISTORY_FORMAT",
      message: expect.stringContaining("head of the history is {}"),
    });
    const text = replayHistory(handlerOf(recorded), JSON.stringify(history) as never);
    const error = (await text.catch((refused: unknown) => refused)) as Error;
    expect(error.message.length).toBeLessThan(400);
  });

  it("tells a history whose entries are in another order from code that has changed", async () => {
    const history = await recordHistory(
      handlerOf(async (context) => {
        await context.step("reserve", body("r-1"));
        await context.step("charge", body("c-1"));
        await context.wait({ hours: 1 });
        return context.step("ship", body("shipped"));
      }),
    );
    const damaged = async (entries: readonly object[]) => {
      const replay = replayHistory(handlerOf(recorded), { ...history, entries });
      const { code, message } = await replay.catch((error) => error);
      return [code, message.split(";")[0]];
    };
    const [first, second, ...others] = history.entries as object[];
    const order = "entries are missing, doubled or in another order";
    expect(await damaged([second as object, first as object, ...others])).toEqual([
      "TIDEMARK_HISTORY_FORMAT",
      `entry 1 of the history says that it is entry 2: ${order}`,
    ]);
    expect(await damaged([first as object, ...others])).toEqual([
      "TIDEMARK_HISTORY_FORMAT",
      `entry 2 of the history says that it is entry 3: ${order}`,
    ]);
    // As earlier versions exported it.
    const unnumbered = history.entries.map((entry) => ({ ...entry, sequence: undefined }));
    expect(await damaged(unnumbered.toReversed())).toEqual(
      [
        "TIDEMARK_HISTORY_FORMAT",
        `entry ${unnumbered.length} of the history is of invocation 1 and stands after one of invocation 2`,
      ].map((text, at) =>
        at === 0 ? text : expect.stringMatching(/is of invocation 1 and stands after one of invocation 2$/),
      ),
    );
  });

  it.each([
    ["nothing", undefined],
    ["events", [{ EventType: "ExecutionStarted" }]],
    ["a newer format", { format: "tidemark-history", version: 2, head: {}, entries: [] }],
  ])("refuses %s", async (_what, history) => {
    await expect(replayHistory(handlerOf(recorded), history as never)).rejects.toMatchObject({
      code: "TIDEMARK_HISTORY_FORMAT",
    });
  });
});

describe("golden histories", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tidemark-golden-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("are recorded once, and replayed from then on", async () => {
    const options = { directory, name: "orders" };
    expect(await assertGoldenHistories(handlerOf(recorded), options)).toEqual(["orders.json"]);
    const first = readFileSync(join(directory, "orders.json"), "utf8");
    writeFileSync(join(directory, "orders.old.json"), first);
    writeFileSync(join(directory, "ordersnot.json"), "not ours");
    expect(await assertGoldenHistories(handlerOf(recorded), options)).toEqual([
      "orders.json",
      "orders.old.json",
    ]);
    expect(readFileSync(join(directory, "orders.json"), "utf8")).toBe(first);
    const changed = handlerOf(async (context) => context.step("book", body(1)));
    await expect(assertGoldenHistories(changed, options)).rejects.toMatchObject({
      code: "TIDEMARK_HISTORY_DIVERGED",
      divergence: { operation: "1", recorded: 'STEP (Step) "reserve"', actual: 'STEP (Step) "book"' },
    });
  });

  it("are missed where none may be recorded", async () => {
    await expect(
      assertGoldenHistories(handlerOf(recorded), { directory, name: "orders", record: "never" }),
    ).rejects.toMatchObject({ code: "TIDEMARK_HISTORY_RECORD" });
  });

  it("cannot be recorded of an execution that does not end", async () => {
    const waits = handlerOf(async (context) => context.waitForCallback(async () => {}));
    await expect(recordHistory(waits)).rejects.toMatchObject({ code: "TIDEMARK_HISTORY_RECORD" });
  });

  it("have their large payloads in them", async () => {
    const large = handlerOf(async (context) => context.step("large", body("x".repeat(5000))));
    const history = await recordHistory(large, { inlineLimitBytes: 100 });
    expect(JSON.stringify(history)).toContain("x".repeat(5000));
    expect((await replayHistory(large, history)).kind).toBe("matches");
  });
});

describe("assertDeterministic", () => {
  const branches = (context: DurableContext, each: (name: string) => unknown) =>
    context.parallel(
      "branches",
      [1, 2, 3].map(
        (n) => async (branch: DurableContext) => each(await branch.step(`b${n}`, async () => `b${n}`)),
      ),
    );

  it("passes code whose order depends on what is recorded, and tells the ends that it had", async () => {
    const outcomes = await assertDeterministic(
      handlerOf(async (context) => {
        const seen: string[] = [];
        const note = (name: string) =>
          context.step(name, body(name)).then((value) => seen.push(String(value)));
        await Promise.all([note("a"), note("b")]);
        return Promise.race([
          context.step("slow", body(seen)),
          context.wait({ seconds: 10 }).then(() => "late"),
        ]);
      }),
      { runs: 20 },
    );
    const results = outcomes.map(({ outcome }) => JSON.stringify(outcome.result)).sort();
    expect(results).toEqual(['"late"', '["a","b"]', '["b","a"]']);
  });

  it.each<[string, Code]>([
    ["a clock", async (context) => context.step(Date.now() % 2 === 0 ? "even" : `at ${Date.now()}`, body(1))],
    ["chance", async (context) => context.step(`draw ${Math.random()}`, body(1))],
    [
      "a variable that branches change",
      async (context) => {
        const order: string[] = [];
        await branches(context, (name) => order.push(name));
        return context.step(`first ${order[0]}`, body(1));
      },
    ],
  ])("refuses code that depends on %s", async (_what, code) => {
    await expect(assertDeterministic(handlerOf(code))).rejects.toMatchObject({
      code: "TIDEMARK_HISTORY_DIVERGED",
      message: expect.stringContaining("replay-history.test.ts:"),
    });
  });

  it("refuses state of the module", async () => {
    let ran = 0;
    const counting = handlerOf(async (context) => context.step(`invocation ${++ran}`, body(1)));
    await expect(assertDeterministic(counting)).rejects.toMatchObject({ code: "TIDEMARK_HISTORY_DIVERGED" });
  });

  it.each([
    [
      "steps",
      { steps: { shp: () => 1 } },
      'steps has "shp", and no run had such a step; its steps were "reserve", "ship"',
    ],
    ["callbacks", { callbacks: { cb: {} } }, 'callbacks has "cb", and no run had such a callback'],
  ])("refuses a name in %s that no run had", async (_field, options, message) => {
    const assertion = assertDeterministic(handlerOf(recorded), { runs: 1, ...options });
    await expect(assertion).rejects.toMatchObject({
      code: "TIDEMARK_EXPLORE_OPTIONS",
      message: expect.stringContaining(message),
    });
  });

  it("refuses no runs", async () => {
    await expect(assertDeterministic(handlerOf(recorded), { runs: 0 })).rejects.toMatchObject({
      code: "TIDEMARK_EXPLORE_OPTIONS",
    });
  });
});

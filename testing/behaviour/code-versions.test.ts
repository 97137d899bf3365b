/** Code that changes under running executions: `getVersion`, `patched` and `pinVersions`. */

import { executionIdOf } from "@tidemark/protocol";
import { type DurableContext, getVersion, patched, pinVersions } from "@tidemark/sdk";
import { createRig, type Rig, type TestHandler } from "./rig";

const say = (context: DurableContext, name: string) => context.step(name, async () => name);

/** `first`, a pause of an hour, and what follows. */
const paused =
  (after: (context: DurableContext) => Promise<unknown>): TestHandler =>
  async (_event, context) => {
    await say(context, "first");
    await context.wait("pause", { hours: 1 });
    return after(context);
  };

/** Runs `before` up to its pause, then `after` to the end. */
async function changed(before: TestHandler, after: TestHandler): Promise<{ rig: Rig; id: string }> {
  const rig = await createRig();
  const id = await rig.begin(before);
  rig.deploy("main", after);
  return { rig, id };
}

/** The steps that ran to their end, in order. */
async function stepsOf(rig: Rig, id: string): Promise<string[]> {
  const events = await rig.events(id);
  return events
    .filter((event) => event.startsWith("StepSucceeded"))
    .map((event) => event.split(" ").slice(1).join(" "));
}

test("an execution that has passed the place goes its old way, and a new one the new way with a marker", async () => {
  const oldCode: TestHandler = async (_event, context) => {
    await say(context, "reserve");
    await context.wait("pause", { hours: 1 });
    return say(context, "book");
  };
  const newCode: TestHandler = async (_event, context) => {
    if (patched(context, "check")) await say(context, "check");
    await say(context, "reserve");
    await context.wait("pause", { hours: 1 });
    return say(context, "book");
  };
  const { rig, id } = await changed(oldCode, newCode);
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "book" });
  expect(await stepsOf(rig, id)).toEqual(["1 reserve", "3 book"]);
  const next = await rig.runtime.start("main", undefined);
  await rig.runtime.runToEnd(next);
  expect(await stepsOf(rig, next)).toEqual(["v_check check@1", "1 check", "2 reserve", "4 book"]);
});

test("an execution that waits right before the place goes the new way", async () => {
  const { rig, id } = await changed(
    paused((context) => say(context, "old")),
    paused(async (context) =>
      getVersion(context, "way", { min: 0, max: 2 }) === 2 ? say(context, "new") : say(context, "old"),
    ),
  );
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "new" });
  expect(await stepsOf(rig, id)).toEqual(["1 first", "v_way way@2", "3 new"]);
});

test("a decision stays through replays, and when the newest version has moved on", async () => {
  const at =
    (max: number): TestHandler =>
    async (_event, context) => {
      const version = getVersion(context, "way", { min: 0, max });
      await context.wait("pause", { hours: 1 });
      return [version, getVersion(context, "way", { min: 0, max })];
    };
  const { rig, id } = await changed(at(1), at(3));
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: [1, 1] });
});

test("the place costs no checkpoint of its own", async () => {
  const rig = await createRig();
  const withPlace = await rig.begin(async (_event, context) => {
    patched(context, "a");
    return say(context, "one");
  });
  rig.deploy("main", async (_event, context) => say(context, "one"));
  const without = await rig.runtime.start("main", undefined);
  await rig.runtime.runToEnd(without);
  expect(await rig.entryCount(withPlace)).toBe(await rig.entryCount(without));
});

test("each branch decides for itself, also those that begin after the change", async () => {
  const items =
    (item: (context: DurableContext, n: number) => Promise<unknown>): TestHandler =>
    async (_event, context) => {
      const batch = await context.map("all", [1, 2, 3], item, { maxConcurrency: 1 });
      return batch.getResults();
    };
  const { rig, id } = await changed(
    items(async (context, n) => {
      const before = await say(context, `old ${n}`);
      if (n === 2) await context.wait("pause", { hours: 1 });
      return before;
    }),
    items(async (context, n) => {
      const name = patched(context, "way") ? "new" : "old";
      const done = await say(context, `${name} ${n}`);
      if (n === 2) await context.wait("pause", { hours: 1 });
      return done;
    }),
  );
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["old 1", "old 2", "new 3"] });
  expect(await stepsOf(rig, id)).toEqual(["1-1-1 old 1", "1-2-1 old 2", "1-3-v_way way@1", "1-3-1 new 3"]);
});

test("a loop changes in the middle when each round has its own name", async () => {
  const rounds =
    (round: (context: DurableContext, n: number) => Promise<unknown>): TestHandler =>
    async (_event, context) => {
      const seen: unknown[] = [];
      for (let n = 1; n <= 3; n++) {
        seen.push(await round(context, n));
        await context.wait("a month", { hours: 1 });
      }
      return seen;
    };
  const { rig, id } = await changed(
    rounds((context) => say(context, "old fee")),
    rounds((context, n) => say(context, patched(context, `fee-${n}`) ? "new fee" : "old fee")),
  );
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["old fee", "new fee", "new fee"] });
});

test("a name decides once in a context, so that two places cannot disagree", async () => {
  const { rig, id } = await changed(
    paused((context) => say(context, "second")),
    async (_event, context) => {
      const before = patched(context, "both");
      await say(context, "first");
      await context.wait("pause", { hours: 1 });
      await say(context, "second");
      return [before, patched(context, "both")];
    },
  );
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: [false, false] });
});

test("a call that has been removed leaves executions with its marker as they were", async () => {
  const { rig, id } = await changed(
    async (_event, context) => {
      if (patched(context, "check")) await say(context, "check");
      await context.wait("pause", { hours: 1 });
      return say(context, "end");
    },
    async (_event, context) => {
      await say(context, "check");
      await context.wait("pause", { hours: 1 });
      return say(context, "end");
    },
  );
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "end" });
});

test("an execution whose process died right after the place decides again, or as is recorded", async () => {
  const rig = await createRig();
  let crashed = false;
  const id = await rig.begin(async (_event, context) => {
    const isNew = patched(context, "way");
    return context.step("once", async ({ attempt }) => {
      if (!crashed) {
        crashed = true;
        rig.runtime.crash(executionIdOf(context.executionContext.durableExecutionArn));
        await new Promise(() => {});
      }
      return [isNew, attempt];
    });
  });
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: [true, 1] });
  expect((await stepsOf(rig, id)).filter((step) => step.includes("v_way"))).toEqual(["v_way way@1"]);
});

test("a context that is rebuilt from its children goes the way that it went", async () => {
  const large =
    (child: (context: DurableContext) => Promise<unknown>): TestHandler =>
    async (_event, context) => {
      const text = await context.runInChildContext("large", async (inner) => {
        const letter = (await child(inner)) as string;
        return letter.repeat(300 * 1024);
      });
      await context.wait("pause", { hours: 1 });
      return text.slice(0, 3);
    };
  const { rig, id } = await changed(
    large((inner) => say(inner, "o")),
    large(async (inner) => {
      const letter = await say(inner, "o");
      return patched(inner, "letter") ? say(inner, "n") : letter;
    }),
  );
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "ooo" });
});

test("a version that the code does not have stops nothing for good: the execution waits for code that has it", async () => {
  const old: TestHandler = paused(async (context) => getVersion(context, "way", { min: 0, max: 1 }));
  const { rig, id } = await changed(
    async (_event, context) => {
      getVersion(context, "way", { min: 0, max: 2 });
      return old(undefined, context);
    },
    async (_event, context) => {
      getVersion(context, "way", { min: 0, max: 1 });
      return old(undefined, context);
    },
  );
  await rig.runtime.advance(3_600_000);
  expect((await rig.ending(id)).status).toBe("PENDING");
  expect(await rig.invocationErrors(id)).toContain("TIDEMARK_CODE_VERSION");
  rig.deploy("main", async (_event, context) => {
    const version = getVersion(context, "way", { min: 0, max: 2 });
    await say(context, "first");
    await context.wait("pause", { hours: 1 });
    return version;
  });
  expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 2 });
});

test("a guard refuses executions that are older than its oldest version", async () => {
  const { rig, id } = await changed(
    paused((context) => say(context, "old")),
    async (_event, context) => {
      getVersion(context, "way", { min: 1, max: 1 });
      return say(context, "new");
    },
  );
  await rig.runtime.advance(3_600_000);
  expect((await rig.ending(id)).status).toBe("PENDING");
  expect(String(rig.errors[0])).toContain('the execution is at version 0 of "way", this code has 1;');
});

test("a pinned handler runs each execution on the version it began with", async () => {
  const one = paused((context) => say(context, "one"));
  const two: TestHandler = async (_event, context) => {
    await say(context, "other first");
    await context.wait("pause", { hours: 1 });
    return say(context, "two");
  };
  const { rig, id: unpinned } = await changed(one, pinVersions({ 0: one, 1: two }));
  const first = await rig.runtime.start("main", undefined);
  await rig.runtime.settle();
  rig.deploy("main", pinVersions({ 0: one, 1: two, 2: paused((context) => say(context, "three")) }));
  const second = await rig.runtime.start("main", undefined);
  const endings = [await rig.end(unpinned), await rig.end(first), await rig.end(second)];
  expect(endings.map(({ result }) => result)).toEqual(["one", "two", "three"]);
});

test("the place of a branch is decided with the branch's own context", async () => {
  const rig = await createRig();
  const ending = await rig.run(async (_event, context) => {
    const batch = await context.parallel("both", [async () => patched(context, "way")]);
    return batch.getResults();
  });
  expect(ending).toMatchObject({ status: "FAILED", error: { ErrorType: "ContextUsageError" } });
});

test.each([
  ["a name that is no part of an id", () => patched({} as DurableContext, "a b")],
  ["a context of something else", () => patched({} as DurableContext, "a")],
  ["a range without an order", () => getVersion({} as DurableContext, "a", { min: 2, max: 1 })],
  ["versions that are no whole numbers", () => pinVersions({ 1.5: async () => 1 })],
  ["no versions", () => pinVersions({})],
])("refuses %s", (_what, call) => {
  expect(call).toThrow(expect.objectContaining({ code: "TIDEMARK_ARGUMENT" }));
});

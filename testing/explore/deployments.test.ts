/** Code with places that ask which way to go, deployed at every point of an execution that old code has begun. */

import { type DurableContext, getVersion, NestingType, patched, withDurableExecution } from "@tidemark/sdk";
import { exploreCrashes, recordHistory, replayHistory } from "@tidemark/testing";

type Code = (context: DurableContext, isNew: boolean) => Promise<unknown>;

const say = (context: DurableContext, name: string) => context.step(name, async () => name);

/** An additional step, where the code is new and the execution has not passed it. */
async function added(context: DurableContext, isNew: boolean, place: string): Promise<void> {
  if (isNew && patched(context, place)) await say(context, `added ${place}`);
}

const codes: Readonly<Record<string, Code>> = {
  "steps and waits": async (context, isNew) => {
    await added(context, isNew, "first");
    await say(context, "a");
    await added(context, isNew, "second");
    await context.wait("pause", { minutes: 5 });
    const fees = isNew ? getVersion(context, "fees", { min: 0, max: 2 }) : 0;
    await say(context, fees === 2 ? "new fees" : "fees");
    await added(context, isNew, "last");
  },
  "nested items": async (context, isNew) => {
    await context.map("items", [1, 2, 3], (item, n) => branch(item, isNew, n), { maxConcurrency: 2 });
    await added(context, isNew, "after");
    return say(context, "end");
  },
  "flat items": async (context, isNew) => {
    const config = { maxConcurrency: 1, nesting: NestingType.FLAT };
    await context.map("items", [1, 2, 3], (item, n) => branch(item, isNew, n), config);
    await added(context, isNew, "after");
    return say(context, "end");
  },
  "virtual contexts": async (context, isNew) => {
    await context.runInChildContext("virtual", (child) => branch(child, isNew, 1), { virtualContext: true });
    await say(context, "between");
    await Promise.all([
      context.runInChildContext("left", (child) => branch(child, isNew, 2), { virtualContext: true }),
      say(context, "right"),
    ]);
    return say(context, "end");
  },
  "rebuilt contexts": async (context, isNew) => {
    const text = await context.runInChildContext("large", async (child) => {
      const letter = await say(child, "x");
      await added(child, isNew, "inside");
      return letter.repeat(300 * 1024);
    });
    await context.wait("pause", { minutes: 5 });
    return say(context, text.slice(0, 2));
  },
  "flows side by side": async (context, isNew) => {
    const flow = async (name: string) => {
      await say(context, `${name}1`);
      await added(context, isNew, name);
      await say(context, `${name}2`);
    };
    await Promise.all([flow("a"), flow("b")]);
    return say(context, "end");
  },
  loops: async (context, isNew) => {
    for (let round = 1; round <= 3; round++) {
      await added(context, isNew, `round-${round}`);
      await say(context, `collect ${round}`);
      await context.wait("rest", { minutes: 1 });
    }
  },
};

async function branch(context: DurableContext, isNew: boolean, n: number): Promise<string> {
  await added(context, isNew, "before");
  await say(context, `one ${n}`);
  await added(context, isNew, "between");
  if (n === 2) await context.wait("pause", { minutes: 1 });
  await say(context, `two ${n}`);
  await added(context, isNew, "behind");
  return `${n}`;
}

const handlerOf = (code: Code, isNew: boolean) =>
  withDurableExecution(async (_event, context) => code(context, isNew));

describe.each(Object.keys(codes))("%s", (name) => {
  const code = codes[name] as Code;

  it("fits the history of old code, wherever it stops", async () => {
    const history = await recordHistory(handlerOf(code, false));
    const replays = await Promise.all(
      [...history.entries, undefined].map((_entry, count) =>
        replayHistory(handlerOf(code, true), {
          ...history,
          head: { ...history.head, status: "RUNNING" },
          entries: history.entries.slice(0, count),
        }),
      ),
    );
    expect(replays.map(({ kind }) => kind)).toEqual(replays.map(() => "matches"));
  });

  it.each(["crash-before", "crash-after"] as const)(
    "takes over at every call from old code: %s",
    async (kind) => {
      let processes = 0;
      const create = () => {
        processes += 1;
        // Two undisturbed runs of one process; then one that dies and one that takes over.
        return handlerOf(code, processes > 2 && processes % 2 === 0);
      };
      const report = await exploreCrashes(create, { kinds: [kind], pairs: 0, accepts: () => true });
      expect(report.schedules).toBeGreaterThan(5);
      expect(processes).toBe(2 + 2 * report.schedules);
    },
  );

  it("stays with what it has decided when it dies, too", async () => {
    const options = { kinds: ["crash-after"], accepts: () => true } as const;
    const { schedules } = await exploreCrashes(handlerOf(code, false), { ...options, pairs: 0 });
    let processes = 0;
    const create = () => {
      processes += 1;
      const ofPair = processes - 2 - 2 * schedules - 1;
      // After the runs with one fault those with two: one process of old code, two of new code.
      return handlerOf(code, ofPair >= 0 && ofPair % 3 !== 0);
    };
    const report = await exploreCrashes(create, { ...options, pairs: 25 });
    expect(report.pairs).toBeGreaterThan(5);
    expect(processes).toBe(2 + 2 * schedules + 3 * report.pairs);
  });
});

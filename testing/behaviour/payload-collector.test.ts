/** Objects that nothing points at are removed; what anything points at never is. */

import {
  apply,
  ExecutionState,
  encodeSnapshot,
  type LogEntry,
  TidemarkError,
  type Transition,
} from "@tidemark/protocol";
import {
  collectPayloads,
  type ListPage,
  type ListRequest,
  type LoadedExecution,
  MemoryPayloadStore,
  MemoryStore,
  Payloads,
} from "@tidemark/store";
import { VirtualClock } from "@tidemark/testing";
import { createRig, type Rig, type TestHandler } from "./rig";

const DAY_MS = 24 * 60 * 60 * 1000;
const large = (text: string): string => text.repeat(50);

/** The process dies when it appends for the n-th time: its objects are written, its entry is not. */
class DiesAtAppend extends MemoryStore {
  fatal: number | undefined;
  /** What happens once when somebody has read a list. */
  afterList: (() => Promise<void>) | undefined;
  damaged: string | undefined;
  #appends = 0;

  override async append(executionId: string, entry: LogEntry): ReturnType<MemoryStore["append"]> {
    this.#appends += 1;
    return this.#appends === this.fatal ? new Promise(() => {}) : super.append(executionId, entry);
  }

  override async entries(executionId: string, ...range: [number, number]): Promise<LogEntry[] | undefined> {
    if (executionId === this.damaged) throw new TidemarkError("TIDEMARK_LOG_CORRUPT", "log entry 1");
    return super.entries(executionId, ...range);
  }

  override async list(request: ListRequest): Promise<ListPage> {
    const page = await super.list(request);
    const happens = this.afterList;
    this.afterList = undefined;
    await happens?.();
    return page;
  }
}

interface Setup {
  readonly rig: Rig;
  readonly store: DiesAtAppend;
  readonly objects: MemoryPayloadStore;
  readonly clock: VirtualClock;
  keys(): Promise<string[]>;
  collect(minAgeMs?: number): ReturnType<typeof collectPayloads>;
}

async function setup(): Promise<Setup> {
  const clock = new VirtualClock();
  const objects = new MemoryPayloadStore({ nowMs: () => clock.nowMs() });
  const store = new DiesAtAppend({ payloads: new Payloads({ store: objects, inlineLimitBytes: 100 }) });
  return {
    rig: await createRig({ clock, store }),
    store,
    objects,
    clock,
    async keys() {
      const found: string[] = [];
      for await (const { key } of objects.list("")) found.push(key);
      return found.sort();
    },
    collect: (minAgeMs) =>
      collectPayloads({ store, nowMs: clock.nowMs(), ...(minAgeMs === undefined ? {} : { minAgeMs }) }),
  };
}

describe("purge", () => {
  it("removes the objects of an execution and of what it has invoked, and no others", async () => {
    const { rig, keys } = await setup();
    rig.deploy("child", async () => large("child "));
    const run = async (): Promise<string> => {
      const id = await rig.begin(async (_input, context) =>
        context.invoke("child", { text: large("input ") }),
      );
      await rig.end(id);
      return id;
    };
    const [purged, kept] = [await run(), await run()];
    const before = await keys();

    expect(await rig.runtime.client.purge(purged)).toBe(true);

    const after = await keys();
    expect(after.length).toBeGreaterThan(0);
    expect(after.length).toBe(before.length / 2);
    expect(await rig.runtime.client.result(kept)).toBe(large("child "));
    expect(await rig.runtime.client.purge(purged)).toBe(false);
  });
});

/** An execution that has ended, and one that it has invoked, did not wait for, and that goes on for ten minutes. */
async function leftBehind({ rig }: Setup): Promise<{ readonly parent: string; readonly child: string }> {
  rig.deploy("grandchild", async (_input, context) => {
    const text = await context.step("step", async () => large("step "));
    await context.wait({ minutes: 10 });
    return text.length;
  });
  rig.deploy("child", async (input, context) => {
    context.invoke("grandchild", input).catch(() => {});
    await context.wait({ seconds: 1 });
  });
  const parent = await rig.begin(async (_input, context) => {
    context.invoke("child", { text: large("input ") }).catch(() => {});
    await context.wait({ seconds: 1 });
  });
  await rig.end(parent);
  return { parent, child: `${parent}~1` };
}

describe("what an execution has invoked and not waited for", () => {
  it.each([[["parent"]], [["child"]], [["child", "parent"]], [["parent", "child"]]] as const)(
    "keeps its objects while it goes on, when %j have been purged",
    async (purged) => {
      const own = await setup();
      const { rig, clock, keys, collect } = own;
      const ids = await leftBehind(own);
      const grandchild = `${ids.child}~1`;
      const before = await keys();
      for (const name of purged) expect(await rig.runtime.client.purge(ids[name])).toBe(true);
      await clock.advanceTo(clock.nowMs() + 5_000);

      expect((await collect(1_000)).removed).toBe(0);

      expect(await keys()).toEqual(before);
      await clock.advanceTo(clock.nowMs() + 10 * 60_000);
      expect(await rig.runtime.client.result(grandchild)).toBe(large("step ").length);
      for (const id of [...Object.values(ids), grandchild]) await rig.runtime.client.purge(id);
      await collect(1_000);
      expect(await keys()).toEqual([]);
    },
  );
});

describe("collectPayloads", () => {
  it("removes what the losing side of a fork has written, and keeps all that the log points at", async () => {
    const { rig, store, clock, keys, collect } = await setup();
    rig.deploy("child", async (input) => ({ input, text: large("child ") }));
    store.fatal = 2;
    let runs = 0;
    const id = await rig.begin(
      async (input, context) => {
        const first = await context.step("first", async () => large("first "));
        runs += 1;
        const forked = await context.step("forked", async () => large(`run ${runs} `));
        const child = await context.invoke("child", { text: large("input ") });
        return { input, first, forked, child };
      },
      { text: large("start ") },
    );
    const before = await keys();
    rig.runtime.crash(id);
    const ending = await rig.end(id);
    const written = await keys();
    expect(written).toEqual(expect.arrayContaining(before));
    await clock.advanceTo(clock.nowMs() + 2 * DAY_MS);

    const collected = await collect();

    expect(collected.removed).toBe(1);
    expect(collected.removedBytes).toBeGreaterThan(0);
    expect(collected.kept).toBe(written.length - 1);
    expect(await rig.runtime.client.result(id)).toEqual(ending.result);
    expect(await rig.runtime.client.history(id)).not.toHaveLength(0);
    expect(await collect()).toEqual({ removed: 0, removedBytes: 0, kept: collected.kept });
  });

  it("keeps everything of an execution that goes on or can be resumed, and everything that is young", async () => {
    const { rig, clock, objects, keys, collect } = await setup();
    const id = await rig.begin(async (_input, context) => {
      const text = await context.step("step", async () => large("step "));
      await context.wait({ minutes: 10 });
      return text.length;
    });
    const prefix = (await keys())[0]?.split("/")[0];
    const orphan = `${prefix}/${"A".repeat(43)}`;
    await objects.put(orphan, Buffer.from("orphan"));
    await clock.advanceTo(clock.nowMs() + 5_000);

    expect((await collect(1_000)).removed).toBe(0);
    await rig.runtime.client.stop(id);
    expect((await collect(1_000)).removed).toBe(0);
    await rig.runtime.client.resume(id);
    expect(await rig.end(id)).toMatchObject({ status: "SUCCEEDED" });
    expect((await collect()).removed).toBe(0);
    expect((await collect(1_000)).removed).toBe(1);
    expect(await keys()).not.toContain(orphan);
  });

  it("keeps what only entries point at for which a snapshot stands: the history has it", async () => {
    const { rig, store, clock, keys, collect } = await setup();
    const id = await rig.begin(async (_input, context) => {
      await context.runInChildContext("over", async (child) => {
        await child.step("step", async () => large("step "));
      });
      await context.wait({ seconds: 10 });
    });
    const { head, entries } = (await store.load(id)) as LoadedExecution;
    const state = new ExecutionState(id, head.startedAtMs);
    for (const { records, atMs } of entries) state.commit(apply(state, records, atMs) as Transition);
    const { sequence, nonce } = entries.at(-1) as LogEntry;
    const text = encodeSnapshot(state, { count: 0, isOpen: false });
    expect(await store.saveSnapshot({ executionId: id, sequence, nonce, text })).toBe(true);
    const before = await keys();
    expect(before).not.toEqual([]);
    expect(JSON.stringify(await store.load(id))).not.toContain(before[0]?.split("/")[1]);
    expect(await rig.end(id)).toMatchObject({ status: "SUCCEEDED" });
    await clock.advanceTo(clock.nowMs() + 2 * DAY_MS);

    expect((await collect()).removed).toBe(0);

    expect(await keys()).toEqual(before);
    const events = await rig.runtime.client.history(id);
    expect(events.find(({ EventType }) => EventType === "StepSucceeded")?.StepSucceededDetails).toMatchObject(
      {
        Result: { Payload: JSON.stringify(large("step ")) },
      },
    );
  });

  it("keeps what is pointed at by executions whose parent is gone, and by those that these have invoked", async () => {
    const { rig, store, clock, keys, collect } = await setup();
    rig.deploy("grandchild", async () => large("grandchild "));
    rig.deploy("child", async (input, context) => {
      const text = await context.invoke("grandchild", { text: large("inner ") });
      await context.wait({ days: 3 });
      return { input, text };
    });
    const id = await rig.begin(async (_input, context) => {
      await context.step("orphan", async () => large("orphan "));
      return context.invoke("child", { text: large("outer ") });
    });
    const { heads } = await store.list({ limit: 10 });
    const [child, grandchild] = ["child", "grandchild"].map(
      (name) => heads.find(({ functionName }) => functionName === name)?.executionId as string,
    ) as [string, string];
    await rig.runtime.client.stop(id);
    await store.purge(id);
    await clock.advanceTo(clock.nowMs() + 2 * DAY_MS);
    const before = await keys();

    expect((await collect(1_000)).removed).toBe(0);
    await clock.advanceTo(clock.nowMs() + 2 * DAY_MS);
    expect(await rig.runtime.client.result(child)).toEqual({
      input: { text: large("outer ") },
      text: large("grandchild "),
    });
    expect((await collect()).removed).toBe(1);
    // Now the one in the middle is gone, too.
    await store.purge(child);
    await clock.advanceTo(clock.nowMs() + 2 * DAY_MS);
    await collect();

    expect(await rig.runtime.client.result(grandchild)).toBe(large("grandchild "));
    expect(await rig.runtime.client.history(grandchild)).not.toEqual([]);
    expect((await keys()).every((key) => before.includes(key))).toBe(true);
    await store.purge(grandchild);
    await collect();
    expect(await keys()).toEqual([]);
  });

  it.each([
    ["it", false],
    ["what it has invoked", true],
  ])(
    "keeps what is used by what an execution has invoked after the list was read, when %s is removed then",
    async (_which, hasChild) => {
      const { rig, store, clock, keys, collect } = await setup();
      rig.deploy("last", async (input, context) => {
        await context.wait({ days: 5 });
        return input;
      });
      const invokesLast: TestHandler = async (_input, context) => {
        const value = await context.step("step", async () => ({ text: large("text ") }));
        await context.wait({ days: 2 });
        context.invoke("last", value).catch(() => {});
        await context.wait({ seconds: 1 });
      };
      rig.deploy("middle", invokesLast);
      // Gone, so that the list is read, and first among the objects.
      const gone = await rig.begin(async (_input, context) =>
        context.step("step", async () => large("gone ")),
      );
      await rig.end(gone);
      await store.purge(gone);
      const root = await rig.begin(
        hasChild ? async (_input, context) => void (await context.invoke("middle", {})) : invokesLast,
      );
      await clock.advanceTo(clock.nowMs() + 2 * DAY_MS - 1_000);
      store.afterList = async () => {
        await rig.end(root);
        await store.purge(hasChild ? `${root}~1` : root);
      };
      const before = await keys();

      expect((await collect()).removed).toBe(1);

      expect(await keys()).toEqual(before.filter((key) => !key.startsWith(gone)));
      const last = hasChild ? `${root}~1~3` : `${root}~3`;
      expect(await rig.end(last)).toEqual({ status: "SUCCEEDED", result: { text: large("text ") } });
      for (const id of [root, last]) await store.purge(id);
      await clock.advanceTo(clock.nowMs() + 2 * DAY_MS);
      await collect();
      expect(await keys()).toEqual([]);
    },
  );

  it("keeps the objects of an execution whose log cannot be read, and goes on with the others", async () => {
    const { rig, store, clock, keys, collect } = await setup();
    const step: TestHandler = (_input, context) => context.step("step", async () => large("step "));
    const ids = [await rig.begin(step), await rig.begin(step)] as const;
    await store.purge(ids[1]);
    const before = await keys();
    store.damaged = ids[0];
    await clock.advanceTo(clock.nowMs() + 2 * DAY_MS);

    expect((await collect()).removed).toBe(1);

    expect(await keys()).toEqual(before.filter((key) => key.startsWith(ids[0])));
  });

  it("removes what belonged to executions that are gone, and leaves alone what is no payload", async () => {
    const { rig, store, clock, objects, keys, collect } = await setup();
    const id = await rig.begin(async (_input, context) => context.step("step", async () => large("step ")));
    await rig.end(id);
    await store.purge(id);
    const others = ["readme.txt", "a/b", `%E0%A4%A/${"B".repeat(43)}`];
    for (const key of others) await objects.put(key, Buffer.from("not ours"));
    await clock.advanceTo(clock.nowMs() + 2 * DAY_MS);

    expect((await collect()).removed).toBeGreaterThan(0);
    expect(await keys()).toEqual([...others].sort());
  });
});

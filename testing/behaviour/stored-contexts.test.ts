/** Results of contexts that are too large for the log: with a payload store they go there, and no code runs again. */

import {
  apply,
  ExecutionState,
  encodeSnapshot,
  type LogEntry,
  parseStandIn,
  type Transition,
} from "@tidemark/protocol";
import { type BatchResult, type DurableContext, NestingType } from "@tidemark/sdk";
import {
  aesGcmCodec,
  collectPayloads,
  type LoadedExecution,
  localDataKeys,
  MemoryPayloadStore,
  MemoryStore,
  Payloads,
  type PayloadsOptions,
} from "@tidemark/store";
import { VirtualClock } from "@tidemark/testing";
import { overRemoteClient } from "./remote";
import { createRig, type Rig, type RigOptions } from "./rig";

const HUGE = "h".repeat(300_000);
const DAY_MS = 24 * 60 * 60 * 1000;

/** Tells of what it is asked for. */
class CountingStore extends MemoryPayloadStore {
  readonly summaries: unknown[] = [];
  reads = 0;

  override async put(key: string, bytes: Uint8Array, summary?: string): Promise<void> {
    this.summaries.push(JSON.parse(summary ?? "null"));
    await super.put(key, bytes);
  }

  override async get(key: string): Promise<Uint8Array | undefined> {
    this.reads += 1;
    return super.get(key);
  }

  async keys(): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of this.list("")) keys.push(key);
    return keys.sort();
  }
}

interface Setup {
  readonly rig: Rig;
  readonly clock: VirtualClock;
  readonly store: MemoryStore;
  readonly objects: CountingStore;
  /** From now on. */
  choose(options: PayloadsOptions): void;
}

async function setup(options: PayloadsOptions = {}, rigOptions: RigOptions = {}): Promise<Setup> {
  const clock = new VirtualClock();
  const objects = new CountingStore({ nowMs: () => clock.nowMs() });
  const store = new MemoryStore({ payloads: new Payloads({ store: objects, ...options }) });
  return {
    rig: await createRig({ clock, store, ...rigOptions }),
    clock,
    store,
    objects,
    choose: (others) =>
      void Object.assign(store, { payloads: new Payloads({ store: objects, ...options, ...others }) }),
  };
}

async function contextResult({ rig }: Setup, id: string, operationId = "1"): Promise<string> {
  const operation = (await rig.operations(id)).find(({ Id }) => Id === operationId);
  expect(operation?.ContextDetails?.ReplayChildren).toBeUndefined();
  return operation?.ContextDetails?.Result as string;
}

/** A context with a large result, and one step. */
async function largeContext(context: DurableContext, ran: string[]): Promise<{ text: string; at: unknown }> {
  return context.runInChildContext(
    "large",
    async (child) => {
      ran.push("context");
      const letter = await child.step("letter", async () => {
        ran.push("step");
        return "h";
      });
      return { text: letter.repeat(300_000), at: new Date(0) as unknown };
    },
    { summaryGenerator: ({ text }) => `${text.length} letters` },
  );
}

describe("the result of a child context", () => {
  it("goes to the payload store with hash, size and the code's summary, and its code does not run again", async () => {
    const made = await setup();
    const { rig, objects } = made;
    const ran: string[] = [];
    const seen: unknown[] = [];
    const id = await rig.begin(async (_event, context) => {
      const { text, at } = await largeContext(context, ran);
      seen.push([text.length, at]);
      await context.wait({ seconds: 1 });
      return text.length;
    });
    // What has been written in an invocation is not read in it.
    expect(objects.reads).toBe(0);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 300_000 });

    // The live value has been through JSON, too.
    expect(seen).toEqual([
      [300_000, "1970-01-01T00:00:00.000Z"],
      [300_000, "1970-01-01T00:00:00.000Z"],
    ]);
    expect(ran).toEqual(["context", "step"]);
    expect(objects.reads).toBe(1);
    const standIn = parseStandIn(await contextResult(made, id));
    const summary = { type: "object", keys: ["text", "at"], words: "300000 letters" };
    expect(standIn).toEqual({
      kind: "pointer",
      pointer: {
        key: (await objects.keys())[0],
        bytes: JSON.stringify({ text: HUGE, at: new Date(0) }).length,
        hash: expect.stringMatching(/^[\w-]{43}$/),
        summary,
      },
    });
    expect(objects.summaries).toEqual([summary]);
  });

  it("is not read by a replay whose code does not ask for it", async () => {
    const { rig, objects } = await setup();
    const id = await rig.begin(async (_event, context) => {
      await context.runInChildContext("outer", async (outer) => {
        await largeContext(outer, []);
        return "small";
      });
      await context.wait({ seconds: 1 });
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
    expect(objects.reads).toBe(0);
  });

  it("of a lower limit is stored and summarised above that limit, and not below", async () => {
    const { rig, objects } = await setup({ inlineLimitBytes: 100 });
    const asked: number[] = [];
    const { live, replayed } = await rig.twice(async (context) => {
      const results: number[] = [];
      for (const length of [98, 99]) {
        const text = await context.runInChildContext(async () => "x".repeat(length), {
          summaryGenerator: (result) => `${asked.push(result.length)}`,
        });
        results.push(text.length);
      }
      return results;
    });

    expect([live, replayed, asked]).toEqual([[98, 99], [98, 99], [99]]);
    expect(objects.summaries).toEqual([{ type: "string", words: "1" }]);
  });

  it("that is what its step gave is the step's object, which is written once", async () => {
    const { rig, objects } = await setup();
    const { live, replayed } = await rig.twice(async (context) => {
      const text = await context.runInChildContext(async (child) => child.step(async () => HUGE), {
        summaryGenerator: () => "the same",
      });
      return text.length;
    });

    expect([live, replayed]).toEqual([300_000, 300_000]);
    expect(objects.summaries).toEqual([{ type: "string" }]);
    expect(await objects.keys()).toHaveLength(1);
  });

  it("is seen by histories: whole, or by what is known of it", async () => {
    const { rig } = await setup();
    const id = await rig.begin(async (_event, context) => {
      await largeContext(context, []);
    });
    await rig.end(id);
    const { client } = rig.runtime;
    const resultIn = async (payloads: boolean) =>
      (await client.history(id, { payloads })).find(({ EventType }) => EventType === "ContextSucceeded")
        ?.ContextSucceededDetails?.Result;

    expect(await resultIn(true)).toEqual({ Payload: JSON.stringify({ text: HUGE, at: new Date(0) }) });
    expect(await resultIn(false)).toMatchObject({
      Truncated: true,
      Large: { summary: { words: "300000 letters" } },
    });
  });

  it("is given to handlers that do not read stand-ins", async () => {
    const { rig } = await setup({}, { hidesMark: true });
    const ran: string[] = [];
    const { live, replayed } = await rig.twice((context) => largeContext(context, ran));

    expect(live).toEqual({ text: HUGE, at: "1970-01-01T00:00:00.000Z" });
    expect(replayed).toEqual(live);
    expect(ran).toEqual(["context", "step"]);
  });

  it("stays what it is when plugins ask for the children: those are kept, the code does not run again", async () => {
    const { rig } = await setup();
    const ran: string[] = [];
    const seen: string[][] = [];
    await rig.run(
      async (_event, context) => {
        await largeContext(context, ran);
        await context.wait({ seconds: 1 });
      },
      {},
      {
        plugins: [{ onInvocationStart: async ({ operations }) => void seen.push(Object.keys(operations)) }],
        pluginsConfig: { childOperationsDepth: 1 },
      },
    );

    expect(seen[1]).toEqual(expect.arrayContaining(["1", "1-1", "2"]));
    expect(ran).toEqual(["context", "step"]);
  });

  it("is encrypted like any payload, and nothing of its summary is in plain text", async () => {
    const keys = localDataKeys({ current: "k", keys: { k: Buffer.alloc(32, 7) } });
    const { rig, objects, store } = await setup({ codecs: [aesGcmCodec(keys)] });
    const ran: string[] = [];
    const { live, replayed } = await rig.twice(
      async (context) => (await largeContext(context, ran)).text.length,
    );

    expect([live, replayed]).toEqual([300_000, 300_000]);
    expect(ran).toEqual(["context", "step"]);
    const [head] = (await store.list({ limit: 1 })).heads;
    const recorded = JSON.stringify(await store.load(head?.executionId as string));
    expect(recorded).not.toMatch(/letters|hhhh/);
    expect(objects.summaries).toEqual([{ type: "object" }]);
    for (const key of await objects.keys())
      expect(Buffer.from((await objects.get(key)) as Uint8Array).includes("hhhh")).toBe(false);
  });
});

describe("batches", () => {
  const lengths = (batch: BatchResult<string>): unknown => [
    batch.all.map(({ index, status, result }) => [index, status, result?.length]),
    batch.completionReason,
    batch.status,
  ];

  it.each<[string, object, boolean]>([
    ["NESTED", {}, true],
    ["FLAT", { nesting: NestingType.FLAT }, false],
    [
      "of a serdes of their own",
      {
        serdes: {
          serialize: async (value: unknown) => JSON.stringify(value),
          deserialize: async (text: string) => text,
        },
      },
      false,
    ],
  ])("%s: no item runs again, and STARTED items stay", async (name, config, isRebuilt) => {
    const { rig, objects } = await setup();
    const ran: string[] = [];
    const seen: unknown[] = [];
    const id = await rig.begin(async (_event, context) => {
      const batch = await context.map(
        "map",
        ["a", "stuck", "c"],
        async (item, name) => {
          ran.push(name);
          if (name === "stuck") return item.step(() => new Promise<string>(() => {}));
          const letter = await item.step(async () => "h");
          return letter.repeat(300_000);
        },
        {
          completionConfig: { minSuccessful: 2 },
          summaryGenerator: (result: BatchResult<string>) => `${result.successCount} large ones`,
          ...config,
        },
      );
      seen.push(typeof batch === "string" ? (batch as string).length : lengths(batch));
      await context.wait({ seconds: 1 });
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });

    // Only what has no outcome is asked again, and does nothing.
    expect(ran).toEqual(["a", "stuck", "c", ...(isRebuilt ? ["stuck"] : [])]);
    expect(seen).toHaveLength(2);
    expect(seen[1]).toEqual(seen[0]);
    if (!name.startsWith("of"))
      expect(seen[0]).toEqual([
        [
          [0, "SUCCEEDED", 300_000],
          [1, "STARTED", undefined],
          [2, "SUCCEEDED", 300_000],
        ],
        "MIN_SUCCESSFUL_REACHED",
        "SUCCEEDED",
      ]);
    const [batch] = await rig.operations(id);
    expect(batch?.ContextDetails?.ReplayChildren === true).toBe(isRebuilt);
    if (isRebuilt) {
      // One object for both items, which are equal; none for the batch.
      expect(await objects.keys()).toHaveLength(1);
      expect(JSON.parse(batch?.ContextDetails?.Result as string)).toMatchObject({
        itemStatuses: "S-S",
        summary: "2 large ones",
      });
    } else {
      expect(objects.summaries.at(-1)).toEqual({
        type: "batch",
        totalCount: 3,
        successCount: 2,
        failureCount: 0,
        startedCount: 1,
        completionReason: "MIN_SUCCESSFUL_REACHED",
        itemStatuses: "S-S",
        words: "2 large ones",
      });
    }
  });
});

describe("waitForCallback", () => {
  it.each<[string, object]>([
    ["with the text as it came", {}],
    ["with a deserializer", { serdes: { deserialize: async (text: string) => JSON.parse(text) as unknown } }],
  ])("%s: its submitter's context does not run again", async (_name, config) => {
    const { rig } = await setup();
    const ids: string[] = [];
    const seen: unknown[] = [];
    const id = await rig.begin(async (_event, context) => {
      seen.push(await context.waitForCallback(async (callbackId) => void ids.push(callbackId), config));
      await context.wait({ seconds: 1 });
    });
    await rig.runtime.client.sendCallbackSuccess(ids[0] as string, JSON.stringify(HUGE));

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
    expect(seen).toHaveLength(2);
    expect(seen[1]).toEqual(seen[0]);
    const [context] = await rig.operations(id);
    expect(context?.ContextDetails?.ReplayChildren).toBeUndefined();
  });
});

describe("contextResults", () => {
  it("rebuild: the code runs again, as with AWS's SDK, and nothing is stored", async () => {
    const { rig, objects } = await setup({ contextResults: "rebuild" });
    const ran: string[] = [];
    const id = await rig.begin(async (_event, context) => {
      await largeContext(context, ran);
      await context.wait({ seconds: 1 });
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
    expect(ran).toEqual(["context", "step", "context"]);
    expect(await objects.keys()).toEqual([]);
    const [context] = await rig.operations(id);
    expect(context?.ContextDetails).toEqual({ ReplayChildren: true, Result: "300000 letters" });
  });

  it.each<["store" | "rebuild", "store" | "rebuild", string[]]>([
    ["rebuild", "store", ["context", "step", "context"]],
    ["store", "rebuild", ["context", "step"]],
  ])("what was recorded with %s goes on as it was recorded with %s", async (before, after, expected) => {
    const { rig, choose } = await setup({ contextResults: before });
    const ran: string[] = [];
    const id = await rig.begin(async (_event, context) => {
      const { text } = await largeContext(context, ran);
      await context.wait({ seconds: 1 });
      return text.length;
    });
    choose({ contextResults: after });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 300_000 });
    expect(ran).toEqual(expected);
  });
});

describe("a backend that is reached by the two calls alone", () => {
  it("rebuilds, whatever the store behind it could keep: it is to be like AWS's", async () => {
    const { rig, objects } = await setup({}, { hidesMark: true, around: overRemoteClient() });
    const ran: string[] = [];
    const { live, replayed } = await rig.twice(
      async (context) => (await largeContext(context, ran)).text.length,
    );

    expect([live, replayed]).toEqual([300_000, 300_000]);
    expect(ran).toEqual(["context", "step", "context"]);
    expect(await objects.keys()).toEqual([]);
  });
});

describe("what lies under a stored result", () => {
  async function suspended(
    options: PayloadsOptions,
  ): Promise<Setup & { id: string; loaded: LoadedExecution }> {
    const made = await setup({ inlineLimitBytes: 1000, ...options });
    const id = await made.rig.begin(async (_event, context) => {
      await context.runInChildContext("large", async (child) => {
        for (let n = 0; n < 20; n++) await child.step(async () => "s".repeat(900));
        return HUGE;
      });
      await context.wait({ seconds: 1 });
    });
    return { ...made, id, loaded: (await made.store.load(id)) as LoadedExecution };
  }

  function snapshotOf(id: string, { head, entries }: LoadedExecution): string {
    const state = new ExecutionState(id, head.startedAtMs);
    for (const { records, atMs } of entries) state.commit(apply(state, records, atMs) as Transition);
    return encodeSnapshot(state, { count: 0, isOpen: false });
  }

  it("is not in a snapshot, which has the pointer; of a rebuilt one it is", async () => {
    const stored = await suspended({});
    const rebuilt = await suspended({ contextResults: "rebuild" });
    const idsIn = (text: string): string[] =>
      (JSON.parse(text) as { r: { i: string }[] }).r.map(({ i }) => i);
    const text = snapshotOf(stored.id, stored.loaded);

    expect(idsIn(text)).toEqual(["1", "2"]);
    expect(text.length).toBeLessThan(1_000);
    expect(text).toContain((await stored.objects.keys())[0]);
    expect(idsIn(snapshotOf(rebuilt.id, rebuilt.loaded))).toHaveLength(22);
  });

  it("is not needed: the execution goes on from that snapshot", async () => {
    const { id, loaded, rig, store } = await suspended({});
    const { sequence, nonce } = loaded.entries.at(-1) as LogEntry;
    const text = snapshotOf(id, loaded);

    expect(await store.saveSnapshot({ executionId: id, sequence, nonce, text })).toBe(true);
    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
  });

  it("the object is referenced as long as the log points at it, and goes with the execution", async () => {
    const { id, clock, objects, rig, store } = await suspended({});
    const [key = ""] = await objects.keys();
    const orphan = `${key.split("/")[0]}/${"A".repeat(43)}`;
    await objects.put(orphan, Buffer.from("orphan"));
    await rig.end(id);
    await clock.advanceTo(clock.nowMs() + 2 * DAY_MS);

    expect(await collectPayloads({ store, nowMs: clock.nowMs() })).toMatchObject({ removed: 1, kept: 1 });
    expect(await objects.keys()).toEqual([key]);
    expect(await rig.runtime.client.purge(id)).toBe(true);
    expect(await objects.keys()).toEqual([]);
  });
});

describe("a result that cannot be written", () => {
  it("ends the invocation; the next one runs the context's code again, and not its steps", async () => {
    const { rig, objects, store } = await setup();
    const put = objects.put.bind(objects);
    objects.put = async () => {
      objects.put = put;
      throw new Error("503 Slow Down");
    };
    const ran: string[] = [];
    const id = await rig.begin(async (_event, context) => (await largeContext(context, ran)).text.length);
    expect((await store.head(id))?.lastInvocation?.error?.ErrorType).toBe("TIDEMARK_PAYLOAD_STORE");

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 300_000 });
    expect(ran).toEqual(["context", "step", "context"]);
  });
});

describe("a stored result that cannot be read", () => {
  it.each<[string, (objects: CountingStore, key: string) => Promise<void>]>([
    ["TIDEMARK_PAYLOAD_GONE", (objects, key) => objects.delete([key])],
    ["TIDEMARK_PAYLOAD_ALTERED", (objects, key) => objects.put(key, Buffer.from("other"))],
  ])("ends the invocation with %s; the execution goes on once it is back", async (code, damage) => {
    const { rig, objects, store } = await setup();
    const ran: string[] = [];
    const id = await rig.begin(async (_event, context) => {
      const { text } = await largeContext(context, ran);
      await context.wait({ seconds: 1 });
      return text.length;
    });
    const [key = ""] = await objects.keys();
    const bytes = (await objects.get(key)) as Uint8Array;
    await damage(objects, key);
    await rig.runtime.advance(2_000);
    expect((await store.head(id))?.lastInvocation?.error?.ErrorType).toBe(code);
    await objects.put(key, bytes);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 300_000 });
    expect(ran).toEqual(["context", "step"]);
  });
});

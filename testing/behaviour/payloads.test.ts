/** Payloads outside of the log, and encoded ones: whatever a payload belongs to, everybody reads what was written. */

import { isStandIn } from "@tidemark/protocol";
import { NestingType } from "@tidemark/sdk";
import {
  aesGcmCodec,
  deflateCodec,
  localDataKeys,
  MemoryPayloadStore,
  MemoryStore,
  type PayloadCodec,
  Payloads,
  type PayloadsOptions,
} from "@tidemark/store";
import { VirtualClock } from "@tidemark/testing";
import { createRig, type Rig } from "./rig";

const SECRET = "the plain text of a payload";
const LONG = `${SECRET} `.repeat(20);
const KEY = Buffer.alloc(32, 7);

interface Setup {
  readonly rig: Rig;
  readonly objects: MemoryPayloadStore;
  readonly store: MemoryStore;
}

async function setup(options: Partial<PayloadsOptions> = {}, hidesMark = false): Promise<Setup> {
  const clock = new VirtualClock();
  const objects = new MemoryPayloadStore({ nowMs: () => clock.nowMs() });
  const payloads = new Payloads({ store: objects, inlineLimitBytes: 100, ...options });
  const store = new MemoryStore({ payloads });
  return { rig: await createRig({ clock, store, hidesMark, maxBarrenInvocations: 10 }), objects, store };
}

async function keysOf(objects: MemoryPayloadStore): Promise<string[]> {
  const keys: string[] = [];
  for await (const { key } of objects.list("")) keys.push(key);
  return keys;
}

/** Everything that the store keeps of an execution, as text. */
async function recorded(store: MemoryStore, executionId: string): Promise<string> {
  return JSON.stringify(await store.load(executionId));
}

const configurations: [string, Partial<PayloadsOptions>][] = [
  ["in a payload store", {}],
  ["compressed", { codecs: [deflateCodec()] }],
  ["encrypted", { codecs: [deflateCodec(), aesGcmCodec(localDataKeys({ current: "k", keys: { k: KEY } }))] }],
];

const readers: [string, boolean][] = [
  ["read by the handler", false],
  ["given to the handler", true],
];

describe.each(
  configurations.flatMap(([kept, options]) =>
    readers.map(([read, hidesMark]) => [kept, read, options, hidesMark] as const),
  ),
)("payloads %s, %s", (_kept, _read, options, hidesMark) => {
  it("of inputs, steps, contexts, batches, conditions, invokes and results come back, live and on replay", async () => {
    const { rig, store, objects } = await setup(options, hidesMark);
    rig.deploy("child", async (input) => ({ got: input, more: LONG }));
    const seen: unknown[] = [];
    const id = await rig.begin(
      async (input, context) => {
        const step = await context.step("step", async () => LONG);
        const child = await context.runInChildContext("child", async (inner) => inner.step(async () => LONG));
        const nested = await context.map("nested", [1, 2], async (inner) => inner.step(async () => LONG));
        const flat = await context.map("flat", [1], async (inner) => inner.step(async () => LONG), {
          nesting: NestingType.FLAT,
        });
        const state = await context.waitForCondition(
          "state",
          async ({ text, round }: { text: string; round: number }) => ({ text, round: round + 1 }),
          {
            initialState: { text: LONG, round: 0 },
            waitStrategy: ({ round }) =>
              round < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
          },
        );
        const invoked = await context.invoke("invoke", "child", { text: LONG });
        seen.push([input, step, child, nested.getResults(), flat.getResults(), state, invoked]);
        await context.wait({ seconds: 1 });
        return { input, step };
      },
      { text: LONG },
    );

    const ending = await rig.end(id);

    const expected = [
      { text: LONG },
      LONG,
      LONG,
      [LONG, LONG],
      [LONG],
      { text: LONG, round: 3 },
      { got: { text: LONG }, more: LONG },
    ];
    expect(seen.length).toBeGreaterThan(1);
    for (const values of seen) expect(values).toEqual(expected);
    expect(ending).toEqual({ status: "SUCCEEDED", result: { input: { text: LONG }, step: LONG } });
    expect(await recorded(store, id)).not.toContain(SECRET);
    expect((await keysOf(objects)).length).toBeGreaterThan(5);
    expect(await rig.runtime.client.describe(id)).toMatchObject({
      input: { text: LONG },
      result: ending.result,
    });
  });

  it("of callbacks and their failures come back, and a late completion is refused", async () => {
    const { rig, store } = await setup(options, hidesMark);
    const ids: string[] = [];
    const id = await rig.begin(async (_input, context) => {
      const [good, goodId] = await context.createCallback<string>("good");
      const [bad, badId] = await context.createCallback<string>("bad");
      if (ids.length === 0) ids.push(goodId, badId);
      const error = await bad.then(
        () => undefined,
        (reason: Error) => reason.message,
      );
      return [await good, error];
    });
    await rig.runtime.settle();
    await rig.runtime.client.sendCallbackSuccess(ids[0] as string, LONG);
    await rig.runtime.client.sendCallbackFailure(ids[1] as string, { ErrorMessage: LONG });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: [LONG, LONG] });
    expect(await recorded(store, id)).not.toContain(SECRET);
  });

  it("of errors come back with their class, message and data", async () => {
    const { rig, store } = await setup(options, hidesMark);
    class Refused extends Error {
      override readonly name = "Refused";
      readonly reason = LONG;
    }
    const id = await rig.begin(async (_input, context) => {
      await context.step(
        "fails",
        async () => {
          throw new Refused(LONG);
        },
        { retryStrategy: () => ({ shouldRetry: false }) },
      );
    });

    const ending = await rig.end(id);

    expect(ending.status).toBe("FAILED");
    expect(ending.error?.ErrorMessage).toContain(SECRET);
    expect(await recorded(store, id)).not.toContain(SECRET);
  });

  it("of why an execution was stopped come back: an operator's reason, and what failed again and again", async () => {
    const { rig, store } = await setup(options, hidesMark);
    rig.runtime.register("bare", async (_event: unknown, _context: unknown) => {
      throw new Error(LONG);
    });
    const stopped = await rig.begin(async (_input, context) => context.wait({ hours: 1 }));
    await rig.runtime.client.stop(stopped, { ErrorType: "Fraud", ErrorMessage: LONG });
    const barren = await rig.runtime.start("bare", {});

    expect(await rig.end(barren)).toMatchObject({
      status: "STOPPED",
      error: { ErrorType: "TIDEMARK_BARREN", ErrorMessage: expect.stringContaining(SECRET) },
    });
    expect((await rig.runtime.client.describe(stopped)).error).toEqual({
      ErrorType: "Fraud",
      ErrorMessage: LONG,
    });
    for (const id of [stopped, barren]) expect(await recorded(store, id)).not.toContain(SECRET);
  });

  it("are shown in histories, or marked as truncated, and summarised in lists", async () => {
    const { rig } = await setup(options, hidesMark);
    const id = await rig.begin(async (_input, context) => context.step("step", async () => LONG), {
      a: LONG,
    });
    await rig.end(id);
    const { client } = rig.runtime;

    const whole = (await client.history(id)).find(({ EventType }) => EventType === "StepSucceeded");
    const cut = (await client.history(id, { payloads: false })).find(
      ({ EventType }) => EventType === "StepSucceeded",
    );

    expect(whole?.StepSucceededDetails?.Result).toEqual({ Payload: JSON.stringify(LONG) });
    expect(cut?.StepSucceededDetails?.Result).toEqual({
      Truncated: true,
      Large: {
        bytes: expect.any(Number),
        summary: { type: "string" },
      },
    });
    const [listed] = (await client.list()).executions;
    expect(listed).not.toHaveProperty("input");
    expect(listed?.large?.result).toMatchObject({ bytes: expect.any(Number), summary: { type: "string" } });
  });
});

describe("small payloads", () => {
  it("stay in the log as they are, also those that look like a stand-in", async () => {
    const { rig, objects, store } = await setup();
    const tricky = "tidemark-payload:1:{}";
    const ids: string[] = [];
    const id = await rig.begin(async (_input, context) => {
      const [outcome, callbackId] = await context.createCallback<string>("callback");
      ids.push(callbackId);
      return { outcome: await outcome, small: await context.step(async () => "small") };
    });
    await rig.runtime.settle();
    await rig.runtime.client.sendCallbackSuccess(ids[0] as string, tricky);

    expect(await rig.end(id)).toMatchObject({ result: { outcome: tricky, small: "small" } });
    expect(await keysOf(objects)).toEqual([]);
    expect(await recorded(store, id)).toContain("small");
  });

  it("are encrypted, too", async () => {
    const keys = localDataKeys({ current: "k", keys: { k: KEY } });
    const { rig, store } = await setup({ codecs: [aesGcmCodec(keys)] });
    const id = await rig.begin(
      async (_input, context) => context.step(async () => "tiny secret"),
      "an input",
    );

    expect(await rig.end(id)).toMatchObject({ result: "tiny secret" });

    const text = await recorded(store, id);
    expect(text).not.toContain("tiny secret");
    expect(text).not.toContain("an input");
  });

  it("make a named start with the same input idempotent, although nothing encrypts twice alike", async () => {
    const keys = localDataKeys({ current: "k", keys: { k: KEY } });
    const { rig } = await setup({ codecs: [aesGcmCodec(keys)] });
    rig.deploy("main", async () => 1);
    await rig.runtime.settle();
    const { client } = rig.runtime;
    await client.start("main", { name: "one", input: { a: LONG } });

    expect(await client.start("main", { name: "one", input: { a: LONG } })).toMatchObject({ created: false });
    await expect(client.start("main", { name: "one", input: { a: 2 } })).rejects.toMatchObject({
      code: "TIDEMARK_EXECUTION_EXISTS",
    });
  });
});

describe("a payload that cannot be read", () => {
  it("of the error of every invocation does not keep the execution from being stopped for it", async () => {
    let isKeyLost = true;
    const codec: PayloadCodec = {
      name: "key",
      appliesTo: "every",
      encode: (bytes) => bytes,
      decode(bytes) {
        if (isKeyLost && Buffer.from(bytes).includes("broken")) throw new Error("no such key");
        return bytes;
      },
    };
    const { rig } = await setup({ codecs: [codec] });
    rig.runtime.register("bare", async (_event: unknown, _context: unknown) => {
      throw new Error("broken");
    });
    const id = await rig.runtime.start("bare", {});
    await rig.runtime.advance(60 * 60 * 1000);
    isKeyLost = false;

    expect(await rig.ending(id)).toMatchObject({
      status: "STOPPED",
      error: {
        ErrorType: "TIDEMARK_BARREN",
        ErrorMessage: expect.stringContaining('(last: codec "key" cannot read a payload: no such key)'),
      },
    });
  });

  async function broken(
    damage: (objects: MemoryPayloadStore, key: string) => Promise<void>,
  ): Promise<Setup & { id: string; bytes: Uint8Array; key: string }> {
    const made = await setup();
    const id = await made.rig.begin(async (_input, context) => {
      const text = await context.step("step", async () => LONG);
      await context.wait({ seconds: 60 });
      return text.length;
    });
    await made.rig.runtime.settle();
    const [key = ""] = await keysOf(made.objects);
    const bytes = (await made.objects.get(key)) as Uint8Array;
    await damage(made.objects, key);
    return { ...made, id, bytes, key };
  }

  it.each([
    ["TIDEMARK_PAYLOAD_GONE", async (objects: MemoryPayloadStore, key: string) => objects.delete([key])],
    [
      "TIDEMARK_PAYLOAD_ALTERED",
      async (objects: MemoryPayloadStore, key: string) => objects.put(key, Buffer.from("other")),
    ],
  ])("ends the invocation with %s, and the execution goes on once it is back", async (code, damage) => {
    const { rig, id, objects, key, bytes, store } = await broken(damage);
    await rig.runtime.advance(61_000);
    expect(JSON.stringify((await store.load(id))?.head.lastInvocation)).toContain(code);

    await objects.put(key, bytes);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: LONG.length });
  });

  it("says so to whoever asks for the result", async () => {
    const { rig, objects } = await setup();
    const id = await rig.begin(async () => LONG);
    await rig.end(id);
    await objects.delete(await keysOf(objects));

    await expect(rig.runtime.client.result(id)).rejects.toMatchObject({ code: "TIDEMARK_PAYLOAD_GONE" });
  });
});

describe("a payload store that fails", () => {
  it("ends the invocation, and the step runs again", async () => {
    const { rig, objects } = await setup();
    const put = objects.put.bind(objects);
    let failures = 1;
    objects.put = async (key, bytes) => {
      if (failures-- > 0) throw new Error("503 Slow Down");
      return put(key, bytes);
    };
    const id = await rig.begin(async (_input, context) => context.step("step", async () => LONG));

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: LONG });
  });
});

/** SQLite and others keep text as it is given; the form of a stand-in is part of the log's format. */
it("a stand-in is recognised by its prefix", () => {
  expect(isStandIn("tidemark-payload:2:whatever")).toBe(true);
  expect(isStandIn("tidemark")).toBe(false);
  expect(isStandIn(undefined)).toBe(false);
});

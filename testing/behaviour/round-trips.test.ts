/** Values through the log: the code sees live what it sees on replay, and concurrency limits hold on both. */

import {
  type AnySerdes,
  createClassSerdes,
  createClassSerdesWithDates,
  type DurableContext,
  NestingType,
} from "@tidemark/sdk";
import { createRig } from "./rig";

class Money {
  cents = 0;
  paidAt: Date | undefined;
  get euros(): number {
    return this.cents / 100;
  }
}

function money(cents: number): Money {
  return Object.assign(new Money(), { cents, paidAt: new Date(0) });
}

/** A value, and what comes back for it. */
const VALUES: [string, unknown, unknown][] = [
  ["undefined", undefined, undefined],
  ["null", null, null],
  ["an empty text", "", ""],
  ["a text with every kind of character", 'a"\\\n\u0000\u2028€😀\ud800', 'a"\\\n\u0000\u2028€😀\ud800'],
  ["zero", 0, 0],
  ["NaN", Number.NaN, null],
  ["false", false, false],
  ["a date", new Date(0), "1970-01-01T00:00:00.000Z"],
  ["an error", new Error("lost"), {}],
  ["a map", new Map([["a", 1]]), {}],
  ["a function", () => 1, undefined],
  ["a symbol", Symbol("s"), undefined],
  ["an object with undefined members", { a: undefined, b: 1 }, { b: 1 }],
  ["an array with holes", [1, undefined, 3], [1, null, 3]],
  ["a class instance", money(5), { cents: 5, paidAt: "1970-01-01T00:00:00.000Z" }],
  ["a key __proto__", JSON.parse('{"__proto__":{"a":1}}'), JSON.parse('{"__proto__":{"a":1}}')],
];

/** Each way in which a value passes through the log. */
const WAYS: [string, (context: DurableContext, value: unknown) => PromiseLike<unknown>][] = [
  ["step", (context, value) => context.step(async () => value)],
  ["child context", (context, value) => context.runInChildContext(async () => value)],
  [
    "waitForCondition",
    (context, value) =>
      context.waitForCondition(async () => value, {
        initialState: 1 as unknown,
        waitStrategy: () => ({ shouldContinue: false }),
      }),
  ],
  [
    "invoke",
    (context, value) =>
      context.invoke("call", "echo", { value }).then((echo) => (echo as { value: unknown }).value),
  ],
  ["combinator", (context, value) => context.promise.race([context.runInChildContext(async () => value)])],
  ["NESTED item", async (context, value) => (await context.parallel([async () => value])).all[0]?.result],
  [
    "FLAT item",
    async (context, value) =>
      (await context.parallel([async () => value], { nesting: NestingType.FLAT })).all[0]?.result,
  ],
];

describe.each(WAYS)("the value of a %s", (_way, operate) => {
  it.each(VALUES)("%s: the same live and replayed", async (_name, value, expected) => {
    const rig = await createRig();
    rig.deploy("echo", async (event) => event);

    const { live, replayed } = await rig.twice(async (context) => operate(context, value));

    expect(live).toEqual(expected);
    expect(replayed).toEqual(live);
  });
});

describe("a class serdes", () => {
  const serdes = createClassSerdesWithDates(Money, ["paidAt"]);

  it.each<[string, (context: DurableContext) => PromiseLike<Money>]>([
    ["step", (context) => context.step(async () => money(250), { serdes })],
    ["child context", (context) => context.runInChildContext(async () => money(250), { serdes })],
    [
      "condition",
      (context) =>
        context.waitForCondition(async () => money(250), {
          initialState: money(1),
          waitStrategy: (state) =>
            state instanceof Money
              ? { shouldContinue: false }
              : { shouldContinue: true, delay: { seconds: 1 } },
          serdes,
        }),
    ],
    [
      "invoke",
      (context) =>
        context.invoke<Money, Money>("echo", money(250), { payloadSerdes: serdes, resultSerdes: serdes }),
    ],
    [
      "NESTED item",
      async (context) =>
        (await context.map([1], async () => money(250), { itemSerdes: serdes })).getResults()[0] as Money,
    ],
    [
      "FLAT item",
      async (context) =>
        (
          await context.map([1], async () => money(250), { itemSerdes: serdes, nesting: NestingType.FLAT })
        ).getResults()[0] as Money,
    ],
    [
      "the context's default",
      (context) => {
        context.configureSerdes({ defaultSerdes: serdes });
        return context.runInChildContext((child) => child.step(async () => money(250)));
      },
    ],
  ])("of a %s gives instances with dates, live and replayed", async (_name, operate) => {
    const rig = await createRig();
    rig.deploy("echo", async (event) => event);

    const { live, replayed } = await rig.twice(async (context) => {
      const value = await operate(context);
      return [value instanceof Money, value.euros, value.paidAt instanceof Date];
    });

    expect(live).toEqual([true, 2.5, true]);
    expect(replayed).toEqual(live);
  });

  it("of a callback reads its payload, live and replayed", async () => {
    const rig = await createRig();
    const ids: string[] = [];
    const seen: unknown[] = [];
    const id = await rig.begin(async (_event, context) => {
      context.configureSerdes({ defaultCallbackDeserializer: createClassSerdes(Money) });
      const [first, firstId] = await context.createCallback<Money>();
      ids.push(firstId);
      const second = context.waitForCallback<Money>(async (callbackId) => void ids.push(callbackId));
      for (const value of [await first, await second]) seen.push([value instanceof Money, value.euros]);
      await context.wait({ seconds: 1 });
    });
    for (const callbackId of ids) await rig.runtime.client.sendCallbackSuccess(callbackId, '{"cents":100}');

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
    expect(seen).toEqual(Array.from({ length: 4 }, () => [true, 1]));
  });
});

describe("a serdes that fails", () => {
  function failing(direction: "serialize" | "deserialize", times: number): AnySerdes {
    let left = times;
    const maybeFail = (now: string) => {
      if (now === direction && left-- > 0) throw new Error("the disk is full");
    };
    return {
      serialize: async (value) => {
        maybeFail("serialize");
        return JSON.stringify(value);
      },
      deserialize: async (text) => {
        maybeFail("deserialize");
        return text === undefined ? undefined : JSON.parse(text);
      },
    };
  }

  it.each(["serialize", "deserialize"] as const)(
    "to %s: the invocation is tried again",
    async (direction) => {
      const rig = await createRig();
      const serdes = failing(direction, 1);
      const id = await rig.begin(async (_event, context) => context.step("s", async () => 7, { serdes }));

      expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 7 });
      expect(await rig.invocationErrors(id)).toEqual(["SerdesFailedError", undefined]);
    },
  );

  it("for ever: the execution stops, says why, and can be resumed", async () => {
    const rig = await createRig({ maxBarrenInvocations: 3 });
    let serdes = failing("serialize", 100);
    const id = await rig.begin(async (_event, context) => context.step("s", async () => 7, { serdes }));

    const { status, error } = await rig.end(id);
    expect(status).toBe("STOPPED");
    expect(error?.ErrorType).toBe("TIDEMARK_BARREN");
    expect(error?.ErrorMessage).toContain('cannot serialize the payload of operation 1 "s"');
    serdes = failing("serialize", 0);
    expect(await rig.runtime.client.resume(id)).toBe(true);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 7 });
  });

  // payload.ts calls `.catch` on what the serdes returns, so a serdes whose functions are not async, which the AWS SDK
  // awaits and takes, breaks: `serdes.serialize(...).catch is not a function`.
  it("because it is not asynchronous: it is awaited like any other", async () => {
    const rig = await createRig();
    const serdes = {
      serialize: (value: unknown) => JSON.stringify(value),
      deserialize: (text: string) => JSON.parse(text) as unknown,
    } as unknown as AnySerdes;

    const { live, replayed } = await rig.twice(async (context) =>
      context.step(async () => ({ a: 1 }), { serdes }),
    );

    expect([live, replayed]).toEqual([{ a: 1 }, { a: 1 }]);
  });

  it("by throwing at once: the invocation is tried again, as when it rejects", async () => {
    const rig = await createRig();
    let left = 1;
    const serdes = {
      serialize: (value: unknown) => {
        if (left-- > 0) throw new Error("the disk is full");
        return Promise.resolve(JSON.stringify(value));
      },
      deserialize: async (text: string) => JSON.parse(text) as unknown,
    } as unknown as AnySerdes;
    const id = await rig.begin(async (_event, context) => context.step(async () => 7, { serdes }));

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 7 });
  });
});

describe("maxConcurrency", () => {
  it.each([NestingType.NESTED, NestingType.FLAT])(
    "1 in a %s map: an item that waits keeps its place",
    async (nesting) => {
      const rig = await createRig();
      const started: number[] = [];
      const id = await rig.begin(async (_event, context) => {
        const batch = await context.map(
          [1, 2, 3],
          async (item, n) => {
            await item.step("begin", async () => void started.push(n));
            await item.wait({ seconds: 5 });
            return n;
          },
          { maxConcurrency: 1, nesting },
        );
        return batch.getResults();
      });
      for (const expected of [[1], [1, 2], [1, 2, 3]]) {
        expect(started).toEqual(expected);
        await rig.runtime.advance(5000);
      }

      expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: [1, 2, 3] });
      expect(started).toEqual([1, 2, 3]);
    },
  );

  it.each([NestingType.NESTED, NestingType.FLAT])(
    "2 in a %s map: at most two bodies run at a time",
    async (nesting) => {
      const rig = await createRig();
      let running = 0;
      let most = 0;
      const ending = await rig.run(async (_event, context) => {
        const batch = await context.map(
          Array.from({ length: 20 }, (_, index) => index),
          async (item, n) =>
            item.step(async () => {
              most = Math.max(most, ++running);
              for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
              running -= 1;
              return n;
            }),
          { maxConcurrency: 2, nesting },
        );
        return batch.successCount;
      });

      expect(ending).toEqual({ status: "SUCCEEDED", result: 20 });
      expect(most).toBe(2);
    },
  );
});

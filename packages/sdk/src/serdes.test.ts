import { TidemarkError } from "@tidemark/protocol";
import {
  createClassSerdes,
  createClassSerdesWithDates,
  defaultSerdes,
  deserializeJson,
  isDefaultSerdes,
  type SerdesContext,
  serializeJson,
} from "./serdes.js";

const context: SerdesContext = {
  entityId: "1",
  durableExecutionArn: "arn:tidemark:durable:local:0:function:f",
};

async function rejection(run: () => unknown): Promise<{ code: string; message: string; cause: unknown }> {
  try {
    await run();
  } catch (error) {
    expect(error).toBeInstanceOf(TidemarkError);
    const { code, message, cause } = error as TidemarkError;
    return { code, message, cause };
  }
  throw new Error("nothing was thrown");
}

describe("defaultSerdes", () => {
  it.each<[unknown, string | undefined]>([
    [undefined, undefined],
    [null, "null"],
    [0, "0"],
    ["", '""'],
    ["é\n", '"é\\n"'],
    [false, "false"],
    [Number.NaN, "null"],
    [[1, undefined, "a"], '[1,null,"a"]'],
    [{ a: 1, b: undefined, c: { d: [] } }, '{"a":1,"c":{"d":[]}}'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
    [new Error("lost"), "{}"],
    [new Map([[1, 2]]), "{}"],
    [() => 1, undefined],
    [Symbol("s"), undefined],
  ])("writes %p as %p, at once and as a promise", async (value, payload) => {
    expect(serializeJson(value)).toBe(payload);
    expect(await defaultSerdes.serialize(value, context)).toBe(payload);
  });

  it.each<[string | undefined, unknown]>([
    [undefined, undefined],
    ["null", null],
    ["0", 0],
    ['{"a":[1,{"b":"c"}]}', { a: [1, { b: "c" }] }],
  ])("reads %p as %p, at once and as a promise", async (payload, value) => {
    expect(deserializeJson(payload)).toEqual(value);
    expect(await defaultSerdes.deserialize(payload, context)).toEqual(value);
  });

  it.each(["", "{", "undefined", "[1,]"])("refuses the payload %p, which is not JSON", async (payload) => {
    const { code, message, cause } = await rejection(() => defaultSerdes.deserialize(payload, context));
    expect(cause).toMatchObject({ name: "SyntaxError" });
    expect({ code, message }).toEqual({
      code: "TIDEMARK_DESERIALIZE",
      message: `a payload of ${payload.length} characters is not JSON (${(cause as Error).message}): if another serdes wrote it, give that serdes to the operation`,
    });
  });

  const bigint = (path: string): string =>
    `${path} is a BigInt, which JSON cannot carry: return a string or a number in its place; or give the operation a serdes that can`;
  const cycle = (path: string, target: string): string =>
    `${path} is ${target} again, and JSON cannot carry a value that contains itself: return only the fields that are needed; or give the operation a serdes that can`;
  const ring: Record<string, unknown> = { name: "ring" };
  ring.next = { items: [1, ring] };
  const inner: Record<string, unknown> = {};
  inner.self = inner;
  const shared = { n: 1 };

  it.each<[string, unknown, string]>([
    ["a BigInt", 5n, bigint("value")],
    ["a BigInt in a field", { order: { amount: 5n } }, bigint("value.order.amount")],
    ["a BigInt in a list", { items: [{ n: 1 }, { n: 2n }] }, bigint("value.items[1].n")],
    ["a value that contains itself", ring, cycle("value.next.items[1]", "value")],
    [
      "a part that contains itself",
      { a: shared, b: shared, inner },
      cycle("value.inner.self", "value.inner"),
    ],
  ])("refuses %s and says where it is", async (_case, value, message) => {
    expect(await rejection(() => serializeJson(value))).toMatchObject({
      code: "TIDEMARK_SERIALIZE",
      message,
    });
    expect(await rejection(() => defaultSerdes.serialize(value, context))).toMatchObject({
      code: "TIDEMARK_SERIALIZE",
      message,
      cause: { name: "TypeError" },
    });
  });

  it("passes on what a value's own code throws", async () => {
    const broken = new Error("toJSON is broken");
    const value = {
      toJSON: () => {
        throw broken;
      },
    };
    expect(await rejection(() => serializeJson(value))).toEqual({
      code: "TIDEMARK_SERIALIZE",
      message:
        "the value cannot be written as JSON (toJSON is broken): return plain data; or give the operation a serdes that can",
      cause: broken,
    });
  });

  it("is known by identity, so a copy of it takes the ordinary way", () => {
    expect(
      [defaultSerdes, { ...defaultSerdes }, undefined, createClassSerdes(Date)].map(isDefaultSerdes),
    ).toEqual([true, false, false, false]);
  });

  it("cannot be changed, because the engine calls JSON in its place", () => {
    expect(Object.isFrozen(defaultSerdes)).toBe(true);
  });
});

class Account {
  name = "nobody";
  tags: string[] = [];
  openedAt = new Date(1);
  greet(): string {
    return `Hello, ${this.name}`;
  }
}

describe("createClassSerdes", () => {
  const serdes = createClassSerdes(Account);

  it("brings back an instance with its fields and methods", async () => {
    const account = Object.assign(new Account(), { name: "Alice", tags: ["a"] });
    const payload = await serdes.serialize(account, context);
    expect(payload).toBe('{"name":"Alice","tags":["a"],"openedAt":"1970-01-01T00:00:00.001Z"}');
    const restored = (await serdes.deserialize(payload, context)) as Account;
    expect(restored).toBeInstanceOf(Account);
    expect(restored.greet()).toBe("Hello, Alice");
    expect({ ...restored }).toEqual({ name: "Alice", tags: ["a"], openedAt: "1970-01-01T00:00:00.001Z" });
  });

  it("keeps the constructor's values of fields that are not recorded, and recorded fields it does not know", async () => {
    const restored = await serdes.deserialize('{"name":"Bob","extra":2}', context);
    expect(restored).toBeInstanceOf(Account);
    expect({ ...restored }).toEqual({ name: "Bob", tags: [], openedAt: new Date(1), extra: 2 });
  });

  it.each<[null | undefined, string | undefined]>([
    [undefined, undefined],
    [null, "null"],
  ])("brings back %p as it is", async (value, payload) => {
    expect(await serdes.serialize(value as undefined, context)).toBe(payload);
    expect(await serdes.deserialize(payload, context)).toBe(value);
  });

  it("does not let a payload replace the class", async () => {
    const restored = await serdes.deserialize('{"__proto__":{"admin":true},"name":"Eve"}', context);
    expect(restored).toBeInstanceOf(Account);
    expect((restored as { admin?: boolean }).admin).toBeUndefined();
    expect({ ...restored }).toEqual({ name: "Eve", tags: [], openedAt: new Date(1) });
  });

  it("refuses values and payloads that JSON refuses", async () => {
    const account = Object.assign(new Account(), { balance: 5n });
    expect(await rejection(() => serdes.serialize(account, context))).toMatchObject({
      code: "TIDEMARK_SERIALIZE",
    });
    expect(await rejection(() => serdes.deserialize("{", context))).toMatchObject({
      code: "TIDEMARK_DESERIALIZE",
    });
  });

  it("refuses what is not a class when the serdes is made", async () => {
    expect(await rejection(() => createClassSerdes("Account" as unknown as new () => object))).toMatchObject({
      code: "TIDEMARK_SERDES_CONFIG",
      message: 'cls of createClassSerdes is "Account": give a class whose constructor takes no arguments',
    });
  });
});

describe("createClassSerdesWithDates", () => {
  const isoDate = "2020-01-02T03:04:05.678Z";
  const paths = [
    "openedAt",
    "limits.validFrom",
    "limits.history.last",
    "visits.0",
    "visits.1.at",
    "missing",
    "a.b.c",
  ];
  const serdes = createClassSerdesWithDates(Account, paths);

  it("brings back dates at the top, below and in lists, equal to those written", async () => {
    const account = Object.assign(new Account(), {
      openedAt: new Date(isoDate),
      limits: { validFrom: new Date(5), history: { last: new Date(6), note: isoDate } },
      visits: [new Date(7), { at: new Date(8) }],
    });
    const restored = await serdes.deserialize(await serdes.serialize(account, context), context);
    expect(restored).toBeInstanceOf(Account);
    expect({ ...restored }).toEqual({ ...account });
  });

  it.each<[string, string, Record<string, unknown>]>([
    ["null", '{"openedAt":null}', { openedAt: null }],
    ["an empty string", '{"openedAt":""}', { openedAt: "" }],
    ["zero", '{"openedAt":0}', { openedAt: 0 }],
    ["a number", '{"openedAt":5}', { openedAt: new Date(5) }],
    ["nothing on the way", '{"limits":null}', { openedAt: new Date(1), limits: null }],
    ["a string on the way", '{"limits":"none"}', { openedAt: new Date(1), limits: "none" }],
    [
      "a list on the way",
      '{"limits":[{"validFrom":5}]}',
      { openedAt: new Date(1), limits: [{ validFrom: 5 }] },
    ],
  ])("where a path finds %s", async (_case, payload, fields) => {
    const restored = await serdes.deserialize(payload, context);
    expect({ ...restored }).toEqual({ name: "nobody", tags: [], ...fields });
  });

  it("brings back an invalid date for text that is no date", async () => {
    const restored = (await serdes.deserialize('{"openedAt":"soon"}', context)) as Account;
    expect(restored.openedAt).toBeInstanceOf(Date);
    expect(restored.openedAt.getTime()).toBeNaN();
  });

  it.each([undefined, null])("brings back %p as it is", async (value) => {
    const payload = await serdes.serialize(value as undefined, context);
    expect(await serdes.deserialize(payload, context)).toBe(value);
  });

  it.each<[unknown, unknown, string]>([
    [
      Account,
      undefined,
      'dateProps of createClassSerdesWithDates is undefined: give an array of paths, for example ["createdAt"]',
    ],
    [
      Account,
      ["openedAt", 5],
      'dateProps of createClassSerdesWithDates is ["openedAt",5]: give an array of paths, for example ["createdAt"]',
    ],
    [
      null,
      [],
      "cls of createClassSerdesWithDates is null: give a class whose constructor takes no arguments",
    ],
  ])("refuses what cannot work when the serdes is made", async (cls, dateProps, message) => {
    const make = () => createClassSerdesWithDates(cls as new () => object, dateProps as string[]);
    expect(await rejection(make)).toMatchObject({ code: "TIDEMARK_SERDES_CONFIG", message });
  });
});

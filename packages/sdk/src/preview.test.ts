import { TidemarkError } from "@tidemark/protocol";
import {
  buildPreview,
  FieldMatchMode,
  type PreviewConfig,
  type PreviewField,
  PreviewMode,
} from "./preview.js";

const ALL: PreviewConfig = { mode: PreviewMode.INCLUDE_ALL };
const NONE: PreviewConfig = { mode: PreviewMode.EXCLUDE_ALL };
const anywhere = (...names: string[]): PreviewField[] => names.map((name) => ({ name }));
const atPath = (...names: string[]): PreviewField[] =>
  names.map((name) => ({ name, match: FieldMatchMode.PATH }));

const order = {
  id: 1,
  status: "paid",
  user: { id: 2, name: "Ann", email: "a@b", contact: { email: "c@d" } },
  lines: [
    { id: 3, price: 5 },
    { id: 4, tax: 1 },
  ],
  codes: [1, 2],
};
const shownUser = { id: 2, name: "Ann", email: "a@b", contact: { email: "c@d" } };
const shownLines = { id: 4, price: 5, tax: 1 };

describe("buildPreview", () => {
  it.each<[string, PreviewConfig, unknown]>([
    ["everything", ALL, { id: 1, status: "paid", user: shownUser, lines: shownLines }],
    ["nothing", NONE, undefined],
    [
      "a name at every depth",
      { ...NONE, include: anywhere("id") },
      { id: 1, user: { id: 2 }, lines: { id: 4 } },
    ],
    ["a name and all that is below it", { ...NONE, include: anywhere("user") }, { user: shownUser }],
    ["a path of one name", { ...NONE, include: atPath("id") }, { id: 1 }],
    ["a path of two names", { ...NONE, include: atPath("user.id") }, { user: { id: 2 } }],
    ["a path through an array", { ...NONE, include: atPath("lines.price") }, { lines: { price: 5 } }],
    ["nothing for a path that ends at an object", { ...NONE, include: atPath("user") }, undefined],
    ["nothing for a name with a dot", { ...NONE, include: anywhere("user.id") }, undefined],
    ["nothing for an index", { ...NONE, include: anywhere("0") }, undefined],
    [
      "all but a name",
      { ...ALL, exclude: anywhere("email", "id") },
      { status: "paid", user: { name: "Ann" }, lines: { price: 5, tax: 1 } },
    ],
    [
      "all but a path and all that is below it",
      { ...ALL, exclude: atPath("user.contact", "lines") },
      { id: 1, status: "paid", user: { id: 2, name: "Ann", email: "a@b" } },
    ],
    [
      "masked values at every depth",
      { ...NONE, mask: anywhere("email") },
      { user: { email: "***", contact: { email: "***" } } },
    ],
    ["a masked path", { ...NONE, mask: atPath("user.email") }, { user: { email: "***" } }],
    [
      "a mask in place of an object, an array and a list of primitives",
      { ...NONE, mask: anywhere("user", "lines", "codes") },
      { user: "***", lines: "***", codes: "***" },
    ],
    ["a given mask", { ...NONE, mask: atPath("id", "status"), maskString: "" }, { id: "", status: "" }],
    [
      "nothing where exclude and mask meet",
      { ...NONE, mask: anywhere("email"), exclude: anywhere("email") },
      undefined,
    ],
    [
      "nothing masked below what is excluded",
      { ...NONE, mask: anywhere("email"), exclude: atPath("user.contact") },
      { user: { email: "***" } },
    ],
    [
      "nothing included below what is excluded",
      { ...ALL, include: anywhere("email"), exclude: anywhere("user", "lines") },
      { id: 1, status: "paid" },
    ],
  ])("shows %s", (_case, config, expected) => {
    expect(buildPreview(order, config)).toEqual(expected);
  });

  it.each<[string, unknown, unknown]>([
    ["a primitive", 5, undefined],
    ["null", null, undefined],
    ["undefined", undefined, undefined],
    ["an empty object", {}, undefined],
    ["a list of primitives", [1, "a"], undefined],
    ["a list of objects", [{ id: 1 }, { id: 2, q: 3 }], { id: 2, q: 3 }],
    ["lists of lists", { a: [[{ b: 1 }], [{ c: 2 }]] }, { a: { b: 1, c: 2 } }],
    ["a list of both", { a: [1, { b: 2 }, "s", null] }, { a: { b: 2 } }],
    ["an object after a primitive in one place", [{ user: "Ann" }, { user: { id: 1 } }], { user: { id: 1 } }],
    ["a primitive after an object in one place", [{ user: { id: 1 } }, { user: "Ann" }], { user: "Ann" }],
    ["null and false", { a: null, b: false }, { a: null, b: false }],
    ["objects without fields", { date: new Date(0), map: new Map([[1, 2]]), list: [], a: 1 }, { a: 1 }],
    [
      "what JSON does not carry",
      { a: undefined, b: () => 1, c: Symbol("s"), d: 5n, toJSON: () => "leak", e: 1 },
      { e: 1 },
    ],
    ["names with dots", { "a.b": 1, a: { c: 2, "d.e": { f: 3 } } }, { a: { c: 2 } }],
    [
      "names of prototypes",
      JSON.parse(
        '{"__proto__":{"x":1},"constructor":{"prototype":{"y":2}},"toString":3,"a":{"hasOwnProperty":{"b":4}}}',
      ),
      { toString: 3, a: { hasOwnProperty: { b: 4 } } },
    ],
  ])("of %s", (_case, value, expected) => {
    expect(buildPreview(value, ALL)).toEqual(expected);
    expect(({} as { x?: unknown; y?: unknown }).x ?? ({} as { y?: unknown }).y).toBeUndefined();
  });

  it("does not follow a value into itself, and shows one object in two places", () => {
    const shared = { n: 1 };
    const value: Record<string, unknown> = { first: shared, second: shared, third: [shared] };
    value.self = value;
    expect(buildPreview(value, ALL)).toEqual({ first: { n: 1 }, second: { n: 1 }, third: { n: 1 } });
  });

  it("shares nothing with the value", () => {
    const value = { a: { b: 1 } };
    const preview = buildPreview(value, ALL);
    value.a.b = 2;
    expect(preview).toEqual({ a: { b: 1 } });
  });

  // {"a":1} counts 2 + 6, "b":"22" 9 more, "c.d":3 8 more, "é":"é" 10 more.
  const sized = { a: 1, b: "22", c: { d: 3 }, é: "é" };
  it.each<[number, unknown]>([
    [0, undefined],
    [7, undefined],
    [8, { a: 1 }],
    [16, { a: 1 }],
    [17, { a: 1, b: "22" }],
    [24, { a: 1, b: "22" }],
    [25, { a: 1, b: "22", c: { d: 3 } }],
    [34, { a: 1, b: "22", c: { d: 3 } }],
    [35, sized],
  ])("ends at the field that would exceed %d bytes", (maxPreviewBytes, expected) => {
    expect(buildPreview(sized, { ...ALL, maxPreviewBytes })).toEqual(expected);
  });

  it("shows nothing after the field at which it ended, also when that would still fit", () => {
    const value = { a: 1, long: ["x".repeat(50), { text: "x".repeat(50) }], b: 2 };
    expect(buildPreview(value, { ...ALL, maxPreviewBytes: 40 })).toEqual({ a: 1 });
  });

  it("counts a mask, not what it hides", () => {
    const value = { secret: "x".repeat(5_000), a: 1 };
    const config = { ...ALL, mask: anywhere("secret"), maxPreviewBytes: 25 };
    expect(buildPreview(value, config)).toEqual({ secret: "***", a: 1 });
  });

  it("ends at 4096 bytes unless it is told otherwise", () => {
    const value = Object.fromEntries(Array.from({ length: 1_000 }, (_, index) => [`k${index}`, index]));
    const preview = buildPreview(value, ALL) as Record<string, unknown>;
    expect(Object.keys(preview)).toEqual(Array.from({ length: 392 }, (_, index) => `k${index}`));
    expect(Buffer.byteLength(JSON.stringify(preview))).toBe(4_093);
  });

  it("shows the least when the mode is unknown", () => {
    const config = { mode: "ALL" as PreviewMode, include: anywhere("status") };
    expect(buildPreview(order, config)).toEqual({ status: "paid" });
  });

  it.each([
    ["exclude", "email", '"email"'],
    ["mask", { field: "email" }, '{"field":"email"}'],
    ["include", null, "null"],
  ])("refuses an entry of %s without a name, which would hide nothing: %p", (list, entry, text) => {
    const build = () => buildPreview(order, { ...ALL, [list]: [{ name: "id" }, entry] } as PreviewConfig);
    expect(build).toThrow(TidemarkError);
    expect(build).toThrow(
      expect.objectContaining({
        code: "TIDEMARK_PREVIEW_CONFIG",
        message: `${list} of the preview contains ${text}: give objects with a name, for example { name: "email" }`,
      }),
    );
  });
});

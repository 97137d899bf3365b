import { valueText } from "./value-text.js";

const circular: { self?: unknown } = {};
circular.self = circular;

describe("valueText", () => {
  it.each<[unknown, string]>([
    [5, "5"],
    [Number.NaN, "NaN"],
    [Number.NEGATIVE_INFINITY, "-Infinity"],
    [5n, "5n"],
    ["5", '"5"'],
    [null, "null"],
    [undefined, "undefined"],
    [true, "true"],
    [{ a: [1] }, '{"a":[1]}'],
    [Symbol("s"), "Symbol(s)"],
    [function named() {}, "function named"],
    [(() => () => {})(), "function (anonymous)"],
    [{ toJSON: () => undefined }, "object"],
    [{ n: 5n }, "[object Object]"],
    [circular, "[object Object]"],
    [Object.assign(Object.create(null), { n: 5n }), "[object Object]"],
    ["x".repeat(400), `"${"x".repeat(299)}…`],
  ])("shows %p", (value, text) => {
    expect(valueText(value)).toBe(text);
  });
});

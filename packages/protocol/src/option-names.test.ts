import { optionsProblem, requireOptionNames } from "./option-names";

const NAMES = { tableName: true, shards: true, pollIntervalMs: true, retryTimeoutMs: true } as const;
const ALL = "Options: tableName, shards, pollIntervalMs, retryTimeoutMs";

describe("names of options", () => {
  it.each<[string, unknown]>([
    ["none at all", {}],
    ["all that there are", { tableName: "t", shards: 1, pollIntervalMs: 1, retryTimeoutMs: 1 }],
    ["a known one without a value", { shards: undefined }],
    ["names that every object inherits", Object.create({ inherited: true })],
  ])("have no problem: %s", (_name, options) => {
    expect(optionsProblem(options, NAMES)).toBeUndefined();
  });

  it.each<[string, string]>([
    ["shard", "did you mean shards?"],
    ["SHARDS", "did you mean shards?"],
    ["sahrds", "did you mean shards?"],
    ["table", "did you mean tableName?"],
    ["tabelName", "did you mean tableName?"],
    ["pollInterval", "did you mean pollIntervalMs?"],
    ["retryTimeoutMS", "did you mean retryTimeoutMs?"],
    ["region", "leave it out."],
    ["s", "leave it out."],
    // Every object has it, and it is not an option.
    ["constructor", "leave it out."],
  ])("are refused with the nearest one and all: %s", (name, advice) => {
    expect(optionsProblem({ shards: 4, [name]: 4 }, NAMES)).toBe(
      `${name} is not an option; ${advice} ${ALL}`,
    );
  });

  it("are refused without a value, too: it may have one elsewhere", () => {
    expect(optionsProblem({ shard: undefined }, NAMES)).toContain("shard is not an option");
  });

  it("are named with the options that they are in", () => {
    expect(optionsProblem({ keyID: "k" }, { keyId: true }, "encryption")).toBe(
      "encryption.keyID is not an option; did you mean keyId? Options: keyId",
    );
  });

  it.each<[unknown, string]>([
    [undefined, "undefined"],
    [null, "null"],
    ["./tidemark.db", '"./tidemark.db"'],
    [() => {}, "function (anonymous)"],
    [["a"], '["a"]'],
  ])("are those of an object, which %p is not", (options, shown) => {
    expect(optionsProblem(options, NAMES)).toBe(
      `options is ${shown}; pass an object (options: tableName, shards, pollIntervalMs, retryTimeoutMs)`,
    );
  });

  it("are refused with the error of whoever asks", () => {
    const refusal = (problem: string) => new RangeError(`open: ${problem}`);
    expect(() => requireOptionNames({ shard: 4 }, NAMES, refusal)).toThrow(
      new RangeError(`open: shard is not an option; did you mean shards? ${ALL}`),
    );
    expect(requireOptionNames({ shards: 4 }, NAMES, refusal)).toBeUndefined();
  });
});

import { inspect } from "node:util";
import { createDefaultLogger, refreshLogConfig } from "./default-logger.js";
import type { DurableLogData } from "./logger.js";

const INFO = { executionArn: "arn:1", requestId: "r-1", nowMs: () => 1_700_000_000_123 };
const HEAD =
  '{"requestId":"r-1","timestamp":"2023-11-14T22:13:20.123Z","level":"INFO","executionArn":"arn:1"';

let stdout: string[];
let stderr: string[];
let originalLevel: string | undefined;

beforeEach(() => {
  originalLevel = process.env.AWS_LAMBDA_LOG_LEVEL;
  delete process.env.AWS_LAMBDA_LOG_LEVEL;
  stdout = [];
  stderr = [];
  for (const [stream, lines] of [[process.stdout, stdout] as const, [process.stderr, stderr] as const]) {
    jest.spyOn(stream, "write").mockImplementation((chunk) => {
      lines.push(String(chunk));
      return true;
    });
  }
});

afterEach(() => {
  jest.restoreAllMocks();
  if (originalLevel === undefined) delete process.env.AWS_LAMBDA_LOG_LEVEL;
  else process.env.AWS_LAMBDA_LOG_LEVEL = originalLevel;
});

class OrderError extends Error {
  readonly cents = 500;
}

function fixedStack<E extends Error>(error: E): E {
  return Object.defineProperty(error, "stack", { value: "Error: x\n    at here" });
}

function withoutStack<E extends Error>(error: E): E {
  return Object.defineProperty(error, "stack", { value: undefined });
}

function cycle(): object {
  const value: Record<string, unknown> = { a: 1 };
  value.self = value;
  return value;
}

/** What follows the fixed fields on the line of `params`. */
function rest(...params: unknown[]): string {
  createDefaultLogger(INFO).info(...params);
  expect(stderr).toEqual([]);
  expect(stdout).toHaveLength(1);
  const line = stdout[0]!;
  expect(line.startsWith(HEAD)).toBe(true);
  return line.slice(HEAD.length).replace(/^,/, "");
}

const ERROR_FIELDS = '"errorType":"OrderError","errorMessage":"x","stackTrace":["Error: x","    at here"]';

describe("the message of one argument", () => {
  it.each<[string, unknown[], string]>([
    ["no argument", [], '"message":""'],
    ["undefined", [undefined], '"message":""'],
    ["a string", ["100%% %s"], '"message":"100%% %s"'],
    ["a number", [5], '"message":5'],
    ["not a number", [Number.NaN], '"message":null'],
    ["null", [null], '"message":null'],
    ["a boolean", [false], '"message":false'],
    ["a bigint", [10n], '"message":"10n"'],
    ["a date", [new Date(0)], '"message":"1970-01-01T00:00:00.000Z"'],
    ["an object", [{ a: { b: { c: { d: [1] } } } }], '"message":{"a":{"b":{"c":{"d":[1]}}}}'],
    [
      "an object that looks like a line",
      [{ level: "X", requestId: "y" }],
      '"message":{"level":"X","requestId":"y"}',
    ],
    ["an array", [[1, "two"]], '"message":[1,"two"]'],
    ["a cycle", [cycle()], '"message":"<ref *1> { a: 1, self: [Circular *1] }"'],
    ["a bigint inside", [{ a: 10n }], '"message":"{ a: 10n }"'],
    ["an error", [fixedStack(new OrderError("x"))], `"message":{${ERROR_FIELDS},"cents":500}`],
    [
      "an error inside",
      [{ list: [withoutStack(new OrderError("x"))] }],
      '"message":{"list":[{"errorType":"OrderError","errorMessage":"x","cents":500}]}',
    ],
  ])("%s", (_name, params, expected) => {
    expect(rest(...params)).toBe(`${expected}}\n`);
  });

  it.each([
    ["a symbol", Symbol("s")],
    ["a function", () => 1],
  ])("%s leaves no message", (_name, value) => {
    expect(rest(value)).toBe("}\n");
  });
});

describe("the message of more arguments", () => {
  const wide = { a: "x".repeat(100), b: "y".repeat(100) };

  it.each<[string, unknown[], string]>([
    ["a format", ["%s has %d %j", "order", 3, { q: 1 }], '"message":"order has 3 {\\"q\\":1}"'],
    [
      "a string and an object",
      ["hello", { a: { b: { c: { d: 1 } } } }],
      '"message":"hello { a: { b: { c: [Object] } } }"',
    ],
    ["an object and a string", [{ a: 1 }, "%s"], '"message":"{ a: 1 } %s"'],
    ["a wide object", ["m", wide], `"message":"m { a: '${wide.a}', b: '${wide.b}' }"`],
    ["undefined first", [undefined, "x"], '"message":"x"'],
    ["undefined second", ["m", undefined], '"message":"m undefined"'],
  ])("%s", (_name, params, expected) => {
    expect(rest(...params)).toBe(`${expected}}\n`);
  });

  it("adds the fields of the first error, wherever it stands", () => {
    const error = fixedStack(new OrderError("x"));
    const text = JSON.stringify(`failed { a: 1 } ${inspect(error)} [Error: second]`);
    const second = withoutStack(new Error("second"));
    expect(rest("failed", { a: 1 }, error, second)).toBe(`"message":${text},${ERROR_FIELDS}}\n`);
  });

  it("gives an empty stack trace when the error has none", () => {
    const error = withoutStack(new TypeError("x"));
    expect(rest("m", error)).toBe(
      '"message":"m [TypeError: x]","errorType":"TypeError","errorMessage":"x","stackTrace":[]}\n',
    );
  });
});

describe("levels", () => {
  function logAtEveryLevel(): string[] {
    const logger = createDefaultLogger(INFO);
    logger.debug("d");
    logger.info("i");
    logger.warn("w");
    logger.error("e");
    logger.log?.("DEBUG", "ld");
    logger.log?.("ERROR", "le");
    return [...stdout, ...stderr].map((line) => JSON.parse(line).message as string);
  }

  it("writes debug and info to stdout, warnings and errors to stderr", () => {
    logAtEveryLevel();
    expect(stdout.map((line) => [JSON.parse(line).level, JSON.parse(line).message])).toEqual([
      ["DEBUG", "d"],
      ["INFO", "i"],
      ["DEBUG", "ld"],
    ]);
    expect(stderr.map((line) => [JSON.parse(line).level, JSON.parse(line).message])).toEqual([
      ["WARN", "w"],
      ["ERROR", "e"],
      ["ERROR", "le"],
    ]);
  });

  it.each([
    ["DEBUG", ["d", "i", "ld", "w", "e", "le"]],
    ["INFO", ["i", "w", "e", "le"]],
    ["Warn", ["w", "e", "le"]],
    ["error", ["e", "le"]],
    ["FATAL", ["d", "i", "ld", "w", "e", "le"]],
    ["", ["d", "i", "ld", "w", "e", "le"]],
    ["constructor", ["d", "i", "ld", "w", "e", "le"]],
  ])("lets through what AWS_LAMBDA_LOG_LEVEL=%p allows", (level, expected) => {
    process.env.AWS_LAMBDA_LOG_LEVEL = level;
    expect(logAtEveryLevel()).toEqual(expected);
  });

  it.each(["info", "TRACE", "__proto__", undefined])("logs at INFO for the unknown level %p", (level) => {
    createDefaultLogger(INFO).log?.(level as "INFO", "x %s", "y");
    expect(stdout).toEqual([`${HEAD},"message":"x y"}\n`]);
  });

  it("reads the level again for a logger that exists when asked to", () => {
    const logger = createDefaultLogger(INFO);
    process.env.AWS_LAMBDA_LOG_LEVEL = "ERROR";
    logger.info("still");
    refreshLogConfig();
    logger.info("no more");
    expect(stdout).toEqual([`${HEAD},"message":"still"}\n`]);
  });
});

describe("the fields of a line", () => {
  it("adds the tenant of the invocation", () => {
    createDefaultLogger({ ...INFO, tenantId: "t-1" }).info("x");
    expect(stdout).toEqual([`${HEAD},"tenantId":"t-1","message":"x"}\n`]);
  });

  it("adds the data of the operation that is running, as the context gives it for each line", () => {
    let data: DurableLogData = { requestId: "r-1", executionArn: "arn:1", operationId: "3", attempt: 2 };
    const logger = createDefaultLogger(INFO);
    logger.configureDurableLoggingContext?.({ getDurableLogData: () => data });
    logger.info("x");
    data = { ...data, operationId: "4", operationName: "pay", tenantId: "t-1", attempt: 1, own: "left out" };
    logger.info("y");
    expect(stdout).toEqual([
      `${HEAD},"operationId":"3","attempt":2,"message":"x"}\n`,
      `${HEAD},"tenantId":"t-1","operationId":"4","operationName":"pay","attempt":1,"message":"y"}\n`,
    ]);
  });

  it("adds what plugins give, before the message, and lets them replace what comes before", () => {
    const enrich = () => ({ traceId: "t", message: "replaced", requestId: "r-2", errorType: "kept" });
    const logger = createDefaultLogger(INFO, enrich);
    logger.info("x");
    logger.info("m", withoutStack(new TypeError("x")));
    const head = HEAD.replace("r-1", "r-2");
    expect(stdout).toEqual([
      `${head},"traceId":"t","message":"x","errorType":"kept"}\n`,
      `${head},"traceId":"t","message":"m [TypeError: x]","errorType":"TypeError","errorMessage":"x","stackTrace":[]}\n`,
    ]);
  });

  it("does not ask plugins about a line that the level leaves out", () => {
    process.env.AWS_LAMBDA_LOG_LEVEL = "ERROR";
    const enrich = jest.fn(() => undefined);
    createDefaultLogger(INFO, enrich).info("x");
    expect(enrich).not.toHaveBeenCalled();
  });
});

describe("a line that cannot be written as it is (invariant 14)", () => {
  const hostile = Object.defineProperty(new Error("x"), "message", {
    get: () => {
      throw new RangeError("no message");
    },
  });

  it.each<[string, unknown[], string]>([
    ["an error with a bigint", ["m", { toString: () => "t" }, 1n], "m { toString: [Function: toString] } 1n"],
    ["toJSON throws", [{ toJSON: fails }], "{ toJSON: [Function: fails] }"],
    ["toJSON throws inside %j", ["%j", { toJSON: fails }], "a log line could not be written: Error: no"],
    ["inspection throws", ["m", { [inspect.custom]: fails }], "a log line could not be written: Error: no"],
  ])("is written with another message: %s", (_name, params, expected) => {
    expect(JSON.parse(`{${rest(...params)}`).message).toBe(expected);
  });

  it("keeps the message when only the fields of the error fail", () => {
    expect(rest("m", Object.assign(withoutStack(new Error("k")), { message: 10n }))).toBe(
      '"message":"m [Error: 10]"}\n',
    );
  });

  it.each([
    ["alone", [hostile]],
    ["with others", ["m", hostile]],
  ])("survives an error that throws, %s", (_name, params) => {
    const message: unknown = JSON.parse(`{${rest(...params)}`).message;
    expect(typeof message).toBe("string");
  });

  it("goes on without the fields of plugins and of the context when those throw", () => {
    const logger = createDefaultLogger(INFO, fails);
    logger.configureDurableLoggingContext?.({ getDurableLogData: fails });
    logger.info("x");
    expect(stdout).toEqual([`${HEAD},"message":"x"}\n`]);
  });

  it("says so when the fields of plugins cannot be written", () => {
    createDefaultLogger(INFO, () => ({ a: 1n as unknown as number })).info("x");
    expect(stdout).toHaveLength(1);
    expect(JSON.parse(stdout[0]!).message).toMatch(/^a log line could not be written: TypeError: /);
  });
});

function fails(): never {
  throw new Error("no");
}

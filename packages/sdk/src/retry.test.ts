import { TidemarkError } from "@tidemark/protocol";
import { systemHost } from "./host.js";
import {
  createLinearRetryStrategy,
  createRetryStrategy,
  JitterStrategy,
  type LinearRetryStrategyConfig,
  type RetryDecision,
  type RetryStrategy,
  type RetryStrategyConfig,
  retryPresets,
} from "./retry.js";

const busy = new Error("the table is busy");
const NONE = { jitter: JitterStrategy.NONE };

/** The delays in seconds after attempts 1, 2, 3 …, until the strategy gives up or `limit` is reached. */
function delays(strategy: RetryStrategy, options: { draw?: number; limit?: number } = {}): number[] {
  const seconds: number[] = [];
  for (let attempt = 1; attempt <= (options.limit ?? 12); attempt += 1) {
    const decision = strategy(busy, attempt, () => options.draw ?? 0);
    if (!decision.shouldRetry) {
      expect(decision).toEqual({ shouldRetry: false });
      break;
    }
    const delay = (decision.delay as { seconds: number }).seconds;
    expect(decision).toEqual({ shouldRetry: true, delay: { seconds: delay } });
    seconds.push(delay);
  }
  return seconds;
}

function refusal(run: () => unknown): { code: string; message: string } {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(TidemarkError);
    const { code, message } = error as TidemarkError;
    return { code, message };
  }
  throw new Error("nothing was thrown");
}

describe("createRetryStrategy", () => {
  it.each<[string, RetryStrategyConfig | undefined, number[]]>([
    ["by default 3 attempts", { ...NONE }, [5, 10]],
    ["up to the cap", { ...NONE, maxAttempts: 9 }, [5, 10, 20, 40, 80, 160, 300, 300]],
    ["up to a given cap", { ...NONE, maxAttempts: 5, maxDelay: { seconds: 12 } }, [5, 10, 12, 12]],
    ["from a given start", { ...NONE, initialDelay: { minutes: 1, seconds: 2 } }, [62, 124]],
    ["by a fraction, rounded at the end", { ...NONE, maxAttempts: 6, backoffRate: 1.5 }, [5, 8, 11, 17, 25]],
    ["by 1, which keeps them", { ...NONE, maxAttempts: 4, backoffRate: 1 }, [5, 5, 5]],
    ["below 1, which shrinks them to 1 s", { ...NONE, maxAttempts: 6, backoffRate: 0.5 }, [5, 3, 1, 1, 1]],
    ["from 0, which is 1 s", { ...NONE, initialDelay: { seconds: 0 } }, [1, 1]],
    ["under a cap of 0, which is 1 s", { ...NONE, maxDelay: { seconds: 0 } }, [1, 1]],
    ["never with 1 attempt", { ...NONE, maxAttempts: 1 }, []],
    ["once with 2 attempts", { ...NONE, maxAttempts: 2 }, [5]],
  ])("delays grow %s", (_case, config, expected) => {
    expect(delays(createRetryStrategy(config))).toEqual(expected);
  });

  it("goes on for ever when maxAttempts is Infinity", () => {
    const strategy = createRetryStrategy({ ...NONE, maxAttempts: Number.POSITIVE_INFINITY });
    expect(strategy(busy, 1_000_000)).toEqual({ shouldRetry: true, delay: { seconds: 300 } });
  });

  it("treats options that are undefined as absent", () => {
    const strategy = createRetryStrategy({
      maxAttempts: undefined,
      initialDelay: undefined,
      maxDelay: undefined,
      backoffRate: undefined,
      jitter: undefined,
      retryableErrors: undefined,
      retryableErrorTypes: undefined,
    });
    expect(delays(strategy, { draw: 0.5 })).toEqual(delays(createRetryStrategy(), { draw: 0.5 }));
    expect(delays(strategy, { draw: 0.5 })).toEqual([3, 5]);
  });

  it("ignores options that it does not know, such as those in the AWS README", () => {
    const config = { exponentialDelayFactor: 9, jitterStrategy: "FULL", ...NONE } as RetryStrategyConfig;
    expect(delays(createRetryStrategy(config))).toEqual([5, 10]);
  });

  it.each<[JitterStrategy, number, number[]]>([
    [JitterStrategy.NONE, 0.3, [5, 10]],
    [JitterStrategy.FULL, 0, [1, 1]],
    [JitterStrategy.FULL, 0.3, [2, 3]],
    [JitterStrategy.FULL, 0.5, [3, 5]],
    [JitterStrategy.FULL, 0.999_999, [5, 10]],
    [JitterStrategy.HALF, 0, [3, 5]],
    [JitterStrategy.HALF, 0.5, [4, 8]],
    [JitterStrategy.HALF, 0.999_999, [5, 10]],
  ])("applies jitter %s to a draw of %d", (jitter, draw, expected) => {
    expect(delays(createRetryStrategy({ jitter }), { draw })).toEqual(expected);
  });

  it("draws from the process's randomness when it is given none", () => {
    const random = jest.spyOn(systemHost, "random").mockReturnValue(0.999_999);
    expect(createRetryStrategy()(busy, 2)).toEqual({ shouldRetry: true, delay: { seconds: 10 } });
    expect(random).toHaveBeenCalledTimes(1);
    random.mockRestore();
  });
});

describe("createLinearRetryStrategy", () => {
  it.each<[string, LinearRetryStrategyConfig | undefined, number[]]>([
    ["by default 6 attempts", { ...NONE }, [1, 2, 3, 4, 5]],
    [
      "to a cap",
      {
        ...NONE,
        maxAttempts: 5,
        initialDelay: { seconds: 2 },
        increment: { seconds: 3 },
        maxDelay: { seconds: 9 },
      },
      [2, 5, 8, 9],
    ],
    ["not at all by 0", { ...NONE, maxAttempts: 4, increment: { seconds: 0 } }, [1, 1, 1]],
    ["from 0, which is 1 s", { ...NONE, maxAttempts: 4, initialDelay: { seconds: 0 } }, [1, 1, 2]],
    ["not beyond 5 minutes", { ...NONE, maxAttempts: 4, increment: { minutes: 4 } }, [1, 241, 300]],
  ])("delays grow %s", (_case, config, expected) => {
    expect(delays(createLinearRetryStrategy(config))).toEqual(expected);
  });

  it("applies full jitter by default", () => {
    expect(delays(createLinearRetryStrategy(), { draw: 0.5 })).toEqual([1, 1, 2, 2, 3]);
  });
});

describe("retryPresets", () => {
  it.each<[keyof typeof retryPresets, number, number[]]>([
    ["default", 0, [1, 1, 1, 1, 1]],
    ["default", 0.999_999, [5, 10, 20, 40, 60]],
    ["linear", 0, [1, 2, 3, 4, 5]],
    ["linear", 0.999_999, [1, 2, 3, 4, 5]],
    ["noRetry", 0, []],
  ])("%s with a draw of %d has the AWS SDK's delays", (preset, draw, expected) => {
    expect(delays(retryPresets[preset], { draw })).toEqual(expected);
  });
});

describe.each([
  ["createRetryStrategy", createRetryStrategy],
  ["createLinearRetryStrategy", createLinearRetryStrategy],
])("the filters of %s", (name, create) => {
  class Timeout extends Error {
    constructor(readonly afterMs: number) {
      super("too slow");
    }
  }
  const isRetried = (config: RetryStrategyConfig, error: Error): boolean =>
    create(config)(error, 1).shouldRetry;

  it.each<[string, RetryStrategyConfig, Error, boolean]>([
    ["nothing given", {}, new Error("any"), true],
    ["an included string", { retryableErrors: ["busy"] }, busy, true],
    ["a string that is not included", { retryableErrors: ["Busy"] }, busy, false],
    ["the second of two strings", { retryableErrors: ["no", "busy"] }, busy, true],
    ["an expression", { retryableErrors: [/^THE table/i] }, busy, true],
    ["an expression that does not match", { retryableErrors: [/^table/] }, busy, false],
    ["an empty list of messages", { retryableErrors: [] }, busy, false],
    ["an instance", { retryableErrorTypes: [Timeout] }, new Timeout(5), true],
    ["no instance", { retryableErrorTypes: [Timeout] }, busy, false],
    ["an instance of a subclass", { retryableErrorTypes: [Error] }, new Timeout(5), true],
    ["an empty list of types", { retryableErrorTypes: [] }, busy, false],
    [
      "a type but no message",
      { retryableErrors: ["no"], retryableErrorTypes: [Timeout] },
      new Timeout(5),
      true,
    ],
    ["a message but no type", { retryableErrors: ["busy"], retryableErrorTypes: [Timeout] }, busy, true],
    ["neither", { retryableErrors: ["no"], retryableErrorTypes: [Timeout] }, busy, false],
  ])("given %s", (_case, config, error, expected) => {
    expect(isRetried(config, error)).toBe(expected);
  });

  it.each([/busy/g, /the/y])("match an expression with state (%s) every time", (pattern) => {
    const strategy = create({ retryableErrors: [pattern] });
    const decisions: RetryDecision[] = [strategy(busy, 1), strategy(busy, 1), strategy(busy, 1)];
    expect(decisions.map((decision) => decision.shouldRetry)).toEqual([true, true, true]);
  });

  it("are those given when the strategy was made", () => {
    const retryableErrors = ["busy"];
    const strategy = create({ retryableErrors });
    retryableErrors.length = 0;
    expect(strategy(busy, 1).shouldRetry).toBe(true);
  });

  it.each<[unknown, string]>([
    [null, "the configuration of NAME is null: give an object"],
    [3, "the configuration of NAME is 3: give an object"],
    [
      { maxAttempts: 0 },
      "maxAttempts of NAME is 0: give a whole number of 1 or more, the first attempt included",
    ],
    [
      { maxAttempts: -1 },
      "maxAttempts of NAME is -1: give a whole number of 1 or more, the first attempt included",
    ],
    [
      { maxAttempts: 1.5 },
      "maxAttempts of NAME is 1.5: give a whole number of 1 or more, the first attempt included",
    ],
    [
      { maxAttempts: Number.NaN },
      "maxAttempts of NAME is NaN: give a whole number of 1 or more, the first attempt included",
    ],
    [
      { maxAttempts: "3" },
      'maxAttempts of NAME is "3": give a whole number of 1 or more, the first attempt included',
    ],
    [
      { maxAttempts: null },
      "maxAttempts of NAME is null: give a whole number of 1 or more, the first attempt included",
    ],
    [{ jitter: "full" }, 'jitter of NAME is "full": give JitterStrategy.NONE, FULL or HALF'],
    [{ jitter: null }, "jitter of NAME is null: give JitterStrategy.NONE, FULL or HALF"],
    [{ retryableErrors: "busy" }, 'retryableErrors of NAME is "busy": give an array of strings and RegExps'],
    [{ retryableErrors: null }, "retryableErrors of NAME is null: give an array of strings and RegExps"],
    [{ retryableErrors: ["a", 5] }, "retryableErrors[1] of NAME is 5: give only strings and RegExps"],
    [
      { retryableErrorTypes: Error },
      "retryableErrorTypes of NAME is function Error: give an array of error classes",
    ],
    [
      { retryableErrorTypes: ["Error"] },
      'retryableErrorTypes[0] of NAME is "Error": give only error classes',
    ],
    [
      { retryableErrorTypes: [() => busy] },
      "retryableErrorTypes[0] of NAME is function : give only error classes",
    ],
  ])("refuse %j when the strategy is made", (config, message) => {
    expect(refusal(() => create(config as RetryStrategyConfig))).toEqual({
      code: "TIDEMARK_RETRY_CONFIG",
      message: message.replace("NAME", name),
    });
  });

  it.each<[unknown, string]>([
    [
      { initialDelay: { seconds: -5 } },
      'initialDelay of NAME is {"seconds":-5}: seconds must be a whole number of 0 or more',
    ],
    [
      { initialDelay: null },
      "initialDelay of NAME is null: a duration is an object, for example { seconds: 30 }",
    ],
    [{ maxDelay: {} }, "maxDelay of NAME is {}: give at least one of days, hours, minutes and seconds"],
    [
      { maxDelay: { days: 367 } },
      'maxDelay of NAME is {"days":367}: give at most 31622400 seconds (366 days)',
    ],
  ])("refuse the duration in %j when the strategy is made", (config, message) => {
    expect(refusal(() => create(config as RetryStrategyConfig))).toEqual({
      code: "TIDEMARK_DURATION",
      message: message.replace("NAME", name),
    });
  });
});

it.each<[unknown, string]>([
  [0, "0"],
  [-1, "-1"],
  [Number.NaN, "NaN"],
  [Number.POSITIVE_INFINITY, "Infinity"],
  ["2", '"2"'],
  [null, "null"],
])("createRetryStrategy refuses a backoffRate of %p", (backoffRate, text) => {
  expect(refusal(() => createRetryStrategy({ backoffRate } as RetryStrategyConfig))).toEqual({
    code: "TIDEMARK_RETRY_CONFIG",
    message: `backoffRate of createRetryStrategy is ${text}: give a finite number above 0`,
  });
});

it("createLinearRetryStrategy refuses a negative increment", () => {
  expect(refusal(() => createLinearRetryStrategy({ increment: { seconds: -1 } }))).toEqual({
    code: "TIDEMARK_DURATION",
    message:
      'increment of createLinearRetryStrategy is {"seconds":-1}: seconds must be a whole number of 0 or more',
  });
});

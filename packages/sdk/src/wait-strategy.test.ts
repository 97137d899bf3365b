import { TidemarkError } from "@tidemark/protocol";
import { systemHost } from "./host.js";
import { JitterStrategy } from "./retry.js";
import { createWaitStrategy, type WaitStrategyConfig } from "./wait-strategy.js";

const polling: WaitStrategyConfig<unknown> = {
  shouldContinuePolling: () => true,
  jitter: JitterStrategy.NONE,
};

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

describe("createWaitStrategy", () => {
  it.each<[string, Partial<WaitStrategyConfig<unknown>>, number[], number[]]>([
    [
      "by default",
      {},
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 59],
      [5, 8, 11, 17, 25, 38, 57, 85, 128, 192, 288, 300, 300],
    ],
    ["from a given start", { initialDelay: { minutes: 1 } }, [1, 2, 3], [60, 90, 135]],
    [
      "by a given factor up to a given cap",
      { backoffRate: 3, maxDelay: { seconds: 20 } },
      [1, 2, 3],
      [5, 15, 20],
    ],
    ["from 0, which is 1 s", { initialDelay: { seconds: 0 } }, [1, 2], [1, 1]],
    ["whatever timeoutSeconds says, as in the AWS SDK", { timeoutSeconds: 1 }, [1, 59], [5, 300]],
  ])("delays grow %s", (_case, config, attempts, expected) => {
    const strategy = createWaitStrategy({ ...polling, ...config });
    expect(attempts.map((attempt) => strategy("state", attempt))).toEqual(
      expected.map((seconds) => ({ shouldContinue: true, delay: { seconds } })),
    );
  });

  it("ends the wait by the state of the check, also at the last attempt", () => {
    const seen: string[] = [];
    const strategy = createWaitStrategy<string>({
      ...polling,
      shouldContinuePolling: (state) => {
        seen.push(state);
        return state !== "done";
      },
    });
    expect([strategy("open", 1), strategy("done", 2), strategy("done", 60), strategy("done", 61)]).toEqual([
      { shouldContinue: true, delay: { seconds: 5 } },
      { shouldContinue: false },
      { shouldContinue: false },
      { shouldContinue: false },
    ]);
    expect(seen).toEqual(["open", "done", "done", "done"]);
  });

  it.each<[number | undefined, number]>([
    [undefined, 60],
    [1, 1],
    [2, 2],
    [60, 60],
  ])("with maxAttempts %p fails a wait that would go on after attempt %d", (maxAttempts, last) => {
    const strategy = createWaitStrategy({ ...polling, maxAttempts });
    if (last > 1) expect(strategy("open", last - 1).shouldContinue).toBe(true);
    expect(refusal(() => strategy("open", last))).toEqual({
      code: "TIDEMARK_WAIT_ATTEMPTS",
      message: `waitForCondition exceeded maximum attempts (${last}): the condition still did not hold; raise maxAttempts or the delays of createWaitStrategy`,
    });
  });

  it("polls for ever when maxAttempts is Infinity", () => {
    const strategy = createWaitStrategy({ ...polling, maxAttempts: Number.POSITIVE_INFINITY });
    expect(strategy("open", 1_000_000)).toEqual({ shouldContinue: true, delay: { seconds: 300 } });
  });

  it.each<[JitterStrategy | undefined, number, number]>([
    [undefined, 0.5, 4],
    [JitterStrategy.FULL, 0, 1],
    [JitterStrategy.HALF, 0, 4],
    [JitterStrategy.HALF, 0.999_999, 7],
    [JitterStrategy.NONE, 0.5, 8],
  ])("applies jitter %p to a draw of %d", (jitter, draw, seconds) => {
    const strategy = createWaitStrategy({ ...polling, jitter });
    expect(strategy("open", 2, () => draw)).toEqual({ shouldContinue: true, delay: { seconds } });
  });

  it("draws from the process's randomness when it is given none", () => {
    const random = jest.spyOn(systemHost, "random").mockReturnValue(0.999_999);
    const strategy = createWaitStrategy({ shouldContinuePolling: () => true });
    expect(strategy("open", 3)).toEqual({ shouldContinue: true, delay: { seconds: 11 } });
    expect(random).toHaveBeenCalledTimes(1);
    random.mockRestore();
  });

  it.each<[unknown, boolean]>([
    ["yes", true],
    [1, true],
    [undefined, false],
    [0, false],
    ["", false],
  ])("reads the answer %p like a condition", (answer, shouldContinue) => {
    const strategy = createWaitStrategy({ ...polling, shouldContinuePolling: () => answer as boolean });
    expect(strategy("open", 1).shouldContinue).toBe(shouldContinue);
  });

  it("refuses an answer that is a promise, which would poll until the attempts are used up", () => {
    const shouldContinuePolling = (async () => false) as unknown as () => boolean;
    expect(refusal(() => createWaitStrategy({ ...polling, shouldContinuePolling })("open", 1))).toEqual({
      code: "TIDEMARK_WAIT_CONFIG",
      message:
        "shouldContinuePolling of createWaitStrategy returned a promise: it must be synchronous; await in the check and put what it needs into the state",
    });
  });

  it.each<[unknown, string, string]>([
    [
      undefined,
      "TIDEMARK_WAIT_CONFIG",
      "the configuration of createWaitStrategy is undefined: give an object",
    ],
    [
      {},
      "TIDEMARK_WAIT_CONFIG",
      "shouldContinuePolling of createWaitStrategy is undefined: give a function of the state",
    ],
    [
      { ...polling, maxAttempts: 0 },
      "TIDEMARK_WAIT_CONFIG",
      "maxAttempts of createWaitStrategy is 0: give a whole number of 1 or more, the first attempt included",
    ],
    [
      { ...polling, backoffRate: -1 },
      "TIDEMARK_WAIT_CONFIG",
      "backoffRate of createWaitStrategy is -1: give a finite number above 0",
    ],
    [
      { ...polling, jitter: "SOME" },
      "TIDEMARK_WAIT_CONFIG",
      'jitter of createWaitStrategy is "SOME": give JitterStrategy.NONE, FULL or HALF',
    ],
    [
      { ...polling, maxDelay: { seconds: 0.5 } },
      "TIDEMARK_DURATION",
      'maxDelay of createWaitStrategy is {"seconds":0.5}: seconds must be a whole number of 0 or more',
    ],
  ])("refuses the configuration %p when the strategy is made", (config, code, message) => {
    expect(refusal(() => createWaitStrategy(config as WaitStrategyConfig<unknown>))).toEqual({
      code,
      message,
    });
  });
});

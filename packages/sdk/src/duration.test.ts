import { MAX_DURATION_SECONDS, TidemarkError } from "@tidemark/protocol";
import { type Duration, durationSeconds, valueText } from "./duration.js";

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

describe("durationSeconds", () => {
  it.each<[Duration, number]>([
    [{ seconds: 1 }, 1],
    [{ minutes: 1 }, 60],
    [{ hours: 1 }, 3_600],
    [{ days: 1 }, 86_400],
    [{ days: 1, hours: 2, minutes: 3, seconds: 4 }, 93_784],
    [{ hours: 0, minutes: 0, seconds: 1 }, 1],
    [{ minutes: 0, seconds: 90 }, 90],
    [{ days: 366 }, MAX_DURATION_SECONDS],
    [{ days: 365, hours: 23, minutes: 59, seconds: 60 }, MAX_DURATION_SECONDS],
  ])("adds the units of %j up to %d", (duration, expected) => {
    expect(durationSeconds(duration, "delay")).toBe(expected);
  });

  it("counts a unit that is undefined as absent", () => {
    const duration = { minutes: 2, seconds: undefined } as unknown as Duration;
    expect(durationSeconds(duration, "delay")).toBe(120);
  });

  it.each<[unknown, string]>([
    [undefined, "timeout is undefined: a duration is an object, for example { seconds: 30 }"],
    [null, "timeout is null: a duration is an object, for example { seconds: 30 }"],
    [30, "timeout is 30: a duration is an object, for example { seconds: 30 }"],
    ["30s", 'timeout is "30s": a duration is an object, for example { seconds: 30 }'],
    [{}, "timeout is {}: give at least one of days, hours, minutes and seconds"],
    [[], "timeout is []: give at least one of days, hours, minutes and seconds"],
    [
      { seconds: undefined },
      'timeout is {"seconds":"undefined"}: give at least one of days, hours, minutes and seconds',
    ],
    [[5], "timeout is [5]: 0 is not a unit; use days, hours, minutes and seconds"],
    [{ second: 5 }, 'timeout is {"second":5}: second is not a unit; use days, hours, minutes and seconds'],
    [
      { seconds: 5, weeks: 1 },
      'timeout is {"seconds":5,"weeks":1}: weeks is not a unit; use days, hours, minutes and seconds',
    ],
    [{ seconds: 0.5 }, 'timeout is {"seconds":0.5}: seconds must be a whole number of 0 or more'],
    [{ seconds: -1 }, 'timeout is {"seconds":-1}: seconds must be a whole number of 0 or more'],
    [{ seconds: Number.NaN }, 'timeout is {"seconds":"NaN"}: seconds must be a whole number of 0 or more'],
    [
      { hours: 1, minutes: Number.POSITIVE_INFINITY },
      'timeout is {"hours":1,"minutes":"Infinity"}: minutes must be a whole number of 0 or more',
    ],
    [{ seconds: "5" }, 'timeout is {"seconds":"5"}: seconds must be a whole number of 0 or more'],
    [{ seconds: 5n }, 'timeout is {"seconds":"5n"}: seconds must be a whole number of 0 or more'],
    [{ seconds: null }, 'timeout is {"seconds":null}: seconds must be a whole number of 0 or more'],
    [{ seconds: 0 }, 'timeout is {"seconds":0}: give at least 1 second'],
    [
      { seconds: MAX_DURATION_SECONDS + 1 },
      'timeout is {"seconds":31622401}: give at most 31622400 seconds (366 days)',
    ],
    [{ days: 1e300 }, 'timeout is {"days":1e+300}: give at most 31622400 seconds (366 days)'],
  ])("refuses %j and says what to give", (value, message) => {
    expect(refusal(() => durationSeconds(value as Duration, "timeout"))).toEqual({
      code: "TIDEMARK_DURATION",
      message,
    });
  });

  it.each<[number, Duration, number]>([
    [0, { seconds: 0 }, 0],
    [0, { days: 0 }, 0],
    [60, { minutes: 1 }, 60],
  ])("accepts totals from minimumSeconds %d on: %j", (minimumSeconds, duration, expected) => {
    expect(durationSeconds(duration, "delay", { minimumSeconds })).toBe(expected);
  });

  it("refuses a total below minimumSeconds", () => {
    expect(refusal(() => durationSeconds({ seconds: 59 }, "delay", { minimumSeconds: 60 }))).toEqual({
      code: "TIDEMARK_DURATION",
      message: 'delay is {"seconds":59}: give at least 60 seconds',
    });
  });
});

describe("valueText", () => {
  const circular: { self?: unknown } = {};
  circular.self = circular;

  it.each<[unknown, string]>([
    ["a", '"a"'],
    [{ a: [1, Number.NaN] }, '{"a":[1,"NaN"]}'],
    [undefined, "undefined"],
    [Number.NaN, "NaN"],
    [5n, "5n"],
    [Symbol("s"), "Symbol(s)"],
    [function named() {}, "function named"],
    [{ run: function named() {} }, '{"run":"function named"}'],
    [circular, "[object Object]"],
  ])("shows a value that JSON would hide or refuse", (value, expected) => {
    expect(valueText(value)).toBe(expected);
  });
});

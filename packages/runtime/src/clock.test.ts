import { systemClock } from "./clock.js";

const MAX_TIMER_MS = 2 ** 31 - 1;

beforeEach(() => {
  jest.useFakeTimers({ now: 1000 });
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe("systemClock", () => {
  it("reads the time of the process when it is asked", () => {
    expect(systemClock.nowMs()).toBe(1000);
    jest.setSystemTime(5000);

    expect(systemClock.nowMs()).toBe(5000);
  });

  it("draws the random numbers of the process", () => {
    jest.spyOn(Math, "random").mockReturnValue(0.25);

    expect(systemClock.random()).toBe(0.25);
  });

  it.each([
    [-5, 0],
    [0, 0],
    [1500, 1500],
    [MAX_TIMER_MS, MAX_TIMER_MS],
    // Node.js would fire it at once: it fires early, and who set it looks again.
    [MAX_TIMER_MS + 1, MAX_TIMER_MS],
    [Number.POSITIVE_INFINITY, MAX_TIMER_MS],
  ])("fires a timer of %d ms once, after %d ms", (delayMs, expectedMs) => {
    const firedAtMs: number[] = [];
    systemClock.setTimer(() => firedAtMs.push(systemClock.nowMs()), delayMs);
    if (expectedMs > 0) jest.advanceTimersByTime(expectedMs - 1);
    expect(firedAtMs).toEqual([]);
    jest.advanceTimersByTime(1);

    expect(firedAtMs).toHaveLength(1);
    expect(jest.getTimerCount()).toBe(0);
  });

  it("does not fire a timer that was cancelled, and cancelling again does nothing", () => {
    const callback = jest.fn();
    const cancel = systemClock.setTimer(callback, 10);
    cancel();
    cancel();
    jest.advanceTimersByTime(20);

    expect(callback).not.toHaveBeenCalled();
    expect(jest.getTimerCount()).toBe(0);
  });
});

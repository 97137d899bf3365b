import { onNextTurn, systemHost } from "./host.js";

const MAX_TIMER_MS = 2 ** 31 - 1;

beforeEach(() => {
  jest.useFakeTimers({ now: 1_000 });
});

afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe("systemHost", () => {
  it("reads the clock that is installed when it is asked", () => {
    expect(systemHost.nowMs()).toBe(1_000);
    jest.setSystemTime(5_000);
    expect(systemHost.nowMs()).toBe(5_000);
  });

  it("draws from Math.random", () => {
    jest.spyOn(Math, "random").mockReturnValue(0.25);
    expect(systemHost.random()).toBe(0.25);
  });

  it.each([
    [-5, 0],
    [0, 0],
    [1, 1],
    [1_500, 1_500],
    [MAX_TIMER_MS, MAX_TIMER_MS],
    [MAX_TIMER_MS + 1, MAX_TIMER_MS + 1],
    [3 * MAX_TIMER_MS + 7, 3 * MAX_TIMER_MS + 7],
  ])("fires a timer of %d ms once, after %d ms", (delayMs, expectedMs) => {
    const firedAtMs: number[] = [];
    systemHost.setTimer(() => firedAtMs.push(systemHost.nowMs()), delayMs);
    if (expectedMs > 0) jest.advanceTimersByTime(expectedMs - 1);
    expect(firedAtMs).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(firedAtMs).toEqual([1_000 + expectedMs]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it.each([10, MAX_TIMER_MS + 10])("does not fire a timer of %d ms that was cancelled", (delayMs) => {
    const callback = jest.fn();
    const cancel = systemHost.setTimer(callback, delayMs);
    jest.advanceTimersByTime(delayMs - 1);
    cancel();
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(delayMs);
    expect(callback).not.toHaveBeenCalled();
  });

  it("cancels more than once, and after the timer fired, without effect", () => {
    const callback = jest.fn();
    const cancel = systemHost.setTimer(callback, 5);
    jest.advanceTimersByTime(5);
    cancel();
    cancel();
    expect(callback).toHaveBeenCalledTimes(1);
  });

  it("cancels a real timer after fake timers were installed", () => {
    jest.useRealTimers();
    const callback = jest.fn();
    const clear = jest.spyOn(globalThis, "clearTimeout");
    const cancel = systemHost.setTimer(callback, 60_000);
    const real = clear.mock.calls.length;
    jest.useFakeTimers();
    cancel();
    expect(clear.mock.calls.length).toBe(real + 1);
  });
});

describe("onNextTurn", () => {
  it("goes on under fake timers, after everything that is already queued", async () => {
    const order: string[] = [];
    const done = new Promise<void>((resolve) => {
      onNextTurn(() => {
        order.push("next turn");
        resolve();
      });
    });
    void Promise.resolve().then(() => order.push("microtask"));
    order.push("now");
    await done;
    expect(order).toEqual(["now", "microtask", "next turn"]);
  });
});

import type { ExecutionHostOptions } from "@tidemark/protocol";
import type { Handle } from "./handle.js";
import { Waiting } from "./waiting.js";

class ManualTime {
  nowMs = 0;
  readonly armed: number[] = [];
  #timer: { callback: () => void; dueAtMs: number } | undefined;

  readonly host = {
    nowMs: () => this.nowMs,
    random: () => 0,
    setTimer: (callback: () => void, delayMs: number) => {
      this.armed.push(this.nowMs + delayMs);
      const timer = { callback, dueAtMs: this.nowMs + delayMs };
      this.#timer = timer;
      return () => {
        if (this.#timer === timer) this.#timer = undefined;
      };
    },
  };

  /** Moves to the armed timer and fires it; gives false when none is armed. */
  fire(): boolean {
    const timer = this.#timer;
    if (timer === undefined) return false;
    this.#timer = undefined;
    this.nowMs = Math.max(this.nowMs, timer.dueAtMs);
    timer.callback();
    return true;
  }
}

function handle(isLive = () => true): Handle {
  return { id: "1", record: undefined, isLive, deliver: () => false, progress: () => {} };
}

function setup(options: ExecutionHostOptions | undefined) {
  const time = new ManualTime();
  let news = 0;
  const waiting = new Waiting(time.host, options, () => {
    news += 1;
  });
  return { time, waiting, news: () => news };
}

const tellsOfNews = { onOutsideEvent: () => {} };

describe("operations that wait", () => {
  it("count while their contexts live", () => {
    const { waiting } = setup(tellsOfNews);
    let isLive = true;
    const first = handle(() => isLive);
    waiting.add(first, undefined);
    expect(waiting.hasLive()).toBe(true);
    isLive = false;
    expect(waiting.hasLive()).toBe(false);
  });

  it("count until they are removed", () => {
    const { waiting } = setup(tellsOfNews);
    const first = handle();
    waiting.add(first, 10);
    waiting.remove(first);

    expect(waiting.hasLive()).toBe(false);
  });
});

describe("questions to a backend that tells of news", () => {
  it("are asked when the next timer is due, and not while nothing is", () => {
    const { waiting, time, news } = setup(tellsOfNews);
    waiting.add(handle(), undefined);
    waiting.watch(Number.POSITIVE_INFINITY);
    expect(time.fire()).toBe(false);
    waiting.add(handle(), 5000);
    waiting.add(handle(), 3000);
    waiting.watch(Number.POSITIVE_INFINITY);
    time.fire();

    expect([time.nowMs, news()]).toEqual([3000, 1]);
  });

  it("are not asked when there is no time left to act on the answer", () => {
    const { waiting, time } = setup(tellsOfNews);
    waiting.add(handle(), 5000);
    waiting.watch(5999);
    expect(time.armed).toEqual([]);
    waiting.watch(6000);
    expect(time.armed).toEqual([5000]);
  });

  it("follow a timer that moves to an earlier time", () => {
    const { waiting, time } = setup(tellsOfNews);
    waiting.add(handle(), 5000);
    waiting.watch(Number.POSITIVE_INFINITY);
    waiting.add(handle(), 1000);
    waiting.watch(Number.POSITIVE_INFINITY);
    time.fire();

    expect(time.nowMs).toBe(1000);
  });

  it("are not asked any more when it is closed", () => {
    let tell = (): void => {};
    const { waiting, time, news } = setup({
      onOutsideEvent: (listener) => {
        tell = listener;
      },
    });
    waiting.add(handle(), 1000);
    waiting.watch(Number.POSITIVE_INFINITY);
    waiting.close();
    tell();

    expect([time.fire(), news()]).toEqual([false, 0]);
  });
});

describe("questions to a backend that cannot tell of news", () => {
  it("are asked after 1 s, 2 s and so on to 10 s, and every 60 s after 95 questions", () => {
    const { waiting, time } = setup(undefined);
    waiting.add(handle(), undefined);
    const intervals: number[] = [];
    for (let asked = 0; asked < 97; asked++) {
      const before = time.nowMs;
      waiting.watch(Number.POSITIVE_INFINITY);
      time.fire();
      intervals.push((time.nowMs - before) / 1000);
    }

    expect(intervals.slice(0, 12)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10, 10]);
    expect(intervals.slice(94)).toEqual([10, 60, 60]);
  });
});

describe("waits that are slept in process", () => {
  it.each([
    ["within the threshold", 2000, 2000, Number.POSITIVE_INFINITY, true],
    ["beyond it", 1999, 2000, Number.POSITIVE_INFINITY, false],
    ["without a threshold", 0, 2000, Number.POSITIVE_INFINITY, false],
    ["within it, but not within the time that is left", 2000, 2000, 2999, false],
    ["of no certain time", 2000, undefined, Number.POSITIVE_INFINITY, false],
  ])("%s", (_name, inlineWaitMs, dueAtMs, remainingMs, expected) => {
    const { waiting } = setup({ ...tellsOfNews, inlineWaitMs });
    waiting.add(handle(), dueAtMs);

    expect(waiting.watchInline(remainingMs)).toBe(expected);
  });

  it("are slept or not as the backend decides at each of them", () => {
    const answers = [0, 2000];
    const { waiting } = setup({ ...tellsOfNews, inlineWaitMs: () => answers.shift() ?? 0 });
    waiting.add(handle(), 2000);

    expect([1, 2, 3].map(() => waiting.watchInline(Number.POSITIVE_INFINITY))).toEqual([false, true, false]);
  });
});

import { VirtualClock } from "./virtual-clock.js";
import { withVirtualTimers } from "./virtual-timers.js";

describe("a timer on virtual time", () => {
  let clock: VirtualClock;
  let startMs: number;
  let firedMs: number[];
  beforeEach(() => {
    clock = new VirtualClock();
    startMs = clock.nowMs();
    firedMs = [];
  });

  function run(work: (timer: NodeJS.Timeout) => Promise<void>): Promise<void> {
    return withVirtualTimers(clock, () => work(setTimeout(() => firedMs.push(clock.nowMs() - startMs), 100)));
  }

  const advance = (ms: number): Promise<void> => clock.advanceTo(clock.nowMs() + ms);

  it("fires once, when its time comes", async () => {
    await run(async () => {
      await advance(300);
    });
    expect(firedMs).toEqual([100]);
  });

  it("begins anew when it is refreshed, before and after it has fired", async () => {
    await run(async (timer) => {
      await advance(60);
      expect(timer.refresh()).toBe(timer);
      await advance(60);
      expect(firedMs).toEqual([]);
      await advance(60);
      timer.unref().refresh();
      await advance(300);
    });
    expect(firedMs).toEqual([160, 280]);
  });

  it("stays cleared, also when it is refreshed", async () => {
    await run(async (timer) => {
      clearTimeout(timer);
      timer.refresh();
      await advance(300);
    });
    expect(firedMs).toEqual([]);
  });
});

/** Owns time that runs faster than the machine's, for code that cannot be given a clock of its own. */

import type { Clock } from "@tidemark/runtime";

/** A clock on which `speed` seconds pass in one. */
export function fastClock(speed: number): Clock {
  const startMs = Date.now();
  return {
    nowMs: () => Math.floor(startMs + (Date.now() - startMs) * speed),
    random: () => Math.random(),
    setTimer: (callback, delayMs) => {
      const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0) / speed, 2 ** 31 - 1));
      return () => clearTimeout(timer);
    },
  };
}

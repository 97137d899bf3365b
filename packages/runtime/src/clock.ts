/** Owns the runtime's only access to the time, timers and randomness of the process. */

import type { ExecutionHost } from "@tidemark/protocol";

/** Time for workers and clients; replaced by a virtual one in tests. */
export type Clock = ExecutionHost;

/** Longest delay of a Node.js timer; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export const systemClock: Clock = {
  nowMs: () => Date.now(),
  setTimer(callback, delayMs) {
    const timer = setTimeout(callback, Math.min(Math.max(delayMs, 0), MAX_TIMER_MS));
    return () => clearTimeout(timer);
  },
  random: () => Math.random(),
};

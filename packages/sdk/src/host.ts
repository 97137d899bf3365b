/**
 * Owns the process's clock, timers and randomness. Everything else in the SDK is handed an
 * `ExecutionHost`, so that tests and the simulator can put a virtual one in its place.
 *
 * It does not know what the time is used for.
 *
 * 1. No other file of this package touches `Date.now`, `Math.random`, `setTimeout` or `setImmediate`.
 * 2. Clock and timers are looked up when they are used: fake timers installed by a test take effect.
 * 3. `onNextTurn` is bound when this module loads: fake timers cannot stop the engine from going on.
 */

import type { ExecutionHost } from "@tidemark/protocol";

/** Longest delay of one timer: 2^31 - 1 ms, about 24.8 days. Source: Node.js `setTimeout`, which runs longer ones at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const nextTurn = globalThis.setImmediate;

/** Runs `callback` once after the current turn of the event loop has ended, whatever timers are faked. */
export function onNextTurn(callback: () => void): void {
  nextTurn(callback);
}

/**
 * The time, timers and randomness of this process.
 *
 * `setTimer` accepts any delay in milliseconds: one below 0 counts as 0, one above 2^31 - 1 becomes
 * a chain of timers. A timer keeps the process alive until it fires or is cancelled, because a wait
 * that is slept in process is work still to be done.
 *
 * @example
 * ```ts
 * const cancel = systemHost.setTimer(() => console.log("a minute later"), 60_000);
 * cancel();
 * ```
 */
export const systemHost: ExecutionHost = {
  nowMs: () => Date.now(),
  random: () => Math.random(),
  setTimer: (callback, delayMs) => {
    let cancel = (): void => {};
    const arm = (remainingMs: number): void => {
      const stepMs = Math.min(remainingMs, MAX_TIMER_MS);
      // Both halves are taken at once: a handle means nothing to the clearTimeout of another clock.
      const { setTimeout, clearTimeout } = globalThis;
      const handle = setTimeout(() => {
        if (remainingMs > stepMs) arm(remainingMs - stepMs);
        else callback();
      }, stepMs);
      cancel = () => clearTimeout(handle);
    };
    arm(Math.max(0, delayMs));
    return () => cancel();
  },
};

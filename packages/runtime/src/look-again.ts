/**
 * Owns when those who wait for changes look for themselves: a wake-up from another process may be lost.
 *
 * All of them look in the same turn, so that a store can read for all of them at once.
 */

import type { Clock } from "./clock.js";

/** Longest wait for a wake-up that a store of several processes might lose. */
const INTERVAL_MS = 1000;

export class LookAgain {
  readonly #clock: Clock;
  #waiting = new Set<() => void>();
  #cancelTimer: (() => void) | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Calls `look` once, within a second. Gives the function that cancels it. */
  add(look: () => void): () => void {
    this.#waiting.add(look);
    this.#cancelTimer ??= this.#clock.setTimer(() => this.#tick(), INTERVAL_MS);
    return () => {
      if (!this.#waiting.delete(look) || this.#waiting.size > 0) return;
      this.#cancelTimer?.();
      this.#cancelTimer = undefined;
    };
  }

  #tick(): void {
    this.#cancelTimer = undefined;
    const looks = this.#waiting;
    this.#waiting = new Set();
    for (const look of looks) look();
  }
}

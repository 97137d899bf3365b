/** Owns the time of one runner: virtual, but for what is due at once. */

import { nextTurn } from "./event-loop.js";
import { VirtualClock } from "./virtual-clock.js";

export class RunnerClock extends VirtualClock {
  /** What is due now does not wait for time to move: it is called in the next turn. */
  override setTimer(callback: () => void, delayMs: number): () => void {
    if (delayMs > 0) return super.setTimer(callback, delayMs);
    let isCancelled = false;
    void nextTurn().then(() => {
      if (!isCancelled) callback();
    });
    return () => {
      isCancelled = true;
    };
  }
}

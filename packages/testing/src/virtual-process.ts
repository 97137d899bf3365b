/**
 * Owns processes that die and freeze: what they do later is held back or never heard of.
 *
 * A process is a worker with a clock and a store of its own. Everything that happens to it comes
 * through one of the two, or through `turn`, which step bodies use for every turn they take.
 */

import type { Clock } from "@tidemark/runtime";

export class VirtualProcess {
  readonly id: number;
  readonly clock: Clock;
  /** How much its clock is off. */
  skewMs: number;
  #state: "running" | "frozen" | "dead" = "running";
  #held: (() => void)[] = [];
  /** It has been frozen, or cannot renew: others may have taken over what it runs. */
  isStale = false;
  /** Its lease renewals get lost. */
  losesRenewals = false;
  /** How many timers it has set. */
  timers = 0;

  constructor(id: number, clock: Clock, skewMs = 0) {
    this.id = id;
    this.skewMs = skewMs;
    this.clock = {
      nowMs: () => clock.nowMs() + this.skewMs,
      random: () => clock.random(),
      setTimer: (callback, delayMs) => {
        this.timers += 1;
        return clock.setTimer(() => this.run(callback), delayMs);
      },
    };
  }

  get isDead(): boolean {
    return this.#state === "dead";
  }

  get isRunning(): boolean {
    return this.#state === "running";
  }

  /** Runs `action` now, once thawed, or never. */
  run(action: () => void): void {
    if (this.#state === "running") action();
    else if (this.#state === "frozen") this.#held.push(action);
  }

  /** Settles when the process may go on: never, when it has died. */
  goesOn(): Promise<void> {
    return new Promise((resolve) => this.run(resolve));
  }

  kill(): void {
    this.#state = "dead";
    this.#held = [];
  }

  freeze(): void {
    this.#state = "frozen";
    this.isStale = true;
  }

  thaw(): void {
    if (this.#state !== "frozen") return;
    this.#state = "running";
    for (const action of this.#held.splice(0)) action();
  }
}

/** Owns time that moves only when told to, for tests that do not depend on the clock of the machine. */

import { DueQueue } from "@tidemark/protocol";
import type { Clock } from "@tidemark/runtime";
import { nextTurn } from "./event-loop.js";

interface VirtualTimer {
  readonly dueAtMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** Turns without any activity after which the process counts as idle. */
export const QUIET_TURNS = 20;

/** A replay delivers one outcome a turn, and looks a few turns for what comes next. */
export const TURNS_PER_RECORD = 2;

/** A generator of numbers in [0, 1) that repeats for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export class VirtualClock implements Clock {
  readonly random: () => number;
  #nowMs: number;
  #order = 0;
  #activity = 0;
  #busy = 0;
  readonly #cancelled = new Set<number>();
  readonly #timers = new DueQueue<VirtualTimer>((timer) => !this.#cancelled.has(timer.order));

  constructor(options: { readonly startMs?: number; readonly seed?: number } = {}) {
    this.#nowMs = options.startMs ?? Date.UTC(2030, 0, 1);
    this.random = seededRandom(options.seed ?? 1);
  }

  nowMs(): number {
    return this.#nowMs;
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    this.#activity += 1;
    const order = this.#order++;
    this.#timers.add({ callback, dueAtMs: this.#nowMs + Math.max(delayMs, 0), order });
    return () => this.#cancelled.add(order);
  }

  /** Something has happened: the process is not idle. */
  touch(): void {
    this.#activity += 1;
  }

  /** Time does not move while `work` goes on: a store on a network takes turns that nobody can count. */
  async busyWhile<T>(work: Promise<T>): Promise<T> {
    this.#busy += 1;
    try {
      return await work;
    } finally {
      this.#busy -= 1;
      this.#activity += 1;
    }
  }

  get nextTimerMs(): number | undefined {
    return this.#timers.peek()?.dueAtMs;
  }

  /** Waits until the process has been quiet for so many turns, or nobody wants to know. Nothing depends on real time. */
  async quiet(turns = QUIET_TURNS, isWanted = (): boolean => true): Promise<void> {
    let seen = -1;
    for (let quiet = 0; quiet < turns && isWanted(); quiet++) {
      if (seen !== this.#activity || this.#busy > 0) quiet = 0;
      seen = this.#activity;
      await nextTurn();
    }
  }

  /** Moves time to `untilMs` at once, firing what is due on the way, in order. Nothing settles in between. */
  moveTo(untilMs: number): void {
    for (
      let timer = this.#timers.takeDue(untilMs);
      timer !== undefined;
      timer = this.#timers.takeDue(untilMs)
    ) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueAtMs);
      timer.callback();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }

  /** Fires what is due by `untilMs`, in order, and lets everything settle after each. */
  async advanceTo(untilMs: number): Promise<void> {
    await this.quiet();
    for (
      let timer = this.#timers.peek();
      timer !== undefined && timer.dueAtMs <= untilMs;
      timer = this.#timers.peek()
    ) {
      this.#nowMs = Math.max(this.#nowMs, timer.dueAtMs);
      for (
        let due = this.#timers.takeDue(this.#nowMs);
        due !== undefined;
        due = this.#timers.takeDue(this.#nowMs)
      ) {
        due.callback();
      }
      await this.quiet();
    }
    this.#nowMs = Math.max(this.#nowMs, untilMs);
  }
}

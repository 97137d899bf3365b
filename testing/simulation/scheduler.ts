/**
 * Owns the order of everything: one queue of events on virtual time, drawn from one seed.
 *
 * An event is a message that arrives, a timer that fires, or a fault or an act from outside. It runs
 * to the end, all its turns included, before the next begins. Times are fractions of a millisecond,
 * so that what is sent at once arrives in a drawn order.
 */

import { createHash } from "node:crypto";
import { DueQueue } from "@tidemark/protocol";
import type { Clock } from "@tidemark/runtime";
import { seededRandom } from "@tidemark/testing";
import { settle } from "./turns";

interface Event {
  readonly dueAtMs: number;
  readonly order: number;
  readonly what: string;
  readonly act: () => void;
}

/** How much of the trace is kept for people. */
const TAIL = 400;

export class Scheduler implements Clock {
  /** For the code under test. */
  readonly random: () => number;
  /** For the world around it: another stream, so that code that draws more does not change the weather. */
  readonly draw: () => number;
  readonly startMs: number;
  events = 0;
  readonly tail: string[] = [];
  /** Every line, when somebody wants to compare. */
  readonly lines: string[] | undefined;
  readonly #hash = createHash("sha256");
  readonly #cancelled = new Set<number>();
  readonly #queue = new DueQueue<Event>(({ order }) => !this.#cancelled.has(order));
  #exactMs: number;
  #order = 0;

  constructor(seed: number, options: { readonly keepsLines?: boolean } = {}) {
    this.random = seededRandom(seed);
    this.draw = seededRandom(seed ^ 0x5eed5eed);
    this.startMs = Date.UTC(2030, 0, 1);
    this.#exactMs = this.startMs;
    if (options.keepsLines === true) this.lines = [];
  }

  nowMs(): number {
    return Math.floor(this.#exactMs);
  }

  /** Since the beginning. */
  get elapsedMs(): number {
    return this.#exactMs - this.startMs;
  }

  setTimer(callback: () => void, delayMs: number): () => void {
    return this.after(delayMs, "timer", callback);
  }

  /** Schedules an event; gives the function that cancels it. */
  after(delayMs: number, what: string, act: () => void): () => void {
    const order = this.#order++;
    this.#queue.add({ dueAtMs: this.#exactMs + Math.max(delayMs, 0), order, what, act });
    return () => this.#cancelled.add(order);
  }

  get nextMs(): number | undefined {
    return this.#queue.peek()?.dueAtMs;
  }

  /** Runs the next event to its end. False when there is none. */
  async step(): Promise<boolean> {
    const event = this.#queue.takeDue(Number.POSITIVE_INFINITY);
    if (event === undefined) return false;
    this.#exactMs = Math.max(this.#exactMs, event.dueAtMs);
    this.events += 1;
    this.note(`#${this.events} ${event.what}`);
    event.act();
    await settle();
    return true;
  }

  /** A line of the trace: what is the same in every run of the seed. */
  note(text: string): void {
    const line = `${this.elapsedMs.toFixed(3)} ${text}`;
    this.#hash.update(line).update("\n");
    this.lines?.push(line);
    this.tail.push(line);
    if (this.tail.length > 2 * TAIL) this.tail.splice(0, TAIL);
  }

  /** Of the trace up to now. */
  digest(): string {
    return this.#hash.copy().digest("hex").slice(0, 16);
  }

  /** One of these. */
  pick<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.draw() * choices.length)] as T;
  }

  chance(probability: number): boolean {
    return this.draw() < probability;
  }

  /** Between two numbers. */
  between(least: number, most: number): number {
    return least + this.draw() * (most - least);
  }
}

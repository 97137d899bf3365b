/**
 * Owns the attempts to get an answer that are under way: each can be aborted, and is, after a time of silence.
 *
 * One timer looks after all of them: nearly every attempt is answered long before, and a timer for each would be work
 * between an answer and the request that follows it.
 */

import { afterIfAlive, monotonicMs, onNextTurn } from "./turn.js";

/** Sockets of the AWS SDK's default client: whoever comes when all are taken waits, and has not been sent yet. */
const SOCKETS = 50;

/** The longest line that is waited for, in times of the time of silence. */
const MAX_TURNS = 15;

export class Attempts {
  /** Those under way, and until when each may be silent. */
  readonly #running = new Map<AbortController, number>();
  #lookAtMs = Number.POSITIVE_INFINITY;
  #cancelLook: (() => void) | undefined;

  /**
   * Gives what aborts an attempt that may be silent for `timeoutMs`, or longer when many are under way before it; whoever
   * has its answer says so to `end`.
   */
  begin(nowMs: number, timeoutMs: number): AbortController {
    const controller = new AbortController();
    const turns = Math.min(Math.max(this.#running.size / SOCKETS, 1), MAX_TURNS);
    const untilMs = nowMs + timeoutMs * turns;
    this.#running.set(controller, untilMs);
    if (untilMs < this.#lookAtMs) this.#lookIn(untilMs - nowMs, untilMs);
    return controller;
  }

  end(controller: AbortController): void {
    this.#running.delete(controller);
  }

  abortAll(): void {
    for (const controller of this.#running.keys()) controller.abort();
  }

  #lookIn(delayMs: number, atMs: number): void {
    this.#cancelLook?.();
    this.#lookAtMs = atMs;
    // What is under way keeps the process alive by itself.
    this.#cancelLook = afterIfAlive(delayMs, () => this.#look());
  }

  #look(): void {
    const nowMs = monotonicMs();
    let nextMs = Number.POSITIVE_INFINITY;
    for (const [controller, untilMs] of this.#running) {
      if (untilMs > nowMs) nextMs = Math.min(nextMs, untilMs);
      // An answer that has come while the event loop was held up is taken before: timers are first to run.
      else onNextTurn(() => controller.abort());
    }
    this.#lookAtMs = nextMs;
    if (nextMs !== Number.POSITIVE_INFINITY) this.#lookIn(nextMs - nowMs, nextMs);
  }
}

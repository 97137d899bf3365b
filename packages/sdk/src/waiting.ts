/**
 * Owns the operations that wait for time or for the outside while the invocation goes on.
 *
 * It decides when to ask the log for news: when a timer is due, when the backend says that
 * something has come, and, with a backend that cannot say so, at growing intervals.
 */

import { DueQueue, type ExecutionHost, type ExecutionHostOptions } from "@tidemark/protocol";
import type { Handle } from "./handle.js";

/** Time that must be left to get an answer and act on it. */
const LAST_NEWS_MS = 1000;

/** Interval between questions to a backend that cannot call us: 1 s, 2 s, ... 10 s, and 60 s after 95 questions. */
function pollIntervalMs(asked: number): number {
  if (asked >= 95) return 60_000;
  return Math.min(asked + 1, 10) * 1000;
}

interface Due {
  readonly dueAtMs: number;
  readonly order: number;
  readonly handle: Handle;
}

export class Waiting {
  readonly #host: ExecutionHost;
  readonly #options: ExecutionHostOptions | undefined;
  readonly #onNews: () => void;
  readonly #handles = new Map<Handle, number | undefined>();
  readonly #due = new DueQueue<Due>(
    ({ handle, dueAtMs }) => this.#handles.get(handle) === dueAtMs && handle.isLive(),
  );
  #order = 0;
  #asked = 0;
  #timer: { readonly dueAtMs: number; readonly cancel: () => void } | undefined;
  #isClosed = false;

  constructor(host: ExecutionHost, options: ExecutionHostOptions | undefined, onNews: () => void) {
    this.#host = host;
    this.#options = options;
    this.#onNews = () => {
      if (!this.#isClosed) onNews();
    };
    options?.onOutsideEvent?.(this.#onNews);
  }

  add(handle: Handle, dueAtMs: number | undefined): void {
    this.#handles.set(handle, dueAtMs);
    if (dueAtMs !== undefined) this.#due.add({ handle, dueAtMs, order: this.#order++ });
  }

  remove(handle: Handle): void {
    this.#handles.delete(handle);
  }

  /** True if something waits whose ancestors have not ended. */
  hasLive(): boolean {
    for (const handle of this.#handles.keys()) {
      if (handle.isLive()) return true;
      this.#handles.delete(handle);
    }
    return false;
  }

  /** Arms the timer for the next question while a body keeps the invocation alive. */
  watch(remainingMs: number): void {
    const nowMs = this.#host.nowMs();
    let dueAtMs = this.#due.peek()?.dueAtMs;
    if (this.#options?.onOutsideEvent === undefined) {
      const pollAtMs = nowMs + pollIntervalMs(this.#asked);
      dueAtMs = dueAtMs === undefined ? pollAtMs : Math.max(Math.min(dueAtMs, pollAtMs), nowMs);
    }
    if (dueAtMs !== undefined && dueAtMs - nowMs <= remainingMs - LAST_NEWS_MS) this.#arm(dueAtMs, nowMs);
  }

  /** Arms the timer when the next one is due so soon that it is slept in process. */
  watchInline(remainingMs: number): boolean {
    const dueAtMs = this.#due.peek()?.dueAtMs;
    const option = this.#options?.inlineWaitMs ?? 0;
    const inlineWaitMs = typeof option === "function" ? option() : option;
    if (dueAtMs === undefined || inlineWaitMs <= 0) return false;
    const nowMs = this.#host.nowMs();
    const delayMs = dueAtMs - nowMs;
    if (delayMs > inlineWaitMs || delayMs > remainingMs - LAST_NEWS_MS) return false;
    this.#arm(dueAtMs, nowMs);
    return true;
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #arm(dueAtMs: number, nowMs: number): void {
    if (this.#timer !== undefined && this.#timer.dueAtMs <= dueAtMs) return;
    this.#timer?.cancel();
    const cancel = this.#host.setTimer(
      () => {
        this.#timer = undefined;
        this.#asked += 1;
        this.#onNews();
      },
      // A clock that lags behind the backend's would ask again and again in the same millisecond.
      Math.max(dueAtMs - nowMs, this.#asked === 0 ? 0 : 1),
    );
    this.#timer = { dueAtMs, cancel };
  }
}

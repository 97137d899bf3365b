/**
 * Owns this package's use of the process's turns, timers, clock and randomness. It does not know what for.
 *
 * `onNextTurn` is bound when this module loads: fake timers cannot hold back a commit.
 */

const nextTurn = globalThis.setImmediate;

/** Runs `callback` once after the current turn of the event loop has ended. */
export function onNextTurn(callback: () => void): void {
  nextTurn(callback);
}

/** Runs `callback` once after `delayMs`. Keeps the process alive: work waits for it. */
export function after(delayMs: number, callback: () => void): void {
  setTimeout(callback, delayMs);
}

/** Runs `callback` every `intervalMs` while the process runs for other reasons; gives the function that stops it. */
export function everyIfAlive(intervalMs: number, callback: () => void): () => void {
  const timer = setInterval(callback, intervalMs).unref();
  return () => clearInterval(timer);
}

/** Milliseconds of a clock that never goes back. Only differences mean something. */
export function monotonicMs(): number {
  return performance.now();
}

/** A number in [0, 1). */
export function random(): number {
  return Math.random();
}

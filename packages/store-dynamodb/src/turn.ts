/**
 * Owns this package's use of the process's turns, timers, clocks and randomness. It does not know what for.
 *
 * `onNextTurn` is bound when this module loads: fake timers cannot hold back what is ordered by it.
 */

import { randomBytes } from "node:crypto";

const nextTurn = globalThis.setImmediate;

/** Runs `callback` once after the current turn of the event loop has ended. */
export function onNextTurn(callback: () => void): void {
  nextTurn(callback);
}

/** Runs `callback` once after `delayMs`, and keeps the process alive until then. Gives the function that cancels it. */
export function after(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs);
  return () => clearTimeout(timer);
}

/** Runs `callback` once after `delayMs`, if the process runs for other reasons until then. Gives the function that cancels it. */
export function afterIfAlive(delayMs: number, callback: () => void): () => void {
  const timer = setTimeout(callback, delayMs).unref();
  return () => clearTimeout(timer);
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

/** Milliseconds since 1970 by the host's clock. */
export function wallClockMs(): number {
  return Date.now();
}

/** A number in [0, 1). */
export function random(): number {
  return Math.random();
}

/** 12 characters of A-Z, a-z, 0-9, - and _: 72 random bits. */
export function uniqueToken(): string {
  return randomBytes(9).toString("base64url");
}

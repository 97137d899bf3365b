/**
 * Owns what the kit takes from the process itself. Turns are bound when this module loads: fake timers
 * that a test installs later cannot stop the kit. The clock is not: a test that sets the time gets it.
 */

const nextTurnOfProcess = globalThis.setImmediate;

/** Settles once after the current turn of the event loop has ended. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => nextTurnOfProcess(resolve));
}

const { setTimeout: setTimerOfProcess, clearTimeout: clearTimerOfProcess } = globalThis;

/** Calls back after so many real milliseconds, unless it is cancelled by the function that it gives. */
export function afterRealMs(delayMs: number, callback: () => void): () => void {
  // Longer than the process's timers can: never.
  if (delayMs > 2 ** 31 - 1) return () => {};
  const timer = setTimerOfProcess(callback, delayMs);
  return () => clearTimerOfProcess(timer);
}

/** Milliseconds since 1970. */
export function processNowMs(): number {
  return Date.now();
}

const performanceOfProcess = globalThis.performance;

/** Real milliseconds since some moment, whatever clock a test has put in place. */
export function elapsedMs(): number {
  return performanceOfProcess.now();
}

/**
 * Owns what the kit takes from the process itself. Turns are bound when this module loads: fake timers
 * that a test installs later cannot stop the kit. The clock is not: a test that sets the time gets it.
 */

const nextTurnOfProcess = globalThis.setImmediate;

/** Settles once after the current turn of the event loop has ended. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => nextTurnOfProcess(resolve));
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

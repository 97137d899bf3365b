/**
 * Owns what the kit takes from the process itself. Bound when this module loads: fake timers that a
 * test installs later cannot stop the kit.
 */

const nextTurnOfProcess = globalThis.setImmediate;

/** Settles once after the current turn of the event loop has ended. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => nextTurnOfProcess(resolve));
}

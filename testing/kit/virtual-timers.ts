/**
 * Owns the process's `setTimeout` while programs run: the SDK's grace for code that does not ask
 * for what comes next is virtual time, too.
 */

import type { VirtualClock } from "./virtual-clock";

/** Runs `work` with timers on the clock. */
export async function withVirtualTimers<T>(clock: VirtualClock, work: () => Promise<T>): Promise<T> {
  const { setTimeout: realSet, clearTimeout: realClear } = globalThis;
  const cancels = new Map<object, () => void>();
  const set = (callback: () => void, delayMs = 0): object => {
    const handle = {};
    cancels.set(handle, clock.setTimer(callback, delayMs));
    return handle;
  };
  const clear = (handle: object | undefined): void => {
    if (handle !== undefined) cancels.get(handle)?.();
  };
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  try {
    return await work();
  } finally {
    Object.assign(globalThis, { setTimeout: realSet, clearTimeout: realClear });
  }
}

/**
 * Owns the process's `setTimeout` while programs run: the SDK's grace for code that does not ask
 * for what comes next is virtual time, too.
 */

import type { VirtualClock } from "./virtual-clock.js";

/** What `work` comes to, if it settles within `patienceMs` of virtual time. */
export async function settledWithin<T>(
  clock: VirtualClock,
  work: Promise<T>,
  patienceMs: number,
): Promise<PromiseSettledResult<T> | undefined> {
  let settled: PromiseSettledResult<T> | undefined;
  void Promise.allSettled([work]).then(([result]) => {
    settled = result;
  });
  const untilMs = clock.nowMs() + patienceMs;
  await clock.quiet();
  while (settled === undefined && (clock.nextTimerMs ?? Number.POSITIVE_INFINITY) <= untilMs) {
    await clock.advanceTo(clock.nextTimerMs as number);
  }
  return settled;
}

/** Runs `work` with timers on the clock. */
export async function withVirtualTimers<T>(
  clock: Pick<VirtualClock, "setTimer">,
  work: () => Promise<T>,
): Promise<T> {
  const { setTimeout: realSet, clearTimeout: realClear } = globalThis;
  const cancels = new Map<object, () => void>();
  const set = (callback: () => void, delayMs = 0): object => {
    let cancel = clock.setTimer(callback, delayMs);
    const handle = {
      /** As that of Node.js: it begins anew, also when it has fired, but not when it has been cleared. */
      refresh: () => {
        if (!cancels.has(handle)) return handle;
        cancel();
        cancel = clock.setTimer(callback, delayMs);
        return handle;
      },
      ref: () => handle,
      unref: () => handle,
      hasRef: () => true,
    };
    cancels.set(handle, () => cancel());
    return handle;
  };
  const clear = (handle: object | undefined): void => {
    if (handle === undefined) return;
    cancels.get(handle)?.();
    cancels.delete(handle);
  };
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  try {
    return await work();
  } finally {
    Object.assign(globalThis, { setTimeout: realSet, clearTimeout: realClear });
  }
}

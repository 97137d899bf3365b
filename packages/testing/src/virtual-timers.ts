/**
 * Owns the process's `setTimeout` while programs run: the SDK's grace for code that does not ask
 * for what comes next is virtual time, too.
 */

import { QUIET_TURNS, type VirtualClock } from "./virtual-clock.js";

/**
 * What `work` comes to, if it settles within `patienceMs` of virtual time. Time moves when nothing has happened for
 * `turns` turns: more than the default for work that takes turns which nobody sees, such as a long replay.
 */
export async function settledWithin<T>(
  clock: VirtualClock,
  work: Promise<T>,
  patienceMs: number,
  turns = QUIET_TURNS,
): Promise<PromiseSettledResult<T> | undefined> {
  let settled: PromiseSettledResult<T> | undefined;
  void Promise.allSettled([work]).then(([result]) => {
    settled = result;
  });
  const untilMs = clock.nowMs() + patienceMs;
  const isOpen = (): boolean => settled === undefined;
  await clock.quiet(turns, isOpen);
  while (isOpen() && (clock.nextTimerMs ?? Number.POSITIVE_INFINITY) <= untilMs) {
    clock.moveTo(clock.nextTimerMs as number);
    await clock.quiet(turns, isOpen);
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

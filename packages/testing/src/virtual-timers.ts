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

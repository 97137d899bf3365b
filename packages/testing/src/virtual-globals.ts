/**
 * Owns the process's clock, timers and random numbers while somebody's handlers run on virtual time:
 * code that reads them directly gets what it would get in a process whose time passes like that.
 *
 * Promises of `node:timers/promises` and I/O stay real.
 */

import { AsyncLocalStorage } from "node:async_hooks";

/** What the globals give instead. */
export interface VirtualHost {
  nowMs(): number;
  random(): number;
  /** For the code that runs now; gives the function that cancels it. */
  setTimer(callback: () => void, delayMs: number): () => void;
}

type Callback = (...args: unknown[]) => void;

/** What Node's timers are to those who hold one. */
class TimerHandle {
  cancel: () => void = () => {};

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  close(): this {
    this.cancel();
    return this;
  }
}

/** Runs `work` with the globals on `host`. One at a time: globals are the process's. */
export async function withVirtualGlobals<T>(host: VirtualHost, work: () => Promise<T>): Promise<T> {
  const { setTimeout, clearTimeout, setInterval, clearInterval, Date: RealDate } = globalThis;
  const { random } = Math;
  const clear = (handle: unknown): void => {
    if (handle instanceof TimerHandle) handle.cancel();
  };
  Object.assign(globalThis, {
    setTimeout: (callback: Callback, delayMs = 0, ...args: unknown[]) => once(host, callback, delayMs, args),
    clearTimeout: clear,
    setInterval: (callback: Callback, delayMs = 0, ...args: unknown[]) =>
      repeatedly(host, callback, delayMs, args),
    clearInterval: clear,
    Date: virtualDate(RealDate, host),
  });
  Math.random = () => host.random();
  try {
    return await work();
  } finally {
    Object.assign(globalThis, { setTimeout, clearTimeout, setInterval, clearInterval, Date: RealDate });
    Math.random = random;
  }
}

function once(host: VirtualHost, callback: Callback, delayMs: number, args: unknown[]): TimerHandle {
  const handle = new TimerHandle();
  const asNow = AsyncLocalStorage.snapshot();
  handle.cancel = host.setTimer(() => asNow(() => callback(...args)), Number(delayMs) || 0);
  return handle;
}

function repeatedly(host: VirtualHost, callback: Callback, delayMs: number, args: unknown[]): TimerHandle {
  const handle = new TimerHandle();
  const asNow = AsyncLocalStorage.snapshot();
  const again = (): void => {
    // An interval of nothing would never let time go on.
    const cancel = asNow(() =>
      host.setTimer(
        () => {
          again();
          asNow(() => callback(...args));
        },
        Math.max(Number(delayMs) || 0, 1),
      ),
    );
    handle.cancel = cancel;
  };
  again();
  return handle;
}

/** A `Date` that is now at the host's time; everything else is as it was. */
function virtualDate(real: DateConstructor, host: VirtualHost): DateConstructor {
  return new Proxy(real, {
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [host.nowMs()] : args, newTarget),
    apply: () => new real(host.nowMs()).toString(),
    get: (target, property, receiver) =>
      property === "now" ? () => host.nowMs() : Reflect.get(target, property, receiver),
  });
}

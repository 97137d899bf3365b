/**
 * Owns the timers and the date of handlers that run with fake timers. The process's own stay what they
 * are for everybody else: whose code asks is known from its asynchronous context, so that several
 * runners, the test and its framework do not see each other's.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import type { VirtualClock } from "./virtual-clock.js";

const clockOfHandler = new AsyncLocalStorage<VirtualClock>();

type Callback = (...args: unknown[]) => void;

/** What `setTimeout` gives. Nothing keeps the process alive or not: time is moved by the runner. */
class FakeTimer {
  readonly #arm: () => () => void;
  #cancel: () => void;

  constructor(arm: () => () => void) {
    this.#arm = arm;
    this.#cancel = arm();
  }

  cancel(): void {
    this.#cancel();
  }

  close(): this {
    this.#cancel();
    return this;
  }

  refresh(): this {
    this.#cancel();
    this.#cancel = this.#arm();
    return this;
  }

  ref(): this {
    return this;
  }

  unref(): this {
    return this;
  }

  hasRef(): boolean {
    return true;
  }

  [Symbol.dispose](): void {
    this.#cancel();
  }
}

let installed = 0;
let uninstall = (): void => {};

/** Fakes timers for what {@link asHandler} runs, until the function that it gives has been called. */
export function installHandlerTimers(): () => void {
  installed += 1;
  if (installed === 1) uninstall = install();
  let isInstalled = true;
  return () => {
    if (!isInstalled) return;
    isInstalled = false;
    installed -= 1;
    if (installed === 0) uninstall();
  };
}

/** Runs code of a handler with the timers and the date of this clock. */
export function asHandler<T>(clock: VirtualClock, work: () => T): T {
  return clockOfHandler.run(clock, work);
}

function install(): () => void {
  const real = {
    setTimeout: globalThis.setTimeout,
    setInterval: globalThis.setInterval,
    clearTimeout: globalThis.clearTimeout,
    clearInterval: globalThis.clearInterval,
    Date: globalThis.Date,
  };
  const setter = (name: "setTimeout" | "setInterval") => {
    const realSet = real[name] as Callback;
    const set = (callback: Callback, delayMs = 0, ...args: unknown[]): unknown => {
      const clock = clockOfHandler.getStore();
      if (clock === undefined) return realSet(callback, delayMs, ...args);
      const call = () => callback(...args);
      return new FakeTimer(name === "setTimeout" ? once(clock, call, delayMs) : again(clock, call, delayMs));
    };
    // `util.promisify(setTimeout)` uses what Node.js has put on the function.
    return Object.defineProperties(set, Object.getOwnPropertyDescriptors(realSet));
  };
  const clearer = (realClear: (timer: never) => void) => (timer: unknown) =>
    timer instanceof FakeTimer ? timer.cancel() : realClear(timer as never);
  Object.assign(globalThis, {
    setTimeout: setter("setTimeout"),
    setInterval: setter("setInterval"),
    clearTimeout: clearer(real.clearTimeout),
    clearInterval: clearer(real.clearInterval),
    Date: dateOfHandlers(real.Date),
  });
  return () => Object.assign(globalThis, real);
}

function once(clock: VirtualClock, call: () => void, delayMs: number): () => () => void {
  return () => clock.setTimer(call, Number(delayMs) || 0);
}

function again(clock: VirtualClock, call: () => void, delayMs: number): () => () => void {
  return () => {
    let cancel = (): void => {};
    const arm = (): void => {
      cancel = clock.setTimer(
        () => {
          arm();
          call();
        },
        Math.max(Number(delayMs) || 0, 1),
      );
    };
    arm();
    return () => cancel();
  };
}

function dateOfHandlers(RealDate: DateConstructor): DateConstructor {
  const nowMs = (): number => clockOfHandler.getStore()?.nowMs() ?? RealDate.now();
  return new Proxy(RealDate, {
    get: (target, property) => (property === "now" ? nowMs : Reflect.get(target, property)),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [nowMs()] : args, newTarget),
    apply: () => new RealDate(nowMs()).toString(),
  });
}

/**
 * Owns the timers, the date and the chance of handlers that run with fake ones. The process's own stay what they
 * are for everybody else: whose code asks is known from its asynchronous context, so that several
 * runners, the test and its framework do not see each other's.
 */

import { AsyncLocalStorage } from "node:async_hooks";

/** What code of a handler gets in place of the process's own. A `VirtualClock` is one. */
export interface HandlerHost {
  nowMs(): number;
  setTimer(callback: () => void, delayMs: number): () => void;
  /** In place of `Math.random`. Absent: the process's own. */
  readonly chance?: () => number;
}

const hostOfHandler = new AsyncLocalStorage<HandlerHost>();

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

/** Runs code of a handler with what this host gives. */
export function asHandler<T>(host: HandlerHost, work: () => T): T {
  return hostOfHandler.run(host, work);
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
      const host = hostOfHandler.getStore();
      if (host === undefined) return realSet(callback, delayMs, ...args);
      // Whoever moves time is not the one who has set the timer.
      const asNow = AsyncLocalStorage.snapshot();
      const call = () => asNow(() => callback(...args));
      return new FakeTimer(name === "setTimeout" ? once(host, call, delayMs) : again(host, call, delayMs));
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
  const { random } = Math;
  Math.random = () => (hostOfHandler.getStore()?.chance ?? random)();
  return () => {
    Object.assign(globalThis, real);
    Math.random = random;
  };
}

function once(host: HandlerHost, call: () => void, delayMs: number): () => () => void {
  return () => host.setTimer(call, Number(delayMs) || 0);
}

function again(host: HandlerHost, call: () => void, delayMs: number): () => () => void {
  return () => {
    let cancel = (): void => {};
    const arm = (): void => {
      cancel = host.setTimer(
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
  const nowMs = (): number => hostOfHandler.getStore()?.nowMs() ?? RealDate.now();
  return new Proxy(RealDate, {
    get: (target, property) => (property === "now" ? nowMs : Reflect.get(target, property)),
    construct: (target, args, newTarget) =>
      Reflect.construct(target, args.length === 0 ? [nowMs()] : args, newTarget),
    apply: () => new RealDate(nowMs()).toString(),
  });
}

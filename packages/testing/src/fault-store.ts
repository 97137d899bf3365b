/**
 * Owns the faults: what happens to the calls that processes make to a store.
 *
 * The store below is the real one; what reaches it is as durable as it is. Who uses this decides
 * which call meets which fault, and what follows: a process in place of a dead one, the thawing of a
 * frozen one.
 */

import type { ExecutionStore } from "@tidemark/store";
import type { VirtualProcess } from "./virtual-process.js";

export type FaultKind =
  /** The process dies; the call was not made. */
  | "crash-before"
  /** The process dies; the call was made. */
  | "crash-after"
  /** The call fails without effect. */
  | "fail-before"
  /** The call has its effect, and fails. */
  | "lost-answer"
  /** The process stands still, and makes the call when it goes on. */
  | "freeze-before"
  /** The process stands still, and has the answer when it goes on. */
  | "freeze-after"
  /** For three leases the process cannot renew its own; a second one runs beside it. */
  | "lose-renewals"
  /** A second process takes the lease as if it had run out, and runs beside the one that has it. */
  | "duplicate";

/** One call of a process to a store, or of a store to a process. */
export interface StoreCall {
  readonly process: VirtualProcess;
  /** The method, with what it belongs to when that is not the store itself: `append`, `payload.put`, `wake`. */
  readonly method: string;
  readonly args: readonly unknown[];
}

export class InjectedError extends Error {
  override readonly name = "InjectedError";
}

export interface FaultHooks<Fault extends { readonly kind: FaultKind }> {
  /** What this call meets. Every call asks once, before it is made. */
  faultFor(call: StoreCall): Fault | undefined;
  /** The call has been answered, and the process may not know. */
  made?(call: StoreCall, answer: unknown): void;
  /** Something has happened: time must not move yet. */
  touch(): void;
  /** Time does not move while `work` goes on. */
  busyWhile<T>(work: Promise<T>): Promise<T>;
  /** A process that is needed beside or instead of this one. */
  spawn(): void;
  /** A process that takes leases which have not run out. */
  spawnDuplicate?(): void;
  thawLater(process: VirtualProcess, fault: Fault): void;
  renewAgainLater(process: VirtualProcess): void;
}

/** A new one each time: what awaits a promise that never settles lives as long as the promise. */
const never = (): Promise<never> => new Promise(() => {});

type Hooks = FaultHooks<{ readonly kind: FaultKind }>;

/** The store as one process reaches it. Members in `own` belong to the process itself. */
export function faultStore<Fault extends { readonly kind: FaultKind }>(
  inner: ExecutionStore,
  process: VirtualProcess,
  hooks: FaultHooks<Fault>,
  own: Partial<ExecutionStore> = {},
): ExecutionStore {
  const calls = faultCalls(inner, process, hooks, "");
  const onChange: ExecutionStore["onChange"] = (listener) =>
    inner.onChange((executionId) =>
      process.run(() => wake(process, hooks as never, executionId, () => listener(executionId))),
    );
  return new Proxy(calls, {
    get(target, property) {
      if (property === "onChange") return onChange;
      return Object.hasOwn(own, property) ? Reflect.get(own, property) : Reflect.get(target, property);
    },
  });
}

/** Anything with async methods, as one process reaches it. */
export function faultCalls<T extends object, Fault extends { readonly kind: FaultKind }>(
  inner: T,
  process: VirtualProcess,
  hooks: FaultHooks<Fault>,
  prefix: string,
): T {
  return new Proxy(inner, {
    get(target, property) {
      const member = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        const call = { process, method: `${prefix}${String(property)}`, args };
        const make = async (): Promise<unknown> => {
          const answer = await hooks.busyWhile(member.apply(target, args));
          hooks.made?.(call, answer);
          return answer;
        };
        return makeCall(call, hooks as never, make);
      };
    },
  });
}

async function makeCall(call: StoreCall, hooks: Hooks, make: () => Promise<unknown>): Promise<unknown> {
  const { process } = call;
  if (!process.isRunning) await process.goesOn();
  hooks.touch();
  if (call.method === "renew" && process.losesRenewals) return never();
  const fault = hooks.faultFor(call);
  const result = fault === undefined ? await make() : await makeWithFault(process, hooks, fault, make);
  if (!process.isRunning) await process.goesOn();
  return result;
}

async function makeWithFault(
  process: VirtualProcess,
  hooks: Hooks,
  fault: { readonly kind: FaultKind },
  make: () => Promise<unknown>,
): Promise<unknown> {
  switch (fault.kind) {
    case "crash-before":
      process.kill();
      hooks.spawn();
      return never();
    case "crash-after":
      // Nobody hears of it in the process: it is dead before the answer comes.
      process.kill();
      hooks.spawn();
      await make();
      return never();
    case "fail-before":
      throw new InjectedError("the store did not answer; the call was not made");
    case "lost-answer":
      await make();
      throw new InjectedError("the store did not answer; the call was made");
    case "freeze-before":
      process.freeze();
      hooks.spawn();
      hooks.thawLater(process, fault);
      await process.goesOn();
      return make();
    case "freeze-after": {
      process.freeze();
      hooks.spawn();
      hooks.thawLater(process, fault);
      return make();
    }
    case "lose-renewals":
      process.losesRenewals = true;
      process.isStale = true;
      hooks.renewAgainLater(process);
      hooks.spawn();
      return make();
    case "duplicate":
      process.isStale = true;
      hooks.spawnDuplicate?.();
      return make();
  }
}

/** The store tells the process that something has changed. It may be told late, twice, or not at all. */
function wake(process: VirtualProcess, hooks: Hooks, executionId: string, deliver: () => void): void {
  const fault = hooks.faultFor({ process, method: "wake", args: [executionId] });
  switch (fault?.kind) {
    case undefined:
    case "lose-renewals":
      return deliver();
    case "crash-before":
      process.kill();
      return hooks.spawn();
    case "crash-after":
      deliver();
      process.kill();
      return hooks.spawn();
    // Nobody waits for an answer: what can be lost is the message.
    case "fail-before":
    case "lost-answer":
      return;
    case "freeze-before":
    case "freeze-after":
      process.freeze();
      hooks.spawn();
      hooks.thawLater(process, fault);
      return process.run(deliver);
    case "duplicate":
      deliver();
      return deliver();
  }
}

/** True for a fault, and for a report of what came of one. */
export function isInjected(error: unknown): boolean {
  return error instanceof InjectedError || (error instanceof Error && isInjected(error.cause));
}

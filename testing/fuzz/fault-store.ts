/**
 * Owns the faults: what happens to the calls that processes make to the store.
 *
 * Calls are numbered over all processes from 0. A fault happens at one of them. The store below is
 * the real one; what reaches it is as durable as it is.
 */

import type { LogEntry } from "@tidemark/protocol";
import type { ExecutionStore } from "@tidemark/store";
import type { Process } from "./process";

export type FaultKind =
  /** The process dies; the call was not made. */
  | "crash-before"
  /** The process dies; the call was made. */
  | "crash-after"
  /** The call fails without effect. */
  | "fail-before"
  /** The call has its effect, and fails. */
  | "fail-after"
  /** The process stands still, and makes the call when it goes on. */
  | "freeze-before"
  /** The process stands still, and has the answer when it goes on. */
  | "freeze-after"
  /** For three leases the process cannot renew its own; a second one runs beside it. */
  | "lose-renewals";

export const FAULT_KINDS: readonly FaultKind[] = [
  "crash-before",
  "crash-after",
  "fail-before",
  "fail-after",
  "freeze-before",
  "freeze-after",
  "lose-renewals",
];

export interface Fault {
  readonly at: number;
  readonly kind: FaultKind;
  /** When a frozen process goes on: after so long, or once the executions have ended. */
  readonly thawAfterMs?: number | undefined;
}

export class InjectedError extends Error {
  override readonly name = "InjectedError";
}

export interface FaultHooks {
  /** Takes the number of the next call. */
  nextCall(): number;
  faultAt(call: number): Fault | undefined;
  /** Something has happened: time must not move yet. */
  touch(): void;
  /** Time does not move while `work` goes on. */
  busyWhile<T>(work: Promise<T>): Promise<T>;
  /** A process that is needed beside or instead of this one. */
  spawn(): void;
  thawLater(process: Process, fault: Fault): void;
  renewAgainLater(process: Process): void;
  appended(executionId: string, entry: LogEntry): void;
  finished(executionId: string): void;
}

/** A new one each time: what awaits a promise that never settles lives as long as the promise. */
const never = (): Promise<never> => new Promise(() => {});

/** The store as one process reaches it. */
export function faultStore(inner: ExecutionStore, process: Process, hooks: FaultHooks): ExecutionStore {
  return new Proxy(inner, {
    get(target, property) {
      const member = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      if (property === "onChange") {
        return (listener: (executionId: string) => void) =>
          target.onChange((executionId) => process.run(() => listener(executionId)));
      }
      return (...args: unknown[]) => {
        const make = (): Promise<unknown> => apply(target, property as string, args, hooks);
        return call(process, hooks, property as string, make);
      };
    },
  });
}

/** Makes the call and tells what it has made durable. */
async function apply(
  target: ExecutionStore,
  property: string,
  args: unknown[],
  hooks: FaultHooks,
): Promise<unknown> {
  const method = Reflect.get(target, property, target) as (...all: unknown[]) => Promise<unknown>;
  const result = await hooks.busyWhile(method.apply(target, args));
  if (property === "append" && (result as { appended: boolean }).appended) {
    hooks.appended(args[0] as string, args[1] as LogEntry);
  }
  if (property === "finish" && result === "finished") {
    hooks.finished((args[0] as { executionId: string }).executionId);
  }
  return result;
}

async function call(
  process: Process,
  hooks: FaultHooks,
  property: string,
  make: () => Promise<unknown>,
): Promise<unknown> {
  if (!process.isRunning) await process.goesOn();
  hooks.touch();
  if (property === "renew" && process.losesRenewals) return never();
  const fault = hooks.faultAt(hooks.nextCall());
  const result = fault === undefined ? await make() : await callWithFault(process, hooks, fault, make);
  if (!process.isRunning) await process.goesOn();
  return result;
}

async function callWithFault(
  process: Process,
  hooks: FaultHooks,
  fault: Fault,
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
    case "fail-after":
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
  }
}

/** Owns a store that tells of every call, and that can cut an invocation off as the death of its process would. */

import { parseExecutionId } from "@tidemark/protocol";
import type { ExecutionStore } from "@tidemark/store";
import type { VirtualClock } from "./virtual-clock.js";

export interface WatchedStore {
  readonly store: ExecutionStore;
  /** From now on the invocation that holds the lease cannot reach the store; it is picked up again after its lease. */
  cutOff(executionId: string): void;
}

const never = (): Promise<never> => new Promise(() => {});

/** Calls that an invocation makes with its epoch, and how to see which one. */
export function watchedStore(inner: ExecutionStore, clock: VirtualClock): WatchedStore {
  /** Newest epoch that has been cut off, by execution. */
  const cut = new Map<string, number>();
  const newest = new Map<string, number>();
  const isCut = (executionId: string, epoch: number | undefined): boolean =>
    epoch !== undefined && epoch <= (cut.get(parseExecutionId(executionId).executionId) ?? 0);
  const store = new Proxy(inner, {
    get(target, property) {
      const member = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      return (...args: unknown[]) => {
        clock.touch();
        const epoch = epochOf(property, args);
        if (epoch !== undefined && isCut(epoch.executionId, epoch.epoch)) return never();
        const result = member.apply(target, args);
        if (!(result instanceof Promise)) return result;
        // A call to memory takes turns that `quiet` counts; it never settles when a test lets its process die in it.
        const answer = inner.manifest.durable ? clock.busyWhile(result) : result;
        return answer.then((value: unknown) => {
          clock.touch();
          if (property === "acquire" && value !== undefined) {
            const head = value as { executionId: string; epoch: number };
            newest.set(head.executionId, head.epoch);
          }
          return value;
        });
      };
    },
  });
  return { store, cutOff: (executionId) => cut.set(executionId, newest.get(executionId) ?? 0) };
}

/** The invocation on whose behalf a call is made, if it is one that needs the lease. */
function epochOf(
  property: string | symbol,
  args: unknown[],
): { executionId: string; epoch: number | undefined } | undefined {
  switch (property) {
    case "append":
      return { executionId: args[0] as string, epoch: (args[1] as { epoch: number }).epoch };
    case "renew":
      return { executionId: args[0] as string, epoch: args[1] as number };
    case "suspend":
    case "finish":
      return args[0] as { executionId: string; epoch: number | undefined };
    default:
      return undefined;
  }
}

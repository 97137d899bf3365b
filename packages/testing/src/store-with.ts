/** Owns a store in which single calls go another way than to the real one below, to fail, delay or count them. */

import type { ExecutionStore } from "@tidemark/store";

/** The store `inner` but for the members in `changes`. */
export function storeWith(inner: ExecutionStore, changes: Partial<ExecutionStore>): ExecutionStore {
  return new Proxy(inner, {
    get(target, property) {
      if (Object.hasOwn(changes, property)) return Reflect.get(changes, property);
      const member = Reflect.get(target, property, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

/** Owns the store of an explored run, without its faults: in memory, and it tells of functions that nobody has given. */

import { type ExecutionStore, MemoryStore, type PayloadStore, Payloads } from "@tidemark/store";
import { storeWith } from "./store-with.js";

export function exploredStore(payloads: Payloads, onMissing: (functionName: string) => void): ExecutionStore {
  const store = new MemoryStore({ payloads });
  return storeWith(store, {
    hasFunction: async (name) => {
      const isThere = await store.hasFunction(name);
      if (!isThere) onMissing(name);
      return isThere;
    },
  });
}

/** Without a word on payloads, contexts run as often as on a store that has no payload store. */
export function exploredPayloads(store: PayloadStore, inlineLimitBytes: number | undefined): Payloads {
  if (inlineLimitBytes === undefined) return new Payloads({ store, contextResults: "rebuild" });
  return new Payloads({ store, inlineLimitBytes });
}

/** A store in which a lease has run out for whoever claims through it, once. */
export function early(store: ExecutionStore, leaseMs: number): ExecutionStore {
  let aheadMs = leaseMs + 1;
  const due: ExecutionStore["due"] = (nowMs, limit, names) => store.due(nowMs + aheadMs, limit, names);
  const acquire: ExecutionStore["acquire"] = async (request) => {
    const head = await store.acquire({ ...request, nowMs: request.nowMs + aheadMs });
    if (head !== undefined) aheadMs = 0;
    return head;
  };
  return storeWith(store, { due, acquire });
}

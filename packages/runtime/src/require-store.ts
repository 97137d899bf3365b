/** Owns the check that an option is a store, and not something that will be one. */

import { TidemarkError, valueText } from "@tidemark/protocol";
import type { ExecutionStore } from "@tidemark/store";

/** @throws TidemarkError with `code` that says what was given. */
export function requireStore(value: unknown, code: string): ExecutionStore {
  const store = value as Partial<ExecutionStore> | undefined | null;
  if (typeof store?.registerFunctions === "function") return store as ExecutionStore;
  const given = value instanceof Promise ? "a promise; await it" : `${valueText(value)}; pass an open store`;
  throw new TidemarkError(
    code,
    `store is ${given}, such as await SqliteStore.open({ path: "./tidemark.db" })`,
  );
}

/** Owns the stores that the cases can run on, and the runtime of one case on one of them. */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MemoryStore } from "@tidemark/store";
import { SqliteStore } from "@tidemark/store-sqlite";
import { createTestRuntime } from "../kit/test-runtime";
import type { CreateRuntime } from "./runner";

export const STORE_NAMES = ["memory", "sqlite"] as const;
export type StoreName = (typeof STORE_NAMES)[number];

/** Makes the runtime of one case: every case gets an empty store. */
export function runtimeOn(name: StoreName): CreateRuntime {
  switch (name) {
    case "memory":
      return () => createTestRuntime({ store: new MemoryStore() });
    case "sqlite":
      return runtimeOnSqlite;
  }
}

async function runtimeOnSqlite(): ReturnType<CreateRuntime> {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-conformance-"));
  const store = await SqliteStore.open({ path: join(directory, "cases.db"), durability: "normal" });
  const runtime = await createTestRuntime({ store });
  const closeRuntime = runtime.close.bind(runtime);
  return Object.assign(runtime, {
    close: async () => {
      await closeRuntime();
      await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  });
}

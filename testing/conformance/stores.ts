/** Owns the runtime of one case on one of the stores. */

import { type StoreSource, storeSource } from "../engines/stores";
import { createTestRuntime } from "../kit/test-runtime";
import type { CreateRuntime } from "./runner";

export interface RuntimeSource {
  /** Makes the runtime of one case: every case gets an empty store. */
  readonly create: CreateRuntime;
  close(): Promise<void>;
}

/** @throws Error for a store that there is not. */
export async function runtimesOn(storeName: string): Promise<RuntimeSource> {
  const source: StoreSource = await storeSource(storeName);
  return {
    create: async () => createTestRuntime({ store: await source.open() }),
    close: () => source.close(),
  };
}

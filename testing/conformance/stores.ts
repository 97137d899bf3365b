/** Owns on which store and in which settings the cases run, and the runtime of one case. */

import { STORES_WITH_PAYLOADS, storeSource } from "../engines/stores";
import { createTestRuntime } from "../kit/test-runtime";
import { EXCEPTIONS, EXCEPTIONS_WITH_PAYLOADS, type Exceptions } from "./exceptions";
import type { CreateRuntime } from "./runner";

/** One way in which all cases run. */
export interface Setting {
  /** What becomes of large results of contexts; absent where there is nothing to choose. */
  readonly contextResults?: keyof typeof EXCEPTIONS_WITH_PAYLOADS;
  readonly exceptions: Exceptions;
}

/** With a payload store there are two: as AWS's SDK does it, and the default. */
export function settingsOf(storeName: string): readonly Setting[] {
  if (!STORES_WITH_PAYLOADS.includes(storeName)) return [{ exceptions: EXCEPTIONS }];
  return (["rebuild", "store"] as const).map((contextResults) => ({
    contextResults,
    exceptions: EXCEPTIONS_WITH_PAYLOADS[contextResults],
  }));
}

export interface RuntimeSource {
  /** Makes the runtime of one case: every case gets an empty store. */
  readonly create: CreateRuntime;
  /** See `StoreSource`; of the runtime that was made last. */
  readonly lacking?: (() => Promise<never>) | undefined;
  close(): Promise<void>;
}

/** @throws Error for a store that there is not. */
export async function runtimesOn(
  storeName: string,
  { contextResults }: Pick<Setting, "contextResults"> = {},
): Promise<RuntimeSource> {
  const source = await storeSource(storeName, contextResults === undefined ? {} : { contextResults });
  return {
    create: async () => createTestRuntime({ store: await source.open() }),
    lacking: source.lacking,
    close: () => source.close(),
  };
}

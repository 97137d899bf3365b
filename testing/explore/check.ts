/** Owns the check of the crash explorer itself: bugs that it must find, handlers that it must not blame, and its speed. */

import {
  CrashExplorationError,
  type CrashReport,
  type ExploreOptions,
  exploreCrashes,
} from "@tidemark/testing";
import { faultyHandlers } from "./faulty-handlers";
import { rightHandlers } from "./right-handlers";

export interface Found {
  readonly name: string;
  /** `undefined`: not found. */
  readonly error: CrashExplorationError | undefined;
}

/** Explores a handler with a bug. */
export async function exploreFaulty(name: string, options: ExploreOptions = {}): Promise<Found> {
  const faulty = faultyHandlers[name];
  if (faulty === undefined) throw new Error(`there is no faulty handler ${name}`);
  try {
    await exploreCrashes(faulty.create, { ...faulty.options, ...options });
    return { name, error: undefined };
  } catch (error) {
    if (error instanceof CrashExplorationError) return { name, error };
    throw error;
  }
}

/** Explores a handler without one. */
export function exploreRight(name: string, options: ExploreOptions = {}): Promise<CrashReport> {
  const right = rightHandlers[name];
  if (right === undefined) throw new Error(`there is no right handler ${name}`);
  return exploreCrashes(right.create, { ...right.options, ...options });
}

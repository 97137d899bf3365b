/** Owns which function a request means: functions are named, qualified, and given as ARNs. */

import type { ExecutionStore } from "@tidemark/store";

/**
 * The name under which the store knows the function: `name`, `name:qualifier`, `123456789012:function:name:qualifier`
 * or an ARN. A name that is registered as it stands wins; one that nobody has stays as it is.
 */
export async function functionNameOf(store: ExecutionStore, given: string): Promise<string> {
  if (await store.hasFunction(given)) return given;
  const unqualified = /^(?:(?:arn:[^:]+:[^:]+:[^:]*:)?\d+:function:)?([^:]+)(?::[^:]+)?$/.exec(given)?.[1];
  return unqualified !== undefined && (await store.hasFunction(unqualified)) ? unqualified : given;
}

/** Owns which function a request means: functions are named, qualified, and given as ARNs. */

import { isFunctionName } from "@tidemark/runtime";
import type { ExecutionStore } from "@tidemark/store";
import { ApiError } from "./api-errors.js";

/**
 * The name under which the store knows the function: `name`, `name:qualifier`, `123456789012:function:name:qualifier`
 * or an ARN. A name that is registered as it stands wins; one that nobody has stays as it is.
 */
export async function functionNameOf(store: ExecutionStore, given: string): Promise<string> {
  if (await isRegistered(store, given)) return given;
  const unqualified = /^(?:(?:arn:[^:]+:[^:]+:[^:]*:)?\d+:function:)?([^:]+)(?::[^:]+)?$/.exec(given)?.[1];
  return unqualified !== undefined && (await isRegistered(store, unqualified)) ? unqualified : given;
}

export function functionNotFound(given: string): ApiError {
  return new ApiError("ResourceNotFoundException", `Function not found: ${given}`);
}

/** Whether somebody has registered it. What is no name is not asked for: some stores cannot look for it. */
export async function isRegistered(store: ExecutionStore, name: string): Promise<boolean> {
  return isFunctionName(name) && store.hasFunction(name);
}

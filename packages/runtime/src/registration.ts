/** Owns what counts as a function that can be run: its name and its handler. */

import { TidemarkError, valueText } from "@tidemark/protocol";
import type { DurableHandler, PlainHandler, RegisteredFunction } from "./invocation.js";

/** A wrapped handler, or a plain function as `{ handler, durable: false }`. */
export type FunctionToRun = DurableHandler | { readonly handler: PlainHandler; readonly durable: false };

/**
 * Whether a function can have this name: 1 to 140 of the characters A-Z, a-z, 0-9, _ . : $ and -. Others need not be asked
 * for: some stores cannot look for them.
 */
export function isFunctionName(name: unknown): name is string {
  return typeof name === "string" && /^[A-Za-z0-9_.:$-]{1,140}$/.test(name);
}

/**
 * Checks a function and its name, for `runExecution`.
 *
 * @throws TidemarkError `TIDEMARK_FUNCTION_NAME`, `TIDEMARK_HANDLER`.
 */
export function registeredFunction(name: string, fn: FunctionToRun): RegisteredFunction {
  if (!isFunctionName(name)) {
    throw new TidemarkError(
      "TIDEMARK_FUNCTION_NAME",
      `functions: ${valueText(name)} is not a function name; use 1 to 140 of the characters A-Z, a-z, 0-9, _ . : $ and -`,
    );
  }
  if (typeof fn === "function") return { durable: true, handler: fn };
  if (typeof fn?.handler === "function") return { durable: false, handler: fn.handler };
  throw new TidemarkError("TIDEMARK_HANDLER", `functions.${name} is not a function; pass a wrapped handler`);
}

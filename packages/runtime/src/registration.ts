/** Owns what counts as a function that can be run: its name and its handler. */

import { READS_STAND_INS, TidemarkError, valueText } from "@tidemark/protocol";
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
 * @param option Where the function was given, for messages. Default: `functions.<name>`.
 * @throws TidemarkError `TIDEMARK_FUNCTION_NAME`, `TIDEMARK_HANDLER`.
 */
export function registeredFunction(
  name: string,
  fn: FunctionToRun,
  option = `functions.${name}`,
): RegisteredFunction {
  if (!isFunctionName(name)) {
    throw new TidemarkError(
      "TIDEMARK_FUNCTION_NAME",
      `functions: ${valueText(name)} is not a function name; use 1 to 140 of the characters A-Z, a-z, 0-9, _ . : $ and -`,
    );
  }
  const refused = (problem: string): TidemarkError =>
    new TidemarkError("TIDEMARK_HANDLER", `${option} ${problem}`);
  if (typeof fn === "function") {
    const problem = isOurs(fn) ? undefined : unwrappedProblem(fn);
    if (problem !== undefined) throw refused(problem);
    return { durable: true, handler: fn };
  }
  if (typeof fn?.handler !== "function") throw refused("is not a function; pass a wrapped handler");
  if (isOurs(fn.handler))
    throw refused("is a plain function as { handler }, and its handler is wrapped; pass the handler itself");
  return { durable: false, handler: fn.handler };
}

/** Wrapped by `withDurableExecution` of any copy of our SDK. */
function isOurs(handler: object): boolean {
  return Object.hasOwn(handler, READS_STAND_INS);
}

const ADVICE =
  "wrap it with withDurableExecution, or register a plain function as { handler, durable: false }";

/** What only a durable context has. */
const OPERATIONS =
  "step|wait|invoke|map|parallel|runInChildContext|createCallback|waitForCallback|waitForCondition";

/**
 * Why a function that our SDK has not wrapped cannot be one that somebody else has. Handlers of AWS's SDK and functions
 * around wrapped ones look like any function of an event and a context, so only what is certain is refused; the rest is
 * found at the first invocation.
 */
function unwrappedProblem(handler: { readonly length: number }): string | undefined {
  const text = Function.prototype.toString.call(handler);
  if (text.includes("[native code]")) return undefined;
  const parameters = text.slice(0, text.search(/=>|\)\s*\{/));
  const takesMore = /\.\.\.|=/.test(parameters) || /\barguments\b/.test(text);
  if (handler.length < 2 && !takesMore)
    return `is not wrapped: a wrapped handler takes an event and a context, and this one takes ${handler.length === 0 ? "nothing" : "one of them"}; ${ADVICE}`;
  const context = /,\s*([\w$]+)\s*,?\s*\)?\s*$/.exec(parameters)?.[1]?.replaceAll("$", "\\$");
  const operation = new RegExp(`(?<![\\w$.])${context}\\s*\\.\\s*(${OPERATIONS})\\s*\\(`).exec(text)?.[1];
  if (context === undefined || operation === undefined) return undefined;
  return `is not wrapped, and calls ${operation} of its context, which a function that is not wrapped does not get; ${ADVICE}`;
}

/** Owns the refusal of options that a function of the kit does not know: a typing error must not weaken a test. */

import { requireOptionNames, TidemarkError, valueText } from "@tidemark/protocol";
import { STALL_LIMIT_MS } from "./endless.js";
import { callbackNameOf, type RunFacts } from "./explored-facts.js";
import type { CallbackAnswer } from "./explored-world.js";

/** @throws TidemarkError `TIDEMARK_EXPLORE_OPTIONS`. */
export function requireKitOptions(
  call: string,
  options: unknown,
  names: Readonly<Record<string, true>>,
): void {
  const refusal = (problem: string): TidemarkError =>
    new TidemarkError("TIDEMARK_EXPLORE_OPTIONS", `${call}: ${problem}`);
  requireOptionNames(options, names, refusal);
}

/** One that is no whole number would draw what another one draws. @throws TidemarkError `TIDEMARK_EXPLORE_OPTIONS`. */
export function requireSeed(call: string, seed: unknown): void {
  if (seed === undefined || Number.isSafeInteger(seed)) return;
  throw new TidemarkError(
    "TIDEMARK_EXPLORE_OPTIONS",
    `${call}: seed is ${valueText(seed)}; pass a whole number`,
  );
}

interface Limits {
  readonly callLimit: number;
  readonly stallLimitMs: number;
}

/** How far a run may go. */
export function limitsOf({ callLimit = 10_000, stallLimitMs = STALL_LIMIT_MS }: Partial<Limits>): Limits {
  return { callLimit, stallLimitMs };
}

/** What surrounds a handler in a run. A mistake there fails a step or a callback in every run alike, and is not seen. */
interface Surrounding {
  readonly functions?: Readonly<Record<string, unknown>>;
  readonly steps?: Readonly<Record<string, unknown>>;
  readonly callbacks?: Readonly<Record<string, CallbackAnswer>>;
  readonly callLimit?: number;
  readonly stallLimitMs?: number;
}

/** @throws TidemarkError `TIDEMARK_EXPLORE_OPTIONS`. */
export function requireSurrounding(call: string, options: Surrounding): void {
  const { functions = {}, steps = {}, callbacks = {} } = options;
  const refuse = (field: string, value: unknown, advice: string): never => {
    throw new TidemarkError(
      "TIDEMARK_EXPLORE_OPTIONS",
      `${call}: ${field} is ${valueText(value)}; ${advice}`,
    );
  };
  for (const [name, limit] of Object.entries(limitsOf(options))) {
    if (typeof limit !== "number" || !(limit > 0)) refuse(name, limit, "pass a number above 0, or Infinity");
  }
  for (const [name, standIn] of Object.entries(steps)) {
    if (typeof standIn !== "function") refuse(`steps.${name}`, standIn, "pass a function");
  }
  for (const [name, fn] of Object.entries(functions)) {
    const { handler, durable } = Object(fn) as { readonly handler?: unknown; readonly durable?: unknown };
    if (typeof fn === "function" || (typeof handler === "function" && durable === false)) continue;
    refuse(`functions.${name}`, fn, "pass a wrapped handler, or { handler, durable: false }");
  }
  for (const [name, answer] of Object.entries(callbacks)) {
    const { afterMs = 0, result } = Object(answer) as CallbackAnswer;
    if (!(Number.isFinite(afterMs) && afterMs >= 0))
      refuse(`callbacks.${name}.afterMs`, afterMs, "pass milliseconds of at least 0");
    try {
      JSON.stringify(result);
    } catch {
      refuse(`callbacks.${name}.result`, result, "pass a value that JSON can carry");
    }
  }
}

/**
 * An invoke of a function that is not there fails in every run alike.
 *
 * @throws TidemarkError `TIDEMARK_TEST_FUNCTION`.
 */
export function requireFunctions(
  call: string,
  { missingFunctions }: RunFacts,
  given: Readonly<Record<string, unknown>>,
): void {
  const [missing] = missingFunctions;
  if (missing === undefined) return;
  const others = Object.keys(given).map((name) => JSON.stringify(name));
  throw new TidemarkError(
    "TIDEMARK_TEST_FUNCTION",
    `${call}: the handler invokes function ${JSON.stringify(missing)}, which is not among functions (there are: ${others.join(", ") || "none"}); ` +
      "add it under exactly this name",
  );
}

/** Names that runs had: one in an option that no run had holds nothing, and must not look like a test that passes. */
export class NamesOfRuns {
  readonly #call: string;
  readonly #steps = new Set<string>();
  readonly #callbacks = new Set<string>();

  /** @param call the function of the kit, for messages. */
  constructor(call: string) {
    this.#call = call;
  }

  take({ bodies, trees }: RunFacts): void {
    for (const { name } of bodies.values()) if (name !== undefined) this.#steps.add(name);
    for (const tree of trees.values()) {
      for (const operation of tree.values()) {
        const name = operation.Type === "CALLBACK" ? callbackNameOf(operation, tree) : undefined;
        if (name !== undefined) this.#callbacks.add(name);
      }
    }
  }

  /** @throws TidemarkError `TIDEMARK_EXPLORE_OPTIONS`. */
  require(kind: "step" | "callback", field: string, names: readonly string[]): void {
    const known = kind === "step" ? this.#steps : this.#callbacks;
    const unknown = names.find((name) => !known.has(name));
    if (unknown === undefined) return;
    const had = [...known].map((name) => JSON.stringify(name)).join(", ") || "none that has a name";
    throw new TidemarkError(
      "TIDEMARK_EXPLORE_OPTIONS",
      `${this.#call}: ${field} has ${JSON.stringify(unknown)}, and no run had such a ${kind}; its ${kind}s were ${had}`,
    );
  }
}

/** Owns the refusal of options that a function of the kit does not know: a typing error must not weaken a test. */

import { requireOptionNames, TidemarkError } from "@tidemark/protocol";
import { callbackNameOf, type RunFacts } from "./explored-facts.js";

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

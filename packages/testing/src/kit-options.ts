/** Owns the refusal of options that a function of the kit does not know: a typing error must not weaken a test. */

import { requireOptionNames, TidemarkError } from "@tidemark/protocol";

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

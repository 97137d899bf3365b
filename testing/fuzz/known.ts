/**
 * Owns the bugs that are known and not mended, so that a campaign can look for others: what they
 * look like, and which programs are left out because of them. An entry goes when its bug goes; its
 * program stays in `regressions`.
 */

import type { Violation } from "./check";
import { hasOp, type Program } from "./program";

interface KnownBug {
  /** Name of the regression. */
  readonly id: string;
  readonly looksLike?: { readonly invariant: string; readonly what: RegExp };
  /** Makes a program that cannot find it. */
  readonly avoids?: (program: Program) => Program;
}

export const KNOWN_BUGS: readonly KnownBug[] = [
  {
    // How long a hook takes is in no log, and neither is the end of a virtual child (found by program 9,864 of seed 101).
    id: "slow-hooks-reorder-virtual-child",
    avoids: (program) =>
      hasOp(program.root, (op) => op.op === "child" && op.virtual) ? { ...program, plugin: "none" } : program,
  },
  {
    // The same of a context that is rebuilt, and code beside it that awaits nothing durable (program 604 of seed 91, depth
    // 3). Rare enough to leave the programs in.
    id: "hooks-reorder-rebuilt-context",
  },
];

export function isKnown({ invariant, what }: Violation): boolean {
  return KNOWN_BUGS.some(
    ({ looksLike }) => looksLike?.invariant === invariant && looksLike.what.test(what) === true,
  );
}

/** The program without what would only find known bugs again. */
export function avoidKnown(program: Program): Program {
  return KNOWN_BUGS.reduce((tamed, { avoids }) => avoids?.(tamed) ?? tamed, program);
}

/**
 * Owns the bugs that are known and not mended, so that a campaign can look for others: what they
 * look like, and which programs are left out because of them. An entry goes when its bug goes; its
 * program stays in `regressions`.
 */

import type { Violation } from "./check";
import type { Program } from "./program";

interface KnownBug {
  /** Name of the regression. */
  readonly id: string;
  readonly looksLike?: { readonly invariant: string; readonly what: RegExp };
  /** Makes a program that cannot find it. */
  readonly avoids?: (program: Program) => Program;
}

export const KNOWN_BUGS: readonly KnownBug[] = [
  {
    id: "polls-while-a-retry-runs",
    looksLike: { invariant: "sleeps", what: /timers for/ },
    avoids: withShortRetries,
  },
  {
    id: "replay-records-abandoned-context",
    looksLike: { invariant: "replaysToTheSameEnd", what: /the full replay asked for/ },
  },
  {
    id: "rebuilt-batch-runs-abandoned-code",
    looksLike: { invariant: "seesTheSame", what: /\n.* saw: \S*\[\d+\]/ },
  },
  {
    id: "two-timeouts-of-one-callback",
    looksLike: {
      invariant: "recordsNothingAfterTheEnd",
      what: /: (callback_|invoke_settled|retry_ready|wait_elapsed|step_interrupted)/,
    },
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

/** Bodies of steps and checks that run more than once are short. */
function withShortRetries(program: Program): Program {
  return JSON.parse(JSON.stringify(program), (_key, value) => {
    const repeats = value?.fails > 0 || value?.polls > 1;
    return repeats && value.takes?.ms > 1 ? { ...value, takes: { ms: 1 } } : value;
  }) as Program;
}

/** Owns the check that options have no names but those that somebody reads: a typing error must not be a default. */

import { valueText } from "./value-text.js";

/** All names of the options: the compiler refuses a list that lacks one or has one too many. */
export type OptionNames<Options extends object> = Readonly<Record<keyof Options, true>>;

/**
 * What is wrong with the names in `options`: which one is unknown, the nearest known one and all of them. `undefined`
 * when nothing is. What their values may be is not looked at, and an unknown name is refused whatever its value.
 *
 * @param field What the options are called, such as `serverSideEncryption` for options in options. Default: they have
 * no name of their own.
 * @example
 * ```ts
 * const NAMES: OptionNames<{ shards?: number }> = { shards: true };
 * console.log(optionsProblem({ shard: 4 }, NAMES)); // shard is not an option; did you mean shards? Options: shards
 * ```
 */
export function optionsProblem(
  options: unknown,
  names: Readonly<Record<string, true>>,
  field = "",
): string | undefined {
  const known = Object.keys(names);
  if (typeof options !== "object" || options === null || Array.isArray(options))
    return `${field || "options"} is ${valueText(options)}; pass an object (options: ${known.join(", ")})`;
  const unknown = Object.keys(options).find((name) => !Object.hasOwn(names, name));
  if (unknown === undefined) return undefined;
  const nearest = nearestName(unknown, known);
  const advice = nearest === undefined ? "leave it out." : `did you mean ${nearest}?`;
  const path = field === "" ? unknown : `${field}.${unknown}`;
  return `${path} is not an option; ${advice} Options: ${known.join(", ")}`;
}

/** @throws what `refusal` makes of the {@link optionsProblem}, if there is one. */
export function requireOptionNames(
  options: unknown,
  names: Readonly<Record<string, true>>,
  refusal: (problem: string) => Error,
  field?: string,
): void {
  const problem = optionsProblem(options, names, field);
  if (problem !== undefined) throw refusal(problem);
}

/** The known name that a writer may have meant: one that begins like it, or differs in at most a third of it. */
function nearestName(unknown: string, known: readonly string[]): string | undefined {
  let nearest: string | undefined;
  let least = Number.POSITIVE_INFINITY;
  const written = unknown.toLowerCase();
  for (const name of known) {
    const wanted = name.toLowerCase();
    const isBeginning = written.length >= 3 && (wanted.startsWith(written) || written.startsWith(wanted));
    const changes = isBeginning ? 1 : editDistance(written, wanted);
    if (changes >= least || changes > Math.max(written.length, wanted.length) / 3) continue;
    nearest = name;
    least = changes;
  }
  return nearest;
}

/** How many characters must be changed, added or removed (Levenshtein). */
function editDistance(from: string, to: string): number {
  let previous = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (previous[column - 1] as number) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] as number) + 1, (current[column - 1] as number) + 1));
    }
    previous = current;
  }
  return previous[to.length] as number;
}

/**
 * Owns the log records of a run and how a case's expectations about them are checked.
 *
 * 1. A record is one line of output: a JSON object as it is, any other line as its `message`.
 * 2. A record matches when every listed field does; the variables are those that the history bound.
 * 3. `after` and `before` hold for every matching record: each of their matches has a record on
 *    that side of it.
 */

import type { ExpectedLog, YamlMap } from "./cases";
import { matchValue, parsedJson, shown } from "./matcher";
import type { Variables } from "./variables";

export type LogRecord = Readonly<Record<string, unknown>>;

/** The records in the lines of an output. */
export function recordsOf(lines: readonly string[]): LogRecord[] {
  return lines
    .filter((line) => line.trim() !== "")
    .map((line) => {
      const value = parsedJson(line)?.value;
      const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
      return isObject ? { message: line, ...value } : { message: line };
    });
}

/** What the records lack or have too much of. */
export function matchLogs(
  expected: readonly ExpectedLog[],
  records: readonly LogRecord[],
  variables: Variables,
): string[] {
  return expected.flatMap((expectation) => matchLog(expectation, records, variables));
}

function matchLog(expected: ExpectedLog, records: readonly LogRecord[], variables: Variables): string[] {
  const positions = positionsOf(expected.match, records, variables);
  const name = `the log ${shown(expected.match)}`;
  const problems: string[] = [];
  const { least, most } = bounds(expected);
  if (positions.length < least)
    problems.push(`${name} is there ${positions.length} times; expected ${least}`);
  if (positions.length > most) problems.push(`${name} is there ${positions.length} times; expected ${most}`);
  for (const other of expected.after ?? []) {
    const earliest = positionsOf(other, records, variables).at(0) ?? Number.POSITIVE_INFINITY;
    if (positions.some((position) => position <= earliest)) {
      problems.push(`${name} is not after ${shown(other)}`);
    }
  }
  for (const other of expected.before ?? []) {
    const latest = positionsOf(other, records, variables).at(-1) ?? Number.NEGATIVE_INFINITY;
    if (positions.some((position) => position >= latest)) {
      problems.push(`${name} is not before ${shown(other)}`);
    }
  }
  return problems;
}

function bounds({ count, min_count, max_count }: ExpectedLog): { least: number; most: number } {
  if (count !== undefined) return { least: count, most: count };
  return {
    least: min_count ?? (max_count === undefined ? 1 : 0),
    most: max_count ?? Number.POSITIVE_INFINITY,
  };
}

function positionsOf(match: YamlMap, records: readonly LogRecord[], variables: Variables): number[] {
  return records.flatMap((record, index) =>
    matchValue(match, record, variables.copy(), { members: "subset" }).length === 0 ? [index] : [],
  );
}

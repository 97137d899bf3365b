/** Owns how what two hosts observed of a case is compared, and which differences are meant. */

import { isDeepStrictEqual } from "node:util";
import { type AllowedDifference, DIFFERENCES } from "./differences";
import type { Observation, Observations } from "./observation";

/** What is compared. Invocations are not: when to suspend is the SDK's and the host's own decision. */
const FIELDS = ["status", "result", "error", "operations", "events", "trace", "problem"] as const;
export type Field = (typeof FIELDS)[number];

export interface Verdict {
  readonly caseName: string;
  readonly host: string;
  /** `differs`: only as the list allows. */
  readonly outcome: "same" | "differs" | "failed";
  readonly reasons: readonly string[];
  /** Differences that are not on the list, and entries of the list that are not needed. */
  readonly details: readonly string[];
}

/** Compares each case of `observed` with what the AWS SDK did under its own test kit. */
export function compareHost(host: string, expected: Observations, observed: Observations): Verdict[] {
  return Object.entries(expected).map(([caseName, before]) => {
    const after = observed[caseName];
    if (after === undefined) {
      return { caseName, host, outcome: "failed", reasons: [], details: ["the case was not run"] };
    }
    return compareCase(caseName, host, before, after);
  });
}

function compareCase(caseName: string, host: string, before: Observation, after: Observation): Verdict {
  const differing = FIELDS.filter((field) => !isSame(field, before, after));
  const allowed = DIFFERENCES.filter((each) => appliesTo(each, caseName, host));
  const allows = (each: AllowedDifference, field: Field): boolean =>
    each.fields.includes(field) &&
    (each.apartFrom === undefined ||
      isDeepStrictEqual(without(before[field], each.apartFrom), without(after[field], each.apartFrom)));
  const unexplained = differing.filter((field) => !allowed.some((each) => allows(each, field)));
  const details = unexplained.flatMap((field) => [
    `${field} expected ${text(before[field])}`,
    `${" ".repeat(field.length)} observed ${text(after[field])}`,
  ]);
  const needed = allowed.filter((each) => differing.some((field) => allows(each, field)));
  const outcome = details.length > 0 ? "failed" : needed.length > 0 ? "differs" : "same";
  return { caseName, host, outcome, reasons: needed.map(({ reason }) => reason), details };
}

/** Entries of the list that no case needed any more. */
export function staleDifferences(verdicts: readonly Verdict[]): AllowedDifference[] {
  const used = new Set(verdicts.flatMap(({ reasons }) => reasons));
  return DIFFERENCES.filter(({ reason }) => !used.has(reason));
}

function appliesTo({ cases, hosts }: AllowedDifference, caseName: string, host: string): boolean {
  return hosts.includes(host) && cases.test(caseName);
}

function isSame(field: Field, before: Observation, after: Observation): boolean {
  if (field !== "events") return isDeepStrictEqual(before[field], after[field]);
  // Only the test kit tells events.
  if (before.events === undefined || after.events === undefined) return true;
  return isDeepStrictEqual(before.events.filter(isOfOperation), after.events.filter(isOfOperation));
}

/** How often the code is invoked is not compared, and so are not these. */
function isOfOperation(event: string): boolean {
  return !event.startsWith("InvocationCompleted");
}

/** A JSON value without members of these names. */
function without(value: unknown, keys: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((each) => without(each, keys));
  if (typeof value !== "object" || value === null) return value;
  const kept = Object.entries(value).filter(([key]) => !keys.includes(key));
  return Object.fromEntries(kept.map(([key, each]) => [key, without(each, keys)]));
}

const MAX_TEXT = 600;

function text(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length <= MAX_TEXT ? json : `${json.slice(0, MAX_TEXT)}… (${json.length} characters)`;
}

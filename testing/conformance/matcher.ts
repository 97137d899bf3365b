/**
 * Owns how one expected value of a case is compared with what we have.
 *
 * 1. `*` matches whatever is there. A missing value is not there.
 * 2. A regular expression, `/.../` or `${/.../}`, is searched in the value as text; `(?i)` in front
 *    ignores case.
 * 3. `${NAME}` alone takes its value at first sight and must equal it after that.
 * 4. An object lists only what must match; in a result and in a JSON text all members must match.
 * 5. A `Payload` is a JSON text: white space in it does not matter, and the case may also write
 *    the value itself.
 */

import { isDeepStrictEqual } from "node:util";
import type { YamlMap, YamlValue } from "./cases";
import { Variables } from "./variables";

export interface MatchOptions {
  /** `subset`: members that the case does not list are ignored. */
  readonly members: "subset" | "all";
}

/** What does not match, each with the path to it; empty when all does. Binds variables on the way. */
export function matchValue(
  expected: YamlValue,
  actual: unknown,
  variables: Variables,
  options: MatchOptions,
  path = "",
): string[] {
  if (typeof expected === "string") return matchText(expected, actual, variables, path);
  if (isPayload(path) && typeof actual === "string") {
    const value = parsedJson(actual);
    if (value !== undefined)
      return matchValue(expected, value.value, variables, { members: "all" }, `${path}$`);
  }
  if (expected === null)
    return actual === null || actual === undefined ? [] : [differs(path, expected, actual)];
  if (typeof expected !== "object") return expected === actual ? [] : [differs(path, expected, actual)];
  return isList(expected)
    ? matchList(expected, actual, variables, options, path)
    : matchObject(expected, actual, variables, options, path);
}

function matchList(
  expected: readonly YamlValue[],
  actual: unknown,
  variables: Variables,
  options: MatchOptions,
  path: string,
): string[] {
  if (!Array.isArray(actual) || actual.length !== expected.length) return [differs(path, expected, actual)];
  return expected.flatMap((item, index) =>
    matchValue(item, actual[index], variables, options, `${path}[${index}]`),
  );
}

function matchObject(
  expected: YamlMap,
  actual: unknown,
  variables: Variables,
  options: MatchOptions,
  path: string,
): string[] {
  if (typeof actual !== "object" || actual === null || Array.isArray(actual)) {
    return [differs(path, expected, actual)];
  }
  const members = actual as Readonly<Record<string, unknown>>;
  const problems = Object.entries(expected).flatMap(([key, value]) =>
    matchValue(value, members[key], variables, options, path === "" ? key : `${path}.${key}`),
  );
  if (options.members === "subset") return problems;
  const extra = Object.keys(members).filter((key) => members[key] !== undefined && !(key in expected));
  return [...problems, ...extra.map((key) => `${path === "" ? "" : `${path}.`}${key} is not expected`)];
}

function matchText(expected: string, actual: unknown, variables: Variables, path: string): string[] {
  if (actual === undefined) return [`${where(path)} is missing; expected ${expected}`];
  if (expected === "*") return [];
  const name = Variables.nameIn(expected);
  if (name !== undefined && !variables.has(name)) {
    variables.bind(name, actual);
    return [];
  }
  const pattern = patternOf(expected, variables);
  if (pattern !== undefined) {
    return isScalar(actual) && pattern.test(String(actual)) ? [] : [differs(path, expected, actual)];
  }
  const text = variables.substitute(expected);
  if (text === actual) return [];
  return isPayload(path) && isSameJson(text, actual) ? [] : [differs(path, text, actual)];
}

/** The regular expression that a text stands for. What a variable holds is text, not pattern. */
export function patternOf(expected: string, variables: Variables): RegExp | undefined {
  const source = /^\$\{\/(.*)\/\}$/s.exec(expected)?.[1] ?? /^\/(.*)\/$/s.exec(expected)?.[1];
  if (source === undefined) return undefined;
  const inline = /^\(\?([ims]+)\)/.exec(source);
  const body = inline === null ? source : source.slice(inline[0].length);
  const escaped = variables.substitute(body, (value) => value.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&"));
  return new RegExp(escaped, inline?.[1] ?? "");
}

function isSameJson(text: string, actual: unknown): boolean {
  const expected = parsedJson(text);
  const given = typeof actual === "string" ? parsedJson(actual) : { value: actual };
  return expected !== undefined && given !== undefined && isDeepStrictEqual(expected.value, given.value);
}

/** The value of a JSON text, or `undefined` for any other text. */
export function parsedJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

function isList(value: unknown): value is readonly YamlValue[] {
  return Array.isArray(value);
}

function isScalar(value: unknown): boolean {
  return ["string", "number", "boolean"].includes(typeof value);
}

function isPayload(path: string): boolean {
  return path === "Payload" || path.endsWith(".Payload");
}

function where(path: string): string {
  return path === "" ? "the value" : path;
}

function differs(path: string, expected: unknown, actual: unknown): string {
  return `${where(path)} is ${shown(actual)}; expected ${shown(expected)}`;
}

const MAX_SHOWN = 160;

/** A value on one line, cut where it is long. */
export function shown(value: unknown): string {
  const text = value === undefined ? "missing" : typeof value === "string" ? value : JSON.stringify(value);
  return text.length <= MAX_SHOWN ? text : `${text.slice(0, MAX_SHOWN)}... (${text.length} characters)`;
}

/** Owns the reading of overloaded arguments: an optional name first, then what the operation needs. */

import { MAX_NAME_LENGTH, TidemarkError, valueText } from "@tidemark/protocol";

/** Raised for arguments that no overload takes. `name` tells which of many operations it is. */
export function invalidArgument(operation: string, message: string, name?: unknown): TidemarkError {
  return argumentError("TIDEMARK_ARGUMENT", operation, message, name);
}

export function argumentError(
  code: string,
  operation: string,
  message: string,
  name: unknown,
): TidemarkError {
  const which = typeof name === "string" && name !== "" ? ` ${valueText(name)}` : "";
  return new TidemarkError(code, `context.${operation}${which}: ${message}`);
}

/** A name, or `undefined` for none; an empty text is none. */
export function readName(operation: string, name: unknown): string | undefined {
  if (name === undefined || name === null || name === "") return undefined;
  if (typeof name !== "string") {
    throw invalidArgument(operation, `name is ${valueText(name)}; pass a text or leave it out`);
  }
  if (name.length > MAX_NAME_LENGTH) {
    throw invalidArgument(
      operation,
      `name ${valueText(`${name.slice(0, 40)}…`)} has ${name.length} characters; pass at most ${MAX_NAME_LENGTH}`,
    );
  }
  return name;
}

export function requireFunction(operation: string, field: string, value: unknown, name?: unknown): void {
  if (typeof value !== "function")
    throw invalidArgument(operation, `${field} is ${valueText(value)}; pass a function`, name);
}

export function requireOptionalFunction(
  operation: string,
  field: string,
  value: unknown,
  name?: unknown,
): void {
  if (value !== undefined) requireFunction(operation, field, value, name);
}

/** One of the values of an enum, which may also be given as its text. */
export function requireOneOf(
  operation: string,
  field: string,
  value: unknown,
  values: Readonly<Record<string, string>>,
  name?: unknown,
): void {
  if (value === undefined || Object.values(values).includes(value as string)) return;
  const known = Object.values(values).join(" or ");
  throw invalidArgument(operation, `${field} is ${valueText(value)}; use ${known}`, name);
}

/** An object with functions of these names. */
export function requireOptionalMethods(
  operation: string,
  field: string,
  value: unknown,
  methods: readonly string[],
  name?: unknown,
): void {
  if (value === undefined) return;
  const missing = methods.find((method) => typeof Object(value)[method] !== "function");
  if (missing !== undefined) {
    const wanted = methods.join(" and ");
    throw invalidArgument(
      operation,
      `${field} is ${valueText(value)}; pass an object with ${wanted} functions`,
      name,
    );
  }
}

export function requireArray(operation: string, field: string, value: unknown, name?: unknown): void {
  if (!Array.isArray(value))
    throw invalidArgument(operation, `${field} is ${valueText(value)}; pass an array`, name);
}

/** Strategies and predicates are asked synchronously: a promise, a text or a number decides nothing. */
export function notADecision(strategy: string, field: string, decision: unknown): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_DECISION",
    `${strategy} gave ${valueText(decision)}; return an object with a boolean ${field}, not a promise of one`,
  );
}

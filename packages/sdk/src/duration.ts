/**
 * Owns durations: what a caller may write and how many whole seconds it means.
 *
 * Delays and timeouts travel as whole seconds, so a value that cannot be one is refused here,
 * with the name of the field, instead of being rounded or sent on.
 */

import { MAX_DURATION_SECONDS, TidemarkError } from "@tidemark/protocol";

/**
 * A length of time in whole days, hours, minutes and seconds, which are added up.
 *
 * At least one unit is given. Zero is a valid number of any unit; how small and how large the sum
 * may be depends on where it is used.
 *
 * @example
 * ```ts
 * const day: Duration = { hours: 23, minutes: 59, seconds: 60 };
 * ```
 */
export type Duration =
  | { days: number; hours?: number; minutes?: number; seconds?: number }
  | { hours: number; minutes?: number; seconds?: number }
  | { minutes: number; seconds?: number }
  | { seconds: number };

const SECONDS_PER_UNIT: ReadonlyMap<string, number> = new Map([
  ["days", 24 * 60 * 60],
  ["hours", 60 * 60],
  ["minutes", 60],
  ["seconds", 1],
]);

interface DurationLimits {
  /** Smallest total that is accepted, in seconds. Default 1. */
  readonly minimumSeconds?: number;
}

/**
 * The whole seconds that a duration means.
 *
 * A unit that is present but `undefined` counts as absent. `field` is how messages call the value.
 * Accepts totals from `minimumSeconds` (default 1) to 31,622,400 (366 days).
 * Source: Lambda durable API, `DurationSeconds`.
 *
 * @throws TidemarkError `TIDEMARK_DURATION` unless the value is an object with at least one of the
 * units, nothing else in it, whole numbers of 0 or more, and a total within the limits.
 *
 * @example
 * ```ts
 * durationSeconds({ minutes: 1, seconds: 30 }, "timeout"); // 90
 * ```
 */
export function durationSeconds(duration: Duration, field: string, limits: DurationLimits = {}): number {
  if (typeof duration !== "object" || duration === null) {
    throw durationError(duration, field, "a duration is an object, for example { seconds: 30 }");
  }
  let totalSeconds = 0;
  let isEmpty = true;
  for (const [unit, amount] of Object.entries(duration) as [string, unknown][]) {
    const secondsPerUnit = SECONDS_PER_UNIT.get(unit);
    if (secondsPerUnit === undefined) {
      throw durationError(duration, field, `${unit} is not a unit; use days, hours, minutes and seconds`);
    }
    if (amount === undefined) continue;
    if (typeof amount !== "number" || !Number.isInteger(amount) || amount < 0) {
      throw durationError(duration, field, `${unit} must be a whole number of 0 or more`);
    }
    totalSeconds += amount * secondsPerUnit;
    isEmpty = false;
  }
  if (isEmpty) throw durationError(duration, field, "give at least one of days, hours, minutes and seconds");
  const minimumSeconds = limits.minimumSeconds ?? 1;
  if (totalSeconds < minimumSeconds) {
    throw durationError(
      duration,
      field,
      `give at least ${minimumSeconds} second${minimumSeconds === 1 ? "" : "s"}`,
    );
  }
  if (totalSeconds > MAX_DURATION_SECONDS) {
    throw durationError(duration, field, `give at most ${MAX_DURATION_SECONDS} seconds (366 days)`);
  }
  return totalSeconds;
}

function durationError(value: unknown, field: string, advice: string): TidemarkError {
  return new TidemarkError("TIDEMARK_DURATION", `${field} is ${valueText(value)}: ${advice}`);
}

/** A value as messages show it: JSON, with the numbers and kinds of value that JSON would hide. */
export function valueText(value: unknown): string {
  if (typeof value !== "object" && typeof value !== "string") return String(visible(value));
  try {
    return JSON.stringify(value, (_key, part: unknown) => visible(part));
  } catch {
    return String(value);
  }
}

function visible(part: unknown): unknown {
  switch (typeof part) {
    case "number":
      return Number.isFinite(part) ? part : String(part);
    case "bigint":
      return `${part}n`;
    case "undefined":
      return "undefined";
    case "function":
      return `function ${part.name}`;
    case "symbol":
      return part.toString();
    default:
      return part;
  }
}

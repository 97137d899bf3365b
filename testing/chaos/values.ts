/** Owns what every piece of work in the chaos workflow gives: a pure function of seed, execution and label. */

/** A number in [0, 2^32) that looks random and repeats (FNV-1a). */
export function workValue(seed: number, index: number, label: string): number {
  const text = `${seed}/${index}/${label}`;
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return hash;
}

/** What the driver does about the callback of an execution. */
export type CallbackPlan =
  /** Success. */
  | "success"
  /** Failure. */
  | "failure"
  /** Two successes at the same time, of which one counts. */
  | "duel"
  /** Success at about the time at which the callback times out. */
  | "contest";

const CALLBACK_PLANS: readonly CallbackPlan[] = ["success", "failure", "duel", "contest", "success"];

export interface Plan {
  readonly callback: CallbackPlan;
  /** A native race of a body of about a second and a wait of a second. */
  readonly hasRace: boolean;
  /** A condition that holds at the third look. */
  readonly hasCondition: boolean;
  /** A child context whose result is too large to be recorded, and a step whose result is large. */
  readonly hasLargeResult: boolean;
  /** How many attempts of the at-most-once step fail by themselves. */
  readonly chargeFailures: number;
}

/** What execution `index` does. */
export function planOf(index: number): Plan {
  return {
    callback: CALLBACK_PLANS[index % CALLBACK_PLANS.length] as CallbackPlan,
    hasRace: index % 4 === 1,
    hasCondition: index % 4 === 2,
    hasLargeResult: index % 25 === 3,
    chargeFailures: index % 3 === 0 ? 1 : 0,
  };
}

export const MAP_ITEMS = ["a", "b", "c", "d", "e", "f"] as const;

/** The item that fails in every execution. */
export const FAILING_ITEM = "d";

export const LARGE_RESULT_LENGTH = 300_000;
/** Within what every store records. */
export const LARGE_STEP_LENGTH = 100_000;

/**
 * Owns what can go wrong in a run and how often. Each seed has its own weather, with some kinds of
 * faults and not others: rare combinations come up that a mixture of everything would drown.
 */

import type { Scheduler } from "./scheduler";

export interface Weather {
  readonly name: string;
  /** Fraction of the messages: the request never arrives. */
  readonly dropsRequest: number;
  /** The request has its effect, and the answer never arrives. */
  readonly dropsAnswer: number;
  /** The caller gives up, and the request arrives after that. */
  readonly arrivesLate: number;
  /** The request arrives twice. */
  readonly duplicates: number;
  /** It takes seconds. */
  readonly slow: number;
  /** The store refuses. */
  readonly throttles: number;
  /** Of changes that others make, what is not heard of. */
  readonly losesNews: number;
  /** Payload store: no object although there is one; other bytes than were written. */
  readonly missingObjects: number;
  readonly alteredObjects: number;
  /** Mean time between faults of processes. */
  readonly faultEveryMs: number;
  readonly faults: readonly ProcessFault[];
  /** Clocks are off by at most this. */
  readonly skewMs: number;
  /** Mean time between acts of an operator. */
  readonly operatorEveryMs: number;
}

export type ProcessFault =
  | "crash"
  | "freeze"
  | "drain"
  | "cut-off"
  | "stall"
  | "lose-renewals"
  | "jump"
  | "spawn"
  | "hot";

export const FAULTS: readonly ProcessFault[] = [
  "crash",
  "crash",
  "freeze",
  "freeze",
  "drain",
  "cut-off",
  "stall",
  "stall",
  "lose-renewals",
  "jump",
  "spawn",
  "hot",
];

export const CALM: Weather = {
  name: "calm",
  dropsRequest: 0,
  dropsAnswer: 0,
  arrivesLate: 0,
  duplicates: 0,
  slow: 0,
  throttles: 0,
  losesNews: 0,
  missingObjects: 0,
  alteredObjects: 0,
  faultEveryMs: Number.POSITIVE_INFINITY,
  faults: [],
  skewMs: 0,
  operatorEveryMs: Number.POSITIVE_INFINITY,
};

/** Skews: none, seconds (less than what is left of a lease), and ten minutes. */
const SKEWS_MS = [0, 0, 3_000, 20_000, 600_000];
export const MAX_SKEW_MS = 600_000;

export function drawWeather(scheduler: Scheduler): Weather {
  const sometimes = (rate: number): number => (scheduler.chance(0.5) ? scheduler.between(0, rate) : 0);
  const faults = FAULTS.filter(() => scheduler.chance(0.6));
  return {
    name: "drawn",
    dropsRequest: sometimes(0.06),
    dropsAnswer: sometimes(0.06),
    arrivesLate: sometimes(0.04),
    duplicates: sometimes(0.08),
    slow: sometimes(0.05),
    throttles: scheduler.chance(0.1) ? scheduler.between(0.1, 0.6) : sometimes(0.05),
    losesNews: sometimes(1),
    missingObjects: sometimes(0.05),
    alteredObjects: sometimes(0.03),
    faultEveryMs: faults.length === 0 ? Number.POSITIVE_INFINITY : scheduler.between(1_500, 40_000),
    faults,
    skewMs: scheduler.pick(SKEWS_MS),
    operatorEveryMs: scheduler.chance(0.6) ? scheduler.between(8_000, 90_000) : Number.POSITIVE_INFINITY,
  };
}

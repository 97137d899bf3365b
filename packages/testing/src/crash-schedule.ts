/**
 * Owns schedules: which fault happens at which call, as text that a person can write down and repeat.
 *
 * `append#7:lost-answer` is the seventh append, counted over all processes from the start of the run.
 * Several faults are joined by ` + `.
 */

import { TidemarkError } from "@tidemark/protocol";
import type { FaultKind } from "./fault-store.js";

/** A fault that an exploration tries. */
export type CrashKind = Exclude<FaultKind, "lose-renewals">;

export interface ScheduledFault {
  /** `append#7`. */
  readonly call: string;
  readonly kind: CrashKind;
}

export type Schedule = readonly ScheduledFault[];

export const CRASH_KINDS = [
  "crash-before",
  "crash-after",
  "lost-answer",
  "fail-before",
  "freeze-before",
  "freeze-after",
  "duplicate",
] as const satisfies readonly CrashKind[];

/** Calls that change nothing: that their answer is lost is that they failed, and a crash after them is one before the next. */
const READS = ["due", "load", "entries", "head", "list", "hasFunction", "payload.get"];
const KINDS_OF_READS: readonly CrashKind[] = ["crash-before", "fail-before", "freeze-before", "duplicate"];

/** Nobody waits for the answer of a wake-up. */
const KINDS_OF_WAKE_UPS: readonly CrashKind[] = ["crash-before", "lost-answer", "freeze-before", "duplicate"];

/** The faults of one call, in the order in which they are tried. */
export function faultsOf(call: string, kinds: readonly CrashKind[] = CRASH_KINDS): ScheduledFault[] {
  const method = call.slice(0, call.indexOf("#"));
  const possible =
    method === "wake" ? KINDS_OF_WAKE_UPS : READS.includes(method) ? KINDS_OF_READS : CRASH_KINDS;
  return kinds.filter((kind) => possible.includes(kind)).map((kind) => ({ call, kind }));
}

/** `undisturbed` without faults. */
export function formatSchedule(schedule: Schedule): string {
  if (schedule.length === 0) return "undisturbed";
  return schedule.map(({ call, kind }) => `${call}:${kind}`).join(" + ");
}

/** @throws TidemarkError `TIDEMARK_EXPLORE_OPTIONS`. */
export function parseSchedule(text: string): Schedule {
  if (text === "undisturbed") return [];
  return String(text)
    .split("+")
    .map((part) => {
      const match = /^\s*([A-Za-z.]+#[1-9][0-9]*):([a-z-]+)\s*$/.exec(part);
      const kind = CRASH_KINDS.find((known) => known === match?.[2]);
      if (match === null || kind === undefined) {
        throw new TidemarkError(
          "TIDEMARK_EXPLORE_OPTIONS",
          `only has ${JSON.stringify(part.trim())}; write it as append#7:crash-after, with one of ${CRASH_KINDS.join(", ")}`,
        );
      }
      return { call: match[1] as string, kind };
    });
}

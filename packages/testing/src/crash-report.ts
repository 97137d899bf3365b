/** Owns how a failure of an exploration is told: what is wrong, what happened, and how to see it again. */

import { TidemarkError } from "@tidemark/protocol";
import type { Finding, FindingKind } from "./crash-findings.js";
import { formatSchedule } from "./crash-schedule.js";
import type { ExploredOutcome, RunFacts, TimelineEvent } from "./explored-facts.js";

/** A step or an effect that may be repeated, and how often it happened at most. */
export interface RepeatedEffect {
  /** `step 3 "mail"` or `effect mail ada`. */
  readonly what: string;
  readonly undisturbed: number;
  readonly most: number;
  /** The first schedule with which it happened so often. */
  readonly schedule: string;
}

/** What an exploration has seen. */
export interface CrashReport {
  /** Runs with faults. */
  readonly schedules: number;
  /** How the undisturbed run ended. */
  readonly outcome: ExploredOutcome;
  /** Of the schedules, runs with two faults. */
  readonly pairs: number;
  /** Calls to the store, the payloads and wake-ups of an undisturbed run. */
  readonly calls: readonly string[];
  /** At-least-once bodies and effects that happened more often than undisturbed. */
  readonly repeated: readonly RepeatedEffect[];
}

/** A handler does not survive a crash. */
export class CrashExplorationError extends TidemarkError {
  override readonly name = "CrashExplorationError";
  readonly kind: FindingKind;
  /** For the option `only`: the smallest schedule that shows it. */
  readonly schedule: string;
  readonly findings: readonly Finding[];
  readonly timeline: readonly TimelineEvent[];

  /** @param options those of the exploration. */
  constructor(facts: RunFacts, findings: readonly Finding[], options: object, tried: number) {
    const schedule = formatSchedule(facts.schedule);
    super(
      "TIDEMARK_EXPLORE_FOUND",
      [
        `${schedule}: ${shortened(findings.map(({ what }) => what)).join("\n")}`,
        `(${tried} schedules tried)`,
        "",
        "What happened, in virtual time:",
        ...shortened(timelineLines(facts.timeline)),
        "",
        "See it again:",
        ...repetition(options, schedule),
      ].join("\n"),
    );
    this.kind = (findings[0] as Finding).kind;
    this.schedule = schedule;
    this.findings = findings;
    this.timeline = facts.timeline;
  }
}

/** `  12.500 s  process 1  append#3 SUCCEED 2 "charge"`. */
function timelineLines(timeline: readonly TimelineEvent[]): string[] {
  return timeline.map(({ atMs, process, text }) => {
    const who = process === undefined ? "outside  " : `process ${process}`;
    return `  ${(atMs / 1000).toFixed(3).padStart(9)} s  ${who}  ${text}`;
  });
}

/** Lines of a message at its beginning and at its end; all of them are in the members of the error. */
const MAX_LINES_AT_EACH_END = 100;

function shortened(lines: readonly string[]): readonly string[] {
  const leftOut = lines.length - 2 * MAX_LINES_AT_EACH_END;
  if (leftOut <= 0) return lines;
  return [
    ...lines.slice(0, MAX_LINES_AT_EACH_END),
    `  (${leftOut} lines are left out)`,
    ...lines.slice(-MAX_LINES_AT_EACH_END),
  ];
}

/** They choose what `only` says. */
const CHOOSING: ReadonlySet<string> = new Set(["kinds", "singles", "pairs", "seed"]);

const MAX_OPTION_LENGTH = 1000;

/** The call that runs one schedule, with everything that a run depends on. */
function repetition(options: object, schedule: string): readonly string[] {
  const given = Object.entries(options).filter(
    ([name, value]) => value !== undefined && name !== "only" && !CHOOSING.has(name),
  );
  const written = given.map(([name, value]) => [name, optionText(value)] as const);
  const members = written.map(([name, text]) => (text === undefined ? name : `${name}: ${text}`));
  const named = written.filter(([, text]) => text === undefined).map(([name]) => name);
  return [
    `  await exploreCrashes(handler, { ${[...members, `only: ${JSON.stringify(schedule)}`].join(", ")} });`,
    ...(named.length === 0 ? [] : [`  // ${named.join(", ")}: as in the call that found it`]),
  ];
}

/** `undefined` for what cannot be written down: functions, and what is long. */
function optionText(value: unknown): string | undefined {
  if (typeof value === "number") return String(value);
  let isWritable = true;
  try {
    const text = JSON.stringify(value, (_key, member) => {
      isWritable &&= typeof member !== "function";
      return member;
    });
    return isWritable && text !== undefined && text.length <= MAX_OPTION_LENGTH ? text : undefined;
  } catch {
    return undefined;
  }
}

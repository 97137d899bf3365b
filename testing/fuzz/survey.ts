/** Owns the survey: many programs, and for each way to fail the smallest program that does. */

import fc from "fast-check";
import { programs, type Size } from "./arbitrary";
import { checkProgram, drawnPayloads, drawnPlans, type Violation } from "./check";
import { avoidKnown } from "./known";
import { listing } from "./listing";
import type { Program } from "./program";

export interface SurveyOptions {
  readonly runs: number;
  readonly seed: number;
  readonly plans: number;
  readonly size: Size;
  readonly kind: "calm" | "wild" | "both";
  /** Stops after this long. */
  readonly milliseconds: number;
}

interface Found {
  readonly program: Program;
  readonly violation: Violation;
  readonly size: number;
  count: number;
}

/** Prints what it has found, most frequent first. */
export async function survey(options: SurveyOptions, print: (line: string) => void): Promise<number> {
  const found = new Map<string, Found>();
  const sample = fc.sample(programs(options.size, options.kind).map(avoidKnown), {
    seed: options.seed,
    numRuns: options.runs,
  });
  const untilMs = performance.now() + options.milliseconds;
  let done = 0;
  for (const [index, program] of sample.entries()) {
    if (performance.now() > untilMs) break;
    done += 1;
    const violations = await checkProgram(program, drawnPlans(options.seed + index, options.plans), {
      payloads: drawnPayloads(options.seed + index),
    });
    for (const violation of violations.slice(0, 1)) note(found, program, violation);
  }
  for (const [signature, { program, violation, count }] of [...found].sort(
    ([, a], [, b]) => b.count - a.count,
  )) {
    print(`===== ${count} times: ${signature}`);
    print(listing(program));
    print(`plan: ${JSON.stringify(violation.plan)}`);
    print(`${violation.invariant}: ${violation.what.slice(0, 700)}`);
    print(`regression: ${JSON.stringify({ program, plan: violation.plan })}`);
  }
  print(`${done} programs`);
  return found.size;
}

function note(found: Map<string, Found>, program: Program, violation: Violation): void {
  const signature = `${violation.invariant}: ${normalized(violation.what)}`;
  const size = JSON.stringify(program).length + JSON.stringify(violation.plan).length;
  const before = found.get(signature);
  if (before !== undefined && before.size <= size) before.count += 1;
  else found.set(signature, { program, violation, size, count: (before?.count ?? 0) + 1 });
}

/** The text without what differs from program to program. */
function normalized(text: string): string {
  return text
    .split("\n")[0]
    ?.replace(/program\.[\w~-]+/g, "E")
    .replace(/\/[\w/.|[\]@#~-]*/g, "P")
    .replace(/\d+(-\d+)*/g, "N")
    .slice(0, 110) as string;
}

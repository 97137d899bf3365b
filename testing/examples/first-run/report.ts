/** Owns the end of a run: what is printed, and the check of the result. */

import { isDeepStrictEqual } from "node:util";
import { plainPlan } from "./plain-plan";
import type { LaunchPlan, PlanInput } from "./territory-plan";
import { planSummary, type Run, timeline, totals } from "./timeline";

interface Outcome {
  readonly run: Run;
  readonly result: LaunchPlan;
  readonly input: PlanInput;
  readonly approver: string;
  /** More totals, as lines. */
  readonly more?: readonly string[];
}

/** Prints the run. Gives whether its result is what a plain loop gives. */
export function report({ run, result, input, approver, more = [] }: Outcome): boolean {
  const isEqual = isDeepStrictEqual(result, plainPlan(input, approver));
  const lines = [
    "Timeline",
    ...timeline(run),
    "",
    "Totals",
    ...totals(run),
    ...more,
    "",
    "Result",
    ...planSummary(result),
    "",
    isEqual
      ? "Check: equal to the plan that a plain loop over the same records gives."
      : "Check FAILED: not equal to the plan that a plain loop over the same records gives.",
  ];
  console.log(lines.join("\n"));
  return isEqual;
}

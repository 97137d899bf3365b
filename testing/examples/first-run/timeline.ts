/** Owns how a run is told to a person: a table of what happened when, totals and the result. */

import type { HistoryEvent } from "@tidemark/protocol";
import type { Attempt } from "./attempt-log";
import { crashFacts, invocationFacts, type OperationFacts, operationFacts, stepFacts } from "./run-facts";
import type { LaunchPlan } from "./territory-plan";

export interface Run {
  readonly history: readonly HistoryEvent[];
  /** History of the execution that the workflow invoked. */
  readonly childHistory: readonly HistoryEvent[];
  readonly attempts: readonly Attempt[];
  /** Times are told from here on. */
  readonly startedMs: number;
  /** What happened beside the operations. */
  readonly remarks: readonly Remark[];
}

export interface Remark {
  readonly ms: number;
  readonly text: string;
}

const KINDS: Readonly<Record<string, string>> = {
  Step: "step",
  Wait: "wait",
  Map: "map",
  Parallel: "parallel",
  ChainedInvoke: "invoke",
  WaitForCallback: "callback",
};

const HEADER = "     at     took  operation                        steps  bodies  retries  again";

export function timeline({ history, attempts, startedMs, remarks }: Run): string[] {
  const operations = operationFacts(history, attempts.filter(isOwn));
  const endMs = history.at(-1)?.EventTimestamp.getTime() ?? startedMs;
  const rows = [
    ...operations.map((operation) => ({ ms: operation.startMs, text: row(operation) })),
    ...[...remarks, { ms: endMs, text: "the execution ended" }].map(({ ms, text }) => ({
      ms,
      text: `--> ${text}`,
    })),
  ];
  rows.sort((a, b) => a.ms - b.ms);
  return [
    HEADER,
    ...rows.map(({ ms, text }) => `${((ms - startedMs) / 1000).toFixed(2).padStart(5)} s ${text}`),
  ];
}

/** That somebody went on after the crash, and with what. */
export function takeOverRemark({ history, attempts }: Omit<Run, "remarks">, who: string): Remark {
  const { takeOverMs, recordedBefore } = crashFacts(history, attempts.filter(isOwn));
  return {
    ms: takeOverMs,
    text: `${who} took over: ${recordedBefore} recorded steps replayed and not run again`,
  };
}

/** Bodies that were running when their process was stopped, and ran again. */
export function bodiesCutOff({ history, attempts }: Pick<Run, "history" | "attempts">): number {
  return operationFacts(history, attempts.filter(isOwn)).reduce((sum, { steps }) => sum + steps.again, 0);
}

function isOwn({ functionName }: Attempt): boolean {
  return functionName === "plan-launch";
}

function row({ name, kind, startMs, endMs, steps }: OperationFacts): string {
  const took = `${((endMs - startMs) / 1000).toFixed(2)} s`.padStart(8);
  const what = `${KINDS[kind] ?? kind} ${name}`.padEnd(32);
  if (steps.recorded === 0) return `${took}  ${what}`.trimEnd();
  const counts = [steps.recorded, steps.bodies, steps.retries, steps.again];
  const [recorded, bodies, retries, again] = counts.map((count) => (count === 0 ? "-" : String(count)));
  return `${took}  ${what} ${recorded?.padStart(5)} ${bodies?.padStart(7)} ${retries?.padStart(8)} ${again?.padStart(6)}`;
}

export function totals({ history, childHistory, attempts }: Run): string[] {
  const own = attempts.filter(isOwn);
  const child = attempts.filter((attempt) => !isOwn(attempt));
  const [mine, invoked] = [stepFacts(history, own), stepFacts(childHistory, child)];
  const sum = (field: keyof typeof mine): number => mine[field] + invoked[field];
  const { recordedBefore, ranAgainThough } = crashFacts(history, own);
  const { total, died, handedOver } = invocationFacts(history);
  const givenBack = handedOver === 0 ? "" : `, ${handedOver} handed over at the deadline`;
  return [
    line("steps recorded", sum("recorded"), `${invoked.recorded} of them in the invoked execution`),
    line("step bodies run", sum("bodies"), "each step once, plus:"),
    line("  retries", sum("retries"), "the body had failed: a busy service"),
    line("  again", sum("again"), "the body had been cut off before it was recorded"),
    line("recorded before the crash", recordedBefore, `replayed; ${ranAgainThough} of them ran again`),
    line("invocations", total, `${died} killed${givenBack}, the others suspended or ended`),
  ];
}

function line(name: string, figure: number, remark: string): string {
  return `  ${name.padEnd(26)} ${String(figure).padStart(5)}   ${remark}`;
}

export function planSummary(plan: LaunchPlan): string[] {
  const regionNames = new Intl.DisplayNames("en", { type: "region" });
  return [
    `  ${plan.territories} territories, ${plan.languages} languages, ${people(plan.people)} people; ` +
      `translation ${dollars(plan.translationCostCents)}`,
    `  without a currency in use, and tolerated: ${plan.rejected.join(", ")}`,
    ...plan.continents.map(
      ({ region, territories, people: count, meanPriceCents }) =>
        `  ${(regionNames.of(region) ?? region).padEnd(10)} ${String(territories).padStart(3)} territories ` +
        `${people(count).padStart(9)} people   mean price ${dollars(meanPriceCents).padStart(6)}`,
    ),
    `  approved by ${plan.approvedBy}`,
  ];
}

function people(count: number): string {
  return `${(count / 1_000_000).toFixed(0)} M`;
}

function dollars(cents: number): string {
  return `$${(cents / 100).toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
}

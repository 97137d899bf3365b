/**
 * Owns what is checked of a seed: its run, that it is the same every time, that every execution has
 * come to what it comes to undisturbed, and that its log replays to the same end.
 */

import { exactExecutionId } from "@tidemark/protocol";
import { errorText } from "../fuzz/describe";
import { replayFully } from "../fuzz/full-replay";
import { differencesOfTraces } from "../fuzz/invariants";
import { FUNCTIONS } from "../fuzz/operations";
import { hasGap } from "../fuzz/program";
import type { Trace } from "../fuzz/world";
import type { Violation } from "./auditor";
import { type RunResult, runSeed } from "./simulation";

export interface SeedReport {
  readonly seed: number;
  /** Of the first run alone. */
  readonly events: number;
  readonly checks: number;
  readonly digest: string;
  readonly violations: readonly Violation[];
  readonly tail: readonly string[];
  readonly healingMs: number;
  readonly virtualMs: number;
  readonly executions: number;
  /** Executions whose outcome was compared. */
  readonly compared: number;
}

export interface CheckOptions {
  /** Runs the seed again and compares. Default `true`. */
  readonly twice?: boolean;
}

export async function checkSeed(seed: number, { twice = true }: CheckOptions = {}): Promise<SeedReport> {
  const run = await runSeed({ seed });
  const violations = [...run.violations];
  let compared = 0;
  if (violations.length === 0) {
    const comparison = await compareWithUndisturbed(run);
    compared = comparison.compared;
    violations.push(...comparison.violations, ...(await replays(run)));
  }
  if (violations.length === 0 && twice) violations.push(...(await compareWithItself(run)));
  const { events, checks, digest, tail, healingMs, virtualMs, executions } = run;
  return {
    seed,
    events,
    checks,
    digest,
    violations,
    tail,
    healingMs,
    virtualMs,
    executions: executions.length,
    compared,
  };
}

/** What does not depend on order or time ends as it does when nothing goes wrong. */
async function compareWithUndisturbed(
  run: RunResult,
): Promise<{ readonly violations: Violation[]; readonly compared: number }> {
  const plain = await runSeed({ seed: run.seed, undisturbed: true });
  const [first] = plain.violations;
  if (first !== undefined)
    return { violations: [{ ...first, what: `undisturbed: ${first.what}` }], compared: 0 };
  const wanted = new Map(plain.ended.map((ended) => [ended.name, ended]));
  const comparable = run.ended.filter(({ isCalm, isExcused, outcome, name }) => {
    return isCalm && !isExcused && outcome.includes(" ") && wanted.get(name)?.isExcused === false;
  });
  const violations = comparable.flatMap(({ executionId, name, outcome }) => {
    const expected = wanted.get(name)?.outcome;
    if (outcome === expected || expected?.includes(" ") !== true) return [];
    const what = `${executionId} ended as ${outcome}\n    undisturbed: ${expected}`;
    return [{ invariant: "endsAsUndisturbed", what, event: run.events }];
  });
  return { violations, compared: comparable.length };
}

/** (11) The log of what has ended replays to the same end, asks for nothing, and is seen as it was live. */
async function replays(run: RunResult): Promise<Violation[]> {
  const violations: Violation[] = [];
  const found = (invariant: string, what: string) => violations.push({ invariant, what, event: run.events });
  const programs = new Map(run.ended.map(({ executionId, program }) => [executionId, program]));
  const traces = new Map<string, Trace[]>();
  for (const trace of run.traces)
    traces.set(trace.executionId, [...(traces.get(trace.executionId) ?? []), trace]);
  for (const loaded of run.executions) {
    const { head } = loaded;
    if (head.functionName !== FUNCTIONS.program || (head.status !== "SUCCEEDED" && head.status !== "FAILED"))
      continue;
    const id = exactExecutionId(head);
    const replay = await replayFully(loaded, { hasPlugin: run.hasPlugin, payloads: run.payloads });
    const result = head.result === undefined ? undefined : await run.payloads.read(head.result);
    const error = head.error === undefined ? undefined : await run.payloads.readError(head.error);
    const live = `${head.status} ${result ?? errorText(error)}`;
    const again = `${replay.status} ${replay.result ?? errorText(replay.error)}`;
    if (live !== again) found("replaysToTheSameEnd", `${id}: the replay ends as ${again}\n    live: ${live}`);
    for (const write of replay.writes) found("replaysToTheSameEnd", `${id}: the replay asked for ${write}`);
    for (const body of replay.bodies) found("replaysToTheSameEnd", `${id}: the replay ran ${body}`);
    const program = programs.get(id.split("~")[0] as string);
    if (program === undefined) continue;
    const isOrdered = !hasGap(program.root);
    for (const what of differencesOfTraces(traces.get(id) ?? [], replay.trace, isOrdered))
      found("seesTheSame", what);
  }
  return violations;
}

/** The same seed gives the same run, event by event. */
async function compareWithItself(run: RunResult): Promise<Violation[]> {
  const again = await runSeed({ seed: run.seed });
  if (again.digest === run.digest && again.events === run.events) return [];
  const [one, other] = [
    await runSeed({ seed: run.seed, keepsLines: true }),
    await runSeed({ seed: run.seed, keepsLines: true }),
  ];
  const at = one.lines?.findIndex((line, index) => line !== other.lines?.[index]) ?? -1;
  const what = `the second run differs from line ${at}: ${one.lines?.[at]}\n    second: ${other.lines?.[at]}`;
  return [{ invariant: "repeatsItself", what, event: run.events }];
}

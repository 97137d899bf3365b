/** Owns what a disturbed run must have in common with an undisturbed one. Each rule gives its violations as text. */

import { isSettled, type Operation } from "@tidemark/protocol";
import { canonicalJson } from "./canonical-json.js";
import { type ExploredOutcome, labelOf, type OperationTree, type RunFacts } from "./explored-facts.js";

export type FindingKind =
  /** The execution does not end. */
  | "stuck"
  /** It ends in another way. */
  | "outcome"
  /** It has other operations. */
  | "tree"
  /** The body of a step ran more than once in an attempt that must not be repeated. */
  | "at-most-once"
  /** An effect happened more often, or did not happen. */
  | "effect"
  /** An operation was left behind: nobody awaited it. */
  | "not-awaited";

export interface Finding {
  readonly kind: FindingKind;
  readonly what: string;
}

export interface Rules {
  /** Effects and names of steps that may happen again after a crash. */
  readonly atLeastOnce: ReadonlySet<string>;
  /** Names of steps whose bodies must not run more often than undisturbed. */
  readonly exactlyOnce: ReadonlySet<string>;
  readonly accepts: (outcome: ExploredOutcome) => boolean;
}

/** Errors of the code's shape: it may get them in every run. */
const NEVER_RIGHT = ["NonDeterministicExecutionError", "ContextUsageError"];

/** What is wrong with `run`, the worst first. */
export function findingsOf(undisturbed: RunFacts, run: RunFacts, rules: Rules): Finding[] {
  if (run.stuck !== undefined)
    return [{ kind: "stuck", what: `the execution is ${run.outcome.status} and does not end: ${run.stuck}` }];
  const { status, error } = run.outcome;
  // Nobody stops an explored execution but the engine, when its invocations fail again and again.
  if (error !== undefined && (status === "STOPPED" || NEVER_RIGHT.includes(error.ErrorType ?? "")))
    return [{ kind: "outcome", what: `${error.ErrorType}: ${error.ErrorMessage}` }];
  const differences = [...outcomeFindings(undisturbed, run), ...treeFindings(undisturbed, run)];
  const isAccepted = differences.length > 0 && rules.accepts(run.outcome);
  return [
    ...(isAccepted ? [] : differences),
    ...bodyFindings(undisturbed, run, rules),
    ...effectFindings(undisturbed, run, rules, isAccepted),
    ...run.abandoned.map(
      (operation): Finding => ({
        kind: "not-awaited",
        what: `operation ${operation}`,
      }),
    ),
  ];
}

function outcomeFindings(undisturbed: RunFacts, run: RunFacts): Finding[] {
  const wanted = describeOutcome(undisturbed.outcome);
  const got = describeOutcome(run.outcome);
  if (withoutUuids(wanted) === withoutUuids(got)) return [];
  return [{ kind: "outcome", what: `it ends otherwise\n  undisturbed: ${wanted}\n  now:         ${got}` }];
}

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/gi;

/** What is made by chance in a step is another one in every run: which is the same as which is what counts. */
function withoutUuids(text: string): string {
  const known = new Map<string, string>();
  return text.replace(UUID, (uuid) => {
    if (!known.has(uuid)) known.set(uuid, `uuid ${known.size + 1}`);
    return known.get(uuid) as string;
  });
}

function describeOutcome({ status, result, error }: ExploredOutcome): string {
  if (error !== undefined) return `${status} ${error.ErrorType}: ${error.ErrorMessage}`;
  return result === undefined ? status : `${status} ${canonicalJson(result)}`;
}

function treeFindings(undisturbed: RunFacts, run: RunFacts): Finding[] {
  const findings: Finding[] = [];
  const add = (what: string) => findings.push({ kind: "tree", what });
  for (const executionId of new Set([...undisturbed.trees.keys(), ...run.trees.keys()])) {
    const wanted = undisturbed.trees.get(executionId);
    const got = run.trees.get(executionId);
    if (wanted === undefined || got === undefined) {
      add(`execution ${executionId} was started in one of the runs only`);
      continue;
    }
    for (const id of new Set([...wanted.keys(), ...got.keys()])) {
      const difference = differenceAt(id, wanted, got);
      if (difference !== undefined) add(difference);
    }
  }
  return findings;
}

/** How the runs differ at an operation. What was under way when the code around it ended may be anywhere. */
function differenceAt(id: string, wanted: OperationTree, got: OperationTree): string | undefined {
  const before = wanted.get(id);
  const now = got.get(id);
  const asked = (operation: Operation): string =>
    withoutUuids(
      `${operation.Type} (${operation.SubType}) ${operation.Name === undefined ? "without a name" : JSON.stringify(operation.Name)}`,
    );
  if (before !== undefined && now !== undefined) {
    if (asked(before) !== asked(now)) return `operation ${id} was ${asked(before)} and is now ${asked(now)}`;
    if (before.Status === now.Status || !isSettled(before) || !isSettled(now)) return undefined;
    return `operation ${labelOf(now)} was ${before.Status} and is now ${now.Status}`;
  }
  const [tree, other, operation] =
    before === undefined ? [got, wanted, now as Operation] : ([wanted, got, before] as const);
  for (let at: string | undefined = id; at !== undefined; at = tree.get(at)?.ParentId) {
    const inTree = tree.get(at);
    const inOther = other.get(at);
    if (inTree !== undefined && !isSettled(inTree)) return undefined;
    if (inOther !== undefined && !isSettled(inOther)) return undefined;
  }
  return before === undefined
    ? `operation ${labelOf(operation)} is new`
    : `operation ${labelOf(operation)} is missing: it was ${before.Status}`;
}

function bodyFindings(undisturbed: RunFacts, run: RunFacts, { exactlyOnce }: Rules): Finding[] {
  const findings: Finding[] = [];
  for (const [key, { operation, name, atMostOnce, total, byAttempt }] of run.bodies) {
    for (const [attempt, count] of byAttempt) {
      if (!atMostOnce || count <= 1) continue;
      findings.push({
        kind: "at-most-once",
        what: `the body of ${operation} ran ${count} times in attempt ${attempt}`,
      });
    }
    const usual = undisturbed.bodies.get(key)?.total ?? 0;
    if (name === undefined || !exactlyOnce.has(name) || total <= usual) continue;
    findings.push({
      kind: "effect",
      what: `the body of ${operation} ran ${total} times, undisturbed ${usual}`,
    });
  }
  return findings;
}

function effectFindings(
  undisturbed: RunFacts,
  run: RunFacts,
  { atLeastOnce }: Rules,
  mayBeMissing: boolean,
): Finding[] {
  const findings: Finding[] = [];
  for (const name of new Set([...undisturbed.effects.keys(), ...run.effects.keys()])) {
    const usual = undisturbed.effects.get(name) ?? 0;
    const count = run.effects.get(name) ?? 0;
    const isMore = count > usual && !atLeastOnce.has(name);
    const isLess = count < usual && !mayBeMissing;
    if (!isMore && !isLess) continue;
    const advice = isMore ? "; give it an idempotency key, or allow it in atLeastOnce" : "";
    findings.push({
      kind: "effect",
      what: `effect ${name} happened ${count} times, undisturbed ${usual}${advice}`,
    });
  }
  return findings;
}

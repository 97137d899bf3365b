/**
 * Owns what must hold after every run, as named functions. Each gives its violations as text.
 * Numbers are those of the design's invariants.
 */

import {
  apply,
  decodeSnapshot,
  ExecutionState,
  encodeSnapshot,
  exactExecutionId,
  isRejection,
} from "@tidemark/protocol";
import type { LoadedExecution } from "@tidemark/store";
import { errorText } from "./describe";
import type { FullReplay } from "./full-replay";
import type { RunFacts } from "./harness";
import { isSettledStatus, type ModelLog } from "./log-model";
import { FUNCTIONS } from "./operations";
import { hasGap } from "./program";
import { pathOfName, type Trace, type TraceEvent } from "./world";

export interface Checked {
  readonly facts: RunFacts;
  readonly logs: ReadonlyMap<string, ModelLog>;
  /** By execution, of those that run programs. */
  readonly replays: ReadonlyMap<string, FullReplay>;
}

type Invariant = (checked: Checked) => string[];

/** Nothing is stuck, and workers have nothing to report (design section 9, liveness). */
const ends: Invariant = ({ facts }) => {
  const open = [...facts.executions.values()]
    .filter(({ head }) => head.status === "PENDING" || head.status === "RUNNING")
    .map(({ head }) => `${head.executionId} is ${head.status}, due ${head.dueAtMs}`);
  return [...(facts.isStuck ? [`the run is stuck: ${open.join("; ")}`] : []), ...facts.errors];
};

/** A process that waits sleeps: timers are in proportion to what happens (design section 6). */
const sleeps: Invariant = ({ facts }) => {
  const happened = facts.calls + facts.world.bodyRuns.length;
  return facts.timers > 20 * happened + 100
    ? [`${facts.timers} timers for ${facts.calls} calls and ${facts.world.bodyRuns.length} bodies`]
    : [];
};

/** Executions fail for what the program throws, and for nothing else. */
const failsOnlyAsProgrammed: Invariant = ({ facts }) =>
  [...facts.executions.values()].flatMap(({ head, entries }) => {
    const problems: string[] = [];
    const type = head.error?.ErrorType ?? "";
    const isOurs =
      head.status === "SUCCEEDED" ||
      (head.status === "FAILED" &&
        !/NonDeterministic|TIDEMARK_UPDATE|ContextUsage|Serdes|^TypeError|^RangeError/.test(type));
    if (!isOurs && !facts.isStuck)
      problems.push(`${head.executionId} ended as ${head.status}: ${type}: ${head.error?.ErrorMessage}`);
    for (const { barrier, sequence } of entries) {
      const error = barrier?.previous.error;
      if (error === undefined || /InjectedError|Runtime.ExitError/.test(error.ErrorType ?? "")) continue;
      if (error.ErrorType === "TIDEMARK_SUPERSEDED") continue;
      problems.push(
        `${head.executionId}, entry ${sequence}: the invocation before it failed: ${error.ErrorType}: ${error.ErrorMessage}`,
      );
    }
    return problems;
  });

/** Entries are numbered without gaps, epochs never fall (2). */
const hasNoGaps: Invariant = ({ facts }) =>
  [...facts.executions.values()].flatMap(({ head, entries }) =>
    entries.flatMap(({ sequence, epoch }, index) => {
      const problems: string[] = [];
      if (sequence !== index + 1)
        problems.push(`${head.executionId}: entry ${sequence} at place ${index + 1}`);
      if (epoch < (entries[index - 1]?.epoch ?? 0))
        problems.push(`${head.executionId}: entry ${sequence} of epoch ${epoch} after a newer one`);
      return problems;
    }),
  );

/** Nothing is recorded of what has settled, or below a context that has (5, 10). */
const recordsNothingAfterTheEnd: Invariant = ({ logs }) =>
  [...logs].flatMap(([id, { problems }]) => problems.map((problem) => `${id}, ${problem}`));

/** A snapshot comes to what the entries come to that it stands for. */
const snapshotsSayWhatTheLogSays: Invariant = ({ facts }) =>
  [...facts.executions.values()].flatMap(({ head, snapshot, entries }) => {
    if (snapshot === undefined) return [];
    const { startedAtMs } = head;
    const executionId = exactExecutionId(head);
    const restored = new ExecutionState(executionId, startedAtMs);
    const barren = decodeSnapshot(snapshot.text ?? "", restored);
    const folded = new ExecutionState(executionId, startedAtMs);
    for (const { records, atMs } of entries.slice(0, snapshot.sequence)) {
      const transition = apply(folded, records, atMs);
      if (!isRejection(transition)) folded.commit(transition);
    }
    const isSame =
      encodeSnapshot(folded, barren) === snapshot.text && encodeSnapshot(restored, barren) === snapshot.text;
    return isSame ? [] : [`${executionId}: the snapshot of ${snapshot.sequence} entries is ${snapshot.text}`];
  });

/** Time never runs backwards (13). */
const timeRunsForward: Invariant = ({ facts }) =>
  [...facts.executions.values()].flatMap(({ head, entries }) =>
    entries
      .filter(({ atMs }, index) => atMs < (entries[index - 1]?.atMs ?? head.startedAtMs))
      .map(({ sequence }) => `${head.executionId}: time runs backwards at entry ${sequence}`),
  );

/** No body runs when the log has its end (11). */
const runsNoRecordedBody: Invariant = ({ facts }) =>
  facts.world.bodyRuns
    .filter(({ problem }) => problem !== undefined)
    .map((run) => `${run.executionId}: attempt ${run.attempt} of ${run.path} ran although ${run.problem}`);

/** (9) */
const runsAtMostOnce: Invariant = ({ facts }) => {
  const counts = new Map<string, number>();
  for (const run of facts.world.bodyRuns) {
    if (!run.atMostOnce) continue;
    const key = `${run.executionId} ${run.path} attempt ${run.attempt}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > 1).map(([key, count]) => `${key} ran ${count} times`);
};

/** A step that has succeeded has run, in the attempt that succeeded (9). */
const runsAtLeastOnce: Invariant = ({ facts, logs }) => {
  const ran = new Set(facts.world.bodyRuns.map((run) => `${run.executionId} ${run.path} ${run.attempt}`));
  return [...logs].flatMap(([executionId, { operations }]) =>
    [...operations.values()]
      .filter(({ type, name, status }) => type === "STEP" && name !== undefined && status === "SUCCEEDED")
      .filter(
        ({ name, attemptsEnded }) =>
          !ran.has(`${executionId} ${pathOfName(name as string)} ${attemptsEnded}`),
      )
      .map(
        ({ id, attemptsEnded }) => `${executionId}: step ${id} succeeded without attempt ${attemptsEnded}`,
      ),
  );
};

/** An outcome that was accepted is the outcome, and there is one (7). */
const givesCallbacksOneOutcome: Invariant = ({ facts, logs }) => {
  const accepted = new Map<string, string[]>();
  for (const { callbackId, does, answer } of facts.world.receptions) {
    if (!["ok", "TIDEMARK_CALLBACK_SETTLED"].includes(answer))
      return [`${callbackId}: ${does} was answered ${answer}`];
    if (answer === "ok" && does !== "beat")
      accepted.set(callbackId, [...(accepted.get(callbackId) ?? []), does]);
  }
  return [...accepted].flatMap(([callbackId, outcomes]) => {
    if (outcomes.length > 1) return [`${callbackId} accepted ${outcomes.join(" and ")}`];
    const [executionId, operationId] = callbackId.split(":") as [string, string];
    const status = logs.get(executionId)?.operations.get(operationId)?.status;
    const wanted = outcomes[0] === "succeed" ? "SUCCEEDED" : "FAILED";
    // One that is not taken in before its context or its execution ends stays open.
    return status === wanted || status === "STARTED"
      ? []
      : [`${callbackId} accepted ${outcomes[0]} and is ${status}`];
  });
};

/** An execution ends once. */
const endsOnce: Invariant = ({ facts }) =>
  [...facts.world.finishes]
    .filter(([, count]) => count !== 1)
    .map(([id, count]) => `${id} ended ${count} times`);

/** A full replay gives the result that was given, and asks for nothing (11). */
const replaysToTheSameEnd: Invariant = ({ facts, replays }) =>
  [...replays].flatMap(([id, replay]) => {
    const { head } = facts.executions.get(id) as LoadedExecution;
    const problems: string[] = [];
    const live = `${head.status} ${head.result ?? errorText(head.error)}`;
    const again = `${replay.status} ${replay.result ?? errorText(replay.error)}`;
    if (live !== again) problems.push(`${id}: the full replay ends as ${again}\n    live: ${live}`);
    for (const write of replay.writes) problems.push(`${id}: the full replay asked for ${write}`);
    for (const body of replay.bodies) problems.push(`${id}: the full replay ran ${body}`);
    return problems;
  });

/** The code of a context that has ended runs again only when its result is rebuilt. */
const runsNoEndedContext: Invariant = ({ logs, replays }) =>
  [...replays].flatMap(([id, { trace }]) =>
    [...(logs.get(id)?.operations.values() ?? [])]
      .filter(({ type, subType }) => type === "CONTEXT" && subType === "RunInChildContext")
      .filter(({ status, isRebuilt }) => isSettledStatus(status) && !isRebuilt)
      .filter(({ name }) => name !== undefined && trace?.entered.has(pathOfName(name)) === true)
      .map(({ name }) => `${id}: the full replay ran the code of ${name}, which has ended`),
  );

/**
 * Every invocation sees what the ones before it saw, in the same order; the full replay sees all of it.
 * Native code that takes time is in no log: where there is some, the order is not compared.
 */
const seesTheSame: Invariant = ({ facts, replays }) => {
  const byExecution = new Map<string, Trace[]>();
  for (const trace of facts.world.traces)
    byExecution.set(trace.executionId, [...(byExecution.get(trace.executionId) ?? []), trace]);
  const isOrdered = !hasGap(facts.program.root);
  return [...byExecution].flatMap(([id, traces]) =>
    differencesOfTraces(traces, replays.get(id)?.trace, isOrdered),
  );
};

/** What the invocations of one execution, and the full replay, saw otherwise than the one before. */
export function differencesOfTraces(
  traces: readonly Trace[],
  last: Trace | undefined,
  isOrdered: boolean,
): string[] {
  const inOrder = [...traces].sort((a, b) => epochOf(a) - epochOf(b));
  const compare = isOrdered ? differences : differencesInAnyOrder;
  return inOrder.flatMap((trace, index) => {
    const next = inOrder[index + 1];
    return [
      ...(next === undefined ? [] : compare(trace, next, false)),
      ...(last === undefined ? [] : compare(trace, last, index === inOrder.length - 1)),
    ];
  });
}

function epochOf({ requestId }: Trace): number {
  return Number(/(\d+)$/.exec(requestId)?.[1] ?? 0);
}

/**
 * What `later` shows otherwise, in the contexts whose code ran in both. Either may have been cut
 * short, unless they are to be equal. Nothing depends on an item of which no record says that it has begun.
 */
function differences(earlier: Trace, later: Trace, areEqual: boolean): string[] {
  const isKept = ({ scope }: TraceEvent): boolean => !isIn(scope, earlier.unrecorded);
  const seen = earlier.events.filter(({ scope }) => later.entered.has(scope)).filter(isKept);
  const again = later.events.filter(({ scope }) => earlier.entered.has(scope)).filter(isKept);
  const length = areEqual ? Math.max(seen.length, again.length) : Math.min(seen.length, again.length);
  for (let index = 0; index < length; index++) {
    if (seen[index]?.text === again[index]?.text) continue;
    return [
      `${earlier.executionId}: ${earlier.requestId} saw as number ${index}: ${seen[index]?.text}\n` +
        `    ${later.requestId} saw: ${again[index]?.text}`,
    ];
  }
  return [];
}

function isIn(scope: string, items: ReadonlySet<string>): boolean {
  return [...items].some((item) => scope === item || scope.startsWith(`${item}/`));
}

/** What was seen, in any order. Of an invocation that was cut short nothing can be said. */
function differencesInAnyOrder(earlier: Trace, later: Trace, areEqual: boolean): string[] {
  return areEqual ? differences(sorted(earlier), sorted(later), true) : [];
}

function sorted(trace: Trace): Trace {
  return { ...trace, events: [...trace.events].sort((a, b) => (a.text < b.text ? -1 : 1)) };
}

export const INVARIANTS: Readonly<Record<string, Invariant>> = {
  ends,
  sleeps,
  failsOnlyAsProgrammed,
  hasNoGaps,
  recordsNothingAfterTheEnd,
  snapshotsSayWhatTheLogSays,
  timeRunsForward,
  runsNoRecordedBody,
  runsAtMostOnce,
  runsAtLeastOnce,
  givesCallbacksOneOutcome,
  endsOnce,
  replaysToTheSameEnd,
  runsNoEndedContext,
  seesTheSame,
};

/** What a calm program has in common in all runs: result and operations. */
export function sameOutcome(undisturbed: Checked, disturbed: Checked): string[] {
  const wanted = outcomeOf(undisturbed);
  const got = outcomeOf(disturbed);
  for (const [index, line] of wanted.entries()) {
    if (line !== got[index]) return [`undisturbed: ${line}\n    disturbed: ${got[index]}`];
  }
  return got.length === wanted.length ? [] : [`disturbed has more: ${got[wanted.length]}`];
}

function outcomeOf({ facts, logs }: Checked): string[] {
  const lines: string[] = [];
  for (const [id, { head }] of facts.executions) {
    lines.push(`${head.status} of ${id}: ${head.result ?? JSON.stringify(head.error)}`);
    if (head.functionName !== FUNCTIONS.program) continue;
    for (const operation of logs.get(id)?.operations.values() ?? []) {
      const { parentId, name, type, subType, status } = operation;
      lines.push(`${id} ${[operation.id, parentId, name, type, subType, status].join(" ")}`);
    }
  }
  // Runs on one store have ids of their own.
  return lines.map((line) => line.replaceAll(facts.rootId, "root")).sort();
}

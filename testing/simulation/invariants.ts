/**
 * Owns what must hold after every event, as named functions. Numbers are those of the design's
 * invariants. Each looks at one observation and at the book before it, and says what is wrong.
 */

import { decodeSnapshot, ExecutionState, isTerminal, type OutsideEvent } from "@tidemark/protocol";

import { isSettledStatus } from "../fuzz/log-model";
import type { Book, Ledger, Observation } from "./ledger";
import { pointersIn } from "./pointers";

/** `undefined` when all is well. `book`: as it was before the observation. */
type Invariant = (observation: Observation, book: Book | undefined, ledger: Ledger) => string | undefined;

/** (1) Code sees an outcome only when its record is durable. */
const seesOnlyWhatIsDurable: Invariant = (observation, book) => {
  if (observation.kind !== "saw" || book === undefined) return undefined;
  const { path, isError } = observation.sight;
  if (!book.wishes.has(path)) return undefined;
  const operation = book.operationAt(path);
  if (operation === undefined) return `code saw the end of ${path}, which is in no entry`;
  if (!isSettledStatus(operation.status)) return `code saw the end of ${path}, which is ${operation.status}`;
  if (operation.type === "CONTEXT" || isError !== (operation.status === "SUCCEEDED")) return undefined;
  return `code saw ${path} ${isError ? "fail" : "succeed"}, which is ${operation.status}`;
};

/** (2, 7) Nothing is written for what is gone. */
const theGoneStayGone: Invariant = (observation, book) => {
  if (book?.isPurged !== true) return undefined;
  const { kind } = observation;
  const isWrite = kind === "appended" || kind === "head" || kind === "posted" || kind === "snapshot";
  return isWrite ? `${kind} was written for an execution that is gone` : undefined;
};

/** (2) An invocation records in one execution, also when another has its name by then. */
const recordsInOneExecution: Invariant = (observation, _book, ledger) => {
  if (observation.kind !== "appended" || observation.entry.records.length === 0) return undefined;
  const before = ledger.recordedBefore(observation.entry);
  return before === undefined || before === observation.executionId
    ? undefined
    : `entry ${observation.entry.sequence} was recorded by an invocation of ${before}`;
};

/** (2) The log has no gaps. */
const hasNoGaps: Invariant = (observation, book) => {
  if (observation.kind !== "appended") return undefined;
  const { sequence } = observation.entry;
  return sequence === (book?.sequence ?? 0) + 1 ? undefined : `entry ${sequence} follows ${book?.sequence}`;
};

/** (2) Every invocation but the first begins with a barrier. */
const beginsWithABarrier: Invariant = (observation, book) => {
  if (observation.kind !== "appended" || book === undefined) return undefined;
  const { epoch, barrier, records, sequence } = observation.entry;
  if (epoch <= Math.max(book.newestEpoch, 1) || barrier !== undefined || records.length === 0)
    return undefined;
  return `entry ${sequence} is the first of epoch ${epoch}, and no barrier`;
};

/** (2) After a barrier, no older epoch records anything; after a fence, nobody does before a new barrier. */
const olderEpochsAreFencedOff: Invariant = (observation, book, ledger) => {
  if (observation.kind !== "appended" || book === undefined) return undefined;
  const { epoch, barrier, records, sequence } = observation.entry;
  if (records.length === 0 && barrier === undefined) return undefined;
  if (epoch < book.newestEpoch)
    return `entry ${sequence} is of epoch ${epoch}, after one of ${book.newestEpoch}`;
  // The first invocation has no barrier: its first entry may follow a fence that it has read.
  const mayFollow = epoch === 1 && ledger.recordedBefore(observation.entry) === undefined;
  if (book.isFenced && barrier === undefined && !mayFollow)
    return `entry ${sequence} of epoch ${epoch} follows a fence`;
  return undefined;
};

/** (2) A claim takes the next epoch; (3) only who holds the lease renews it. */
const leaseHasOneHolder: Invariant = (observation, book) => {
  if (observation.kind !== "head" || book === undefined) return undefined;
  const { head, by } = observation;
  const before = book.head;
  if (by.call === "acquire" && head.epoch !== before.epoch + 1)
    return `epoch ${head.epoch} follows ${before.epoch}`;
  if (by.call !== "renew") return undefined;
  if (before.status !== "RUNNING") return `epoch ${by.epoch} renewed its lease on what is ${before.status}`;
  return by.epoch === before.epoch
    ? undefined
    : `epoch ${by.epoch} renewed the lease of epoch ${before.epoch}`;
};

/** (3) Who has been superseded does not end the execution. */
const supersededEndsNothing: Invariant = (observation, book) => {
  if (observation.kind !== "head" || observation.by.call !== "finish" || book === undefined) return undefined;
  const { epoch, error } = observation.by.request;
  if (epoch !== undefined && epoch < book.newestEpoch)
    return `epoch ${epoch} ended it; the log is at epoch ${book.newestEpoch}`;
  return error?.ErrorType === "TIDEMARK_SUPERSEDED" ? "it ended for having been superseded" : undefined;
};

/** Every process renews its leases more often. */
const QUIET_MS = 12_000;

/** (4) Who finds its own entry in its place has written it, and goes on: its lease does not run out. */
const goesOnAfterItsOwnWrite: Invariant = (observation, book, ledger) => {
  if (observation.kind !== "head" || observation.by.call !== "acquire" || book?.shown === undefined)
    return undefined;
  const { epoch, atMs, hasGoneQuiet } = book.shown;
  // A clock that is ahead takes leases before they end.
  if (book.head.status !== "RUNNING" || book.head.epoch !== epoch || ledger.skewMs > 0) return undefined;
  const quietMs = (observation.head.invokedAtMs ?? 0) - atMs;
  return quietMs > QUIET_MS && hasGoneQuiet()
    ? `epoch ${epoch} found its own entry in its place and was not heard of for ${quietMs} ms`
    : undefined;
};

/** (5) A snapshot says what the entries say that it stands for. */
const snapshotSaysWhatTheLogSays: Invariant = (observation, book) => {
  if (observation.kind !== "snapshot" || book?.sequence !== observation.sequence) return undefined;
  const state = new ExecutionState(book.executionId, book.head.startedAtMs);
  decodeSnapshot(observation.text, state);
  for (const { Id, Status } of state.operations.values()) {
    const status = book.log.operations.get(Id as string)?.status;
    if (status !== Status) return `the snapshot has ${Id} as ${Status}, and the log as ${status}`;
  }
  for (const operation of book.log.operations.values()) {
    if (!state.operations.has(operation.id) && book.isOpen(operation))
      return `the snapshot has no ${operation.id}, which is ${operation.status}`;
  }
  return undefined;
};

/** (5, 10) What has settled has no further records, nor has anything below it. Checked after the entry. */
const firstRecordWins: Invariant = (observation, book) =>
  observation.kind === "appended" ? book?.problems[0] : undefined;

/** (7) The first to take an inbox key has it. */
const oneOutcomePerKey: Invariant = (observation, book) => {
  if (observation.kind !== "posted" || observation.request.mode === "replace") return undefined;
  const first = book?.outcomes.get(observation.request.key);
  if (first === undefined) return undefined;
  return `${observation.request.key} was taken by ${first.kind} and then by ${observation.request.event.kind}`;
};

/** (7) What the log says of a callback or an invoke is what took its key. */
const recordsTheAcceptedOutcome: Invariant = (observation, book) => {
  if (observation.kind !== "appended" || book === undefined) return undefined;
  for (const { event } of observation.entry.records) {
    if (event === undefined || !isOutcome(event)) continue;
    const accepted = book.outcomes.get(settleKey(event.id));
    if (accepted === undefined) return `the log has ${event.kind} of ${event.id}, which nobody has posted`;
    if (JSON.stringify(accepted) !== JSON.stringify(event))
      return `the log has ${JSON.stringify(event)}, and ${JSON.stringify(accepted)} was accepted`;
  }
  return undefined;
};

/** As the stores name it; written again, so that a store that names it otherwise is noticed. */
function settleKey(operationId: string): string {
  return `settle/${operationId}`;
}

function isOutcome({ kind }: OutsideEvent): boolean {
  return kind.startsWith("callback_") ? kind !== "callback_heartbeat" : kind === "invoke_settled";
}

/** (7) One sender is told that its outcome counts. */
const acceptsOneOutcome: Invariant = (observation, book) =>
  observation.kind === "accepted" && (book?.accepted.get(observation.callbackId) ?? 0) > 0
    ? `callback ${observation.callbackId} accepted two outcomes`
    : undefined;

/** (6) The end of a child reaches its parent's inbox in the same write. */
const parentHearsOfTheEnd: Invariant = (observation, _book, ledger) => {
  if (observation.kind !== "head" || observation.by.call !== "finish") return undefined;
  const link = observation.head.parent;
  if (link === undefined) return undefined;
  const parent = ledger.book(link.executionId);
  if (parent === undefined || parent.isPurged) return undefined;
  if (isTerminal(parent.head.status) && parent.head.status !== "STOPPED") return undefined;
  return parent.outcomes.has(settleKey(link.operationId))
    ? undefined
    : `it ended, and ${link.executionId} was not told`;
};

/** (8) An object is there before anything points at it. */
const payloadBeforePointer: Invariant = (observation, _book, ledger) => {
  if (ledger.isAbandoned(observation.executionId) || ledger.isOrphan(observation.executionId))
    return undefined;
  const recorded =
    observation.kind === "appended"
      ? observation.entry
      : observation.kind === "head"
        ? [observation.head.input, observation.head.result, observation.head.error]
        : observation.kind === "posted"
          ? observation.request.event
          : undefined;
  const missing = pointersIn(recorded).find((key) => !ledger.objects.has(key));
  return missing === undefined ? undefined : `object ${missing} is pointed at and does not exist`;
};

/** (8) Nothing that is pointed at is removed. */
const keepsWhatIsPointedAt: Invariant = (observation, _book, ledger) => {
  if (observation.kind !== "removed") return undefined;
  const removed = observation.keys.find((key) => ledger.isPointedAt(key));
  return removed === undefined ? undefined : `object ${removed} was removed and is pointed at`;
};

/** (9) The body of an at-most-once step runs once in an attempt, and after its START is durable. */
const runsAtMostOnce: Invariant = (observation, book) => {
  if (observation.kind !== "body" || !observation.run.atMostOnce || book === undefined) return undefined;
  const { path, attempt, requestId } = observation.run;
  if ((book.bodyRuns.get(`${path} ${attempt}`) ?? 0) > 0) return `attempt ${attempt} of ${path} ran twice`;
  if (!book.wishes.has(path)) return undefined;
  const operation = book.operationAt(path);
  const epoch = epochOf(requestId);
  if (operation === undefined) return `attempt ${attempt} of ${path} ran before its START was durable`;
  // A newer invocation may have gone on; then the START is not the newest one.
  if (operation.startedBy > epoch || (operation.attemptEndedBy ?? 0) > epoch) return undefined;
  const isStarted = operation.startedBy === epoch && operation.attemptsEnded === attempt - 1;
  return isStarted && operation.status === "STARTED"
    ? undefined
    : `attempt ${attempt} of ${path} ran while it is ${operation.status} after ${operation.attemptsEnded} attempts`;
};

/** (9) An attempt begins only after the one before it has ended in the log. */
const attemptsFollowTheLog: Invariant = (observation, book) => {
  if (observation.kind !== "body" || book === undefined) return undefined;
  const { path, attempt } = observation.run;
  if (attempt === 1 || !book.wishes.has(path)) return undefined;
  const ended = book.operationAt(path)?.attemptsEnded ?? 0;
  return ended >= attempt - 1 ? undefined : `attempt ${attempt} of ${path} ran after ${ended} had ended`;
};

/** (11) A body does not run when its own invocation, or one before it, has recorded its end. */
const neverRunsARecordedBody: Invariant = (observation, book) => {
  if (observation.kind !== "body" || book === undefined) return undefined;
  const { path, attempt, requestId } = observation.run;
  const operation = book.operationAt(path);
  if (operation === undefined) return undefined;
  const epoch = epochOf(requestId);
  if ((operation.settledBy ?? Number.POSITIVE_INFINITY) <= epoch)
    return `attempt ${attempt} of ${path} ran although the log had its end`;
  const hasEnded = (operation.attemptEndedBy ?? Number.POSITIVE_INFINITY) <= epoch;
  if (hasEnded && operation.attemptsEnded >= attempt)
    return `attempt ${attempt} of ${path} ran although the log had the end of attempt ${operation.attemptsEnded}`;
  return undefined;
};

/** (10) Nothing is recorded once the execution has ended for good. */
const nothingAfterTheEnd: Invariant = (observation, book) => {
  if (observation.kind !== "appended" || book === undefined || observation.entry.records.length === 0)
    return undefined;
  const { status } = book.head;
  if (!isTerminal(status) || status === "STOPPED") return undefined;
  return `entry ${observation.entry.sequence} was recorded after the end (${status})`;
};

/** (2) Once somebody has been told that it is stopped, whoever ran it can record nothing more. */
const stoppedIsFencedOff: Invariant = (observation, book) => {
  if (book === undefined) return undefined;
  if (observation.kind === "stopped")
    return book.head.status !== "STOPPED" || book.isFenced
      ? undefined
      : "it is stopped, and nothing fences it off";
  if (observation.kind !== "appended" || !book.isKnownStopped || observation.entry.records.length === 0)
    return undefined;
  return `entry ${observation.entry.sequence} was recorded while it was known to be stopped`;
};

/** An end is the end; one that was stopped goes on only when it is resumed. */
const endsOnce: Invariant = (observation, book) => {
  if (observation.kind !== "head" || book === undefined || observation.by.call === "start") return undefined;
  const { status } = book.head;
  if (!isTerminal(status)) return undefined;
  if (status === "STOPPED" && observation.by.call === "resume") return undefined;
  const { head } = observation;
  if (head.status === status && head.result === book.head.result && head.dueAtMs === undefined)
    return undefined;
  return `it was ${status} and became ${head.status}`;
};

/** (13) Time never runs backwards in a log. */
const timeRunsForward: Invariant = (observation, book) => {
  if (observation.kind !== "appended" || book === undefined) return undefined;
  const { atMs, sequence } = observation.entry;
  return atMs >= book.lastAtMs
    ? undefined
    : `entry ${sequence} is ${book.lastAtMs - atMs} ms before the last one`;
};

/**
 * (13) Nothing that waits for a time happens before it, by the time of the log. A timeout may have taken its key in an
 * invocation that died, whose clock was ahead of the one that records it.
 */
const nothingIsEarly: Invariant = (observation, book) => {
  if (observation.kind !== "appended" || book === undefined) return undefined;
  const { atMs, records } = observation.entry;
  for (const { event } of records) {
    const operation = event === undefined ? undefined : book.log.operations.get(event.id);
    if (event === undefined || operation === undefined || isSettledStatus(operation.status)) continue;
    const dueAtMs = dueOf(event, operation);
    const takenAtMs = book.takenAtMs.get(settleKey(event.id)) ?? 0;
    const happenedAtMs = event.kind === "callback_timed_out" ? Math.max(atMs, takenAtMs) : atMs;
    if (dueAtMs !== undefined && happenedAtMs < dueAtMs)
      return `${event.kind} of ${event.id} is ${dueAtMs - happenedAtMs} ms early`;
  }
  return undefined;
};

function dueOf(
  event: OutsideEvent,
  {
    dueAtMs,
    heartbeatDueAtMs,
  }: { readonly dueAtMs: number | undefined; readonly heartbeatDueAtMs: number | undefined },
): number | undefined {
  if (event.kind === "wait_elapsed" || event.kind === "retry_ready") return dueAtMs;
  if (event.kind !== "callback_timed_out") return undefined;
  return event.reason === "timeout" ? dueAtMs : heartbeatDueAtMs;
}

/** Executions fail for what their code throws, and for nothing else. */
const failsOnlyAsProgrammed: Invariant = (observation) => {
  if (observation.kind !== "head" || observation.by.call !== "finish") return undefined;
  const { status, error } = observation.head;
  if (status !== "FAILED") return undefined;
  const type = error?.ErrorType ?? "";
  return /NonDeterministic|TIDEMARK_|ContextUsage|Serdes|Injected|^TypeError|^RangeError/.test(type)
    ? `it failed: ${type}: ${error?.ErrorMessage}`
    : undefined;
};

function epochOf(requestId: string): number {
  return Number(/(\d+)$/.exec(requestId)?.[1] ?? 0);
}

/** Checked against the book as it was before. */
export const INVARIANTS = {
  seesOnlyWhatIsDurable,
  theGoneStayGone,
  recordsInOneExecution,
  hasNoGaps,
  beginsWithABarrier,
  olderEpochsAreFencedOff,
  leaseHasOneHolder,
  supersededEndsNothing,
  goesOnAfterItsOwnWrite,
  snapshotSaysWhatTheLogSays,
  oneOutcomePerKey,
  recordsTheAcceptedOutcome,
  acceptsOneOutcome,
  parentHearsOfTheEnd,
  payloadBeforePointer,
  keepsWhatIsPointedAt,
  runsAtMostOnce,
  attemptsFollowTheLog,
  neverRunsARecordedBody,
  nothingAfterTheEnd,
  stoppedIsFencedOff,
  endsOnce,
  timeRunsForward,
  nothingIsEarly,
  failsOnlyAsProgrammed,
} as const satisfies Readonly<Record<string, Invariant>>;

/** Checked when the observation has been taken in. */
export const INVARIANTS_AFTER = { firstRecordWins } as const satisfies Readonly<Record<string, Invariant>>;

/** What is the case, and not what happens. */
interface Now {
  readonly nowMs: number;
  /** How far a clock may be off. */
  readonly skewMs: number;
}

type StateInvariant = (book: Book, now: Now) => string | undefined;

/** Longest pause before an invocation that failed is tried again. */
const RETRY_MAX_MS = 5 * 60 * 1000;

/** (6) Who has suspended with an event in the inbox is due. */
const isDueForWhatItHasNotSeen: StateInvariant = (book, { nowMs, skewMs }) => {
  const { status, dueAtMs, lastInvocation } = book.head;
  if (status !== "PENDING" || book.unseen.size === 0 || !book.hasUnseen()) return undefined;
  const patienceMs = skewMs + (lastInvocation?.error === undefined ? 0 : RETRY_MAX_MS);
  return dueAtMs !== undefined && dueAtMs <= nowMs + patienceMs
    ? undefined
    : `it is suspended ${until(dueAtMs, nowMs)}, and ${[...book.unseen].join(", ")} wait in its inbox`;
};

/** (6) Who has suspended is due when the next timer is, or at once. */
const isDueForItsTimers: StateInvariant = (book, { nowMs, skewMs }) => {
  const { status, dueAtMs, lastInvocation, epoch } = book.head;
  if (
    status !== "PENDING" ||
    epoch === 0 ||
    lastInvocation === undefined ||
    lastInvocation.error !== undefined
  )
    return undefined;
  const nextMs = book.nextDueMs;
  if (nextMs === undefined || (dueAtMs ?? Number.POSITIVE_INFINITY) <= Math.max(nextMs, nowMs + skewMs))
    return undefined;
  return `it is suspended ${until(dueAtMs, nowMs)}, and a timer is due in ${nextMs - nowMs} ms`;
};

function until(dueAtMs: number | undefined, nowMs: number): string {
  return dueAtMs === undefined ? "for ever" : `for ${dueAtMs - nowMs} ms`;
}

/** Checked after the event, for the executions that it has touched. */
export const STATE_INVARIANTS = {
  isDueForWhatItHasNotSeen,
  isDueForItsTimers,
} as const satisfies Readonly<Record<string, StateInvariant>>;

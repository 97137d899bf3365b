/** Owns what a history and the log of attempts say together: what ran once, again, or not at all. Pure. */

import type { HistoryEvent } from "@tidemark/protocol";
import type { Attempt } from "./attempt-log";

/** What one operation of the workflow, with everything inside it, came to. */
export interface OperationFacts {
  readonly id: string;
  readonly name: string;
  readonly kind: string;
  readonly startMs: number;
  readonly endMs: number;
  readonly steps: StepFacts;
}

export interface StepFacts {
  /** Steps with a recorded outcome. */
  readonly recorded: number;
  /** Starts of bodies. */
  readonly bodies: number;
  /** Attempts after the first, because the body had failed. */
  readonly retries: number;
  /** Starts of an attempt that had been under way before: its process died. */
  readonly again: number;
}

/** What the crash cost. */
export interface CrashFacts {
  readonly takeOverMs: number;
  /** Steps recorded when the process died. */
  readonly recordedBefore: number;
  /** Of these, how many ran again. */
  readonly ranAgainThough: number;
}

/** The operations that the workflow called itself, in order. */
export function operationFacts(
  history: readonly HistoryEvent[],
  attempts: readonly Attempt[],
): OperationFacts[] {
  const events = new Map<string, HistoryEvent[]>();
  for (const event of history) {
    if (event.Id === undefined || event.Id.includes("-")) continue;
    events.set(event.Id, [...(events.get(event.Id) ?? []), event]);
  }
  return [...events].map(([id, [first, ...others]]) => ({
    id,
    name: first?.Name ?? "",
    kind: first?.SubType ?? "",
    startMs: first?.EventTimestamp.getTime() ?? 0,
    endMs: (others.at(-1) ?? first)?.EventTimestamp.getTime() ?? 0,
    steps: stepFacts(
      history.filter((event) => isWithin(event.Id, id)),
      attempts.filter(({ operationId }) => isWithin(operationId, id)),
    ),
  }));
}

export function stepFacts(history: readonly HistoryEvent[], attempts: readonly Attempt[]): StepFacts {
  const distinct = new Set(attempts.map(({ operationId, attempt }) => `${operationId} ${attempt}`));
  const firsts = new Set(attempts.map(({ operationId }) => operationId));
  return {
    recorded: recordedSteps(history).size,
    bodies: attempts.length,
    retries: distinct.size - firsts.size,
    again: attempts.length - distinct.size,
  };
}

export function crashFacts(history: readonly HistoryEvent[], attempts: readonly Attempt[]): CrashFacts {
  const crash = history.findIndex(hasDied);
  if (crash === -1) throw new Error("no invocation of the history has died");
  const before = recordedSteps(history.slice(0, crash));
  const takeOverMs = history[crash]?.EventTimestamp.getTime() ?? 0;
  const later = attempts.filter(({ atMs, operationId }) => atMs >= takeOverMs && before.has(operationId));
  return {
    takeOverMs,
    recordedBefore: before.size,
    ranAgainThough: later.length,
  };
}

/** Invocations by how they ended; those that are not named suspended or ended. */
export interface InvocationFacts {
  readonly total: number;
  readonly died: number;
  readonly handedOver: number;
}

export function invocationFacts(history: readonly HistoryEvent[]): InvocationFacts {
  const invocations = history.filter(({ EventType }) => EventType === "InvocationCompleted");
  return {
    total: invocations.length,
    died: invocations.filter(hasDied).length,
    handedOver: invocations.filter((event) => errorTypeOf(event) === "TIDEMARK_DEADLINE").length,
  };
}

function hasDied(event: HistoryEvent): boolean {
  return errorTypeOf(event) === "Runtime.ExitError";
}

/** How an invocation failed, if it did. */
function errorTypeOf({ InvocationCompletedDetails: details }: HistoryEvent): string | undefined {
  const error = details?.Error as { readonly Payload?: { readonly ErrorType?: string } } | undefined;
  return error?.Payload?.ErrorType;
}

/** Ids of the steps whose outcome is in these events; a failure that is retried is not one. */
function recordedSteps(history: readonly HistoryEvent[]): Set<string> {
  const ids = new Set<string>();
  for (const event of history) {
    if (event.EventType === "StepSucceeded") ids.add(event.Id as string);
    if (event.EventType === "StepFailed" && !isRetried(event)) ids.add(event.Id as string);
  }
  return ids;
}

function isRetried({ StepFailedDetails: details }: HistoryEvent): boolean {
  const retry = details?.RetryDetails as { readonly NextAttemptDelaySeconds?: number } | undefined;
  return retry?.NextAttemptDelaySeconds !== undefined;
}

function isWithin(id: string | undefined, ancestor: string): boolean {
  return id === ancestor || id?.startsWith(`${ancestor}-`) === true;
}

/** Owns what the record of Lambda invocations says in the timeline. Pure. */

import type { HistoryEvent } from "@tidemark/protocol";
import type { InvocationRecord } from "../../lambda/local-lambda";
import type { Remark } from "../first-run/timeline";

/** The invocations that ran something, and how they ended. */
export function invocationRemarks(
  records: readonly InvocationRecord[],
  histories: readonly (readonly HistoryEvent[])[],
): Remark[] {
  const runs = histories.flat().flatMap(runOf);
  const working = workflowInvocations(records).filter(
    (record) => record.end === "time limit" || runs.some(({ startMs }) => isWithin(startMs, record)),
  );
  return working.flatMap((record) => {
    const { functionName, sandbox, isColdStart, startedMs } = record;
    const start = `invocation of ${functionName}, sandbox ${sandbox}${isColdStart ? " (cold)" : ""}: ${reasonOf(record)}`;
    const handedOver = runs.find(
      ({ startMs, error }) => isWithin(startMs, record) && error === "TIDEMARK_DEADLINE",
    );
    const end = handedOver && {
      ms: handedOver.endMs,
      text: `${functionName}, sandbox ${sandbox}: its time is nearly over, the rest is handed over`,
    };
    return [{ ms: startedMs, text: start }, ...(end === undefined ? [] : [end])];
  });
}

/** Invocations of the workflow's functions, and those of them that found nothing to do. */
export function invocationTotals(
  records: readonly InvocationRecord[],
  remarks: readonly Remark[],
): {
  readonly invocations: number;
  readonly idle: number;
  readonly coldStarts: number;
  readonly wakerRuns: number;
} {
  const own = workflowInvocations(records);
  return {
    invocations: own.length,
    idle: own.length - remarks.filter(({ text }) => text.startsWith("invocation of")).length,
    coldStarts: own.filter(({ isColdStart }) => isColdStart).length,
    wakerRuns: records.length - own.length,
  };
}

function workflowInvocations(records: readonly InvocationRecord[]): InvocationRecord[] {
  return records.filter(({ functionName }) => functionName !== "waker");
}

interface InvocationRun {
  readonly startMs: number;
  readonly endMs: number;
  readonly error: string | undefined;
}

function runOf({ EventType, InvocationCompletedDetails: details }: HistoryEvent): InvocationRun[] {
  if (EventType !== "InvocationCompleted") return [];
  const {
    StartTimestamp,
    EndTimestamp,
    Error: error,
  } = details as {
    readonly StartTimestamp: Date;
    readonly EndTimestamp: Date;
    readonly Error?: { readonly Payload?: { readonly ErrorType?: string } };
  };
  return [
    { startMs: StartTimestamp.getTime(), endMs: EndTimestamp.getTime(), error: error?.Payload?.ErrorType },
  ];
}

function isWithin(ms: number, { startedMs, endedMs = Number.POSITIVE_INFINITY }: InvocationRecord): boolean {
  return startedMs <= ms && ms <= endedMs;
}

function reasonOf({ event }: InvocationRecord): string {
  return Object.hasOwn(event as object, "tidemark") ? "a wake-up" : "the event that starts it all";
}

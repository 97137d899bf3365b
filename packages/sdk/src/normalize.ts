/** Owns the reading of operations from other backends, which send timestamps as text or as dates. */

import type { Operation, WireOperation, WireTimestamp } from "@tidemark/protocol";

export function normalizeOperation(operation: WireOperation): Operation {
  const { StartTimestamp, EndTimestamp, StepDetails, WaitDetails, ...rest } = operation;
  const normalized: Operation = { ...rest, StartTimestamp: toDate(StartTimestamp) };
  if (EndTimestamp !== undefined) normalized.EndTimestamp = toDate(EndTimestamp);
  if (StepDetails !== undefined) {
    normalized.StepDetails = {
      ...StepDetails,
      NextAttemptTimestamp: toDate(StepDetails.NextAttemptTimestamp),
    };
  }
  if (WaitDetails !== undefined) {
    normalized.WaitDetails = { ScheduledEndTimestamp: toDate(WaitDetails.ScheduledEndTimestamp) };
  }
  return normalized;
}

function toDate(timestamp: WireTimestamp | undefined): Date | undefined {
  return timestamp === undefined || timestamp instanceof Date ? timestamp : new Date(timestamp);
}

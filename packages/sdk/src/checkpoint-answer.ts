/** Owns what is made of a backend's answer to a checkpoint: what changed, and in which order. */

import type { Operation, OperationUpdate } from "@tidemark/protocol";

/**
 * What changed, in the order of the log. A backend that does not say the order gets our own
 * updates first; one that leaves our updates out gets them filled in.
 */
export function changesInOrder(
  operations: readonly Operation[],
  updates: readonly OperationUpdate[],
  find: (id: string) => Operation | undefined,
): readonly Operation[] {
  if (operations.length > 0 && operations.every((operation) => operation.StartOrder !== undefined))
    return operations;
  const reported = new Map(operations.map((operation) => [operation.Id as string, operation]));
  const ordered = new Map<string, Operation>();
  for (const update of updates) {
    const id = update.Id as string;
    const operation = started(update, reported.get(id)) ?? assumed(update, ordered.get(id) ?? find(id));
    ordered.delete(id);
    if (operation !== undefined) ordered.set(id, operation);
  }
  for (const [id, operation] of reported) if (!ordered.has(id)) ordered.set(id, operation);
  return [...ordered.values()];
}

/** A backend may answer a START with the READY from before it. */
function started(update: OperationUpdate, reported: Operation | undefined): Operation | undefined {
  return update.Action === "START" && reported?.Status === "READY"
    ? { ...reported, Status: "STARTED" }
    : reported;
}

/** The operation after an accepted update that the backend did not report. */
function assumed(update: OperationUpdate, current: Operation | undefined): Operation | undefined {
  const { Id, ParentId, Name, Type, SubType, Payload, Error: error } = update;
  const before: Operation = current ?? {
    Id,
    ParentId,
    Name,
    Type,
    SubType,
    Status: "STARTED",
    StartTimestamp: undefined,
  };
  if (update.Action === "START" && Type === "STEP") return { ...before, Status: "STARTED" };
  if (update.Action !== "SUCCEED" && update.Action !== "FAIL") return undefined;
  const details = { Result: Payload, Error: error };
  return {
    ...before,
    Status: update.Action === "SUCCEED" ? "SUCCEEDED" : "FAILED",
    ...(Type === "STEP"
      ? { StepDetails: { ...details, Attempt: (current?.StepDetails?.Attempt ?? 0) + 1 } }
      : { ContextDetails: { ...details, ReplayChildren: update.ContextOptions?.ReplayChildren } }),
  };
}

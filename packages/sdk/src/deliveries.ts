/**
 * Owns the order in which outcomes reach the code: the order of the log.
 *
 * Two records are delivered: the start of a callback (its id is an outcome) and the end of any
 * operation. What lies under a context that has ended is not delivered unless the context is
 * rebuilt from it.
 */

import { isSettled, type Operation } from "@tidemark/protocol";

export interface Delivery {
  readonly operationId: string;
  readonly kind: "start" | "settle";
  /** False for what an earlier invocation has delivered already. */
  readonly isNew: boolean;
}

/** What the log delivers to an invocation that begins with these operations. */
export function recordedDeliveries(
  operations: ReadonlyMap<string, Operation>,
  updatedIds: ReadonlySet<string>,
): Delivery[] {
  const ranked: { delivery: Delivery; rank: number }[] = [];
  let position = 0;
  for (const [operationId, operation] of operations) {
    position += 1;
    if (operation.Type === "EXECUTION" || isHidden(operation, operations)) continue;
    const isNew = updatedIds.has(operationId);
    if (operation.Type === "CALLBACK") {
      const rank = operation.StartOrder ?? rankByTime(operation.StartTimestamp, position);
      ranked.push({ delivery: { operationId, kind: "start", isNew: false }, rank });
    }
    if (isSettled(operation)) {
      const rank = operation.SettleOrder ?? rankByTime(operation.EndTimestamp, position);
      ranked.push({ delivery: { operationId, kind: "settle", isNew }, rank });
    }
  }
  ranked.sort((a, b) => Number(a.delivery.isNew) - Number(b.delivery.isNew) || a.rank - b.rank);
  return ranked.map(({ delivery }) => delivery);
}

/** True under a context that has ended and is not rebuilt: its code does not run again. */
function isHidden(operation: Operation, operations: ReadonlyMap<string, Operation>): boolean {
  let parentId = operation.ParentId;
  while (parentId !== undefined) {
    const parent = operations.get(parentId);
    if (parent === undefined) return false;
    if (isSettled(parent) && !isRebuilt(parent)) return true;
    parentId = parent.ParentId;
  }
  return false;
}

/** A context whose result is rebuilt by running its code over its recorded children. */
export function isRebuilt(operation: Operation): boolean {
  return operation.Status === "SUCCEEDED" && operation.ContextDetails?.ReplayChildren === true;
}

/** For backends that do not say the order: by end time, and by position within a millisecond. */
function rankByTime(timestamp: Date | undefined, position: number): number {
  return (timestamp?.getTime() ?? 0) + position / 1e7;
}

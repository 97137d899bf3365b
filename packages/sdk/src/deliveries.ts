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

interface Ranked {
  readonly delivery: Delivery;
  /** Position in the log; backends that do not say it are followed by time. */
  readonly order: number | undefined;
  readonly timeMs: number;
  readonly depth: number;
  readonly position: number;
}

/** What the log delivers to an invocation that begins with these operations. */
export function recordedDeliveries(
  operations: ReadonlyMap<string, Operation>,
  updatedIds: ReadonlySet<string>,
): Delivery[] {
  const ranked: Ranked[] = [];
  for (const [operationId, operation] of operations) {
    if (operation.Type === "EXECUTION") continue;
    const isCallback = operation.Type === "CALLBACK";
    const hasSettled = isSettled(operation);
    if (!isCallback && !hasSettled) continue;
    const depth = visibleDepth(operation, operations);
    if (depth === undefined) continue;
    const position = ranked.length;
    if (isCallback) {
      const timeMs = operation.StartTimestamp?.getTime() ?? 0;
      const delivery: Delivery = { operationId, kind: "start", isNew: false };
      ranked.push({ delivery, order: operation.StartOrder, timeMs, depth, position });
    }
    if (hasSettled) {
      const timeMs = endMs(operation);
      const delivery: Delivery = { operationId, kind: "settle", isNew: updatedIds.has(operationId) };
      ranked.push({ delivery, order: operation.SettleOrder, timeMs, depth, position });
    }
  }
  return ranked.sort(byOrder).map(({ delivery }) => delivery);
}

/** When an operation ended. Some backends do not say it of waits. */
function endMs({ EndTimestamp, WaitDetails, StartTimestamp }: Operation): number {
  return (EndTimestamp ?? WaitDetails?.ScheduledEndTimestamp ?? StartTimestamp)?.getTime() ?? 0;
}

function byOrder(a: Ranked, b: Ranked): number {
  if (a.order !== undefined && b.order !== undefined) return a.order - b.order;
  return (
    Number(a.delivery.isNew) - Number(b.delivery.isNew) ||
    a.timeMs - b.timeMs ||
    // Within a millisecond: an id before its outcome, children before their context.
    Number(a.delivery.kind === "settle") - Number(b.delivery.kind === "settle") ||
    b.depth - a.depth ||
    a.position - b.position
  );
}

/** How deep the operation lies; `undefined` under a context that has ended and is not rebuilt: its code does not run again. */
function visibleDepth(operation: Operation, operations: ReadonlyMap<string, Operation>): number | undefined {
  let depth = 0;
  for (let parentId = operation.ParentId; parentId !== undefined; depth++) {
    const parent = operations.get(parentId);
    if (parent === undefined) return depth;
    if (isSettled(parent) && !isRebuilt(parent)) return undefined;
    parentId = parent.ParentId;
  }
  return depth;
}

/** A context whose result is rebuilt by running its code over its recorded children. */
export function isRebuilt(operation: Operation): boolean {
  return operation.Status === "SUCCEEDED" && operation.ContextDetails?.ReplayChildren === true;
}

/**
 * Owns the order in which outcomes reach the code: the order of the log.
 *
 * Two records are delivered: the start of a callback (its id is an outcome) and the end of any
 * operation. What lies under a context that has ended is not delivered unless the context is
 * rebuilt from it.
 */

import { isSettled, type Operation } from "@tidemark/protocol";
import { isVersionMarker } from "./code-version.js";

export interface Delivery {
  readonly operationId: string;
  readonly kind: "start" | "settle";
  /** False for what an earlier invocation has delivered already. */
  readonly isNew: boolean;
  /** Position in the log, where the backend says it. */
  readonly order?: number | undefined;
  /** Set when the backend does not say the order: within one millisecond it is not known. */
  readonly instantMs?: number;
}

/** One object for each delivery: a long log has many. */
interface Ranked extends Delivery {
  /** Backends that do not say the order are followed by time. */
  readonly timeMs: number;
  /** Of an operation: its own place in the state; of the end of a context: after its last descendant. */
  readonly position: number;
}

/** What the log delivers to an invocation that begins with these operations. */
export function recordedDeliveries(
  operations: ReadonlyMap<string, Operation>,
  updatedIds: ReadonlySet<string>,
): Delivery[] {
  const ranked: Ranked[] = [];
  const lastBelow = positionsBelow(operations);
  const find = (id: string): Operation | undefined => operations.get(id);
  let position = 0;
  for (const operation of operations.values()) {
    position += 1;
    if (operation.Type === "EXECUTION" || !isVisible(operation, find)) continue;
    const operationId = operation.Id as string;
    if (operation.Type === "CALLBACK") {
      const { StartOrder: order, StartTimestamp } = operation;
      const timeMs = StartTimestamp?.getTime() ?? 0;
      ranked.push(rank({ operationId, kind: "start", isNew: false, order, timeMs, position }));
    }
    if (isSettled(operation)) {
      const isNew = updatedIds.has(operationId);
      const { SettleOrder: order } = operation;
      const end = lastBelow.get(operationId) ?? position;
      ranked.push(
        rank({ operationId, kind: "settle", isNew, order, timeMs: endMs(operation), position: end }),
      );
    }
  }
  return ranked.sort(byOrder);
}

function rank(ranked: Ranked): Ranked {
  return ranked.order === undefined ? { ...ranked, instantMs: ranked.timeMs } : ranked;
}

/** For each context, the place just after its last descendant. */
function positionsBelow(operations: ReadonlyMap<string, Operation>): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  let position = 0;
  for (const operation of operations.values()) {
    position += 1;
    if (operation.SettleOrder !== undefined || operation.ParentId === undefined) continue;
    let above = 0.5;
    for (
      let id: string | undefined = operation.ParentId;
      id !== undefined;
      id = operations.get(id)?.ParentId
    ) {
      last.set(id, position + above);
      above += 0.001;
    }
  }
  return last;
}

function byOrder(a: Ranked, b: Ranked): number {
  if (a.order !== undefined && b.order !== undefined) return a.order - b.order;
  return (
    Number(a.isNew) - Number(b.isNew) ||
    a.timeMs - b.timeMs ||
    a.position - b.position ||
    Number(a.kind === "settle") - Number(b.kind === "settle")
  );
}

/** When an operation ended. AWS's local runner does not say it of waits, and skips time: their start is what is known. */
function endMs({ EndTimestamp, StartTimestamp }: Operation): number {
  return (EndTimestamp ?? StartTimestamp)?.getTime() ?? 0;
}

/** False under a context that has ended and is not rebuilt, whose code does not run again, and of what no code waits for. */
export function isVisible(operation: Operation, find: (id: string) => Operation | undefined): boolean {
  if (isVersionMarker(operation)) return false;
  let parentId = operation.ParentId;
  while (parentId !== undefined) {
    const parent = find(parentId);
    if (parent === undefined) return true;
    if (isSettled(parent) && !isRebuilt(parent)) return false;
    parentId = parent.ParentId;
  }
  return true;
}

/** Operations that are under way: code that fits the log asks for each of them again. */
export function underWay(operations: ReadonlyMap<string, Operation>): Set<string> {
  const ids = new Set<string>();
  const find = (id: string): Operation | undefined => operations.get(id);
  for (const operation of operations.values()) {
    if (operation.Type === "EXECUTION" || isSettled(operation)) continue;
    if (isVisible(operation, find) && !isBelowRebuilt(operation, operations)) ids.add(operation.Id as string);
  }
  return ids;
}

function isBelowRebuilt(operation: Operation, operations: ReadonlyMap<string, Operation>): boolean {
  for (let id = operation.ParentId; id !== undefined; id = operations.get(id)?.ParentId) {
    const parent = operations.get(id);
    if (parent !== undefined && isRebuilt(parent)) return true;
  }
  return false;
}

/** A context whose result is rebuilt by running its code over its recorded children. */
export function isRebuilt(operation: Operation): boolean {
  return operation.Status === "SUCCEEDED" && operation.ContextDetails?.ReplayChildren === true;
}

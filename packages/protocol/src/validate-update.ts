/** Owns which update is allowed when: the checks that a service makes before it records anything. */

import { MAX_DURATION_SECONDS, MAX_NAME_LENGTH } from "./limits.js";
import { isSettled, type Operation } from "./operation.js";
import type { OperationUpdate } from "./update.js";

const ACTIONS: ReadonlyMap<string | undefined, readonly string[]> = new Map([
  ["STEP", ["START", "SUCCEED", "FAIL", "RETRY"]],
  ["CONTEXT", ["START", "SUCCEED", "FAIL"]],
  ["WAIT", ["START"]],
  ["CALLBACK", ["START"]],
  ["CHAINED_INVOKE", ["START"]],
  ["EXECUTION", ["SUCCEED", "FAIL"]],
]);

/** What is wrong with the update, or `undefined`. */
export function invalidUpdate(
  update: OperationUpdate,
  current: Operation | undefined,
  find: (id: string) => Operation | undefined,
): string | undefined {
  const { Id, Type, Action } = update;
  if (typeof Id !== "string" || Id.length === 0) return "update without Id";
  if (!ACTIONS.get(Type)?.includes(Action as string))
    return `operation ${Id}: ${Type} has no action ${Action}`;
  if (update.Name !== undefined && update.Name.length > MAX_NAME_LENGTH) {
    return `operation ${Id}: Name has ${update.Name.length} characters, at most ${MAX_NAME_LENGTH} are allowed`;
  }
  return invalidParent(update, current, find) ?? invalidTransition(update, current) ?? invalidOptions(update);
}

function invalidParent(
  update: OperationUpdate,
  current: Operation | undefined,
  find: (id: string) => Operation | undefined,
): string | undefined {
  const parentId = current === undefined ? update.ParentId : current.ParentId;
  if (parentId === undefined) return undefined;
  const parent = find(parentId);
  if (parent === undefined || parent.Type !== "CONTEXT") {
    return `operation ${update.Id}: parent ${parentId} is not a context of this execution`;
  }
  const ended = isSettled(parent) ? parentId : endedAncestor(parent.ParentId, find);
  if (ended === undefined) return undefined;
  return `operation ${update.Id}: ${ended === parentId ? "parent" : "ancestor"} ${ended} has ended`;
}

/** The nearest ancestor, from `parentId` up, that has settled or is gone: nothing happens below it (invariant 10). */
export function endedAncestor(
  parentId: string | undefined,
  find: (id: string) => Operation | undefined,
): string | undefined {
  for (let id = parentId; id !== undefined; ) {
    const ancestor = find(id);
    if (ancestor === undefined || isSettled(ancestor)) return id;
    id = ancestor.ParentId;
  }
  return undefined;
}

function invalidTransition(update: OperationUpdate, current: Operation | undefined): string | undefined {
  if (current === undefined) return undefined;
  if (current.Type !== update.Type)
    return `operation ${update.Id} is a ${current.Type}, not a ${update.Type}`;
  if (isSettled(current)) return `operation ${update.Id} has ended as ${current.Status}`;
  const isStart = update.Action === "START";
  if (update.Type === "STEP") {
    if (isStart && current.Status !== "READY")
      return `step ${update.Id} cannot start: it is ${current.Status}`;
    if (!isStart && current.Status === "PENDING")
      return `step ${update.Id} cannot end: its next attempt is not due`;
    return undefined;
  }
  return isStart ? `operation ${update.Id} has been started` : undefined;
}

function invalidOptions(update: OperationUpdate): string | undefined {
  const { Id } = update;
  if (update.Action === "RETRY") {
    return invalidSeconds(
      Id,
      "StepOptions.NextAttemptDelaySeconds",
      update.StepOptions?.NextAttemptDelaySeconds,
      0,
    );
  }
  if (update.Action !== "START") return undefined;
  if (!isPosition(update.StartedAfter))
    return `operation ${Id}: StartedAfter is ${update.StartedAfter}; a position in the log is needed, 0 for its beginning`;
  switch (update.Type) {
    case "WAIT":
      if (update.WaitOptions?.WaitSeconds === undefined)
        return `wait ${Id}: WaitOptions.WaitSeconds is missing`;
      return invalidSeconds(Id, "WaitOptions.WaitSeconds", update.WaitOptions.WaitSeconds, 1);
    case "CALLBACK":
      return (
        invalidSeconds(Id, "CallbackOptions.TimeoutSeconds", update.CallbackOptions?.TimeoutSeconds, 1) ??
        invalidSeconds(
          Id,
          "CallbackOptions.HeartbeatTimeoutSeconds",
          update.CallbackOptions?.HeartbeatTimeoutSeconds,
          1,
        )
      );
    case "CHAINED_INVOKE":
      return update.ChainedInvokeOptions?.FunctionName
        ? undefined
        : `invoke ${Id}: ChainedInvokeOptions.FunctionName is missing`;
    default:
      return undefined;
  }
}

function isPosition(value: number | undefined): boolean {
  return value === undefined || (Number.isSafeInteger(value) && value >= 0);
}

function invalidSeconds(
  id: string | undefined,
  field: string,
  seconds: number | undefined,
  least: number,
): string | undefined {
  if (seconds === undefined) return undefined;
  if (Number.isInteger(seconds) && seconds >= least && seconds <= MAX_DURATION_SECONDS) return undefined;
  return `operation ${id}: ${field} is ${seconds}; a whole number of seconds from ${least} to ${MAX_DURATION_SECONDS} is needed`;
}

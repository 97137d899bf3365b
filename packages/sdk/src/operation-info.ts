/** Owns what plugins are told about an operation: a pure reading of its record. */

import type { ErrorObject, Operation } from "@tidemark/protocol";
import { errorFromObject } from "./errors.js";
import type { OperationInfo } from "./plugin.js";

/**
 * Reads `operation` for a hook. Members that do not apply are absent.
 *
 * - `result`: the recorded payload, only when the operation succeeded.
 * - `error`: the recorded error of an operation that failed, or of the attempt that ended last.
 * - `attempt`: of steps; the one under way while it runs, else the one that ended last.
 *
 * @example
 * ```ts
 * const info = operationInfo(
 *   { Id: "1", Type: "WAIT", Status: "STARTED", StartTimestamp: new Date(0) },
 *   false,
 * );
 * // { id: "1", type: "WAIT", status: "STARTED", startTimestamp: 1970-01-01T00:00:00.000Z, isReplay: false }
 * ```
 */
export function operationInfo(operation: Operation, isReplay: boolean): OperationInfo {
  const { result, error } = outcomeOf(operation);
  const info: OperationInfo = { id: operation.Id ?? "", type: operation.Type ?? "", isReplay };
  if (operation.Name !== undefined) info.name = operation.Name;
  if (operation.SubType !== undefined) info.subType = operation.SubType;
  if (operation.ParentId !== undefined) info.parentId = operation.ParentId;
  if (operation.Status !== undefined) info.status = operation.Status;
  if (operation.StartTimestamp !== undefined) info.startTimestamp = operation.StartTimestamp;
  if (operation.EndTimestamp !== undefined) info.endTimestamp = operation.EndTimestamp;
  if (result !== undefined) info.result = result;
  if (error !== undefined) info.error = errorFromObject(error);
  if (operation.Type === "STEP") info.attempt = attemptOf(operation);
  return info;
}

interface RecordedOutcome {
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
}

function outcomeOf(operation: Operation): RecordedOutcome {
  const { Result, Error: error } = detailsOf(operation);
  switch (operation.Status) {
    case "SUCCEEDED":
      return { result: Result };
    // The details of a running step are those of the attempt before.
    case "STARTED":
    case undefined:
      return {};
    // A condition that goes on waiting keeps its state where a result would be: not a result.
    default:
      return { error };
  }
}

function detailsOf(operation: Operation): {
  readonly Result?: string | undefined;
  readonly Error?: ErrorObject | undefined;
} {
  return (
    operation.StepDetails ??
    operation.ContextDetails ??
    operation.CallbackDetails ??
    operation.ChainedInvokeDetails ??
    {}
  );
}

/** `StepDetails.Attempt` counts the attempts that have ended. */
function attemptOf(operation: Operation): number {
  const ended = operation.StepDetails?.Attempt ?? 0;
  const isUnderWay = operation.Status === "STARTED" || operation.Status === undefined;
  // A backend that does not count the attempt which ended the step still means the first.
  return isUnderWay ? ended + 1 : Math.max(ended, 1);
}

/** Owns the comparison of what the code asks for with what the log has (invariant 12). */

import type { Operation } from "@tidemark/protocol";
import { NonDeterministicExecutionError } from "./errors.js";

interface Asked {
  readonly type: string;
  readonly subType: string;
  readonly name: string | undefined;
}

/** The error for an operation that is not the recorded one, or `undefined`. Ids of the managed service do not tell the position. */
export function replayMismatch(
  recorded: Operation,
  asked: Asked,
  position = recorded.Id,
): NonDeterministicExecutionError | undefined {
  const sameSubType = recorded.SubType === undefined || recorded.SubType === asked.subType;
  if (recorded.Type === asked.type && sameSubType && (recorded.Name ?? undefined) === asked.name)
    return undefined;
  const place = position === recorded.Id ? position : `${position} (${recorded.Id})`;
  return new NonDeterministicExecutionError(
    `operation ${place}: the log has ${describe(recorded)}, the code asks for ${describeAsked(asked)}; ` +
      "run the code version that started this execution, or keep its operations in the same order",
  );
}

/** The error for an operation that the log has and the code does not ask for. */
export function missingOperation(
  recorded: Operation,
  hasHandlerEnded: boolean,
): NonDeterministicExecutionError {
  const seen = hasHandlerEnded ? "the handler has ended without it" : "the code has not asked for it";
  return new NonDeterministicExecutionError(
    `operation ${recorded.Id}: the log has ${describe(recorded)} next, and ${seen}; ` +
      "run the code version that started this execution, or keep its operations in the same order",
  );
}

function describe(operation: Operation): string {
  return describeAsked({
    type: operation.Type ?? "?",
    subType: operation.SubType ?? "",
    name: operation.Name,
  });
}

function describeAsked({ type, subType, name }: Asked): string {
  return `${type}${subType === "" ? "" : ` (${subType})`} ${name === undefined ? "without a name" : JSON.stringify(name)}`;
}

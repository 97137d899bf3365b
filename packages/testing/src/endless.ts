/** Owns how an execution that does not end is told: what it waits for, and which option gives it longer. */

import { isSettled, type Operation, TidemarkError } from "@tidemark/protocol";
import { operationText } from "./operation-index.js";

/** How long nothing may happen: less than the limit of a test in Jest, which would say nothing of what is missing. */
export const STALL_LIMIT_MS = 4_000;

/** The same while code of a handler runs in the runner: what it does may be real, and take its time. */
export const CODE_LIMIT_MS = 60_000;

const MAX_LISTED = 5;

/** @param operations all that is known, the newest last. */
export function whatItWaitsFor(operations: readonly Operation[]): string {
  const open = operations.filter((operation) => !isSettled(operation));
  const parents = new Set(open.map(({ ParentId }) => ParentId));
  const names = new Map(operations.map(({ Id, Name }) => [Id, Name]));
  const waiting = open
    .filter(({ Id }) => !parents.has(Id))
    // The callback of a `waitForCallback` has the name of that.
    .map((operation) => waitsFor({ ...operation, Name: operation.Name ?? names.get(operation.ParentId) }));
  if (waiting.length > MAX_LISTED)
    return `${waiting.slice(0, MAX_LISTED).join("; ")}; and ${waiting.length - MAX_LISTED} more`;
  if (waiting.length > 0) return waiting.join("; ");
  const last = operations.at(-1);
  return `code of the handler awaits something that is no operation${last === undefined ? ", before its first one" : `, after ${operationText(last)}`}`;
}

/** What a loop has come to. */
export function newestOf(operations: readonly Operation[]): string {
  const last = operations.at(-1);
  return last === undefined ? "it has no operation" : `the newest operation is ${operationText(last)}`;
}

function waitsFor(operation: Operation): string {
  const what = operationText(operation);
  switch (operation.Type) {
    case "CALLBACK":
      return `${what} waits to be completed`;
    case "CHAINED_INVOKE":
      return `${what} waits for function ${JSON.stringify(operation.ChainedInvokeDetails?.FunctionName)}`;
    case "STEP":
      return operation.Status === "STARTED" ? `${what} runs its body` : `${what} waits for its next attempt`;
    case "CONTEXT":
      return `${what} runs code that awaits something that is no operation`;
    default:
      return `${what} waits for its time`;
  }
}

export function stalled(limitMs: number, operations: readonly Operation[]): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_TEST_ENDLESS",
    `the execution does not go on: nothing has happened for ${limitMs} ms of real time. It waits for this: ${whatItWaitsFor(operations)}. ` +
      "Let that end or answer it, or raise the option stallLimitMs of the runner if it takes longer",
  );
}

export function endless(limit: number, operations: readonly Operation[]): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_TEST_ENDLESS",
    `the execution does not end: it has recorded more than ${limit} updates, ${newestOf(operations)}. ` +
      "Let its loop end, or raise the option updateLimit of the runner if it needs more",
  );
}

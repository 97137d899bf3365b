/**
 * Owns how operations, executions, callbacks and checkpoints are named.
 *
 * An operation id is a position, never a name: `3`, `3-1`, `3-1-2`.
 */

import { TidemarkError } from "./errors.js";
import { MAX_EXECUTION_NAME_LENGTH } from "./limits.js";
import { valueText } from "./value-text.js";

/** The id of the `index`-th operation (from 1) of the context whose id is `prefix` ("" for the root). */
export function operationId(prefix: string, index: number): string {
  return prefix === "" ? String(index) : `${prefix}-${index}`;
}

const ARN_PREFIX = "arn:tidemark:durable:local:0:function:";

/**
 * The name under which an execution's code sees it. It has the shape of a Lambda durable
 * execution ARN, so that code which reads one keeps working. Of an exact id, it is as exact.
 */
export function executionArn(functionName: string, executionId: string): string {
  return `${ARN_PREFIX}${functionName}/durable-execution/${parseExecutionId(executionId).executionId}/${executionId}`;
}

/**
 * The execution id in an ARN, or the text itself when it is not an ARN.
 *
 * @throws TidemarkError `TIDEMARK_EXECUTION_ID` for anything but a text.
 */
export function executionIdOf(arnOrId: string): string {
  if (typeof arnOrId !== "string") {
    throw new TidemarkError(
      "TIDEMARK_EXECUTION_ID",
      `executionId is ${valueText(arnOrId)}; pass the text executionId that start gave`,
    );
  }
  if (!arnOrId.startsWith("arn:")) return arnOrId;
  return arnOrId.slice(arnOrId.lastIndexOf("/") + 1);
}

/** Between an id and an incarnation; neither function names nor execution names have it. */
const EXACT = "!";

/** Between an execution and the operation of it that invokes another. */
const INVOKED = "~";

/** An execution among all that ever have its id. */
export interface ExactExecution {
  readonly executionId: string;
  /** Absent: the id is used once, or a version of Tidemark started it that did not draw one. */
  readonly incarnation?: string | undefined;
}

/**
 * The id that means this execution and no other. A name may be used again once its execution is gone: whoever still acts
 * for that one uses its exact id, and finds nothing. The ids of invoked executions, callbacks and payloads derive from it.
 */
export function exactExecutionId({ executionId, incarnation }: ExactExecution): string {
  return incarnation === undefined ? executionId : executionId + EXACT + incarnation;
}

/** What an id means: without an incarnation whichever execution has it now. */
export function parseExecutionId(id: string): ExactExecution {
  const at = id.lastIndexOf(EXACT);
  // The id of an invoked execution begins with the exact id of who has invoked it.
  if (at === -1 || id.includes(INVOKED, at)) return { executionId: id };
  return { executionId: id.slice(0, at), incarnation: id.slice(at + 1) };
}

/** Whether an id means this execution. */
export function isMeant(id: string, { executionId, incarnation }: ExactExecution): boolean {
  const meant = parseExecutionId(id);
  if (meant.executionId !== executionId) return false;
  return meant.incarnation === undefined || meant.incarnation === incarnation;
}

/** A checkpoint token: the fence of invariant 3. */
export function checkpointToken(executionId: string, epoch: number, sequence: number): string {
  return `${executionId}.${epoch}.${sequence}`;
}

/**
 * A callback id names the exact execution and the operation, so that completing one needs no index. Its
 * last part is a check: an id that was cut off does not pass for another.
 */
export function callbackId(executionId: string, operation: string, startedAtMs: number): string {
  return `${executionId}:${operation}:${checksum(`${executionId}:${operation}:${startedAtMs}`)}`;
}

/** @throws TidemarkError `TIDEMARK_CALLBACK_ID` when the text does not have the form of a callback id. */
export function parseCallbackId(id: string): { executionId: string; operationId: string } {
  const match = typeof id === "string" ? /^(.+):([^:]+):[0-9a-z]+$/.exec(id) : null;
  if (match === null) {
    throw new TidemarkError(
      "TIDEMARK_CALLBACK_ID",
      `callbackId ${valueText(id)} is not a callback id; pass the id that createCallback or waitForCallback gave, unchanged`,
    );
  }
  return { executionId: match[1] as string, operationId: match[2] as string };
}

/** FNV-1a, 32 bits: tells mistakes apart, keeps no secrets. */
function checksum(text: string): string {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash.toString(36);
}

/** The execution that a chained invoke starts: derived from the exact id, so that starting it twice is harmless. */
export function childExecutionId(parentExecutionId: string, operation: string): string {
  return parentExecutionId + INVOKED + operation;
}

/** The execution that a caller's name stands for. */
export function namedExecutionId(functionName: string, name: string): string {
  return `${functionName}.${name}`;
}

/** @throws TidemarkError `TIDEMARK_EXECUTION_NAME` unless 1 to 64 of the characters A-Z a-z 0-9 _ -. */
export function validateExecutionName(name: string): void {
  if (typeof name !== "string" || !/^[A-Za-z0-9_-]+$/.test(name) || name.length > MAX_EXECUTION_NAME_LENGTH) {
    throw new TidemarkError(
      "TIDEMARK_EXECUTION_NAME",
      `name ${valueText(name)} is not an execution name; use 1 to ${MAX_EXECUTION_NAME_LENGTH} of the characters A-Z, a-z, 0-9, _ and -`,
    );
  }
}

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
 * execution ARN, so that code which reads one keeps working.
 */
export function executionArn(functionName: string, executionId: string): string {
  return `${ARN_PREFIX}${functionName}/durable-execution/${executionId}/${executionId}`;
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

/** A checkpoint token: the fence of invariant 3. */
export function checkpointToken(executionId: string, epoch: number, sequence: number): string {
  return `${executionId}.${epoch}.${sequence}`;
}

/**
 * A callback id names the execution and the operation, so that completing one needs no index. Its
 * last part is a check: an id that was cut off, or that belongs to an earlier execution of the same
 * name, does not pass for another.
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

/** The execution that a chained invoke starts: derived, so that starting it twice is harmless. */
export function childExecutionId(parentExecutionId: string, operation: string): string {
  return `${parentExecutionId}~${operation}`;
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

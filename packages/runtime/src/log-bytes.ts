/**
 * Owns how large records and operations are, about: enough to compare a log with what is live of it, and counted in
 * no time. What a store writes is often less, as it compresses.
 */

import type { ErrorObject, LogRecord, Operation } from "@tidemark/protocol";

/** Keys, ids, times and punctuation. */
const RECORD_BYTES = 50;
const OPERATION_BYTES = 70;

export function recordBytes({ update, event }: LogRecord): number {
  if (update !== undefined)
    return RECORD_BYTES + lengthOf(update.Name) + lengthOf(update.Payload) + errorBytes(update.Error);
  switch (event.kind) {
    case "callback_succeeded":
      return RECORD_BYTES + lengthOf(event.result);
    case "callback_failed":
      return RECORD_BYTES + errorBytes(event.error);
    case "invoke_settled":
      return RECORD_BYTES + lengthOf(event.result) + errorBytes(event.error);
    default:
      return RECORD_BYTES;
  }
}

export function operationsBytes(operations: Iterable<Operation>): number {
  let bytes = 0;
  for (const { Name, StepDetails, ContextDetails, CallbackDetails, ChainedInvokeDetails } of operations) {
    const details = StepDetails ?? ContextDetails ?? CallbackDetails ?? ChainedInvokeDetails;
    bytes += OPERATION_BYTES + lengthOf(Name) + lengthOf(details?.Result) + errorBytes(details?.Error);
    bytes += lengthOf(ChainedInvokeDetails?.InputPayload);
  }
  return bytes;
}

function lengthOf(text: string | undefined): number {
  return text === undefined ? 0 : text.length;
}

function errorBytes(error: ErrorObject | undefined): number {
  if (error === undefined) return 0;
  const { ErrorType, ErrorMessage, ErrorData, StackTrace = [], Cause } = error;
  const own = lengthOf(ErrorType) + lengthOf(ErrorMessage) + lengthOf(ErrorData);
  return StackTrace.reduce((sum, line) => sum + line.length, own + RECORD_BYTES) + errorBytes(Cause);
}

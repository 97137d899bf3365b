/** Owns how an operation gets the payloads that stand-ins in it stand for. */

import type { PayloadReader } from "./client.js";
import type {
  CallbackDetails,
  ChainedInvokeDetails,
  ContextDetails,
  ErrorObject,
  Operation,
  StepDetails,
} from "./operation.js";
import { isStandIn } from "./payload-text.js";

type Details = StepDetails | ContextDetails | CallbackDetails | ChainedInvokeDetails;

const DETAILS = ["StepDetails", "ContextDetails", "CallbackDetails", "ChainedInvokeDetails"] as const;

/** The operation with its payloads instead of stand-ins; itself when it has none. */
export function readPayloads(reader: PayloadReader, operation: Operation): Operation | Promise<Operation> {
  for (const member of DETAILS) {
    const details: Details | undefined = operation[member];
    if (details === undefined) continue;
    const { Result, Error: error } = details;
    if (!isStandIn(Result) && !isStandIn(error?.ErrorData)) continue;
    const text = Result === undefined ? undefined : reader.read(Result);
    const failure = error === undefined ? undefined : reader.readError(error);
    const put = (result: string | undefined, read: ErrorObject | undefined): Operation => ({
      ...operation,
      [member]: {
        ...details,
        ...(result === undefined ? {} : { Result: result }),
        ...(read === undefined ? {} : { Error: read }),
      },
    });
    if (!(text instanceof Promise) && !(failure instanceof Promise)) return put(text, failure);
    return Promise.all([text, failure]).then(([result, read]) => put(result, read));
  }
  return operation;
}

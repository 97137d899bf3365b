/** Owns how an operation gets the payloads that stand-ins in it stand for. */

import type { PayloadReader } from "./client.js";
import type {
  CallbackDetails,
  ChainedInvokeDetails,
  ContextDetails,
  ErrorObject,
  Operation,
  OperationType,
  StepDetails,
} from "./operation.js";
import { isStandIn } from "./payload-text.js";

type Details = StepDetails | ContextDetails | CallbackDetails | ChainedInvokeDetails;

/** Where an operation of a type has its outcome. */
const DETAILS = {
  STEP: "StepDetails",
  CONTEXT: "ContextDetails",
  CALLBACK: "CallbackDetails",
  CHAINED_INVOKE: "ChainedInvokeDetails",
  WAIT: undefined,
  EXECUTION: undefined,
} as const satisfies Record<OperationType, string | undefined>;

/** The operation with its payloads instead of stand-ins; itself when it has none. */
export function readPayloads(reader: PayloadReader, operation: Operation): Operation | Promise<Operation> {
  const member = DETAILS[operation.Type as OperationType];
  const details: Details | undefined = member === undefined ? undefined : operation[member];
  if (member === undefined || details === undefined) return operation;
  const { Result, Error: error } = details;
  if (!isStandIn(Result) && !isStandIn(error?.ErrorData)) return operation;
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

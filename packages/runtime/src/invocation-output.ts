/** Owns the check of what a function has answered: it is recorded, and a Lambda function may answer anything. */

import {
  type DurableExecutionInvocationOutput,
  errorObjectFrom,
  InvocationStatus,
  TidemarkError,
  valueText,
} from "@tidemark/protocol";

/**
 * What a function has answered, as an output. A member that is `null` is not there: some languages write it so.
 *
 * @throws TidemarkError `TIDEMARK_OUTPUT`, `TIDEMARK_ERROR_OBJECT`.
 */
export function invocationOutputOf(
  returned: unknown,
  functionName: string,
): DurableExecutionInvocationOutput {
  const { Status, Result, Error: error } = Object(returned) as Readonly<Record<string, unknown>>;
  switch (Status) {
    case InvocationStatus.PENDING:
      return { Status };
    case InvocationStatus.FAILED:
      return {
        Status,
        Error: errorObjectFrom(error ?? {}, `Error of the output of function ${functionName}`),
      };
    case InvocationStatus.SUCCEEDED:
      if (Result === undefined || Result === null) return { Status };
      if (typeof Result === "string") return { Status, Result };
      throw new TidemarkError(
        "TIDEMARK_OUTPUT",
        `Result of the output of function ${functionName} is ${valueText(Result)}; it is a text, such as JSON.stringify(value)`,
      );
    default:
      throw new TidemarkError(
        "TIDEMARK_OUTPUT",
        `function ${functionName} returned no invocation output; wrap it with withDurableExecution, or register it with { durable: false }`,
      );
  }
}

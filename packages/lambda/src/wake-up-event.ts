/** Owns the event that tells a Lambda function to go on with an execution. */

import { TidemarkError, valueText } from "@tidemark/protocol";

/** Anything else is an ordinary event, which starts an execution. */
export interface WakeUpEvent {
  readonly tidemark: { readonly executionId: string };
}

export function wakeUpEvent(executionId: string): WakeUpEvent {
  return { tidemark: { executionId } };
}

/**
 * The execution that a wake-up event names; nothing for an ordinary event.
 *
 * @throws TidemarkError `TIDEMARK_WAKE_UP` for one that names none.
 */
export function wokenExecutionId(event: unknown): string | undefined {
  if (typeof event !== "object" || event === null || !Object.hasOwn(event, "tidemark")) return undefined;
  const { tidemark } = event as { readonly tidemark: unknown };
  const { executionId } = Object(tidemark) as { readonly executionId?: unknown };
  if (typeof executionId === "string" && executionId !== "") return executionId;
  throw new TidemarkError(
    "TIDEMARK_WAKE_UP",
    `an event with the member "tidemark" is a wake-up, and its executionId is ${valueText(executionId)}; send { "tidemark": { "executionId": "..." } }, or name the member of your own event otherwise`,
  );
}

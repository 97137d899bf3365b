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
 * An event with other members beside `tidemark` is somebody's own, and must not get lost as a wake-up for an execution
 * that does not exist.
 *
 * @throws TidemarkError `TIDEMARK_WAKE_UP` for one that is neither.
 */
export function wokenExecutionId(event: unknown): string | undefined {
  if (typeof event !== "object" || event === null || !Object.hasOwn(event, "tidemark")) return undefined;
  const { tidemark, ...others } = event as { readonly tidemark: unknown };
  const { executionId } = Object(tidemark) as { readonly executionId?: unknown };
  const [other] = Object.keys(others);
  if (other === undefined && typeof executionId === "string" && executionId !== "") return executionId;
  const what =
    other === undefined ? `its executionId is ${valueText(executionId)}` : `it has ${valueText(other)}, too`;
  throw new TidemarkError(
    "TIDEMARK_WAKE_UP",
    `an event with the member "tidemark" is a wake-up, and ${what}; send { "tidemark": { "executionId": "..." } } and no more, or name the member of your own event otherwise`,
  );
}

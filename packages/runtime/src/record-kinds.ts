/** Owns the questions that a session asks about single records. */

import type { OperationUpdate, OutsideEvent } from "@tidemark/protocol";

export function isInvoke({ Type }: OperationUpdate): boolean {
  return Type === "CHAINED_INVOKE";
}

export function settles(event: OutsideEvent): boolean {
  return (
    event.kind !== "callback_heartbeat" && event.kind !== "retry_ready" && event.kind !== "step_interrupted"
  );
}

export function endsContext(update: OperationUpdate): boolean {
  return update.Type === "CONTEXT" && update.Action !== "START";
}

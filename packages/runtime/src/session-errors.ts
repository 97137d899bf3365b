/** Owns the errors with which a session ends an invocation, or the execution. */

import { DurableExecutionClientError, TidemarkError } from "@tidemark/protocol";

/** What a store has no room for in one piece. */
export function isTooLarge(error: unknown): boolean {
  const { code } = Object(error) as { code?: unknown };
  return code === "TIDEMARK_ENTRY_TOO_LARGE" || code === "TIDEMARK_STORE_ITEM_TOO_LARGE";
}

/** A result that no store entry can hold would not fit the next time either. */
export function failForGood(error: unknown): never {
  if (!isTooLarge(error)) throw error;
  const { code, message } = error as { code: string; message?: string };
  throw new DurableExecutionClientError(message ?? "", { scope: "EXECUTION", code, cause: error });
}

export function superseded(executionId: string, epoch: number): DurableExecutionClientError {
  return new DurableExecutionClientError(
    `invocation ${epoch} of execution ${executionId} has been superseded; a newer one goes on`,
    { scope: "INVOCATION", code: "TIDEMARK_SUPERSEDED" },
  );
}

export function snapshotFailed(executionId: string, cause: unknown): TidemarkError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TidemarkError(
    "TIDEMARK_SNAPSHOT_FAILED",
    `execution ${executionId}: its snapshot could not be saved (${why}); nothing is lost, the next load reads more`,
    { cause },
  );
}

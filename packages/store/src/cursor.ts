/** Owns the cursor of a listing: where the last page ended, in order of start. */

import { type ExecutionHead, TidemarkError } from "@tidemark/protocol";

type Started = Pick<ExecutionHead, "startedAtMs" | "executionId">;

export function encodeCursor(head: Started): string {
  return Buffer.from(JSON.stringify([head.startedAtMs, head.executionId])).toString("base64url");
}

/** @throws TidemarkError `TIDEMARK_CURSOR` for anything that {@link encodeCursor} has not given. */
export function decodeCursor(cursor: string | undefined): Started | undefined {
  if (cursor === undefined) return undefined;
  try {
    const [startedAtMs, executionId] = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (typeof startedAtMs === "number" && typeof executionId === "string")
      return { startedAtMs, executionId };
  } catch {
    // Falls through to the error that names the field.
  }
  throw new TidemarkError(
    "TIDEMARK_CURSOR",
    `cursor ${JSON.stringify(cursor)} is not one that a listing gave; pass the cursor of the previous page unchanged`,
  );
}

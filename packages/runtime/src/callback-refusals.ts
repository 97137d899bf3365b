/** Owns what a client says of callbacks that it cannot complete. */

import { TidemarkError } from "@tidemark/protocol";
import type { PostResult } from "@tidemark/store";

export function requirePosted(callbackId: string, result: PostResult): void {
  switch (result.kind) {
    case "posted":
      return;
    case "unknown":
      throw callbackNotFound(callbackId);
    case "taken":
      throw settled(callbackId, `it has an outcome already (${result.by.kind})`);
    case "ended":
      throw settled(callbackId, `its execution has ended as ${result.status}`);
  }
}

function settled(callbackId: string, why: string): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_CALLBACK_SETTLED",
    `callback ${callbackId}: ${why}; the first outcome counts, drop this one`,
  );
}

export function callbackNotFound(callbackId: string): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_CALLBACK_NOT_FOUND",
    `callback ${callbackId} does not exist in this store; pass the id that the handler gave, to the store it runs on`,
  );
}

/** Owns the error of code that does not fit a history. */

import { TidemarkError } from "@tidemark/protocol";
import type { HistoryReplay } from "./replay-history.js";

/** How a replay diverged. */
export type HistoryDivergence = Extract<HistoryReplay, { readonly kind: "diverges" }>;

/** Code does not do what a history says. */
export class HistoryDivergedError extends TidemarkError {
  override readonly name = "HistoryDivergedError";
  readonly divergence: HistoryDivergence;

  /** @param history which one, for people. */
  constructor(history: string, divergence: HistoryDivergence) {
    const { message, source } = divergence;
    super(
      "TIDEMARK_HISTORY_DIVERGED",
      `${history}: ${message}${source === undefined ? "" : `\n  at ${source}`}`,
    );
    this.divergence = divergence;
  }
}

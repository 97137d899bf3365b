/** Owns what a handler may use beyond its context: the world around it, which outlives invocations. */

import type { DurableLambdaHandler } from "@tidemark/sdk";

export interface CaseWorld {
  /** Counts in storage of its own, as the cases do with a table: 1 at the first call with this key. */
  countAttempt(key: string): number;
  /** Ends the process at once, as `process.exit` does: the call never returns. */
  exit(code: number): Promise<never>;
}

/** Handlers by the number of their case. */
export type CaseHandlers = Readonly<Record<string, (world: CaseWorld) => DurableLambdaHandler>>;

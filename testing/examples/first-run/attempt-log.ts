/**
 * Owns the file in which every start of a step's body is noted, apart from the store: it shows
 * which bodies ran, which of them twice, and in which process.
 */

import { appendFileSync, existsSync, readFileSync } from "node:fs";
import type { AttemptInfo, DurableInstrumentationPlugin } from "@tidemark/sdk";

export interface Attempt {
  readonly functionName: string;
  readonly operationId: string;
  readonly attempt: number;
  readonly pid: number;
  readonly atMs: number;
}

/** Names the file for the processes that run the workflow. */
export const ATTEMPT_LOG_VARIABLE = "FIRST_RUN_ATTEMPT_LOG";

/** A plugin: it observes the execution and changes nothing. */
export class AttemptLog implements DurableInstrumentationPlugin {
  readonly #functionName: string;

  constructor(functionName: string) {
    this.#functionName = functionName;
  }

  async onOperationAttemptStart({ id, attempt }: AttemptInfo): Promise<void> {
    const path = process.env[ATTEMPT_LOG_VARIABLE];
    if (path === undefined) return;
    const line: Attempt = {
      functionName: this.#functionName,
      operationId: id,
      attempt,
      pid: process.pid,
      atMs: Date.now(),
    };
    appendFileSync(path, `${JSON.stringify(line)}\n`);
  }
}

export function readAttempts(path: string): Attempt[] {
  if (!existsSync(path)) return [];
  const lines = readFileSync(path, "utf8").trimEnd().split("\n");
  return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as Attempt);
}

/**
 * Owns the side file in which bodies say that they have begun: one line each, appended by one
 * system call, so that lines of several processes do not mix and survive `kill -9`.
 */

import { openSync, readFileSync, writeSync } from "node:fs";

/** One start of a step's body. */
export interface BodyRun {
  readonly executionId: string;
  /** The step's name, unique in its execution. */
  readonly operation: string;
  readonly attempt: number;
  readonly pid: number;
  readonly atMs: number;
  readonly semantics: "at-least-once" | "at-most-once";
}

/** Somebody shall answer a callback. */
export interface CallbackRequest {
  readonly executionId: string;
  readonly index: number;
  readonly callbackId: string;
}

export class LineFile<T> {
  readonly #descriptor: number;

  constructor(path: string) {
    this.#descriptor = openSync(path, "a");
  }

  append(line: T): void {
    writeSync(this.#descriptor, `${JSON.stringify(line)}\n`);
  }
}

export function readLines<T>(path: string): T[] {
  return parseLines(readFileSync(path, "utf8"));
}

/** The complete lines of `text`. */
export function parseLines<T>(text: string): T[] {
  return text
    .slice(0, text.lastIndexOf("\n") + 1)
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

/**
 * Owns what a case is: one handler, written once, that every host runs with either SDK.
 *
 * The files in `cases/` import `@tidemark/sdk`; the launcher switches that import to the AWS SDK by
 * an alias, so they may use only what both have.
 */

import type { DurableContext, DurableLambdaHandler } from "@tidemark/sdk";

/** What the code of a case does, in order: bodies that run, lines that are logged. */
export class Trace {
  readonly lines: string[] = [];
  readonly #counts = new Map<string, number>();

  push(line: string): void {
    this.lines.push(line);
  }

  /** How often it has been asked for this key, from 1: counters of a handler must outlive its invocations. */
  count(key: string): number {
    const count = (this.#counts.get(key) ?? 0) + 1;
    this.#counts.set(key, count);
    return count;
  }
}

/** The far end of a callback. */
export interface CallbackSender {
  succeed(payload?: string): Promise<void>;
  fail(error: { ErrorType?: string; ErrorMessage?: string; ErrorData?: string }): Promise<void>;
  heartbeat(): Promise<void>;
}

/** The world outside the handler. */
export interface OutsideWorld {
  /** The callback of this name, once `createCallback` has created it. */
  callback(name: string): Promise<CallbackSender>;
  /** The callback of the `waitForCallback` of this name, once its submitter is done. */
  submission(name: string): Promise<CallbackSender>;
}

/** A case made ready for one run: its counters are its own. */
export interface CaseProgram {
  readonly handler: DurableLambdaHandler;
  /** Wrapped functions that the handler invokes, by name. */
  readonly durableFunctions?: Readonly<Record<string, DurableLambdaHandler>>;
  /** Plain functions that the handler invokes, by name. */
  readonly plainFunctions?: Readonly<Record<string, (event: unknown) => Promise<unknown>>>;
  /** Runs beside the execution. */
  readonly outside?: (world: OutsideWorld) => Promise<void>;
}

export interface InteropCase {
  readonly name: string;
  readonly payload?: unknown;
  readonly create: (trace: Trace) => CaseProgram;
}

/** The handler of a case, before it is wrapped. */
export type CaseHandler = (event: unknown, context: DurableContext) => Promise<unknown>;

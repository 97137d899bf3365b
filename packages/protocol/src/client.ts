/**
 * Owns the port between the SDK and whatever keeps the log: two calls, exactly those of the
 * Lambda durable API, and optional members for a backend that lives in the same process.
 */

import type { ErrorObject, Operation } from "./operation.js";
import type {
  CheckpointDurableExecutionRequest,
  CheckpointDurableExecutionResponse,
  GetDurableExecutionStateRequest,
  GetDurableExecutionStateResponse,
} from "./update.js";

/** Time, timers and randomness of the process that runs the handler. Everything is in milliseconds. */
export interface ExecutionHost {
  nowMs(): number;
  /** Calls `callback` once after `delayMs`; returns the function that cancels it. */
  setTimer(callback: () => void, delayMs: number): () => void;
  /** A number in [0, 1). */
  random(): number;
}

/** Gives the payloads that stand-ins stand for: at once, unless they have to be fetched or decoded. */
export interface PayloadReader {
  read(text: string): string | Promise<string>;
  readError(error: ErrorObject): ErrorObject | Promise<ErrorObject>;
}

/** A body of a step or of a condition's check that is about to run. */
export interface ProbedBody {
  readonly operation: Operation;
  /** From 1. */
  readonly attempt: number;
  /** It must not run twice in this attempt. */
  readonly atMostOnce: boolean;
}

/** Something that code of the user has thrown. Its record has no stack. */
export interface ThrownError {
  readonly executionArn: string;
  /** Whose code it was; without one it was the handler, and the execution has failed. */
  readonly operationId?: string;
  readonly operationName?: string;
  /** Of a step or a check, from 1. */
  readonly attempt?: number;
  /** What has become of it: `Step "charge" failed in attempt 1: TypeError: no card`. */
  readonly message: string;
  /** What is recorded. */
  readonly error: Error;
  /** What was thrown first, with its stack. It is `error`, unless code passes on the failure of one of its operations. */
  readonly origin: Error;
}

/** What a test kit sees and does where an invocation touches code of the user's. Nothing in production has one. */
export interface ExecutionProbe {
  /** The default logger writes nothing: a handler that runs hundreds of times says nothing new. */
  readonly isSilent?: boolean;
  /**
   * The code asks for an operation. Called within the user's call, before it is compared with the log: the stack says
   * where. `isObserved` says later whether anybody has awaited it.
   */
  asked?(operation: Operation, isObserved: () => boolean): void;
  /** Runs a body, or something else in its place. */
  body?(body: ProbedBody, run: () => Promise<unknown>): Promise<unknown>;
}

/** What an in-process backend can do beyond the two calls. */
export interface ExecutionHostOptions {
  readonly host?: ExecutionHost;
  /**
   * A wait that is due within this many milliseconds is slept in process instead of suspending. Default 0. A function is
   * asked each time that the invocation could suspend.
   */
  readonly inlineWaitMs?: number | (() => number);
  /** The start of a body that runs longer than this is recorded on its own. Milliseconds, default 500. */
  readonly startDelayMs?: number;
  /** Calls `listener` when something from outside has arrived, so that nobody needs to poll. */
  readonly onOutsideEvent?: (listener: () => void) => void;
  /** Operations may have stand-ins for payloads; this reads them. */
  readonly payloads?: PayloadReader;
  /**
   * Results of contexts are recorded whole, however large they are: what has more bytes of UTF-8 than this is kept
   * outside of the log. Default: results over 256 KB are rebuilt from the children.
   */
  readonly storedOverBytes?: number;
  readonly probe?: ExecutionProbe;
  /** Told of what code of the user throws. Default: a line of the default logger, whatever logger the code uses. */
  readonly onThrown?: (thrown: ThrownError) => void;
  /** How many items of one batch begin at once, and how many in each of the turns that follow. Default 1,000 and 100. */
  readonly itemsAtOnce?: { readonly first: number; readonly later: number };
  /**
   * Asked before an attempt of a step or a check begins. `false` leaves it to a later invocation, which the backend sees
   * to. Default: it begins.
   */
  readonly mayBegin?: () => boolean;
}

/**
 * Reads and writes the checkpoint log of an execution.
 *
 * @example
 * ```ts
 * const client: DurableExecutionClient = {
 *   checkpoint: async ({ CheckpointToken }) => ({ CheckpointToken, NewExecutionState: { Operations: [] } }),
 *   getExecutionState: async () => ({ Operations: [] }),
 * };
 * ```
 */
export interface DurableExecutionClient {
  checkpoint(
    request: CheckpointDurableExecutionRequest,
    logger?: unknown,
  ): Promise<CheckpointDurableExecutionResponse>;
  getExecutionState(
    request: GetDurableExecutionStateRequest,
    logger?: unknown,
  ): Promise<GetDurableExecutionStateResponse>;
  /** Tidemark: present when the backend lives in this process. */
  readonly hostOptions?: ExecutionHostOptions | undefined;
}

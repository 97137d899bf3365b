/** Owns what a caller may say to a client, and that nothing else is taken for it. */

import {
  type ExecutionStatus,
  type OptionNames,
  requireOptionNames,
  TidemarkError,
  valueText,
} from "@tidemark/protocol";
import type { Duration } from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";
import type { Clock } from "./clock.js";

export interface DurableClientOptions {
  readonly store: ExecutionStore;
  readonly clock?: Clock;
}

export interface StartOptions {
  /** A JSON value. Default: none, and the handler gets `{}`. */
  readonly input?: unknown;
  /** The same as JSON, which the handler's process gets as it is: numbers of other languages survive. Default: none. */
  readonly inputJson?: string;
  /**
   * Makes the start idempotent: the same function and name are the same execution. 1 to 64 of the
   * characters A-Z a-z 0-9 _ -. It counts for as long as the execution is kept: a request that arrives when it has
   * outlived its retention, or has been purged, starts another one. Default: none, and every start is a new execution.
   */
  readonly name?: string;
  /** How long the execution may take. Default 366 days. */
  readonly timeout?: Duration;
  /** How long it is kept after its end. Default 14 days. */
  readonly retention?: Duration;
}

export interface ListOptions {
  readonly functionName?: string;
  readonly status?: ExecutionStatus;
  readonly startedAfter?: Date;
  readonly startedBefore?: Date;
  /** Default: newest first. */
  readonly oldestFirst?: boolean;
  /** 1 to 1000. Default 100. */
  readonly limit?: number;
  /** From the previous page. */
  readonly cursor?: string;
}

export interface ResultOptions {
  /** How long to wait for the end. Milliseconds, default: for as long as it takes. */
  readonly timeoutMs?: number;
  /** Ends the wait with the reason of the signal. The execution goes on. */
  readonly signal?: AbortSignal;
}

export interface HistoryOptions {
  /**
   * `false` leaves payloads out that are kept elsewhere or encoded, instead of reading them: they are `Truncated`, with
   * `Large: { bytes, summary }` of those elsewhere. Default `true`.
   */
  readonly payloads?: boolean;
  /** Default: oldest first. */
  readonly newestFirst?: boolean;
  /** Events that follow the one with this `EventId`, in the order asked for. Default: from the first. */
  readonly afterEventId?: number;
  /** How many events at most; only their payloads are read. Default: all. */
  readonly limit?: number;
}

interface OptionsOf {
  readonly DurableClient: DurableClientOptions;
  readonly start: StartOptions;
  readonly result: ResultOptions;
  readonly history: HistoryOptions;
  readonly list: ListOptions;
}

const NAMES: { readonly [Call in keyof OptionsOf]: OptionNames<OptionsOf[Call]> } = {
  DurableClient: { store: true, clock: true },
  start: { input: true, inputJson: true, name: true, timeout: true, retention: true },
  result: { timeoutMs: true, signal: true },
  history: { payloads: true, newestFirst: true, afterEventId: true, limit: true },
  list: {
    functionName: true,
    status: true,
    startedAfter: true,
    startedBefore: true,
    oldestFirst: true,
    limit: true,
    cursor: true,
  },
};

/** @throws TidemarkError `TIDEMARK_CLIENT_CONFIG` when `call` does not know an option. */
export function requireClientOptions(call: keyof OptionsOf, options: unknown): void {
  // What people pass to `start` is the input.
  const hint = call === "start" ? ". What the function gets is one of them: { input }" : "";
  requireOptionNames(options, NAMES[call], (problem) => callError(call, `${problem}${hint}`));
}

/** @throws TidemarkError `TIDEMARK_CLIENT_CONFIG` for a time that no clock comes to: the wait would have no end. */
export function requireResultOptions(options: ResultOptions): void {
  requireClientOptions("result", options);
  const { timeoutMs, signal } = options;
  if (signal !== undefined && typeof Object(signal).throwIfAborted !== "function")
    throw callError("result", `signal is ${valueText(signal)}; pass the signal of an AbortController`);
  if (timeoutMs === undefined || (typeof timeoutMs === "number" && !Number.isNaN(timeoutMs))) return;
  throw callError(
    "result",
    `timeoutMs is ${valueText(timeoutMs)}; pass a number of milliseconds, or leave it out to wait for the end`,
  );
}

/** @throws TidemarkError `TIDEMARK_CLIENT_CONFIG` for numbers that would give other events than were asked for. */
export function requireHistoryOptions(options: HistoryOptions): void {
  requireClientOptions("history", options);
  for (const field of ["afterEventId", "limit"] as const) {
    const value = options[field];
    if (value === undefined || (Number.isInteger(value) && value >= 0)) continue;
    throw callError("history", `${field} is ${valueText(value)}; pass a whole number of at least 0`);
  }
}

const STATUSES: Readonly<Record<ExecutionStatus, true>> = {
  PENDING: true,
  RUNNING: true,
  SUCCEEDED: true,
  FAILED: true,
  TIMED_OUT: true,
  STOPPED: true,
};

/** @throws TidemarkError `TIDEMARK_CLIENT_CONFIG` for a filter of a list that would find nothing, or fail later. */
export function requireListOptions(options: ListOptions): void {
  requireClientOptions("list", options);
  const { functionName, status } = options;
  if (functionName !== undefined && typeof functionName !== "string")
    throw callError("list", `functionName is ${valueText(functionName)}; pass the name of a function`);
  if (status !== undefined && !Object.hasOwn(STATUSES, status))
    throw callError("list", `status is ${valueText(status)}; use ${Object.keys(STATUSES).join(", ")}`);
  for (const field of ["startedAfter", "startedBefore"] as const) {
    const date: unknown = options[field];
    if (date !== undefined && !(date instanceof Date && Number.isFinite(date.getTime())))
      throw callError(
        "list",
        `${field} is ${date instanceof Date ? String(date) : valueText(date)}; pass a valid Date`,
      );
  }
}

function callError(call: keyof OptionsOf, problem: string): TidemarkError {
  return new TidemarkError("TIDEMARK_CLIENT_CONFIG", `${call}: ${problem}`);
}

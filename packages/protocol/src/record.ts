/** Owns what one entry of the checkpoint log holds. */

import type { ErrorObject } from "./operation.js";
import type { OutsideEvent } from "./outside-event.js";
import type { OperationUpdate } from "./update.js";

/** One thing that happened: a transition that the code asked for, or an event from outside. */
export type LogRecord =
  | { readonly update: OperationUpdate; readonly event?: undefined }
  | { readonly event: OutsideEvent; readonly update?: undefined };

/** How an invocation ended, as the next one records it. */
export interface InvocationEnd {
  readonly epoch: number;
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** Present when the invocation failed or its process died; an invocation that suspended has none. */
  readonly error?: ErrorObject | undefined;
  /** On a head only: since then the log could not be read, and why. */
  readonly unread?: { readonly sinceMs: number; readonly error: ErrorObject } | undefined;
}

/** Written first by every invocation but the first of an execution: it fences off all older ones (invariant 2). */
export interface Barrier {
  readonly previous: InvocationEnd;
}

/** One atomic write. */
export interface LogEntry {
  readonly sequence: number;
  readonly epoch: number;
  /** Tells our own retried write from somebody else's (invariant 4). */
  readonly nonce: string;
  readonly atMs: number;
  readonly barrier?: Barrier | undefined;
  readonly records: readonly LogRecord[];
}

/**
 * Owns what happens to an execution from outside its code: time and other parties.
 *
 * An outside event enters history only when the lease holder writes it into the log.
 */

import type { ErrorObject } from "./operation.js";

export type InvokeOutcome = "SUCCEEDED" | "FAILED" | "TIMED_OUT" | "STOPPED";

export type OutsideEvent =
  | { readonly kind: "wait_elapsed"; readonly id: string }
  | { readonly kind: "retry_ready"; readonly id: string }
  | { readonly kind: "callback_succeeded"; readonly id: string; readonly result?: string | undefined }
  | { readonly kind: "callback_failed"; readonly id: string; readonly error: ErrorObject }
  | { readonly kind: "callback_timed_out"; readonly id: string; readonly reason: "timeout" | "heartbeat" }
  | { readonly kind: "callback_heartbeat"; readonly id: string; readonly atMs: number }
  | {
      readonly kind: "invoke_settled";
      readonly id: string;
      readonly outcome: InvokeOutcome;
      readonly result?: string | undefined;
      readonly error?: ErrorObject | undefined;
    }
  /** The previous invocation died while this step's attempt was under way. */
  | { readonly kind: "step_interrupted"; readonly id: string };

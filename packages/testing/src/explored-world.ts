/**
 * Owns what is outside of explored executions, and how code in their steps reaches it: effects that
 * somebody would notice, and callbacks that somebody answers.
 *
 * Who runs is known from the async context, so that steps need not be handed anything.
 */

import { AsyncLocalStorage } from "node:async_hooks";
import { type ErrorObject, TidemarkError } from "@tidemark/protocol";
import type { VirtualProcess } from "./virtual-process.js";

/** How a callback is completed. */
export interface CallbackAnswer {
  /** JSON is made of it. */
  readonly result?: unknown;
  /** Fails the callback instead. */
  readonly error?: ErrorObject;
  /** How long it takes. Virtual milliseconds, default 0. */
  readonly afterMs?: number;
}

export interface EffectOptions {
  /** Who receives the effect knows a repetition by this: several with one key are one effect. */
  readonly key?: string;
}

/** Code of a handler that runs in an exploration. */
export interface Running {
  readonly process: VirtualProcess;
  effect(name: string, key: string | undefined): void;
  answer(callbackId: string, answer: CallbackAnswer): void;
  /** In the body of a step: its own time and chance. */
  readonly body?: { nowMs(): number; random(): number };
}

const storage = new AsyncLocalStorage<Running>();

export function currentlyRunning(): Running | undefined {
  return storage.getStore();
}

export function runAs<T>(running: Running, fn: () => T): T {
  return storage.run(running, fn);
}

/**
 * Says that something has happened that the world would notice: money taken, a mail sent.
 *
 * `exploreCrashes` counts effects and compares them with an undisturbed run; elsewhere this does
 * nothing, so it may stay in stand-ins that other tests use, too.
 *
 * @param name What it is, with what makes it another one: `charge o-1`.
 * @example
 * ```ts
 * const charge = async (orderId: string, key: string) => {
 *   effect(`charge ${orderId}`, { key });
 *   return "receipt";
 * };
 * ```
 */
export function effect(name: string, options: EffectOptions = {}): void {
  const running = storage.getStore();
  if (running !== undefined && !running.process.isDead) running.effect(name, options.key);
}

/**
 * Lets somebody outside complete a callback, some time after the step that hands the id over has run.
 *
 * Each callback is answered once, however often its id is handed over.
 *
 * @throws TidemarkError `TIDEMARK_EXPLORE_OUTSIDE` unless it is called by a handler that `exploreCrashes` runs.
 * @example
 * ```ts
 * const handOver = async (callbackId: string) =>
 *   answerCallback(callbackId, { result: { approved: true }, afterMs: 60_000 });
 * ```
 */
export function answerCallback(callbackId: string, answer: CallbackAnswer): void {
  const running = storage.getStore();
  if (running === undefined) {
    throw new TidemarkError(
      "TIDEMARK_EXPLORE_OUTSIDE",
      "answerCallback was called outside of an exploration; call it in a step of a handler that exploreCrashes runs",
    );
  }
  if (!running.process.isDead) running.answer(callbackId, answer);
}

/** Owns the stand-ins for services that a real plan would call over the network: slow, and busy now and then. */

import { setTimeout as sleep } from "node:timers/promises";
import { createRetryStrategy, JitterStrategy, StepInterruptedError } from "@tidemark/sdk";

const MIN_LATENCY_MS = 40;
const LATENCY_SPREAD_MS = 80;

/** One service call in this many is refused at its first attempt. */
const BUSY_EVERY = 25;

/** Retries a busy service after a second, and an attempt that was cut off three times. Any other error is final. */
export const retryWhenBusy = createRetryStrategy({
  maxAttempts: 4,
  initialDelay: { seconds: 1 },
  jitter: JitterStrategy.NONE,
  retryableErrors: ["busy"],
  retryableErrorTypes: [StepInterruptedError],
});

/** Calls a service. Which calls are refused is the same in every run: it depends on the key alone. */
export async function call<T>(key: string, attempt: number, work: () => T): Promise<T> {
  const number = numberOf(key);
  await sleep(MIN_LATENCY_MS + (number % LATENCY_SPREAD_MS));
  if (attempt === 1 && number % BUSY_EVERY === 0) throw new Error(`the service is busy (${key})`);
  return work();
}

/** Where a mail with the id would go out. In this run the parent process finds the id in the history. */
export async function askForApproval(_callbackId: string): Promise<void> {
  await sleep(MIN_LATENCY_MS);
}

/** FNV-1a of the key, 32 bits. */
function numberOf(key: string): number {
  let hash = 0x811c9dc5;
  for (const character of key)
    hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193) >>> 0;
  return hash;
}

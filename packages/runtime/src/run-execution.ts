/**
 * Owns one invocation outside of a worker: where a process is given one execution to run, and a deadline.
 *
 * The lease never reaches far beyond the deadline, so that others take over soon when the process is gone or frozen.
 */

import {
  type ErrorObject,
  type ExecutionHead,
  type OptionNames,
  reporter,
  requireOptionNames,
  type ThrownError,
  TidemarkError,
} from "@tidemark/protocol";
import type { ExecutionStore } from "@tidemark/store";
import { type Clock, systemClock } from "./clock.js";
import { Invocation, type RegisteredFunction } from "./invocation.js";
import { uniqueId } from "./unique-id.js";

export interface RunExecutionOptions {
  readonly store: ExecutionStore;
  readonly executionId: string;
  /** The function that the execution is of, from {@link registeredFunction}. */
  readonly fn: RegisteredFunction;
  /** When the process may be gone, in milliseconds since 1970. */
  readonly deadlineMs: number;
  /** How long before the deadline what still runs is handed over. Milliseconds. */
  readonly handOverMs: number;
  /**
   * How long before that nothing begins any more, so that what takes less time is not cut off. The invocation ends when
   * nothing runs. Milliseconds, default 0.
   */
  readonly drainMs?: number | undefined;
  /** How long a lease holds without renewal. It ends at most a second after the deadline. Milliseconds, default 30,000. */
  readonly leaseMs?: number | undefined;
  /**
   * A wait due within this many milliseconds is slept in process instead of suspending. Default 0. A function is asked
   * each time that the invocation could suspend.
   */
  readonly inlineWaitMs?: number | (() => number) | undefined;
  /** The start of a step that runs longer than this is recorded on its own. Milliseconds, default 500. */
  readonly startDelayMs?: number | undefined;
  /** Invocations in a row that may fail without recording anything before the execution is stopped. Default 10. */
  readonly maxBarrenInvocations?: number | undefined;
  /** As in `WorkerOptions`. Default 131,072. */
  readonly snapshotAfterBytes?: number | undefined;
  /** Told when the invocation fails and is tried again, and when a lease cannot be renewed. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined;
  readonly clock?: Clock | undefined;
  /** As in `WorkerOptions`. */
  readonly onThrown?: ((thrown: ThrownError) => void) | undefined;
}

const NAMES: OptionNames<RunExecutionOptions> = {
  store: true,
  executionId: true,
  fn: true,
  deadlineMs: true,
  handOverMs: true,
  drainMs: true,
  leaseMs: true,
  inlineWaitMs: true,
  startDelayMs: true,
  maxBarrenInvocations: true,
  snapshotAfterBytes: true,
  onError: true,
  clock: true,
  onThrown: true,
};

/** Clocks differ, and the last write may be under way. */
const LEASE_MARGIN_MS = 1000;

/** Renew at a third of the lease, so that one lost heartbeat is harmless. */
const RENEWALS_PER_LEASE = 3;

/** Longer timers fire early, and no process has so long. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Not "the worker stopped": an attempt that does not fit into the time must use up its budget. */
const DEADLINE: ErrorObject = {
  ErrorType: "TIDEMARK_DEADLINE",
  ErrorMessage: "the time of the function was nearly over, and the invocation had not ended",
};

const SUPERSEDED: ErrorObject = {
  ErrorType: "TIDEMARK_SUPERSEDED",
  ErrorMessage: "the lease has gone to another invocation",
};

/**
 * Runs one execution, if it is due and nobody else runs it, until it ends or suspends or time is up; what still runs
 * then is given back, and the execution is due at once. Gives `false` when there was nothing to run.
 *
 * How it ended is on the head: `store.head(executionId)`.
 *
 * @throws TidemarkError `TIDEMARK_WORKER_CONFIG` for an unknown option; whatever the store throws; the lease then runs out, and the execution is due.
 * @example
 * ```ts
 * const deadlineMs = systemClock.nowMs() + 60_000;
 * const fn = registeredFunction("greet", greet);
 * const hasRun = await runExecution({ store, executionId, fn, deadlineMs, handOverMs: 1000 });
 * console.log(hasRun, (await store.head(executionId))?.status);
 * ```
 */
export async function runExecution(options: RunExecutionOptions): Promise<boolean> {
  return run({ ...options, onError: reporter(options.onError) });
}

async function run(options: RunExecutionOptions): Promise<boolean> {
  requireOptionNames(
    options,
    NAMES,
    (problem) => new TidemarkError("TIDEMARK_WORKER_CONFIG", `runExecution: ${problem}`),
  );
  const { store, executionId, fn, deadlineMs, drainMs = 0, clock = systemClock } = options;
  const handOverAtMs = deadlineMs - options.handOverMs;
  const nowMs = clock.nowMs();
  if (nowMs >= handOverAtMs - drainMs) return false;
  const leaseUntilMs = leaseEnd(options, nowMs);
  const head = await store.acquire({ executionId, owner: uniqueId(nowMs), nowMs, leaseUntilMs });
  if (head === undefined) return false;
  const invocation = new Invocation({
    store,
    clock,
    head,
    fn,
    inlineWaitMs: options.inlineWaitMs ?? 0,
    startDelayMs: options.startDelayMs,
    holdBack: drainMs === 0 ? undefined : { lastMs: drainMs, error: DEADLINE },
    maxBarrenInvocations: options.maxBarrenInvocations ?? 10,
    remainingTimeMs: () => handOverAtMs - clock.nowMs(),
    snapshotAfterBytes: options.snapshotAfterBytes,
    onFailed: options.onError,
    onThrown: options.onThrown,
  });
  const stopRenewing = renewLease(options, invocation, head);
  const unsubscribe = store.onChange((changed) => {
    if (changed === head.executionId || changed === "") invocation.inboxChanged();
  });
  const delayMs = handOverAtMs - clock.nowMs();
  const cancel =
    delayMs > MAX_TIMER_MS ? undefined : clock.setTimer(() => invocation.abandon(DEADLINE), delayMs);
  try {
    await invocation.run();
  } finally {
    cancel?.();
    unsubscribe();
    stopRenewing();
  }
  return true;
}

/** The lease that is taken now. */
function leaseEnd({ leaseMs = 30_000, deadlineMs }: RunExecutionOptions, nowMs: number): number {
  return Math.min(nowMs + leaseMs, deadlineMs + LEASE_MARGIN_MS);
}

/** Renews the lease as long as it can become longer. Gives the function that ends that. */
function renewLease(options: RunExecutionOptions, invocation: Invocation, head: ExecutionHead): () => void {
  const { store, clock = systemClock, leaseMs = 30_000, deadlineMs, onError } = options;
  const { executionId, epoch } = invocation;
  let cancel = (): void => {};
  const later = (): void => {
    cancel = clock.setTimer(() => {
      const leaseUntilMs = leaseEnd(options, clock.nowMs());
      if (leaseUntilMs < deadlineMs + LEASE_MARGIN_MS) later();
      store.renew(executionId, epoch, leaseUntilMs).then((isHeld) => {
        if (!isHeld) invocation.abandon(SUPERSEDED);
      }, onError);
    }, leaseMs / RENEWALS_PER_LEASE);
  };
  if ((head.dueAtMs as number) < deadlineMs + LEASE_MARGIN_MS) later();
  return () => cancel();
}

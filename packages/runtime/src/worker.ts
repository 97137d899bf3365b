/**
 * Owns a worker: claims what is due, runs it, renews leases, and hands over when it stops.
 *
 * Work is found in the store alone, so any number of workers may share it. A change made through
 * the worker's own store object is seen at once; changes by other processes when the store tells.
 */

import {
  type ErrorObject,
  type ExecutionHead,
  type OptionNames,
  reporter,
  requireOptionNames,
  type ThrownError,
  TidemarkError,
  valueText,
} from "@tidemark/protocol";
import type { ExecutionStore } from "@tidemark/store";
import { WORKER_STOPPED } from "./barren.js";
import { type Clock, systemClock } from "./clock.js";
import { SNAPSHOT_AFTER_BYTES } from "./folded-log.js";
import { Invocation, type RegisteredFunction } from "./invocation.js";
import { type FunctionToRun, registeredFunction } from "./registration.js";
import { requireStore } from "./require-store.js";
import { drainOnSigterm } from "./sigterm.js";
import { listenForRejections } from "./unhandled-rejections.js";
import { uniqueId } from "./unique-id.js";
import { isUnreadLog } from "./unread-log.js";

export interface WorkerOptions {
  readonly store: ExecutionStore;
  /** Handlers by name. Plain functions are given as `{ handler, durable: false }`. */
  readonly functions: Record<string, FunctionToRun>;
  /** How many executions run at a time. Default 100. */
  readonly concurrency?: number;
  /** How long a lease holds without renewal: how soon others take over after a crash. Milliseconds, default 30,000. */
  readonly leaseMs?: number;
  /** A wait due within this many milliseconds is slept in process instead of suspending. Default 0. */
  readonly inlineWaitMs?: number;
  /** Invocations in a row that may fail without recording anything before the execution is stopped. Default 10. */
  readonly maxBarrenInvocations?: number;
  /**
   * How much an execution's log grows, in bytes, before a snapshot of what is live is considered. One is saved when
   * what is live is at most half of what the next load would read. `0`: a snapshot at every suspension, for tests;
   * `Infinity`: none. Default 131,072.
   */
  readonly snapshotAfterBytes?: number;
  /** Stop claiming and drain on SIGTERM; when all workers of the process have, the signal ends it. Default true. */
  readonly drainOnSigterm?: boolean;
  /** How long draining waits for running invocations. Milliseconds, default 10,000. */
  readonly drainMs?: number;
  /** Told of what the worker cannot report to anybody else. Default: `console.error`. */
  readonly onError?: (error: unknown) => void;
  /**
   * Told of what handlers and steps throw, with its stack: records have none. Default: a line of JSON on stderr for each,
   * as of the default logger.
   */
  readonly onThrown?: (thrown: ThrownError) => void;
  readonly clock?: Clock;
}

const NAMES: OptionNames<WorkerOptions> = {
  store: true,
  functions: true,
  concurrency: true,
  leaseMs: true,
  inlineWaitMs: true,
  maxBarrenInvocations: true,
  snapshotAfterBytes: true,
  drainOnSigterm: true,
  drainMs: true,
  onError: true,
  onThrown: true,
  clock: true,
};

/** Renew at a third of the lease, so that one lost heartbeat is harmless. */
const RENEWALS_PER_LEASE = 3;

/** Executions whose retention has passed are removed in portions of this size. */
const PURGE_LIMIT = 100;
const PURGE_INTERVAL_MS = 60_000;

/** Longest sleep between looks at the store, should a wake-up be lost. */
const MAX_IDLE_MS = 60_000;

/** A store that has failed is asked again after this. */
const RETRY_MS = 1000;

/** Longest wait for the store when what runs is handed over: stopping must not depend on a store that hangs. */
const HAND_OVER_MS = 10_000;

const STOPPED: ErrorObject = { ErrorType: WORKER_STOPPED, ErrorMessage: "the worker stopped" };

/**
 * Runs executions of its functions.
 *
 * @example
 * ```ts
 * const worker = new Worker({ store: new MemoryStore(), functions: { greet } });
 * await worker.start();
 * // ...
 * await worker.stop();
 * ```
 */
export class Worker {
  readonly id: string;
  readonly #store: ExecutionStore;
  readonly #clock: Clock;
  readonly #options: WorkerOptions;
  readonly #functions = new Map<string, RegisteredFunction>();
  readonly #active = new Map<string, Invocation | undefined>();
  /** Executions that this version cannot claim, and when it asks for them again. */
  readonly #unreadable = new Map<string, number>();
  readonly #concurrency: number;
  readonly #leaseMs: number;
  readonly #inlineWaitMs: number;
  readonly #maxBarrenInvocations: number;
  readonly #drainMs: number;
  readonly #snapshotAfterBytes: number;
  readonly #onError: (error: unknown) => void;
  /** The newest start, unless a stop has followed it. */
  #started: Promise<void> | undefined;
  /** The stop that is under way. */
  #stopped: Promise<void> | undefined;
  /** It claims. */
  #isRunning = false;
  /** The time to drain is over: what is still being claimed is given back. */
  #isHandingOver = false;
  #isLooking = false;
  #mustLookAgain = false;
  /** Something that is due may have been left, for want of room. */
  #hasLeft = false;
  #cancelTimer: (() => void) | undefined;
  #cancelRenewal: (() => void) | undefined;
  #purgedAtMs = 0;
  #unsubscribe: (() => void) | undefined;
  #ignoreSigterm: (() => void) | undefined;
  #idleListeners: (() => void)[] = [];

  /** @throws TidemarkError `TIDEMARK_WORKER_CONFIG`, `TIDEMARK_FUNCTION_NAME`, `TIDEMARK_HANDLER`. */
  constructor(options: WorkerOptions) {
    requireOptionNames(options, NAMES, configError);
    this.#options = options;
    this.#store = requireStore(options.store, "TIDEMARK_WORKER_CONFIG");
    this.#clock = options.clock ?? systemClock;
    this.id = uniqueId(this.#clock.nowMs());
    this.#concurrency = wholeNumber("concurrency", options.concurrency ?? 100, 1);
    this.#leaseMs = wholeNumber("leaseMs", options.leaseMs ?? 30_000, 1);
    this.#inlineWaitMs = wholeNumber("inlineWaitMs", options.inlineWaitMs ?? 0, 0);
    this.#maxBarrenInvocations = wholeNumber("maxBarrenInvocations", options.maxBarrenInvocations ?? 10, 1);
    this.#drainMs = wholeNumber("drainMs", options.drainMs ?? 10_000, 0);
    this.#snapshotAfterBytes = bytesOf(options.snapshotAfterBytes ?? SNAPSHOT_AFTER_BYTES);
    this.#onError = reporter(options.onError);
    const functions = Object.entries(Object(options.functions) as WorkerOptions["functions"]);
    if (functions.length === 0 || Array.isArray(options.functions)) {
      throw configError(
        `functions is ${valueText(options.functions)}; pass an object of at least one function by name`,
      );
    }
    for (const [name, fn] of functions) this.#functions.set(name, registeredFunction(name, fn));
  }

  /**
   * Begins to claim and run what is due, after a stop that is under way. Does nothing when it has been started, and can
   * be called again when the store has refused.
   */
  start(): Promise<void> {
    if (this.#started !== undefined) return this.#started;
    const started = this.#start(() => this.#started === started);
    this.#started = started;
    return started;
  }

  async #start(isNewest: () => boolean): Promise<void> {
    await this.#stopped;
    try {
      await this.#store.registerFunctions([...this.#functions.keys()]);
    } catch (error) {
      if (isNewest()) this.#started = undefined;
      throw error;
    }
    // A stop has overtaken it.
    if (!isNewest()) return;
    listenForRejections();
    this.#isRunning = true;
    this.#isHandingOver = false;
    this.#unsubscribe = this.#store.onChange((executionId) => this.#changed(executionId));
    if (this.#options.drainOnSigterm !== false) this.#ignoreSigterm = drainOnSigterm(() => this.stop());
    this.#look();
  }

  /**
   * Stops claiming, waits for running invocations up to `drainMs`, and hands the rest over at once. A store that does not
   * answer then is waited for 10 seconds more. Every call while it stops waits for the same end.
   */
  stop(): Promise<void> {
    this.#started = undefined;
    this.#isRunning = false;
    this.#unsubscribe?.();
    this.#unsubscribe = undefined;
    this.#cancelTimer?.();
    this.#stopped ??= this.#drain().finally(() => {
      this.#stopped = undefined;
    });
    return this.#stopped;
  }

  async #drain(): Promise<void> {
    let cancel = (): void => {};
    const gaveUp = new Promise<void>((resolve) => {
      cancel = this.#clock.setTimer(() => {
        this.#isHandingOver = true;
        for (const invocation of this.#active.values()) invocation?.abandon(STOPPED);
        cancel = this.#clock.setTimer(() => {
          this.#onError(notGivenBack([...this.#active.keys()]));
          resolve();
        }, HAND_OVER_MS);
      }, this.#drainMs);
    });
    await Promise.race([this.whenIdle(), gaveUp]);
    cancel();
    this.#ignoreSigterm?.();
  }

  /** Settles when no invocation runs and nothing is being claimed. */
  async whenIdle(): Promise<void> {
    while (this.#active.size > 0 || this.#isLooking) {
      await new Promise<void>((resolve) => this.#idleListeners.push(resolve));
    }
  }

  #changed(executionId: string): void {
    this.#unreadable.delete(executionId);
    const own = this.#active.get(executionId);
    own?.inboxChanged();
    if (executionId === "") for (const invocation of this.#active.values()) invocation?.inboxChanged();
    // One that has ended may have been removed, and its name used again, before its place is free.
    if (own?.hasEnded === true) this.#hasLeft = true;
    // What runs here is looked for when its invocation is over.
    if (!this.#active.has(executionId)) this.#look();
  }

  /** Claims what is due. At most one look goes on; a wish during it is granted after it. */
  #look(): void {
    if (!this.#isRunning) return;
    if (this.#isLooking) {
      this.#mustLookAgain = true;
      return;
    }
    const free = this.#concurrency - this.#active.size;
    if (free <= 0) {
      this.#hasLeft = true;
      return;
    }
    this.#isLooking = true;
    this.#claim(free)
      .catch((error: unknown) => {
        this.#onError(error);
        this.#lookAt(this.#clock.nowMs() + RETRY_MS);
      })
      .finally(() => {
        this.#isLooking = false;
        this.#notifyIdle();
        if (!this.#mustLookAgain) return;
        this.#mustLookAgain = false;
        this.#look();
      });
  }

  async #claim(free: number): Promise<void> {
    const nowMs = this.#clock.nowMs();
    // What runs here may be listed until its lease is taken, and what cannot be claimed must not hide what can.
    const limit = free + this.#active.size + this.#unreadable.size;
    // Before the store is asked: what changes meanwhile may be missing from its answer.
    this.#hasLeft = false;
    const { executionIds, nextDueAtMs } = await this.#store.due(nowMs, limit, [...this.#functions.keys()]);
    // It may have been stopped meanwhile.
    if (!this.#isRunning) return;
    if (executionIds.length >= limit) this.#hasLeft = true;
    else this.#forgetAllBut(executionIds);
    // Not before: what is due does not wait for it.
    this.#purge(nowMs);
    for (const executionId of executionIds) {
      if (this.#active.get(executionId)?.hasEnded === true) this.#hasLeft = true;
      if (this.#active.has(executionId) || (this.#unreadable.get(executionId) ?? 0) > nowMs) continue;
      if (this.#active.size >= this.#concurrency) {
        this.#hasLeft = true;
        break;
      }
      this.#active.set(executionId, undefined);
      void this.#run(executionId);
    }
    this.#lookAt(Math.min(nextDueAtMs ?? Number.POSITIVE_INFINITY, nowMs + MAX_IDLE_MS));
  }

  /** What is due no more has been taken by others, or is gone. */
  #forgetAllBut(due: readonly string[]): void {
    if (this.#unreadable.size === 0) return;
    const listed = new Set(due);
    for (const executionId of this.#unreadable.keys())
      if (!listed.has(executionId)) this.#unreadable.delete(executionId);
  }

  #lookAt(atMs: number): void {
    this.#cancelTimer?.();
    if (!this.#isRunning) return;
    this.#cancelTimer = this.#clock.setTimer(() => this.#look(), Math.max(atMs - this.#clock.nowMs(), 1));
  }

  async #run(executionId: string): Promise<void> {
    // A claim that fails leaves the execution due: looking at once would go round in circles.
    let mayLook = false;
    let invocation: Invocation | undefined;
    try {
      const head = await this.#acquire(executionId);
      mayLook = true;
      this.#unreadable.delete(executionId);
      if (head === undefined) return;
      invocation = this.#invocationOf(head);
      await invocation.run();
    } catch (error) {
      // The lease, if there is one, runs out and somebody takes over.
      this.#onError(error);
      if (mayLook || !isUnreadLog(error)) return;
      // Left to a newer version: the others are looked for past it.
      this.#unreadable.set(executionId, this.#clock.nowMs() + MAX_IDLE_MS);
      mayLook = true;
    } finally {
      this.#active.delete(executionId);
      if (this.#active.size === 0) this.#stopRenewing();
      this.#notifyIdle();
      if (!mayLook) this.#lookAt(this.#clock.nowMs() + RETRY_MS);
      else if (invocation?.hasEnded !== true || this.#hasLeft) this.#look();
    }
  }

  #acquire(executionId: string): Promise<ExecutionHead | undefined> {
    const nowMs = this.#clock.nowMs();
    return this.#store.acquire({ executionId, owner: this.id, nowMs, leaseUntilMs: nowMs + this.#leaseMs });
  }

  #invocationOf(head: ExecutionHead): Invocation {
    const invocation = new Invocation({
      store: this.#store,
      clock: this.#clock,
      head,
      fn: this.#functions.get(head.functionName) as RegisteredFunction,
      inlineWaitMs: this.#inlineWaitMs,
      maxBarrenInvocations: this.#maxBarrenInvocations,
      remainingTimeMs: () => Number.POSITIVE_INFINITY,
      snapshotAfterBytes: this.#snapshotAfterBytes,
      onFailed: this.#onError,
      onThrown: this.#options.onThrown,
    });
    this.#active.set(head.executionId, invocation);
    this.#renewLater();
    if (this.#isHandingOver) invocation.abandon(STOPPED);
    return invocation;
  }

  /** Leases are renewed as long as anything runs. */
  #renewLater(): void {
    this.#cancelRenewal ??= this.#clock.setTimer(() => {
      this.#cancelRenewal = undefined;
      if (this.#active.size === 0) return;
      this.#renewLater();
      for (const invocation of this.#active.values())
        if (invocation !== undefined) void this.#renew(invocation);
    }, this.#leaseMs / RENEWALS_PER_LEASE);
  }

  #stopRenewing(): void {
    this.#cancelRenewal?.();
    this.#cancelRenewal = undefined;
  }

  async #renew(invocation: Invocation): Promise<void> {
    try {
      const leaseUntilMs = this.#clock.nowMs() + this.#leaseMs;
      const { executionId, epoch } = invocation;
      if (await this.#store.renew(executionId, epoch, leaseUntilMs)) return;
      invocation.abandon({
        ErrorType: "TIDEMARK_SUPERSEDED",
        ErrorMessage: "the lease has gone to another worker",
      });
    } catch (error) {
      this.#onError(error);
    }
  }

  /** Removes what has outlived its retention, now and then. */
  #purge(nowMs: number): void {
    if (nowMs - this.#purgedAtMs < PURGE_INTERVAL_MS) return;
    this.#purgedAtMs = nowMs;
    this.#purgePortions(nowMs).catch(this.#onError);
  }

  async #purgePortions(nowMs: number): Promise<void> {
    // Whoever has stopped it may close the store.
    while (this.#isRunning && (await this.#store.purgeExpired(nowMs, PURGE_LIMIT)) === PURGE_LIMIT);
  }

  #notifyIdle(): void {
    if (this.#active.size > 0 || this.#isLooking) return;
    const listeners = this.#idleListeners;
    this.#idleListeners = [];
    for (const listener of listeners) listener();
  }
}

function bytesOf(value: number): number {
  return value === Number.POSITIVE_INFINITY ? value : wholeNumber("snapshotAfterBytes", value, 0);
}

function wholeNumber(field: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least) return value;
  throw configError(`${field} is ${valueText(value)}; pass a whole number of at least ${least}`);
}

function configError(problem: string): TidemarkError {
  return new TidemarkError("TIDEMARK_WORKER_CONFIG", problem);
}

function notGivenBack(executionIds: readonly string[]): TidemarkError {
  return new TidemarkError(
    WORKER_STOPPED,
    `the store has not answered for ${HAND_OVER_MS} ms after drainMs, so these were not given back: ${executionIds.join(", ") || "none"}; others take over when their leases run out`,
  );
}

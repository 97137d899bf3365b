/**
 * Owns one invocation of a handler: what the log says, what the code has asked for, and the turns.
 *
 * One turn of the event loop delivers one outcome to the code and lets it run until it is idle
 * (invariant 1 and design section 5). A live run and a replay follow the same rule, so code sees
 * the same order both times. When nothing is left to deliver, what is pending is sent; when
 * nothing is pending either, the invocation may suspend.
 *
 * The engine knows nothing of kinds of operations: those are handles.
 */

import {
  type DurableExecutionClient,
  type ExecutionHost,
  type ExecutionHostOptions,
  isSettled,
  type Operation,
  type OperationUpdate,
  readPayloads,
} from "@tidemark/protocol";
import { changesInOrder } from "./checkpoint-answer.js";
import { Checkpointer } from "./checkpointer.js";
import { type Delivery, isVisible, recordedDeliveries, underWay } from "./deliveries.js";
import type { Handle } from "./handle.js";
import { onNextTurn, systemHost } from "./host.js";
import { type BeginItems, LaterItems } from "./later-items.js";
import type { PluginObserver } from "./plugin-observer.js";
import { missingOperation } from "./replay-check.js";
import { captureContext } from "./scope.js";
import type { Thrown } from "./thrown.js";
import { Waiting } from "./waiting.js";

/** Turns without any activity after which the code counts as idle. */
const IDLE_TURNS = 3;

/**
 * How long a replay waits for the code to ask for the operation that comes next. Code that awaits
 * something native between two operations needs this; code that has changed never asks.
 */
const REPLAY_GRACE_MS = 10_000;

export type Outcome =
  /** The handler has returned or thrown, and everything is recorded. */
  | { readonly kind: "done" }
  | { readonly kind: "suspended" }
  /** The invocation cannot go on. */
  | { readonly kind: "failed"; readonly error: unknown };

interface EngineOptions {
  readonly client: DurableExecutionClient;
  readonly executionArn: string;
  readonly token: string;
  /** The engine takes the map over. */
  readonly operations: Map<string, Operation>;
  readonly updatedIds: ReadonlySet<string>;
  readonly observer: PluginObserver | undefined;
  readonly remainingTimeMs: () => number;
  readonly replayGraceMs?: number | undefined;
}

export class Engine {
  readonly executionArn: string;
  readonly host: ExecutionHost;
  readonly observer: PluginObserver | undefined;
  readonly outcome: Promise<Outcome>;
  /** Told of what code of the user throws. Set before the code runs. */
  onThrown: ((thrown: Thrown) => void) | undefined;
  readonly #options: EngineOptions;
  /** What the log says of operations that are not among the handles. */
  readonly #operations: Map<string, Operation>;
  /** Operations that the code has asked for and whose end it has not seen. */
  readonly #handles = new Map<string, Handle>();
  readonly #checkpointer: Checkpointer;
  readonly #waiting: Waiting;
  /** Step bodies that are running. */
  readonly #running = new Set<Handle>();
  readonly #queue: Delivery[];
  #next = 0;
  /** Recorded outcomes that are still to be delivered before anything new begins. */
  #replayLeft: number;
  /** Position in the log of the last outcome that the code has been given. */
  #given = 0;
  readonly #later = new LaterItems();
  /** In this turn: their code is not idle yet. */
  #hasBegunItems = false;
  /** Operations that are under way in the log and that the code has not asked for again. */
  readonly #unclaimed: Set<string>;
  #isReplaying: boolean;
  /** Work that begins once the replay is over, in the order in which the code asked for it. */
  #held: (() => void)[] = [];
  #isTurnScheduled = false;
  #isBusy = 0;
  #idleTurns = 0;
  #hasHandlerSettled = false;
  /** An earlier invocation has seen the handler's end: what is not recorded is not wanted. */
  #hasSettledInReplay = false;
  /** Something may have happened outside. */
  #hasNews = false;
  /** Something is for the next invocation. */
  #hasHeldBack = false;
  #cancelGrace: (() => void) | undefined;
  #starts: Promise<void> = Promise.resolve();
  #resolveOutcome!: (outcome: Outcome) => void;
  #hasEnded = false;

  constructor(options: EngineOptions) {
    this.#options = options;
    this.executionArn = options.executionArn;
    this.host = options.client.hostOptions?.host ?? systemHost;
    this.observer = options.observer;
    this.#operations = options.operations;
    this.#queue = recordedDeliveries(options.operations, options.updatedIds);
    this.#replayLeft = this.#queue.length;
    this.#unclaimed = underWay(options.operations);
    this.#isReplaying = options.operations.size > 1;
    this.outcome = new Promise((resolve) => {
      this.#resolveOutcome = resolve;
    });
    this.#checkpointer = new Checkpointer({
      client: options.client,
      executionArn: options.executionArn,
      token: options.token,
      host: this.host,
      onChanged: (operations, updates) => this.#changed(operations, updates),
      onFailed: (error) => this.fail(error),
      onOverdue: () => this.wake(),
    });
    this.#waiting = new Waiting(this.host, options.client.hostOptions, () => {
      this.#hasNews = true;
      this.wake();
    });
  }

  /** The backend is reached by the two calls alone. */
  get isRemote(): boolean {
    return this.#options.client.hostOptions === undefined;
  }

  get hostOptions(): ExecutionHostOptions | undefined {
    return this.#options.client.hostOptions;
  }

  /** The newest token: the invocation's own is stale after its first checkpoint. */
  get token(): string {
    return this.#checkpointer.token;
  }

  /** True while the code runs over what an earlier invocation has seen. */
  get isReplaying(): boolean {
    return this.#isReplaying;
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The log has more than what the code that runs now has come to. */
  get hasRecordsAhead(): boolean {
    return this.#replayLeft > 0 || this.#unclaimed.size > 0;
  }

  find(operationId: string): Operation | undefined {
    const handle = this.#handles.get(operationId);
    return handle === undefined ? this.#operations.get(operationId) : handle.record;
  }

  /** The operation with its payloads, which may have to be fetched. */
  readable(record: Operation): Operation | Promise<Operation> {
    const payloads = this.#options.client.hostOptions?.payloads;
    return payloads === undefined ? record : readPayloads(payloads, record);
  }

  /** See `ExecutionHostOptions`. */
  get storedOverBytes(): number | undefined {
    return this.#options.client.hostOptions?.storedOverBytes;
  }

  /** The code has asked for an operation. */
  add(handle: Handle): void {
    this.#handles.set(handle.id, handle);
    if (this.#unclaimed.size > 0 && this.#unclaimed.delete(handle.id)) this.#stopGrace();
    this.wake();
  }

  /** Runs `begin` now, or when the replay is over: new work must not start on code that no longer fits the log. */
  whenReplayed(begin: () => void): void {
    const isOver = this.#replayLeft === 0 && !this.#isReplaying;
    if (isOver && this.#held.length === 0) begin();
    else {
      const asInContext = captureContext();
      this.#held.push(() => asInContext(begin));
    }
  }

  /** A group of items begins in a turn of its own: where the log has its `first`, or when nothing is left to deliver. */
  beginLater(first: Operation | undefined, begin: BeginItems): void {
    this.#later.add(first, begin);
    this.wake();
  }

  enqueue(update: OperationUpdate, isUrgent: boolean): void {
    if (this.#hasEnded) return;
    this.#checkpointer.enqueue(update, isUrgent);
    if (isUrgent) this.wake();
  }

  startBody(handle: Handle): void {
    this.#running.add(handle);
  }

  endBody(handle: Handle): void {
    this.#running.delete(handle);
    this.wake();
  }

  /** False when the time is nearly over: what has not begun is for the next invocation, and waits. */
  mayBegin(handle: Handle): boolean {
    const mayBegin = this.#options.client.hostOptions?.mayBegin?.() ?? true;
    if (mayBegin) return true;
    this.#hasHeldBack = true;
    this.wait(handle, undefined);
    return false;
  }

  /** The operation waits for time (`dueAtMs`) or for the outside. */
  wait(handle: Handle, dueAtMs: number | undefined): void {
    this.#waiting.add(handle, dueAtMs);
    this.wake();
  }

  /** Nothing is delivered while `work` goes on; afterwards the turns go on. */
  async pauseFor<T>(work: Promise<T>): Promise<T> {
    this.#isBusy += 1;
    try {
      return await work;
    } finally {
      this.#isBusy -= 1;
      this.wake();
    }
  }

  /** Calls `hook` at once, and `begin` after it and after everything that was started before (invariant 14: order stays). */
  startInOrder(hook: () => Promise<void>, begin: () => void): void {
    const hooked = hook();
    this.#starts = this.#starts.then(() => hooked).then(begin);
    this.pauseFor(this.#starts).catch((error: unknown) => this.fail(error));
  }

  /** Code runs that has run before the recorded outcome; if it no longer ends, it has changed (invariant 12). */
  async awaitCode<T>(record: Operation, code: Promise<T>): Promise<T> {
    const cancel = systemHost.setTimer(
      () => this.fail(missingOperation(record, false)),
      this.#options.replayGraceMs ?? REPLAY_GRACE_MS,
    );
    return code.finally(cancel);
  }

  handlerSettled(): void {
    this.#hasHandlerSettled = true;
    this.#hasSettledInReplay = this.#isReplaying;
    this.wake();
  }

  /** Ends the invocation with an error; no code of the user runs after this. */
  fail(error: unknown): void {
    this.#end({ kind: "failed", error });
  }

  /** Makes sure that there is a next turn. */
  wake(): void {
    this.#idleTurns = 0;
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isTurnScheduled || this.#hasEnded) return;
    this.#isTurnScheduled = true;
    onNextTurn(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isTurnScheduled = false;
    this.#hasBegunItems = false;
    if (this.#hasEnded || this.#isBusy > 0) return;
    try {
      this.#takeTurn();
    } catch (error) {
      this.fail(error);
    }
  };

  #takeTurn(): void {
    // Code that the handler has left behind gets nothing more.
    const isLeftBehind = this.#hasHandlerSettled && this.#replayLeft === 0 && this.#unclaimed.size === 0;
    if (!isLeftBehind) {
      if (this.#beginItems(this.#later.takeRecordedBefore(this.#queue[this.#next]?.order))) return;
      if (this.#deliverNext()) return;
      if (this.#next < this.#queue.length || this.#unclaimed.size > 0) return this.#onBlocked();
    }
    this.#stopGrace();
    this.#isReplaying = false;
    if (this.#hasHandlerSettled) this.#abandonHeld();
    if (this.#hasSettledInReplay) this.#checkpointer.close();
    if (this.#held.length > 0) return this.#releaseHeld();
    if (this.#checkpointer.isUrgent && !this.#checkpointer.isInFlight) this.#checkpointer.flush();
    if (this.#beginItems(this.#later.takeUnrecorded())) return;
    if (!this.#checkpointer.isInFlight) this.#onIdle();
  }

  #beginItems(begin: BeginItems | undefined): boolean {
    if (begin === undefined) return false;
    begin(this.#given);
    this.#hasBegunItems = true;
    this.wake();
    return true;
  }

  /** Delivers outcomes until code of the user may run. Gives false when there is none to deliver. */
  #deliverNext(): boolean {
    let hasDelivered = false;
    while (this.#next < this.#queue.length) {
      const delivery = this.#nextDelivery();
      const handle = this.#handles.get(delivery.operationId);
      const isTurnOfItems = this.#later.hasRecordedBefore(delivery.order);
      hasDelivered ||= isTurnOfItems;
      if (handle === undefined || isTurnOfItems) break;
      this.#stopGrace();
      if (delivery.isNew && this.#unclaimed.size === 0) this.#isReplaying = false;
      this.#advance();
      this.#given = delivery.order ?? this.#given;
      if (delivery.kind === "settle") this.#release(handle);
      if (!handle.isLive()) continue;
      hasDelivered = true;
      const delivered = handle.deliver(delivery.kind, delivery.isNew);
      if (typeof delivered !== "boolean") {
        this.pauseFor(delivered).catch((error: unknown) => this.fail(error));
        return true;
      }
      if (delivered) break;
    }
    // What the SDK's own code makes of an outcome, such as the end of a batch, comes before anything new.
    if (hasDelivered) this.wake();
    return hasDelivered;
  }

  /** Nothing is delivered to it any more: what it holds is as large as the code that waits for it. */
  #release(handle: Handle): void {
    this.#handles.delete(handle.id);
    if (handle.record !== undefined) this.#operations.set(handle.id, handle.record);
  }

  /** The next in the order of the log; within a millisecond of unknown order, the first that has been asked for. */
  #nextDelivery(): Delivery {
    const first = this.#queue[this.#next] as Delivery;
    if (first.instantMs === undefined || this.#handles.has(first.operationId)) return first;
    for (let at = this.#next + 1; this.#queue[at]?.instantMs === first.instantMs; at++) {
      const other = this.#queue[at] as Delivery;
      if (!this.#handles.has(other.operationId)) continue;
      this.#queue.splice(at, 1);
      this.#queue.splice(this.#next, 0, other);
      return other;
    }
    return first;
  }

  #advance(): void {
    this.#next += 1;
    if (this.#replayLeft > 0) this.#replayLeft -= 1;
    if (this.#next === this.#queue.length) {
      this.#queue.length = 0;
      this.#next = 0;
    }
  }

  /** What the handler never waited for was abandoned when it ended, and is not taken up again. */
  #abandonHeld(): void {
    this.#held = [];
    this.#later.clear();
  }

  #releaseHeld(): void {
    const held = this.#held;
    this.#held = [];
    for (const begin of held) begin();
    this.wake();
  }

  /** The log delivers an operation next that the code has not asked for (invariant 12). */
  #onBlocked(): void {
    if (this.#idleTurns < IDLE_TURNS) {
      this.#idleTurns += 1;
      return this.#schedule();
    }
    // Also when the handler has ended: code that it has left behind may still be on its way.
    const graceMs = this.#options.replayGraceMs ?? REPLAY_GRACE_MS;
    this.#cancelGrace ??= systemHost.setTimer(() => this.#failMissing(), graceMs);
  }

  /** The code has asked for what the replay waited for. */
  #stopGrace(): void {
    this.#cancelGrace?.();
    this.#cancelGrace = undefined;
  }

  #failMissing(): void {
    const operationId = this.#queue[this.#next]?.operationId ?? [...this.#unclaimed][0];
    const missing = operationId === undefined ? undefined : this.find(operationId);
    if (missing !== undefined) this.fail(missingOperation(missing, this.#hasHandlerSettled));
  }

  #onIdle(): void {
    if (this.#hasHandlerSettled) {
      if (this.#checkpointer.hasPending) return this.#checkpointer.flush();
      return this.#end({ kind: "done" });
    }
    if (this.#hasLiveBody()) return this.#onBodiesAlone();
    // Nothing that a later invocation could be woken for: the code awaits something of its own.
    if (!this.#waiting.hasLive()) return;
    if (this.#idleTurns < IDLE_TURNS) {
      this.#idleTurns += 1;
      return this.#schedule();
    }
    if (this.#checkpointer.hasPending) return this.#checkpointer.flush();
    // What was held back begins as soon as this invocation ends: nothing is slept for.
    if (!this.#hasHeldBack && this.#waiting.watchInline(this.#options.remainingTimeMs()))
      return this.#askIfNews();
    // News that nobody stays for wakes the next invocation (invariant 6).
    this.#end({ kind: "suspended" });
  }

  /** Step bodies keep the invocation alive; what becomes due or arrives meanwhile is settled in it. */
  #onBodiesAlone(): void {
    if (!this.#waiting.hasLive()) return;
    this.#waiting.watch(this.#options.remainingTimeMs());
    this.#askIfNews();
  }

  #askIfNews(): void {
    if (!this.#hasNews) return;
    this.#hasNews = false;
    this.#checkpointer.flush();
  }

  /** Bodies below a context that has ended do not keep the invocation alive. */
  #hasLiveBody(): boolean {
    for (const handle of this.#running) {
      if (handle.isLive()) return true;
      this.#running.delete(handle);
    }
    return false;
  }

  #changed(operations: readonly Operation[], updates: readonly OperationUpdate[]): void {
    if (this.#hasEnded) return;
    const changed = changesInOrder(operations, updates, (id) => this.find(id));
    for (const operation of changed) this.#record(operation);
    if (this.observer?.wantsChanges === true && changed.length > 0) {
      this.pauseFor(this.observer.changed(changed)).catch((error: unknown) => this.fail(error));
    }
    this.#idleTurns = 0;
    // The code is idle, as it waited for this; but not if items have begun in this turn, which have another to come.
    if (!this.#hasBegunItems) this.#turn();
  }

  #record(operation: Operation): void {
    const id = operation.Id as string;
    const handle = this.#handles.get(id);
    const before = handle === undefined ? this.#operations.get(id) : handle.record;
    if (before !== undefined && isSettled(before)) return;
    if (handle === undefined) return this.#recordUnclaimed(operation);
    handle.record = operation;
    if (operation.Type === "CALLBACK" && before === undefined) {
      this.#queue.push({ operationId: id, kind: "start", isNew: true, order: operation.StartOrder });
    }
    this.#waiting.remove(handle);
    if (isSettled(operation)) {
      this.#queue.push({ operationId: id, kind: "settle", isNew: true, order: operation.SettleOrder });
    } else {
      handle.progress(operation);
    }
  }

  /** An operation has settled that the code has yet to ask for again, after a gap of its own. */
  #recordUnclaimed(operation: Operation): void {
    this.#operations.set(operation.Id as string, operation);
    if (!isSettled(operation) || !isVisible(operation, (id) => this.find(id))) return;
    this.#unclaimed.delete(operation.Id as string);
    const { Id, SettleOrder: order } = operation;
    this.#queue.push({ operationId: Id as string, kind: "settle", isNew: true, order });
  }

  #end(outcome: Outcome): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#stopGrace();
    this.#checkpointer.close();
    this.#waiting.close();
    this.#resolveOutcome(outcome);
  }
}

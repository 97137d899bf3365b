/**
 * Owns the service side of one invocation: the state that the log tells, and the next entry.
 *
 * A session holds the lease with one epoch. It opens with a barrier (invariant 2), turns updates
 * and outside events into entries with `apply`, and knows what suspending depends on. Every answer
 * to the SDK follows a durable write (invariant 1).
 */

import {
  apply,
  type CheckpointDurableExecutionRequest,
  type CheckpointDurableExecutionResponse,
  checkpointToken,
  type DueEvent,
  type DurableExecutionClient,
  DurableExecutionClientError,
  type ExecutionHead,
  type ExecutionHostOptions,
  type ExecutionState,
  exactExecutionId,
  type GetDurableExecutionStateResponse,
  type InvocationEnd,
  isRejection,
  isSettled,
  type LogEntry,
  type LogRecord,
  type Operation,
  type OperationUpdate,
  type OutsideEvent,
  type PayloadReader,
  readPayloads,
  type Transition,
  takeDueEvents,
} from "@tidemark/protocol";
import {
  type ExecutionStore,
  type InboxEvent,
  type LoadedExecution,
  type Payloads,
  plainPayloads,
  settleKey,
} from "@tidemark/store";
import { previousInvocation, wasHandedOver } from "./barren.js";
import type { Clock } from "./clock.js";
import { entryParts } from "./entry-parts.js";
import { FoldedLog } from "./folded-log.js";
import { endsContext, isInvoke, settles } from "./record-kinds.js";
import { failForGood, superseded } from "./session-errors.js";
import { startChildren } from "./session-invokes.js";
import { SessionPayloads } from "./session-payloads.js";
import { SessionSnapshots, type SnapshotOptions } from "./session-snapshots.js";

interface SessionOptions extends SnapshotOptions {
  readonly store: ExecutionStore;
  readonly clock: Clock;
  readonly head: ExecutionHead;
  readonly inlineWaitMs: number | (() => number);
  readonly startDelayMs?: number | undefined;
  readonly mayBegin?: (() => boolean) | undefined;
  readonly onThrown?: ExecutionHostOptions["onThrown"] | undefined;
  /** The handler reads stand-ins for payloads itself, when it needs the payload. Default `false`: it is given payloads. */
  readonly readsStandIns?: boolean;
}

/** What opening found. */
type Opened =
  | { readonly kind: "ready" }
  /** Nothing has happened since the last invocation: there is no reason for another one. */
  | { readonly kind: "nothing-new"; readonly previous: InvocationEnd }
  /** Invocations fail again and again without recording anything. Nothing has been written. */
  | { readonly kind: "barren"; readonly count: number; readonly previous: InvocationEnd }
  /** Closed before anything was written. */
  | { readonly kind: "closed"; readonly previous: InvocationEnd }
  /** Somebody else has taken over. */
  | { readonly kind: "superseded" };

/** An append, and what it does to the state. */
interface Attempt {
  readonly entry: LogEntry;
  readonly transition: Transition;
}

export class Session implements DurableExecutionClient {
  /** Exact: what it asks for later is not asked of another execution of the same name. */
  readonly executionId: string;
  readonly epoch: number;
  readonly hostOptions: ExecutionHostOptions;
  readonly snapshots: SessionSnapshots;
  readonly #store: ExecutionStore;
  readonly #payloads: Payloads;
  readonly #writer: SessionPayloads;
  readonly #readsStandIns: boolean;
  readonly #clock: Clock;
  readonly #head: ExecutionHead;
  readonly #nonce: string;
  readonly #log: FoldedLog;
  #token = { sequence: 0, text: "" };
  #attempts = 0;
  /** Sent, and not answered yet, or with a failure: it may be in the log. */
  #unanswered: Attempt | undefined;
  #isAppending = false;
  #inboxCount = 0;
  #updatedIds: string[] = [];
  #hasNews = false;
  #isClosed = false;
  #largeResult: string | undefined;
  #notify: (() => void) | undefined;

  constructor(options: SessionOptions) {
    const { store, clock, head } = options;
    this.executionId = exactExecutionId(head);
    this.epoch = head.epoch;
    this.#store = store;
    this.#payloads = store.payloads ?? plainPayloads;
    this.#writer = new SessionPayloads(this.#payloads, this.executionId);
    const { contextsStoredOverBytes: storedOverBytes } = this.#payloads;
    this.#readsStandIns = options.readsStandIns === true;
    this.#clock = clock;
    this.#head = head;
    this.#nonce = clock.random().toString(36).slice(2, 10);
    this.#log = new FoldedLog(this.executionId, head.startedAtMs);
    this.snapshots = new SessionSnapshots(store, this.executionId, this.#log, options);
    this.hostOptions = {
      host: clock,
      inlineWaitMs: options.inlineWaitMs,
      ...(options.startDelayMs === undefined ? {} : { startDelayMs: options.startDelayMs }),
      ...(options.mayBegin === undefined ? {} : { mayBegin: options.mayBegin }),
      ...(options.onThrown === undefined ? {} : { onThrown: options.onThrown }),
      // Whoever is given payloads must not take one that looks like a stand-in for one.
      ...(this.#readsStandIns ? { payloads: this.#payloads } : {}),
      ...(storedOverBytes === undefined ? {} : { storedOverBytes }),
      onOutsideEvent: (listener) => {
        this.#notify = listener;
      },
    };
  }

  get token(): string {
    const { nextSequence } = this.#log;
    // Asked for and compared several times for each entry.
    if (this.#token.sequence !== nextSequence)
      this.#token = {
        sequence: nextSequence,
        text: checkpointToken(this.executionId, this.epoch, nextSequence),
      };
    return this.#token.text;
  }

  get #state(): ExecutionState {
    return this.#log.state;
  }

  /** What the invocation has seen of the inbox (invariant 6). */
  get inboxCount(): number {
    return this.#inboxCount;
  }

  get updatedIds(): readonly string[] {
    return this.#updatedIds;
  }

  get nextDueMs(): number | undefined {
    return this.#state.nextDueMs();
  }

  /** An entry has been sent that may still find its place in the log. */
  get hasUnanswered(): boolean {
    return this.#unanswered !== undefined;
  }

  /** A result that was too large for the invocation's response. */
  get largeResult(): string | undefined {
    return this.#largeResult;
  }

  /** The operations as the handler gets them, the EXECUTION first. */
  async operations(): Promise<Operation[]> {
    const { executionId, startedAtMs } = this.#head;
    const input = this.#readsStandIns ? this.#head.input : await this.input();
    const execution: Operation = {
      Id: executionId,
      Type: "EXECUTION",
      Status: "STARTED",
      StartTimestamp: new Date(startedAtMs),
      ExecutionDetails: { InputPayload: input },
    };
    const operations = [execution, ...this.#state.operations.values()];
    return this.#readsStandIns ? operations : this.#withPayloads(this.#payloads, operations);
  }

  /** The execution's input itself. */
  async input(): Promise<string | undefined> {
    const { input } = this.#head;
    return input === undefined ? undefined : this.#payloads.read(input);
  }

  async #withPayloads(reader: PayloadReader, operations: readonly Operation[]): Promise<Operation[]> {
    return Promise.all(operations.map((operation) => readPayloads(reader, operation)));
  }

  /**
   * Reads the log, takes in what has happened outside, and fences off older invocations.
   * `mayInvoke` is asked before another invocation follows ones that failed and recorded nothing.
   */
  async open(
    loaded: LoadedExecution,
    mayInvoke: (barrenCount: number, previous: InvocationEnd) => boolean,
  ): Promise<Opened> {
    if (loaded.snapshot !== undefined) await this.snapshots.restore(loaded.snapshot);
    for (const entry of loaded.entries) this.#log.replay(entry);
    this.snapshots.save();
    this.#inboxCount = loaded.head.inboxCount;
    if (this.epoch === 1) return { kind: "ready" };
    const nowMs = this.#clock.nowMs();
    const died = { epoch: this.epoch - 1, startedAtMs: this.#state.nowMs, endedAtMs: nowMs };
    const previous = previousInvocation(loaded.head, died);
    if (this.#isClosed) return { kind: "closed", previous };
    const hasFailed = previous.error !== undefined;
    const isFailure = hasFailed && !wasHandedOver(previous);
    const events = await this.#outsideEvents(loaded.inbox, takeDueEvents(this.#state, nowMs), nowMs);
    const interrupted = isFailure
      ? this.#startedSteps().map((id): OutsideEvent => ({ kind: "step_interrupted", id }))
      : [];
    if (!hasFailed && events.every((event) => event.kind === "callback_heartbeat")) {
      this.#postpone(events, nowMs);
      return { kind: "nothing-new", previous };
    }
    const barren = isFailure ? this.#log.barrenCount(previous) : 0;
    if (events.length === 0 && !mayInvoke(barren, previous))
      return { kind: "barren", count: barren, previous };
    if (this.#isClosed) return { kind: "closed", previous };
    const records = [...interrupted, ...events].map((event): LogRecord => ({ event }));
    const appended = await this.#append(records, nowMs, previous);
    if (appended === undefined) return { kind: "superseded" };
    this.#updatedIds = appended.map((operation) => operation.Id as string);
    if (hasFailed) await this.#startChildren([...this.#state.openInvokes], nowMs);
    return { kind: "ready" };
  }

  #startedSteps(): string[] {
    return [...this.#state.startedSteps].filter(
      (id) => !this.#state.isUnderSettled(this.#state.operations.get(id) as Operation),
    );
  }

  /** Heartbeats move deadlines; alone they are no reason to run. They stay in the inbox until something is. */
  #postpone(heartbeats: readonly OutsideEvent[], nowMs: number): void {
    const transition = apply(
      this.#state,
      heartbeats.map((event) => ({ event })),
      nowMs,
    );
    if (!isRejection(transition)) this.#log.lookAhead(transition);
  }

  async checkpoint(request: CheckpointDurableExecutionRequest): Promise<CheckpointDurableExecutionResponse> {
    this.#checkToken(request.CheckpointToken);
    const asked = this.#withoutExecution(request.Updates ?? []);
    const written = this.#writer.write(asked);
    const { updates, reader } = written instanceof Promise ? await written : written;
    const nowMs = this.#clock.nowMs();
    const records = updates.map((update): LogRecord => ({ update }));
    const news = this.#mayHaveNews(nowMs) ? await this.#news(nowMs) : [];
    if (news.length > 0) {
      const ended = new Set(updates.filter(endsContext).map((update) => update.Id as string));
      for (const event of news) if (!this.#isBelow(event.id, ended)) records.push({ event });
    }
    if (records.length === 0) return { CheckpointToken: this.token, NewExecutionState: { Operations: [] } };
    // Payloads and the inbox took their time: another checkpoint may have taken the token, or somebody closed us.
    this.#checkToken(request.CheckpointToken);
    const operations = await this.#append(records, nowMs, undefined);
    // Code that is told of nothing begins no step body after the end.
    if (operations === undefined || this.#isClosed) throw superseded(this.executionId, this.epoch);
    if (updates.some(isInvoke)) {
      const ids = updates.filter(isInvoke).map((update) => update.Id as string);
      await this.#startChildren(ids, nowMs);
    }
    const known = this.#readsStandIns ? reader : this.#payloads;
    const Operations = known === undefined ? operations : await this.#withPayloads(known, operations);
    return { CheckpointToken: this.token, NewExecutionState: { Operations } };
  }

  async getExecutionState(): Promise<GetDurableExecutionStateResponse> {
    return { Operations: await this.operations() };
  }

  /** Something has been posted to the inbox while the invocation runs. */
  inboxChanged(): void {
    this.#hasNews = true;
    this.#notify?.();
  }

  /** Nothing is recorded from now on. */
  close(): void {
    this.#isClosed = true;
  }

  /** A stale token never writes (invariant 3). */
  #checkToken(token: string | undefined): void {
    if (this.#isClosed || this.#isAppending || token !== this.token)
      throw superseded(this.executionId, this.epoch);
  }

  #withoutExecution(updates: readonly OperationUpdate[]): readonly OperationUpdate[] {
    const last = updates.at(-1);
    if (last?.Type !== "EXECUTION") return updates;
    this.#largeResult = last.Payload ?? "";
    return updates.slice(0, -1);
  }

  #mayHaveNews(nowMs: number): boolean {
    return this.#hasNews || (this.#state.nextDueMs() ?? Number.POSITIVE_INFINITY) <= nowMs;
  }

  async #news(nowMs: number): Promise<OutsideEvent[]> {
    const due = takeDueEvents(this.#state, nowMs);
    // Heartbeats do not announce themselves: look before a callback times out.
    const mayTimeOut = due.some(({ event }) => event.kind === "callback_timed_out");
    if (!this.#hasNews && !mayTimeOut) return this.#outsideEvents([], due, nowMs);
    this.#hasNews = false;
    const inbox = await this.#store.inbox(this.executionId);
    if (inbox === undefined) return [];
    this.#inboxCount = inbox.inboxCount;
    return this.#outsideEvents(inbox.events, due, nowMs);
  }

  /** What time and others have brought about, in the order in which it happened. */
  async #outsideEvents(
    inbox: readonly InboxEvent[],
    due: readonly DueEvent[],
    nowMs: number,
  ): Promise<OutsideEvent[]> {
    const happened: { readonly event: OutsideEvent; readonly atMs: number }[] = [];
    for (const posted of inbox) if (this.#isOpen(posted.event)) happened.push(posted);
    for (const { event, dueAtMs } of due) {
      const winner =
        event.kind === "callback_timed_out" ? await this.#claimTimeout(event, inbox, nowMs) : event;
      if (winner !== undefined) happened.push({ event: winner, atMs: dueAtMs });
    }
    const inOrder = happened.sort((a, b) => a.atMs - b.atMs).map(({ event }) => event);
    // A callback has two deadlines, and a heartbeat may follow: the first that settled it counts.
    const settled = new Set<string>();
    return inOrder.filter((event) => {
      if (settled.has(event.id)) return false;
      if (settles(event)) settled.add(event.id);
      return true;
    });
  }

  /** True for what lies below a context that ends with this checkpoint (invariant 10). */
  #isBelow(operationId: string, ended: ReadonlySet<string>): boolean {
    if (ended.size === 0) return false;
    let parentId = this.#state.operations.get(operationId)?.ParentId;
    while (parentId !== undefined && !ended.has(parentId))
      parentId = this.#state.operations.get(parentId)?.ParentId;
    return parentId !== undefined;
  }

  /** False for events that the log has taken in, and for heartbeats that move nothing. */
  #isOpen(event: OutsideEvent): boolean {
    const operation = this.#state.operations.get(event.id);
    if (operation === undefined || isSettled(operation) || this.#state.isUnderSettled(operation))
      return false;
    if (event.kind !== "callback_heartbeat") return true;
    const { HeartbeatTimeoutSeconds, HeartbeatDueTimestamp } = operation.CallbackDetails ?? {};
    if (HeartbeatTimeoutSeconds === undefined || HeartbeatDueTimestamp === undefined) return false;
    return event.atMs + HeartbeatTimeoutSeconds * 1000 > HeartbeatDueTimestamp.getTime();
  }

  /**
   * A timeout competes for the callback's inbox key like everybody else (invariant 7). Gives the
   * timeout if it won, and nothing if a completion or a heartbeat came first: that is in the inbox.
   */
  async #claimTimeout(
    event: OutsideEvent & { kind: "callback_timed_out" },
    inbox: readonly InboxEvent[],
    nowMs: number,
  ): Promise<OutsideEvent | undefined> {
    if (
      event.reason === "heartbeat" &&
      inbox.some((posted) => this.#isAlive(posted.event, event.id, nowMs))
    ) {
      return undefined;
    }
    const result = await this.#store.post({
      executionId: this.executionId,
      key: settleKey(event.id),
      event,
      nowMs,
      mode: "once",
      wake: false,
    });
    if (result.kind === "posted") return event;
    if (result.kind !== "taken") return undefined;
    // Already among the events of this read, or a timeout that was claimed by an invocation that died.
    return inbox.some((posted) => posted.key === settleKey(event.id)) ? undefined : result.by;
  }

  /** True for a heartbeat of this callback whose own deadline has not passed. */
  #isAlive(event: OutsideEvent, operationId: string, nowMs: number): boolean {
    if (event.kind !== "callback_heartbeat" || event.id !== operationId) return false;
    const seconds = this.#state.operations.get(operationId)?.CallbackDetails?.HeartbeatTimeoutSeconds ?? 0;
    return event.atMs + seconds * 1000 > nowMs;
  }

  /** Appends the records, in as many entries as they need; gives the changed operations, or nothing when the fence has moved. */
  #append(
    records: readonly LogRecord[],
    nowMs: number,
    previous: InvocationEnd | undefined,
  ): Promise<Operation[] | undefined> {
    const parts = entryParts(records, this.#store.manifest.maxEntryBytes);
    if (parts.length === 1) return this.#appendEntry(records, nowMs, previous);
    return this.#appendParts(records, parts, nowMs, previous);
  }

  async #appendParts(
    records: readonly LogRecord[],
    parts: readonly (readonly LogRecord[])[],
    nowMs: number,
    previous: InvocationEnd | undefined,
  ): Promise<Operation[] | undefined> {
    // What is not allowed as a whole is not recorded in part.
    this.#transition(records, nowMs);
    const changed = new Map<string | undefined, Operation>();
    for (const [index, part] of parts.entries()) {
      const operations = await this.#appendEntry(part, nowMs, index === 0 ? previous : undefined);
      if (operations === undefined) return undefined;
      for (const operation of operations) {
        changed.delete(operation.Id);
        changed.set(operation.Id, operation);
      }
    }
    return [...changed.values()];
  }

  async #appendEntry(
    records: readonly LogRecord[],
    nowMs: number,
    previous: InvocationEnd | undefined,
  ): Promise<Operation[] | undefined> {
    const attempt = this.#attempt(records, nowMs, previous);
    const { entry, transition } = attempt;
    this.#unanswered = attempt;
    this.#isAppending = true;
    try {
      const { appended, existing } = await this.#store.append(this.executionId, entry);
      this.#unanswered = undefined;
      // Our own write, whose answer was lost, counts (invariant 4).
      if (!appended && (existing?.nonce !== entry.nonce || existing.epoch !== entry.epoch)) {
        this.#isClosed = true;
        return undefined;
      }
    } catch (error) {
      failForGood(error);
    } finally {
      this.#isAppending = false;
    }
    this.#log.commit(entry, transition);
    return transition.operations as Operation[];
  }

  #transition(records: readonly LogRecord[], nowMs: number): Transition {
    const transition = apply(this.#state, records, nowMs);
    if (!isRejection(transition)) return transition;
    throw new DurableExecutionClientError(`execution ${this.executionId}: ${transition.rejected}`, {
      scope: "EXECUTION",
      code: "TIDEMARK_UPDATE_REJECTED",
    });
  }

  /** The next entry. The same records again, after an append that has failed, are the same entry with the same nonce. */
  #attempt(records: readonly LogRecord[], nowMs: number, previous: InvocationEnd | undefined): Attempt {
    const before = this.#unanswered;
    if (before !== undefined && JSON.stringify(before.entry.records) === JSON.stringify(records))
      return before;
    const transition = this.#transition(records, nowMs);
    this.#attempts += 1;
    const entry: LogEntry = {
      sequence: this.#log.nextSequence,
      epoch: this.epoch,
      nonce: `${this.#nonce}${this.#attempts}`,
      atMs: transition.nowMs,
      records,
    };
    return { entry: previous === undefined ? entry : { ...entry, barrier: { previous } }, transition };
  }

  async #startChildren(operationIds: readonly string[], heldAtMs: number): Promise<void> {
    const invokes = operationIds.flatMap((operationId) => {
      const details = this.#state.operations.get(operationId)?.ChainedInvokeDetails;
      return details === undefined ? [] : [{ operationId, details }];
    });
    const invoker = { store: this.#store, clock: this.#clock, parent: this.#head, heldAtMs };
    await startChildren(invoker, invokes);
  }
}

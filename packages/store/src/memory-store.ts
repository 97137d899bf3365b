/**
 * Owns the in-memory store: for tests, and for work that may end with its process.
 *
 * It keeps entries as the objects it is given; nobody changes an entry after `append`.
 */

import {
  DueQueue,
  type ExecutionHead,
  isMeant,
  isTerminal,
  type LogEntry,
  type OptionNames,
  parseExecutionId,
  requireOptionNames,
  TidemarkError,
} from "@tidemark/protocol";
import { decodeCursor, encodeCursor } from "./cursor.js";
import {
  acquiredHead,
  childOutcome,
  endedHead,
  hasEndedForGood,
  hasUnseenEvent,
  isHeldBy,
  newHead,
  resumedHead,
  suspendedHead,
  wokenHead,
} from "./head.js";
import { type Payloads, requirePayloads } from "./payloads.js";
import type {
  AcquireRequest,
  ExecutionStore,
  FinishRequest,
  InboxEvent,
  ListPage,
  ListRequest,
  LoadedExecution,
  LoadedInbox,
  NewExecution,
  PostRequest,
  PostResult,
  SnapshotRequest,
  StoredSnapshot,
  StoreManifest,
  SuspendRequest,
} from "./port.js";

interface StoredExecution {
  head: ExecutionHead;
  readonly entries: LogEntry[];
  snapshot: StoredSnapshot | undefined;
  readonly inbox: Map<string, InboxEvent>;
  readonly order: number;
}

interface DueExecution {
  readonly dueAtMs: number;
  readonly order: number;
  readonly executionId: string;
}

export interface MemoryStoreOptions {
  /** How payloads are recorded. Default: as they are. */
  readonly payloads?: Payloads | undefined;
}

const NAMES: OptionNames<MemoryStoreOptions> = { payloads: true };

/**
 * Keeps executions in memory.
 *
 * @example
 * ```ts
 * const store = new MemoryStore();
 * const worker = new Worker({ store, functions: { greet } });
 * ```
 */
export class MemoryStore implements ExecutionStore {
  readonly manifest: StoreManifest = {
    name: "memory",
    multiProcess: false,
    durable: false,
    maxEntryBytes: Number.POSITIVE_INFINITY,
  };

  readonly payloads: Payloads | undefined;
  readonly #executions = new Map<string, StoredExecution>();
  /** What is due, by function. */
  readonly #due = new Map<string, DueQueue<DueExecution>>();
  readonly #expiring = new DueQueue<DueExecution>(
    (item) => this.#head(item.executionId)?.expiresAtMs === item.dueAtMs,
  );
  readonly #functions = new Set<string>();
  readonly #listeners = new Set<(executionId: string) => void>();
  #order = 0;

  /** @throws TidemarkError `TIDEMARK_STORE_OPTIONS`. */
  constructor(options: MemoryStoreOptions = {}) {
    requireOptionNames(options, NAMES, optionsError);
    requirePayloads(options.payloads, optionsError);
    this.payloads = options.payloads;
  }

  async start(execution: NewExecution): Promise<{ created: boolean; head: ExecutionHead }> {
    const existing = this.#executions.get(execution.executionId);
    if (existing !== undefined) return { created: false, head: existing.head };
    const head = newHead(execution);
    this.#executions.set(execution.executionId, {
      head,
      entries: [],
      snapshot: undefined,
      inbox: new Map(),
      order: this.#order++,
    });
    this.#schedule(head);
    this.#changed(execution.executionId);
    return { created: true, head };
  }

  async head(executionId: string): Promise<ExecutionHead | undefined> {
    return this.#head(executionId);
  }

  async load(executionId: string): Promise<LoadedExecution | undefined> {
    const stored = this.#stored(executionId);
    if (stored === undefined) return undefined;
    const { head, snapshot, entries, inbox } = stored;
    return {
      head,
      ...(snapshot === undefined ? {} : { snapshot }),
      entries: entries.slice(snapshot?.sequence ?? 0),
      inbox: [...inbox.values()],
    };
  }

  async inbox(executionId: string): Promise<LoadedInbox | undefined> {
    const stored = this.#stored(executionId);
    if (stored === undefined) return undefined;
    return { inboxCount: stored.head.inboxCount, events: [...stored.inbox.values()] };
  }

  async entries(executionId: string, afterSequence: number, limit: number): Promise<LogEntry[] | undefined> {
    return this.#stored(executionId)?.entries.slice(afterSequence, afterSequence + limit);
  }

  async acquire(request: AcquireRequest): Promise<ExecutionHead | undefined> {
    const stored = this.#stored(request.executionId);
    const head = stored === undefined ? undefined : acquiredHead(stored.head, request);
    if (stored === undefined || head === undefined) return undefined;
    this.#put(stored, head);
    return head;
  }

  async renew(executionId: string, epoch: number, leaseUntilMs: number): Promise<boolean> {
    const stored = this.#stored(executionId);
    if (stored === undefined || !isHeldBy(stored.head, epoch)) return false;
    this.#put(stored, { ...stored.head, dueAtMs: leaseUntilMs });
    return true;
  }

  async append(executionId: string, entry: LogEntry): Promise<{ appended: boolean; existing?: LogEntry }> {
    const stored = this.#stored(executionId);
    if (stored === undefined) return { appended: false };
    const existing = stored.entries[entry.sequence - 1];
    if (existing !== undefined) return { appended: false, existing };
    if (entry.sequence !== stored.entries.length + 1) return { appended: false };
    stored.entries.push(entry);
    return { appended: true };
  }

  async saveSnapshot({ executionId, sequence, nonce, text }: SnapshotRequest): Promise<boolean> {
    const stored = this.#stored(executionId);
    if (stored === undefined || hasEndedForGood(stored.head.status)) return false;
    if (stored.entries[sequence - 1]?.nonce !== nonce) return false;
    if (stored.snapshot !== undefined && stored.snapshot.sequence >= sequence) return false;
    stored.snapshot = { sequence, text };
    return true;
  }

  async suspend(request: SuspendRequest): Promise<"suspended" | "inbox" | "superseded"> {
    const stored = this.#stored(request.executionId);
    if (stored === undefined || !isHeldBy(stored.head, request.epoch)) return "superseded";
    const before = stored.head;
    const isWoken = hasUnseenEvent(before, request);
    const head = suspendedHead(before, request);
    this.#put(stored, head);
    // Others know of the lease's end, and look then.
    const isSooner = head.dueAtMs !== undefined && head.dueAtMs < (before.dueAtMs as number);
    if (isWoken || isSooner) this.#changed(stored.head.executionId);
    return isWoken ? "inbox" : "suspended";
  }

  async finish(request: FinishRequest): Promise<"finished" | "ended" | "superseded"> {
    const stored = this.#stored(request.executionId);
    if (stored === undefined) return "superseded";
    if (isTerminal(stored.head.status)) return "ended";
    if (request.epoch !== undefined && stored.head.epoch !== request.epoch) return "superseded";
    this.#put(stored, endedHead(stored.head, request));
    this.#changed(stored.head.executionId);
    const outcome = childOutcome(stored.head);
    if (outcome !== undefined) await this.post(outcome);
    return "finished";
  }

  async post(request: PostRequest): Promise<PostResult> {
    const stored = this.#stored(request.executionId);
    if (stored === undefined) return { kind: "unknown" };
    if (hasEndedForGood(stored.head.status)) return { kind: "ended", status: stored.head.status };
    const taken =
      (request.mode === "once" ? stored.inbox.get(request.key) : undefined) ??
      (request.unless === undefined ? undefined : stored.inbox.get(request.unless));
    if (taken !== undefined) return { kind: "taken", by: taken.event };
    // A replaced event moves to the end: order of arrival.
    stored.inbox.delete(request.key);
    stored.inbox.set(request.key, { key: request.key, event: request.event, atMs: request.nowMs });
    if (request.wake) {
      this.#put(stored, wokenHead(stored.head, request.nowMs));
      this.#changed(stored.head.executionId);
    }
    return { kind: "posted" };
  }

  async due(
    nowMs: number,
    limit: number,
    functionNames: readonly string[] = [...this.#due.keys()],
  ): Promise<{ executionIds: string[]; nextDueAtMs?: number }> {
    const queues = functionNames.flatMap((name) => this.#due.get(name) ?? []);
    const taken = queues.flatMap((queue) => takeDue(queue, nowMs, limit));
    const soonest = taken.sort((a, b) => a.dueAtMs - b.dueAtMs || a.order - b.order).slice(0, limit);
    const executionIds = soonest.map((item) => item.executionId);
    const next = [...taken.slice(limit), ...queues.flatMap((queue) => queue.peek() ?? [])];
    // Being listed is not being claimed: they stay due until acquired.
    for (const item of taken) this.#dueOf(item.executionId)?.add(item);
    if (next.length === 0) return { executionIds };
    return { executionIds, nextDueAtMs: Math.min(...next.map((item) => item.dueAtMs)) };
  }

  async list(request: ListRequest): Promise<ListPage> {
    const after = decodeCursor(request.cursor);
    const stored = [...this.#executions.values()].sort((a, b) => compareStart(a.head, b.head));
    if (request.oldestFirst !== true) stored.reverse();
    const heads: ExecutionHead[] = [];
    for (const { head } of stored) {
      if (!matches(head, request)) continue;
      if (after !== undefined) {
        const order = compareStart(head, after);
        if (request.oldestFirst === true ? order <= 0 : order >= 0) continue;
      }
      heads.push(head);
      if (heads.length > request.limit) break;
    }
    if (heads.length <= request.limit) return { heads };
    heads.pop();
    return { heads, cursor: encodeCursor(heads[heads.length - 1] as ExecutionHead) };
  }

  async resume(executionId: string, nowMs: number): Promise<boolean> {
    const stored = this.#stored(executionId);
    if (stored?.head.status !== "STOPPED") return false;
    this.#put(stored, resumedHead(stored.head, nowMs));
    this.#changed(stored.head.executionId);
    return true;
  }

  async purge(executionId: string): Promise<boolean> {
    const stored = this.#stored(executionId);
    if (stored === undefined || !isTerminal(stored.head.status)) return false;
    return this.#executions.delete(stored.head.executionId);
  }

  async purgeExpired(nowMs: number, limit: number): Promise<number> {
    let purged = 0;
    while (purged < limit) {
      const item = this.#expiring.takeDue(nowMs);
      if (item === undefined) break;
      this.#executions.delete(item.executionId);
      purged += 1;
    }
    return purged;
  }

  async registerFunctions(names: readonly string[]): Promise<void> {
    for (const name of names) this.#functions.add(name);
  }

  async hasFunction(name: string): Promise<boolean> {
    return this.#functions.has(name);
  }

  onChange(listener: (executionId: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.#listeners.clear();
  }

  /** The execution that an id means. */
  #stored(id: string): StoredExecution | undefined {
    const stored = this.#executions.get(parseExecutionId(id).executionId);
    return stored !== undefined && isMeant(id, stored.head) ? stored : undefined;
  }

  #head(executionId: string): ExecutionHead | undefined {
    return this.#stored(executionId)?.head;
  }

  #put(stored: StoredExecution, head: ExecutionHead): void {
    const before = stored.head;
    stored.head = head;
    if (head.dueAtMs !== before.dueAtMs || head.expiresAtMs !== before.expiresAtMs) this.#schedule(head);
  }

  #dueOf(executionId: string): DueQueue<DueExecution> | undefined {
    const functionName = this.#head(executionId)?.functionName;
    return functionName === undefined ? undefined : this.#due.get(functionName);
  }

  #schedule(head: ExecutionHead): void {
    const { executionId, functionName, dueAtMs, expiresAtMs } = head;
    let queue = this.#due.get(functionName);
    if (queue === undefined) {
      queue = new DueQueue((item) => this.#head(item.executionId)?.dueAtMs === item.dueAtMs);
      this.#due.set(functionName, queue);
    }
    if (dueAtMs !== undefined) queue.add({ dueAtMs, executionId, order: this.#order++ });
    else if (expiresAtMs !== undefined)
      this.#expiring.add({ dueAtMs: expiresAtMs, executionId, order: this.#order++ });
  }

  #changed(executionId: string): void {
    for (const listener of this.#listeners) listener(executionId);
  }
}

/** Takes what is due out of the queue, each execution once. */
function takeDue(queue: DueQueue<DueExecution>, nowMs: number, limit: number): DueExecution[] {
  const taken = new Map<string, DueExecution>();
  while (taken.size < limit) {
    const item = queue.takeDue(nowMs);
    if (item === undefined) break;
    taken.set(item.executionId, item);
  }
  // An execution that went from one due time to another and back is in the queue twice.
  for (let next = queue.peek(); next !== undefined && taken.has(next.executionId); next = queue.peek()) {
    queue.takeDue(next.dueAtMs);
  }
  return [...taken.values()];
}

function matches(head: ExecutionHead, request: ListRequest): boolean {
  return (
    (request.functionName === undefined || head.functionName === request.functionName) &&
    (request.status === undefined || head.status === request.status) &&
    (request.startedAfterMs === undefined || head.startedAtMs > request.startedAfterMs) &&
    (request.startedBeforeMs === undefined || head.startedAtMs < request.startedBeforeMs)
  );
}

type Started = Pick<ExecutionHead, "startedAtMs" | "executionId">;

function compareStart(a: Started, b: Started): number {
  if (a.startedAtMs !== b.startedAtMs) return a.startedAtMs - b.startedAtMs;
  return a.executionId < b.executionId ? -1 : a.executionId > b.executionId ? 1 : 0;
}

function optionsError(problem: string): TidemarkError {
  return new TidemarkError("TIDEMARK_STORE_OPTIONS", `MemoryStore: ${problem}`);
}

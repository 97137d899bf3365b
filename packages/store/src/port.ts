/**
 * Owns the port that every store implements: heads, the checkpoint log and inboxes.
 *
 * Each method is one atomic, conditional write or one read, so that it fits an embedded database
 * as well as DynamoDB. No method decides what a record does: that is `apply` in the protocol.
 * The contract suite in `testing/contract` is the specification.
 */

import type {
  ErrorObject,
  ExecutionHead,
  ExecutionStatus,
  InvocationEnd,
  LogEntry,
  OutsideEvent,
  ParentLink,
} from "@tidemark/protocol";
import type { Payloads } from "./payloads.js";

/** An event that waits in an inbox until the lease holder writes it into the log. */
export interface InboxEvent {
  /** Who takes a key first has it (invariant 7). */
  readonly key: string;
  readonly event: OutsideEvent;
  readonly atMs: number;
}

export interface NewExecution {
  readonly executionId: string;
  /** Of letters, digits, `-` and `_`: tells the execution from all others that had this id or will have it. */
  readonly incarnation?: string | undefined;
  readonly functionName: string;
  readonly name?: string | undefined;
  readonly tenantId?: string | undefined;
  readonly parent?: ParentLink | undefined;
  readonly input?: string | undefined;
  readonly startedAtMs: number;
  readonly timeoutAtMs: number;
  readonly retentionMs: number;
}

/** What entries come to, up to one of them. It is derived from them, and can be made from them again. */
export interface StoredSnapshot {
  /** The newest entry that it stands for. */
  readonly sequence: number;
  /** Made by `encodeSnapshot`; `undefined` when it is damaged. */
  readonly text: string | undefined;
}

export interface LoadedExecution {
  readonly head: ExecutionHead;
  /** Stands for the entries that are not given. Absent: all are given. */
  readonly snapshot?: StoredSnapshot | undefined;
  /** In order, without gaps, from the one after the snapshot. */
  readonly entries: readonly LogEntry[];
  /** In the order of arrival. Events that the log has taken in may still be here. */
  readonly inbox: readonly InboxEvent[];
}

export interface LoadedInbox {
  /** What the events below come to, for `SuspendRequest.inboxCount`. */
  readonly inboxCount: number;
  /** As in {@link LoadedExecution}. */
  readonly events: readonly InboxEvent[];
}

export interface SnapshotRequest {
  readonly executionId: string;
  readonly sequence: number;
  /** Nonce of that entry: the snapshot is of this log, and not of an earlier execution of the same id. */
  readonly nonce: string;
  readonly text: string;
}

export interface AcquireRequest {
  readonly executionId: string;
  readonly owner: string;
  readonly nowMs: number;
  /** Until when the lease holds unless renewed. */
  readonly leaseUntilMs: number;
}

export interface SuspendRequest {
  readonly executionId: string;
  readonly epoch: number;
  /** The inbox count that the invocation has seen (invariant 6). */
  readonly inboxCount: number;
  /** When to look again; `undefined` if only an inbox event can wake it. */
  readonly dueAtMs: number | undefined;
  /** How the invocation ended; absent when the lease was only used to look. */
  readonly invocation?: InvocationEnd | undefined;
}

export interface FinishRequest {
  readonly executionId: string;
  /** The epoch that ends it, or `undefined` to end it from outside whoever runs it. */
  readonly epoch: number | undefined;
  readonly status: Exclude<ExecutionStatus, "PENDING" | "RUNNING">;
  readonly result?: string | undefined;
  readonly error?: ErrorObject | undefined;
  readonly endedAtMs: number;
  readonly invocation?: InvocationEnd | undefined;
}

export interface PostRequest {
  readonly executionId: string;
  readonly key: string;
  readonly event: OutsideEvent;
  readonly nowMs: number;
  /** `once`: the first to take the key wins. `replace`: the newest stays. */
  readonly mode: "once" | "replace";
  /** Refuse if this key is taken. */
  readonly unless?: string | undefined;
  /** Make the execution due, so that the event is delivered. */
  readonly wake: boolean;
}

export type PostResult =
  | { readonly kind: "posted" }
  /** The key, or the one in `unless`, is taken. */
  | { readonly kind: "taken"; readonly by: OutsideEvent }
  /** The execution has ended, and cannot be resumed. */
  | { readonly kind: "ended"; readonly status: ExecutionStatus }
  | { readonly kind: "unknown" };

export interface ListRequest {
  readonly functionName?: string | undefined;
  readonly status?: ExecutionStatus | undefined;
  readonly startedAfterMs?: number | undefined;
  readonly startedBeforeMs?: number | undefined;
  /** Newest first unless `true`. */
  readonly oldestFirst?: boolean | undefined;
  /** 1 to 1000. */
  readonly limit: number;
  /** From the previous page. */
  readonly cursor?: string | undefined;
}

export interface ListPage {
  readonly heads: readonly ExecutionHead[];
  readonly cursor?: string | undefined;
}

export interface StoreManifest {
  /** Short name for messages: `memory`, `sqlite`. */
  readonly name: string;
  /** Several processes may share it. */
  readonly multiProcess: boolean;
  /** It outlives the process. */
  readonly durable: boolean;
  /** Largest entry in UTF-8 bytes that `append` takes. */
  readonly maxEntryBytes: number;
}

/**
 * Where executions live. Every write is durable when its promise settles, as far as the store is.
 * Calls that are made in one turn of the event loop take effect in the order of the calls.
 *
 * An id may be exact (`exactExecutionId`), but for the one that `start` creates. Then another execution that has
 * the id now does not count, as if there were none: who acts for one that is gone neither reads nor changes the next.
 * Ids that the store gives are not exact.
 */
export interface ExecutionStore {
  readonly manifest: StoreManifest;
  /**
   * How payloads are recorded. Stores carry the texts as they are given; who has a text first writes
   * it with this, who needs it reads it. Default: as they are.
   */
  readonly payloads?: Payloads | undefined;

  /** Creates an execution, due at once, unless its id exists. */
  start(execution: NewExecution): Promise<{ readonly created: boolean; readonly head: ExecutionHead }>;
  head(executionId: string): Promise<ExecutionHead | undefined>;
  /** What a lease holder needs to go on: one consistent read of the head, the log and the inbox. */
  load(executionId: string): Promise<LoadedExecution | undefined>;
  /** The inbox alone. */
  inbox(executionId: string): Promise<LoadedInbox | undefined>;
  /**
   * The log itself, whatever snapshots there are: at most `limit` entries, in order, from the one after
   * `afterSequence`. Fewer than `limit`: there are no more. `undefined`: the execution is unknown.
   */
  entries(
    executionId: string,
    afterSequence: number,
    limit: number,
  ): Promise<readonly LogEntry[] | undefined>;

  /**
   * Takes the lease with the next epoch if the execution is due and not held: `PENDING` and due,
   * or `RUNNING` with a lease that has run out. A lease that ran out leaves `lastInvocation` unset.
   */
  acquire(request: AcquireRequest): Promise<ExecutionHead | undefined>;
  /** Moves the lease's end; `false` when the epoch no longer holds it. */
  renew(executionId: string, epoch: number, leaseUntilMs: number): Promise<boolean>;
  /**
   * Appends if the sequence number is the next one; else gives what has it (invariants 2 and 4).
   * Neither: the execution is unknown, or entries before this one are missing.
   *
   * @throws TidemarkError `TIDEMARK_ENTRY_TOO_LARGE` above `manifest.maxEntryBytes`.
   */
  append(
    executionId: string,
    entry: LogEntry,
  ): Promise<{ readonly appended: boolean; readonly existing?: LogEntry }>;
  /**
   * Keeps a snapshot, so that `load` gives it in place of the entries that it stands for. Needs no lease: it is the
   * same whoever makes it. `false`, and nothing is kept, when the log has no such entry, there is a snapshot of this
   * or a later one, or the execution has ended for good. It may take effect after calls that are made later.
   */
  saveSnapshot(request: SnapshotRequest): Promise<boolean>;
  /** Gives the lease back. `inbox`: an event has come that the invocation has not seen; it stays due now. */
  suspend(request: SuspendRequest): Promise<"suspended" | "inbox" | "superseded">;
  /**
   * Ends the execution and, in the same write, posts the outcome to the parent's inbox.
   * `ended`: it has a terminal status already, which stays.
   */
  finish(request: FinishRequest): Promise<"finished" | "ended" | "superseded">;

  post(request: PostRequest): Promise<PostResult>;

  /**
   * Ids of executions that `acquire` would take, soonest first, and when the next one is due. With
   * `functionNames` only theirs: a worker must not claim what it cannot run.
   */
  due(
    nowMs: number,
    limit: number,
    functionNames?: readonly string[],
  ): Promise<{ readonly executionIds: readonly string[]; readonly nextDueAtMs?: number | undefined }>;
  list(request: ListRequest): Promise<ListPage>;
  /** Puts a stopped execution back to `PENDING`, due now. `false` unless it was `STOPPED`. */
  resume(executionId: string, nowMs: number): Promise<boolean>;
  /** Removes an execution that has ended with all it has; `false` if it is unknown or has not ended. */
  purge(executionId: string): Promise<boolean>;
  /** Removes executions whose retention has passed; gives how many. */
  purgeExpired(nowMs: number, limit: number): Promise<number>;

  /** Remembers that workers of this function exist. */
  registerFunctions(names: readonly string[]): Promise<void>;
  hasFunction(name: string): Promise<boolean>;

  /**
   * Calls `listener` with the execution's id when something may have become due or ended, as far as the store can tell
   * without polling (always for changes made through this object). An empty id means that something has changed and
   * the store cannot tell what: another process wrote. Never calls during the call itself. Gives the function that
   * stops it.
   */
  onChange(listener: (executionId: string) => void): () => void;
  close(): Promise<void>;
}

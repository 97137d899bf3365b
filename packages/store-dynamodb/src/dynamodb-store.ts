/**
 * Owns the store port on one DynamoDB table: which part does what, in which order calls take effect, and who is
 * told of it. It does not know how anything is laid out or sent.
 */

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { type ExecutionHead, type LogEntry, parseExecutionId } from "@tidemark/protocol";
import type {
  AcquireRequest,
  ExecutionStore,
  FinishRequest,
  ListPage,
  ListRequest,
  LoadedExecution,
  LoadedInbox,
  NewExecution,
  Payloads,
  PostRequest,
  PostResult,
  SnapshotRequest,
  StoreManifest,
  SuspendRequest,
} from "@tidemark/store";
import { DueIndex } from "./due-index.js";
import { ForeignChanges } from "./foreign-changes.js";
import { Functions } from "./functions.js";
import { Heads } from "./heads.js";
import { Inbox } from "./inbox.js";
import { KnownExecutions } from "./known-executions.js";
import { Listing } from "./listing.js";
import { Log, MAX_ENTRY_BYTES } from "./log.js";
import { type DynamoDbStoreOptions, type ResolvedOptions, resolveOptions } from "./options.js";
import { Removal } from "./removal.js";
import { Requests } from "./requests.js";
import { Snapshots } from "./snapshots.js";
import { closedError, optionsError } from "./store-errors.js";
import { ensureTable } from "./table.js";
import { after } from "./turn.js";
import { type Concern, TurnOrder } from "./turn-order.js";

/** What `open` makes a store with. From JavaScript anybody can call the constructor. */
const opened = new WeakSet<ResolvedOptions>();

/** Orders calls about functions among themselves; no execution has this id. */
const FUNCTIONS_CONCERN = ["\0functions"];

/**
 * Keeps executions in one DynamoDB table of your own, for any number of processes.
 *
 * A promise settles when DynamoDB has the write. A checkpoint is one `PutItem`; what it costs is in
 * docs/stores/dynamodb.md. Calls made in one turn of the event loop take effect in their order.
 *
 * Every method rejects with a `TidemarkError` whose `code` is `TIDEMARK_STORE_TABLE`, `_INDEX`, `_ACCESS`,
 * `_THROTTLED`, `_CONFLICT`, `_UNREACHABLE`, `_ITEM_TOO_LARGE`, `_VERSION`, `_UNEXPECTED` or `_CLOSED` when
 * DynamoDB does not carry out the operation. After `_UNREACHABLE` it may have been carried out; in any case the
 * same call may be made again.
 *
 * @example
 * ```ts
 * import { Worker } from "@tidemark/runtime";
 * import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
 * import { DynamoDbStore } from "@tidemark/store-dynamodb";
 *
 * const store = await DynamoDbStore.open({ tableName: "executions" });
 * const greet = withDurableExecution(async (name: string, context: DurableContext) =>
 *   context.step(async () => `Hello ${name}`),
 * );
 * const worker = new Worker({ store, functions: { greet } });
 * await worker.start();
 * ```
 */
export class DynamoDbStore implements ExecutionStore {
  readonly manifest: StoreManifest = {
    name: "dynamodb",
    multiProcess: true,
    durable: true,
    maxEntryBytes: MAX_ENTRY_BYTES,
  };

  readonly payloads: Payloads | undefined;
  readonly #options: ResolvedOptions;
  readonly #requests: Requests;
  readonly #known = new KnownExecutions();
  readonly #heads: Heads;
  readonly #inbox: Inbox;
  readonly #log: Log;
  readonly #snapshots: Snapshots;
  readonly #dueIndex: DueIndex;
  readonly #listing: Listing;
  readonly #removal: Removal;
  readonly #functions: Functions;
  readonly #foreign: ForeignChanges;
  readonly #order = new TurnOrder();
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #listeners = new Set<(executionId: string) => void>();
  #closing: Promise<void> | undefined;

  private constructor(options: ResolvedOptions) {
    if (!opened.has(options))
      throw optionsError("a store is opened: use await DynamoDbStore.open(options), not new");
    const { tableName, shards, retryTimeoutMs, pollIntervalMs } = options;
    const context = { tableName, shards };
    const client = options.client ?? new DynamoDBClient({});
    const requests = new Requests({ client, tableName, retryTimeoutMs });
    this.payloads = options.payloads;
    this.#options = options;
    this.#requests = requests;
    this.#dueIndex = new DueIndex(requests, shards);
    const onWritten = (head: ExecutionHead) => this.#dueIndex.wrote(head);
    this.#heads = new Heads(requests, context, this.#known, onWritten);
    this.#inbox = new Inbox(requests, context, this.#known, this.#heads, onWritten);
    this.#log = new Log(requests, context, this.#known, this.#heads);
    this.#snapshots = new Snapshots(requests, this.#heads);
    this.#listing = new Listing(requests, context);
    this.#removal = new Removal(requests, this.#heads, shards);
    this.#functions = new Functions(requests);
    this.#foreign = new ForeignChanges({
      requests,
      dueIndex: this.#dueIndex,
      pollIntervalMs,
      onChange: (executionId) => this.#tell(executionId),
    });
  }

  /**
   * Opens the store. Sends nothing: a table that is missing is found by the first call.
   *
   * @throws TidemarkError `TIDEMARK_STORE_OPTIONS`: an option cannot work.
   *
   * @example
   * ```ts
   * import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
   * import { DynamoDbStore } from "@tidemark/store-dynamodb";
   *
   * const client = new DynamoDBClient({ region: "eu-west-1" });
   * const store = await DynamoDbStore.open({ tableName: "executions", client, shards: 16 });
   * await store.close();
   * ```
   */
  static async open(options: DynamoDbStoreOptions): Promise<DynamoDbStore> {
    const resolved = resolveOptions(options);
    opened.add(resolved);
    return new DynamoDbStore(resolved);
  }

  /**
   * Creates the table with its indexes and its TTL, and waits until it can be used. For development and tests: it
   * needs permissions that a worker should not have. A table that exists is checked, and left as it is but for its
   * TTL, which is turned on; a local engine that has no TTL does without.
   *
   * @throws TidemarkError `TIDEMARK_STORE_TABLE`, `TIDEMARK_STORE_INDEX` when it has other keys than it should.
   *
   * @example
   * ```ts
   * import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
   * import { DynamoDbStore } from "@tidemark/store-dynamodb";
   *
   * const client = new DynamoDBClient({ endpoint: "http://localhost:8000", region: "local" });
   * const store = await DynamoDbStore.open({ tableName: "executions", client });
   * await store.ensureTable();
   * ```
   */
  ensureTable(): Promise<void> {
    return this.#run([], () => ensureTable(this.#requests));
  }

  start(execution: NewExecution): Promise<{ created: boolean; head: ExecutionHead }> {
    const { executionId, functionName, parent } = execution;
    if (parent !== undefined) this.#known.sawParent(executionId, parent.executionId);
    return this.#run([executionId], async () => {
      await this.#functions.see(functionName);
      const started = await this.#heads.start(execution);
      if (started.created) this.#tell(executionId);
      return started;
    });
  }

  head(executionId: string): Promise<ExecutionHead | undefined> {
    return this.#run([executionId], async () => {
      const stored = await this.#heads.read(executionId);
      return stored === undefined ? undefined : this.#heads.withInput(stored);
    });
  }

  load(executionId: string): Promise<LoadedExecution | undefined> {
    return this.#run([executionId], async () => {
      const loaded = await this.#log.load(executionId);
      if (loaded !== undefined) this.#foreign.saw(executionId, loaded.head.inboxCount);
      return loaded;
    });
  }

  inbox(executionId: string): Promise<LoadedInbox | undefined> {
    return this.#run([executionId], async () => {
      const inbox = await this.#log.inbox(executionId);
      if (inbox !== undefined) this.#foreign.saw(executionId, inbox.inboxCount);
      return inbox;
    });
  }

  entries(executionId: string, afterSequence: number, limit: number): Promise<LogEntry[] | undefined> {
    return this.#run([executionId], () => this.#log.entries(executionId, afterSequence, limit));
  }

  acquire(request: AcquireRequest): Promise<ExecutionHead | undefined> {
    const { executionId } = request;
    return this.#run([executionId], async () => {
      const head = await this.#heads.acquire(request);
      if (head === undefined) this.#dueIndex.wasNotDue(executionId, request.nowMs);
      else this.#foreign.holds(head);
      return head;
    });
  }

  renew(executionId: string, epoch: number, leaseUntilMs: number): Promise<boolean> {
    return this.#run([executionId], async () => {
      const isRenewed = await this.#heads.renew(executionId, epoch, leaseUntilMs);
      if (!isRenewed) this.#foreign.releases(executionId, epoch);
      return isRenewed;
    });
  }

  append(executionId: string, entry: LogEntry): Promise<{ appended: boolean; existing?: LogEntry }> {
    return this.#run([executionId], () => this.#log.append(executionId, entry));
  }

  saveSnapshot(request: SnapshotRequest): Promise<boolean> {
    // After what was asked for before; but what is asked for next does not wait for so many writes.
    const mayBegin = this.#run([request.executionId], async () => {});
    return this.#underWayUntil(mayBegin.then(() => this.#snapshots.save(request)));
  }

  suspend(request: SuspendRequest): Promise<"suspended" | "inbox" | "superseded"> {
    return this.#run([request.executionId], async () => {
      const { outcome, isSooner } = await this.#heads.suspend(request);
      this.#foreign.releases(request.executionId, request.epoch);
      if (outcome === "inbox" || isSooner) this.#tell(request.executionId);
      return outcome;
    });
  }

  finish(request: FinishRequest): Promise<"finished" | "ended" | "superseded"> {
    const { executionId } = request;
    const knownParent = this.#known.parentOf(executionId);
    return this.#run(knownParent === undefined ? [executionId] : [executionId, knownParent], async () => {
      const { outcome, parentId } = await this.#inbox.finish(request);
      this.#foreign.releases(executionId, request.epoch);
      if (outcome === "finished") this.#tell(executionId);
      if (parentId !== undefined) this.#tell(parentId);
      return outcome;
    });
  }

  post(request: PostRequest): Promise<PostResult> {
    return this.#run([request.executionId], async () => {
      const result = await this.#inbox.post(request);
      if (result.kind === "posted" && request.wake) this.#tell(request.executionId);
      return result;
    });
  }

  due(
    nowMs: number,
    limit: number,
    functionNames?: readonly string[],
  ): Promise<{ executionIds: string[]; nextDueAtMs?: number }> {
    return this.#run("everything", async () => {
      if (functionNames !== undefined) this.#foreign.claims(functionNames);
      return this.#dueIndex.due(nowMs, limit, functionNames ?? (await this.#functions.all()));
    });
  }

  list(request: ListRequest): Promise<ListPage> {
    const { functionName } = request;
    return this.#run("everything", async () => {
      const names = functionName === undefined ? await this.#functions.all() : [functionName];
      return this.#listing.list(request, names);
    });
  }

  resume(executionId: string, nowMs: number): Promise<boolean> {
    return this.#run([executionId], async () => {
      const isResumed = await this.#heads.resume(executionId, nowMs);
      if (isResumed) this.#tell(executionId);
      return isResumed;
    });
  }

  purge(executionId: string): Promise<boolean> {
    return this.#run([executionId], () => this.#removal.purge(executionId));
  }

  purgeExpired(nowMs: number, limit: number): Promise<number> {
    return this.#run("everything", async () => {
      if (this.#options.expiry === "ttl") return 0;
      return this.#removal.purgeExpired(nowMs, limit, await this.#functions.all());
    });
  }

  registerFunctions(names: readonly string[]): Promise<void> {
    return this.#run(FUNCTIONS_CONCERN, () => this.#functions.register(names));
  }

  hasFunction(name: string): Promise<boolean> {
    return this.#run(FUNCTIONS_CONCERN, () => this.#functions.isRegistered(name));
  }

  onChange(listener: (executionId: string) => void): () => void {
    if (this.#closing !== undefined) return () => {};
    this.#listeners.add(listener);
    this.#foreign.start();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#foreign.stop();
    };
  }

  /**
   * Settles when all that was asked before has settled, at the latest after `closeTimeoutMs`: what is under way then
   * is aborted. Later calls do nothing. A client that was passed to `open` stays usable.
   */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#foreign.stop();
    this.#listeners.clear();
    const cancel = after(this.#options.closeTimeoutMs, () => this.#requests.abort());
    await Promise.allSettled(this.#underWay);
    cancel();
    // Looks for changes may still be under way.
    this.#requests.abort();
    if (this.#options.client === undefined) this.#requests.client.destroy();
  }

  #run<T>(concern: Concern, work: () => Promise<T>): Promise<T> {
    if (this.#closing !== undefined) return Promise.reject(closedError(this.#options.tableName));
    const concerned = concern === "everything" ? concern : concern.map(bareId);
    return this.#underWayUntil(this.#order.run(concerned, work));
  }

  #underWayUntil<T>(done: Promise<T>): Promise<T> {
    this.#underWay.add(done);
    const settled = () => {
      this.#underWay.delete(done);
    };
    done.then(settled, settled);
    return done;
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(bareId(id));
  }
}

/** Of whichever execution has it. */
function bareId(id: string): string {
  return parseExecutionId(id).executionId;
}

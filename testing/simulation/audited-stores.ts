/** Owns the stores below the network: in memory, and telling the auditor of every write. */

import { type ExecutionHead, exactExecutionId, type LogEntry, parseExecutionId } from "@tidemark/protocol";
import {
  type AcquireRequest,
  type FinishRequest,
  MemoryPayloadStore,
  MemoryStore,
  type NewExecution,
  type PostRequest,
  type PostResult,
  type SnapshotRequest,
  type StoreManifest,
  type SuspendRequest,
} from "@tidemark/store";
import type { Auditor } from "./auditor";
import type { HeadWrite } from "./ledger";

export class AuditedStore extends MemoryStore {
  override readonly manifest: StoreManifest;
  readonly #auditor: Auditor;

  constructor(auditor: Auditor, maxEntryBytes: number) {
    super();
    this.#auditor = auditor;
    // As processes see it.
    this.manifest = { name: "simulated", multiProcess: true, durable: true, maxEntryBytes };
  }

  override async start(execution: NewExecution): Promise<{ created: boolean; head: ExecutionHead }> {
    const started = await super.start(execution);
    if (started.created) await this.#wrote(exactExecutionId(started.head), { call: "start" });
    return started;
  }

  override async acquire(request: AcquireRequest): Promise<ExecutionHead | undefined> {
    const head = await super.acquire(request);
    if (head !== undefined) await this.#wrote(request.executionId, { call: "acquire" });
    return head;
  }

  override async renew(executionId: string, epoch: number, leaseUntilMs: number): Promise<boolean> {
    const isHeld = await super.renew(executionId, epoch, leaseUntilMs);
    if (isHeld) await this.#wrote(executionId, { call: "renew", epoch });
    return isHeld;
  }

  override async append(
    executionId: string,
    entry: LogEntry,
  ): Promise<{ appended: boolean; existing?: LogEntry }> {
    const result = await super.append(executionId, entry);
    if (result.appended)
      this.#auditor.note({ kind: "appended", executionId: await this.#exact(executionId), entry });
    return result;
  }

  override async saveSnapshot(request: SnapshotRequest): Promise<boolean> {
    const isSaved = await super.saveSnapshot(request);
    const executionId = await this.#exact(request.executionId);
    if (isSaved) this.#auditor.note({ kind: "snapshot", ...request, executionId });
    return isSaved;
  }

  override async suspend(request: SuspendRequest): Promise<"suspended" | "inbox" | "superseded"> {
    const outcome = await super.suspend(request);
    if (outcome !== "superseded") await this.#wrote(request.executionId, { call: "suspend" });
    return outcome;
  }

  override async finish(request: FinishRequest): Promise<"finished" | "ended" | "superseded"> {
    const outcome = await super.finish(request);
    if (outcome === "finished") await this.#wrote(request.executionId, { call: "finish", request });
    return outcome;
  }

  override async post(request: PostRequest): Promise<PostResult> {
    const result = await super.post(request);
    if (result.kind !== "posted") return result;
    const executionId = await this.#exact(request.executionId);
    this.#auditor.note({ kind: "posted", executionId, request });
    if (request.wake) await this.#wrote(executionId, { call: "post" });
    return result;
  }

  override async resume(executionId: string, nowMs: number): Promise<boolean> {
    const isResumed = await super.resume(executionId, nowMs);
    if (isResumed) await this.#wrote(executionId, { call: "resume" });
    return isResumed;
  }

  override async purge(executionId: string): Promise<boolean> {
    const exactId = await this.#exact(executionId);
    const isPurged = await super.purge(executionId);
    if (isPurged) this.#auditor.note({ kind: "purged", executionId: exactId });
    return isPurged;
  }

  override async purgeExpired(nowMs: number, limit: number): Promise<number> {
    const purged = await super.purgeExpired(nowMs, limit);
    if (purged > 0) await this.#notePurged();
    return purged;
  }

  async #notePurged(): Promise<void> {
    for (const { executionId, isPurged } of this.#auditor.ledger.books.values()) {
      if (!isPurged && (await this.head(executionId)) === undefined)
        this.#auditor.note({ kind: "purged", executionId });
    }
  }

  async #wrote(id: string, by: HeadWrite): Promise<void> {
    const { executionId, incarnation } = parseExecutionId(id);
    const head = await super.head(executionId);
    if (head === undefined) return;
    // Of whom it was asked, whatever the store makes of it.
    const exactId = incarnation === undefined ? exactExecutionId(head) : id;
    this.#auditor.note({ kind: "head", executionId: exactId, head, by });
  }

  async #exact(id: string): Promise<string> {
    if (parseExecutionId(id).incarnation !== undefined) return id;
    const head = await super.head(id);
    return head === undefined ? id : exactExecutionId(head);
  }
}

export class AuditedPayloads extends MemoryPayloadStore {
  readonly #auditor: Auditor;

  constructor(auditor: Auditor, nowMs: () => number) {
    super({ nowMs });
    this.#auditor = auditor;
  }

  override async put(key: string, bytes: Uint8Array): Promise<void> {
    await super.put(key, bytes);
    this.#auditor.ledger.objects.add(key);
  }

  override async delete(keys: readonly string[]): Promise<void> {
    await super.delete(keys);
    if (keys.length > 0) this.#auditor.note({ kind: "removed", executionId: "", keys });
  }
}

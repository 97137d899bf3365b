/** Owns what people and schedules do to a running system: look, stop, resume, purge, and collect payloads. */

import { isTerminal } from "@tidemark/protocol";
import { type DurableClient, ExecutionFailedError } from "@tidemark/runtime";
import { collectPayloads, type ExecutionStore } from "@tidemark/store";
import type { Auditor } from "./auditor";
import type { Book } from "./ledger";
import { FREEZE_MAX_MS } from "./machines";
import { MAX_LATE_MS } from "./network";
import type { Scheduler } from "./scheduler";
import type { Starts } from "./starts";

/**
 * Younger objects stay. Longer than a process stands still and a message is on its way, together: a
 * client may have written an input whose execution has yet to be started.
 */
const MIN_AGE_MS = FREEZE_MAX_MS + 2 * MAX_LATE_MS;

/** A name is used again within this after somebody has begun to remove its execution, or has done so. */
const AGAIN_MS = 8_000;
const SOON_MS = 100;

/** Does `work` with some client's store, again and again until it succeeds. */
export type Task = (
  what: string,
  work: (client: DurableClient, store: ExecutionStore) => Promise<void>,
) => void;

interface OperatorOptions {
  readonly scheduler: Scheduler;
  readonly auditor: Auditor;
  readonly starts: Pick<Starts, "again" | "mayArrive">;
  readonly task: Task;
}

export class Operator {
  readonly #scheduler: Scheduler;
  readonly #auditor: Auditor;
  readonly #starts: Pick<Starts, "again" | "mayArrive">;
  readonly #task: Task;
  /** Stopped by hand, and to be resumed by hand. */
  readonly #stopped = new Set<string>();
  readonly #purging = new Set<string>();

  constructor({ scheduler, auditor, starts, task }: OperatorOptions) {
    this.#scheduler = scheduler;
    this.#auditor = auditor;
    this.#starts = starts;
    this.#task = task;
  }

  /** Does something. */
  act(): void {
    const books = [...this.#auditor.ledger.books.values()].filter(({ isPurged }) => !isPurged);
    if (books.length === 0) return;
    const open = books.filter(({ head }) => !isTerminal(head.status));
    const what = this.#scheduler.pick(["stop", "stop", "look", "list", "collect", "purge", "purge"]);
    // What is under way is disturbed more often than what has ended.
    const book = this.#scheduler.pick(what === "stop" && open.length > 0 ? open : books);
    if (what === "stop") this.#stop(book);
    else if (what === "look") this.#look(book);
    else if (what === "list") this.#list();
    else if (what === "collect") this.collect();
    else this.#purge(book);
  }

  /** Stops what has the id, removes it, and wants its name again. */
  replace(executionId: string): void {
    const books = [...this.#auditor.ledger.books.values()];
    const book = books.find(({ head, isPurged }) => !isPurged && head.executionId === executionId);
    if (book === undefined || book.head.parent !== undefined) return;
    const id = book.executionId;
    if (this.#purging.has(id) || this.#starts.mayArrive(id)) return;
    this.#purging.add(id);
    this.#task(`replace ${id}`, async (client, store) => {
      await this.#unlessPurged(id, async () => void (await client.stop(id)));
      // Some do not wait until all of it is gone.
      const isImpatient = this.#scheduler.chance(0.5);
      if (isImpatient) this.#starts.again(id, SOON_MS);
      await this.#remove(id, client, store);
      if (!isImpatient) this.#starts.again(id, SOON_MS);
    });
  }

  /** As by hand, with its payloads, or as when its retention has passed. */
  async #remove(id: string, client: DurableClient, store: ExecutionStore): Promise<void> {
    if (this.#scheduler.chance(0.5)) return void (await store.purge(id));
    this.#auditor.ledger.abandon(id);
    await client.purge(id);
  }

  /** Puts what has stopped back to work, whoever has stopped it. */
  resumeAll(): void {
    for (const { executionId, head, isPurged } of this.#auditor.ledger.books.values()) {
      // The parent of one that was invoked has been told that it was stopped: that counts.
      if (
        isPurged ||
        head.status !== "STOPPED" ||
        executionId.includes("~") ||
        this.#stopped.has(executionId)
      )
        continue;
      this.#resume(executionId);
    }
  }

  get isResuming(): boolean {
    return this.#stopped.size > 0;
  }

  #stop({ executionId }: Book): void {
    if (executionId.includes("~") || this.#stopped.has(executionId)) return;
    this.#stopped.add(executionId);
    this.#task(`stop ${executionId}`, async (client) => {
      await this.#unlessPurged(executionId, async () => {
        if (await client.stop(executionId)) this.#auditor.note({ kind: "stopped", executionId });
      });
      this.#scheduler.after(this.#scheduler.between(0, 30_000), `resume ${executionId}`, () =>
        this.#resume(executionId),
      );
    });
  }

  #resume(executionId: string): void {
    this.#stopped.add(executionId);
    this.#task(`resume ${executionId}`, async (client) => {
      await this.#unlessPurged(executionId, async () => void (await client.resume(executionId)));
      this.#stopped.delete(executionId);
    });
  }

  #look({ executionId }: Book): void {
    this.#task(`look ${executionId}`, (client) =>
      this.#unlessPurged(executionId, async () => {
        await client.describe(executionId);
        await client.history(executionId);
      }),
    );
  }

  #list(): void {
    this.#task("list", async (client) => {
      const { cursor } = await client.list({ limit: 5 });
      if (cursor !== undefined) await client.list({ limit: 5, cursor });
    });
  }

  /** Orphans go; what is pointed at stays. */
  collect(): void {
    this.#task("collect", async (_client, store) => {
      await collectPayloads({ store, nowMs: this.#scheduler.nowMs(), minAgeMs: MIN_AGE_MS });
    });
  }

  /** Removes an execution that has ended, and somebody may want to use its name again at once. */
  #purge({ executionId }: Book): void {
    const { ledger } = this.#auditor;
    const root = ledger.book(executionId.split("~")[0] as string);
    if (root === undefined || root.isPurged || !isTerminal(root.head.status)) return;
    const id = root.executionId;
    if (this.#purging.has(id) || this.#starts.mayArrive(id)) return;
    const invoked = [...ledger.books.values()].filter((book) => book.executionId.startsWith(`${id}~`));
    const isAlone = this.#scheduler.chance(0.4);
    if (!isAlone && (root.head.status === "STOPPED" || !invoked.every((book) => this.#isOver(book)))) return;
    this.#purging.add(id);
    this.#task(`purge ${id}`, async (client, store) => {
      // Invoked ones first: their payloads may go with the root's.
      if (!isAlone) for (const book of invoked.toReversed()) await client.purge(book.executionId);
      await this.#remove(id, client, store);
    });
    if (this.#scheduler.chance(0.8)) this.#starts.again(id, AGAIN_MS);
  }

  /** It has ended, and nothing that is on its way may start it again, which has the same exact id: see README.md. */
  #isOver({ head, changedAtMs }: Book): boolean {
    return isTerminal(head.status) && changedAtMs < this.#scheduler.nowMs() - MIN_AGE_MS;
  }

  async #unlessPurged(executionId: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const { ledger } = this.#auditor;
      const isGone = ledger.book(executionId)?.isPurged === true;
      if (isGone && codeOf(error) === "TIDEMARK_EXECUTION_NOT_FOUND") return;
      if (ledger.isAbandoned(executionId) && codeOf(error) === "TIDEMARK_PAYLOAD_GONE") return;
      throw error;
    }
  }
}

/** Waits for the end, and compares what the client is told with what is recorded. */
export async function checkResult(
  client: DurableClient,
  executionId: string,
  auditor: Auditor,
): Promise<void> {
  let told: string;
  try {
    told = `SUCCEEDED ${JSON.stringify(await client.result(executionId))}`;
  } catch (error) {
    const isGone = auditor.ledger.book(executionId)?.isPurged === true;
    if (isGone && codeOf(error) === "TIDEMARK_EXECUTION_NOT_FOUND") return;
    if (!(error instanceof ExecutionFailedError)) throw error;
    told = error.status;
  }
  const status = auditor.ledger.book(executionId)?.head.status;
  // One that was stopped may have been resumed since.
  if (told === "STOPPED" || status === undefined || told.startsWith(status)) return;
  auditor.violated("tellsTheEnd", `${executionId} is ${status}, and a client was told ${told}`);
}

export function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | undefined)?.code;
}

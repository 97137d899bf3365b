/** Owns what people and schedules do to a running system: look, stop, resume, purge, and collect payloads. */

import { isTerminal } from "@tidemark/protocol";
import { type DurableClient, ExecutionFailedError } from "@tidemark/runtime";
import { collectPayloads, type ExecutionStore } from "@tidemark/store";
import type { Auditor } from "./auditor";
import type { Book } from "./ledger";
import { FREEZE_MAX_MS } from "./machines";
import { MAX_LATE_MS } from "./network";
import type { Scheduler } from "./scheduler";

/**
 * Younger objects stay. Longer than a process stands still and a message is on its way, together: a
 * client may have written an input whose execution has yet to be started.
 */
const MIN_AGE_MS = FREEZE_MAX_MS + 2 * MAX_LATE_MS;

/** Does `work` with some client's store, again and again until it succeeds. */
export type Task = (
  what: string,
  work: (client: DurableClient, store: ExecutionStore) => Promise<void>,
) => void;

export class Operator {
  readonly #scheduler: Scheduler;
  readonly #auditor: Auditor;
  readonly #task: Task;
  /** Stopped by hand, and to be resumed by hand. */
  readonly #stopped = new Set<string>();
  readonly #purging = new Set<string>();
  /** Starts that are under way or to come, and when the last one was over. */
  readonly #starts = new Map<string, { readonly open: number; readonly atMs: number }>();

  constructor(scheduler: Scheduler, auditor: Auditor, task: Task) {
    this.#scheduler = scheduler;
    this.#auditor = auditor;
    this.#task = task;
  }

  /** A client is going to start it, or has done so. */
  starting(executionId: string, isDone: boolean): void {
    const open = (this.#starts.get(executionId)?.open ?? 0) + (isDone ? -1 : 1);
    this.#starts.set(executionId, { open, atMs: this.#scheduler.nowMs() });
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

  /** Removes an execution and what it has invoked, once all of them have ended for good, and for long. */
  #purge(book: Book): void {
    const [root = ""] = book.executionId.split("~");
    const books = [...this.#auditor.ledger.books.values()];
    const tree = books.filter(
      ({ executionId }) => executionId === root || executionId.startsWith(`${root}~`),
    );
    const beforeMs = this.#scheduler.nowMs() - MIN_AGE_MS;
    const hasEnded = tree.every(({ head, executionId, changedAtMs }) => {
      const isChild = executionId.includes("~");
      return isTerminal(head.status) && changedAtMs < beforeMs && (isChild || head.status !== "STOPPED");
    });
    // Nothing that is on its way may start it again: a name that is used again is not simulated, see README.md.
    const starts = this.#starts.get(root);
    const mayBegin = starts !== undefined && (starts.open > 0 || starts.atMs >= beforeMs);
    if (!hasEnded || mayBegin || this.#purging.has(root)) return;
    this.#purging.add(root);
    this.#task(`purge ${root}`, async (client) => {
      // Invoked ones first: their payloads go with the root's.
      for (const { executionId } of tree.toReversed()) await client.purge(executionId);
    });
  }

  async #unlessPurged(executionId: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const isGone = this.#auditor.ledger.book(executionId)?.isPurged === true;
      if (isGone && codeOf(error) === "TIDEMARK_EXECUTION_NOT_FOUND") return;
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

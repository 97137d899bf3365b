/** Owns whoever answers the callbacks of explored executions: each is answered once, in its time. */

import type { ErrorObject, LogEntry } from "@tidemark/protocol";
import type { DurableClient } from "@tidemark/runtime";
import { type ExecutionStore, wholeLog } from "@tidemark/store";
import { callbackNameOf, treeOf } from "./explored-facts.js";
import type { CallbackAnswer } from "./explored-world.js";
import type { VirtualClock } from "./virtual-clock.js";

interface CallbacksOptions {
  readonly clock: VirtualClock;
  readonly store: ExecutionStore;
  readonly client: DurableClient;
  /** Answers by the name of the callback, or of the `waitForCallback` around it. */
  readonly answers: Readonly<Record<string, CallbackAnswer>>;
  readonly note: (text: string) => void;
}

export class Callbacks {
  readonly #options: CallbacksOptions;
  readonly #answered = new Set<string>();
  /** The end of all time: nothing is sent any more. */
  isClosed = false;
  /** When the answers that are on their way are sent. */
  readonly #dueAtMs: number[] = [];
  /** When the last answer was sent. */
  lastAnswerMs = 0;

  constructor(options: CallbacksOptions) {
    this.#options = options;
  }

  /** When the next answer is sent. */
  get nextDueMs(): number {
    return Math.min(...this.#dueAtMs);
  }

  /** What has become durable may have callbacks that are answered by name. */
  async appended(executionId: string, { records }: LogEntry): Promise<void> {
    const { answers, store } = this.#options;
    if (Object.keys(answers).length === 0) return;
    const started = records.filter(({ update }) => update?.Type === "CALLBACK" && update.Action === "START");
    const head = started.length === 0 ? undefined : await store.head(executionId);
    if (head === undefined) return;
    const tree = treeOf({ head, entries: await wholeLog(store, executionId) });
    for (const { update } of started) {
      const operation = tree.get(update?.Id ?? "");
      const name = callbackNameOf(operation, tree);
      const answer = name === undefined ? undefined : answers[name];
      const callbackId = operation?.CallbackDetails?.CallbackId;
      if (answer !== undefined && callbackId !== undefined) this.answer(callbackId, answer);
    }
  }

  /** Answers in time, unless it has been asked to before. @throws TypeError when JSON cannot carry the result. */
  answer(callbackId: string, { result, error, afterMs = 0 }: CallbackAnswer): void {
    if (this.#answered.has(callbackId)) return;
    const text = result === undefined ? undefined : JSON.stringify(result);
    this.#answered.add(callbackId);
    const { clock } = this.#options;
    const dueAtMs = clock.nowMs() + afterMs;
    this.#dueAtMs.push(dueAtMs);
    clock.setTimer(() => {
      this.#dueAtMs.splice(this.#dueAtMs.indexOf(dueAtMs), 1);
      if (!this.isClosed) void this.#send(callbackId, text, error);
    }, afterMs);
  }

  async #send(callbackId: string, text: string | undefined, error: ErrorObject | undefined): Promise<void> {
    const { clock, client, note } = this.#options;
    clock.touch();
    this.lastAnswerMs = clock.nowMs();
    note(`callback ${callbackId.split(":")[1]} is answered`);
    const sent =
      error === undefined
        ? client.sendCallbackSuccess(callbackId, text)
        : client.sendCallbackFailure(callbackId, error);
    await sent.catch((refused: Error) => note(`the answer is refused: ${refused.message}`));
    clock.touch();
  }
}

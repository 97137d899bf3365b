/** Owns the outside world that answers callbacks, and what it was told about each answer. */

import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import type { DurableClient } from "@tidemark/runtime";
import { TidemarkError } from "@tidemark/sdk";
import { type CallbackRequest, parseLines } from "./body-log";
import { planOf } from "./values";

/** What the store confirmed for a callback: the outcome that must come out of the execution. */
export interface ConfirmedAnswer {
  readonly text: string;
  readonly callbackId: string;
}

/** Answers to a contested callback come this long after it was asked for, by and large. */
const CONTEST_DELAY_MS = 900;
const CONTEST_SPREAD_MS = 300;

const POLL_INTERVAL_MS = 50;

const MAX_CALLS = 5;

/** The same call again, by default when its payload could not be written: then nothing has been posted. */
export async function untilWritten<T>(
  call: () => Promise<T>,
  codes: readonly string[] = ["TIDEMARK_PAYLOAD_STORE"],
): Promise<T> {
  for (let calls = 1; ; calls++) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof TidemarkError) || !codes.includes(error.code)) throw error;
      if (calls === MAX_CALLS) throw error;
    }
  }
}

export class CallbackAnswers {
  /** By execution; two for one execution would be a violation. */
  readonly confirmed = new Map<string, ConfirmedAnswer[]>();
  /** Executions whose answers were all refused as too late. */
  readonly refused = new Set<string>();
  readonly problems: string[] = [];
  readonly #client: DurableClient;
  readonly #random: () => number;
  readonly #descriptor: number;
  readonly #seen = new Set<string>();
  readonly #open = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;
  #offset = 0;
  #closed: Promise<void> | undefined;

  constructor(client: DurableClient, path: string, random: () => number) {
    this.#client = client;
    this.#random = random;
    this.#descriptor = openSync(path, "a+");
    this.#timer = setInterval(() => this.#look(), POLL_INTERVAL_MS);
  }

  /** Settles when everything that was sent has been answered. May be called again. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    closeSync(this.#descriptor);
  }

  #look(): void {
    const size = fstatSync(this.#descriptor).size - this.#offset;
    if (size === 0) return;
    const bytes = Buffer.alloc(size);
    readSync(this.#descriptor, bytes, 0, size, this.#offset);
    const end = bytes.lastIndexOf("\n") + 1;
    this.#offset += end;
    for (const request of parseLines<CallbackRequest>(bytes.toString("utf8", 0, end))) this.#take(request);
  }

  /** A submitter that runs again after a crash asks again: the answer is on its way already. */
  #take(request: CallbackRequest): void {
    if (this.#seen.has(request.callbackId)) return;
    this.#seen.add(request.callbackId);
    const answered = this.#answer(request).catch((error: unknown) => {
      this.problems.push(`callback ${request.callbackId}: ${String(error)}`);
    });
    this.#open.add(answered);
    answered.finally(() => this.#open.delete(answered));
  }

  async #answer(request: CallbackRequest): Promise<void> {
    const { callbackId, index } = request;
    const plan = planOf(index).callback;
    const delayMs =
      plan === "contest" ? CONTEST_DELAY_MS + this.#random() * CONTEST_SPREAD_MS : this.#random() * 500;
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    const success = (text: string) =>
      this.#send(request, text, () => this.#client.sendCallbackSuccess(callbackId, text));
    switch (plan) {
      case "failure":
        return this.#send(request, "failed", () =>
          this.#client.sendCallbackFailure(callbackId, { ErrorType: "Refused", ErrorMessage: "no" }),
        );
      case "duel":
        await Promise.all([success(`left ${index}`), success(`right ${index}`)]);
        return;
      case "success":
      case "contest":
        return success(`answer ${index}`);
    }
  }

  async #send(
    { executionId, callbackId }: CallbackRequest,
    text: string,
    send: () => Promise<void>,
  ): Promise<void> {
    try {
      await untilWritten(send);
    } catch (error) {
      if (!(error instanceof TidemarkError) || error.code !== "TIDEMARK_CALLBACK_SETTLED") throw error;
      this.refused.add(executionId);
      return;
    }
    const answers = this.confirmed.get(executionId) ?? [];
    answers.push({ text, callbackId });
    this.confirmed.set(executionId, answers);
  }
}

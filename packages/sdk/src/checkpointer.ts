/**
 * Owns the updates on their way to the log: queued in order, one request in flight.
 *
 * It knows nothing of what the updates mean. Updates that nobody waits for ride along with the
 * next request; on their own they are sent after `startDelayMs`, so that a live view shows what
 * has been running for long.
 */

import type {
  CheckpointDurableExecutionResponse,
  DurableExecutionClient,
  ExecutionHost,
  Operation,
  OperationUpdate,
} from "@tidemark/protocol";
import { normalizeOperation } from "./normalize.js";

/** The default. Long enough that ordinary steps are one record, short enough for a person who watches. */
const START_DELAY_MS = 500;

/** Limits of one request to a backend outside this process. Source: Lambda durable API as its SDK uses it. */
const MAX_REMOTE_UPDATES = 250;
const MAX_REMOTE_BYTES = 750 * 1024;

interface CheckpointerOptions {
  readonly client: DurableExecutionClient;
  readonly executionArn: string;
  readonly token: string;
  readonly host: ExecutionHost;
  /** Operations that changed, in the order in which they are to be delivered. */
  readonly onChanged: (operations: readonly Operation[], updates: readonly OperationUpdate[]) => void;
  readonly onFailed: (error: unknown) => void;
  /** Updates have waited long enough to be sent on their own. */
  readonly onOverdue: () => void;
}

export class Checkpointer {
  readonly #options: CheckpointerOptions;
  readonly #isRemote: boolean;
  #token: string;
  #pending: OperationUpdate[] = [];
  readonly #startDelayMs: number;
  #isUrgent = false;
  #isInFlight = false;
  #cancelDelay: (() => void) | undefined;

  constructor(options: CheckpointerOptions) {
    this.#options = options;
    this.#token = options.token;
    this.#isRemote = options.client.hostOptions === undefined;
    this.#startDelayMs = options.client.hostOptions?.startDelayMs ?? START_DELAY_MS;
  }

  get token(): string {
    return this.#token;
  }

  get isInFlight(): boolean {
    return this.#isInFlight;
  }

  get hasPending(): boolean {
    return this.#pending.length > 0;
  }

  /** Somebody waits for what is pending. */
  get isUrgent(): boolean {
    return this.#isUrgent;
  }

  enqueue(update: OperationUpdate, isUrgent: boolean): void {
    update.AtMs = this.#options.host.nowMs();
    this.#pending.push(update);
    if (isUrgent) this.#isUrgent = true;
    else if (!this.#isUrgent && this.#cancelDelay === undefined) this.#delay();
  }

  /** Sends what is pending; with nothing pending it asks for news. */
  flush(): void {
    const updates = this.#take();
    this.#isInFlight = true;
    this.#isUrgent = this.#pending.length > 0;
    const { client, executionArn, onFailed } = this.#options;
    const request = {
      DurableExecutionArn: executionArn,
      CheckpointToken: this.#token,
      Updates: this.#isRemote ? updates.map(withoutExtensions) : updates,
    };
    client.checkpoint(request).then(
      (response) => {
        this.#isInFlight = false;
        this.#answered(response, updates);
      },
      (error: unknown) => {
        this.#isInFlight = false;
        onFailed(error);
      },
    );
  }

  close(): void {
    this.#cancelDelay?.();
    this.#cancelDelay = undefined;
    this.#pending = [];
    this.#isUrgent = false;
  }

  #answered(response: CheckpointDurableExecutionResponse, updates: readonly OperationUpdate[]): void {
    if (response.CheckpointToken !== undefined) this.#token = response.CheckpointToken;
    const operations = response.NewExecutionState?.Operations ?? [];
    const changed = this.#isRemote ? operations.map(normalizeOperation) : (operations as Operation[]);
    this.#options.onChanged(changed, updates);
  }

  #take(): OperationUpdate[] {
    const all = this.#pending;
    if (!this.#isRemote) {
      this.#pending = [];
      return all;
    }
    let count = 0;
    let bytes = 0;
    while (count < all.length && count < MAX_REMOTE_UPDATES) {
      bytes += Buffer.byteLength(JSON.stringify(all[count]));
      // A single update over the limit still goes, alone.
      if (count > 0 && bytes > MAX_REMOTE_BYTES) break;
      count += 1;
    }
    this.#pending = all.slice(count);
    return all.slice(0, count);
  }

  #delay(delayMs = this.#startDelayMs): void {
    this.#cancelDelay = this.#options.host.setTimer(() => {
      this.#cancelDelay = undefined;
      const oldest = this.#pending[0]?.AtMs;
      if (oldest === undefined) return;
      // What the timer was set for may have gone with another request; what is pending is younger.
      const leftMs = oldest + this.#startDelayMs - this.#options.host.nowMs();
      if (leftMs > 0) return this.#delay(leftMs);
      this.#isUrgent = true;
      this.#options.onOverdue();
    }, delayMs);
  }
}

function withoutExtensions(update: OperationUpdate): OperationUpdate {
  const { AtMs: _atMs, Error: error, ...rest } = update;
  if (error === undefined) return rest;
  const { Cause: _cause, ...plainError } = error;
  return { ...rest, Error: plainError };
}

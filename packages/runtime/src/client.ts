/** Owns the client: starts executions, waits for them, looks at them, and speaks to them from outside. */

import {
  callbackId as callbackIdOf,
  type ErrorObject,
  type ExecutionHead,
  type ExecutionStatus,
  type ExportedHistory,
  errorObjectFrom,
  exactExecutionId,
  executionArn,
  executionIdOf,
  exportHistory,
  type HistoryEvent,
  historyOf,
  isStandIn,
  isTerminal,
  namedExecutionId,
  type OutsideEvent,
  parseCallbackId,
  parseExecutionId,
  TidemarkError,
  validateExecutionName,
  valueText,
} from "@tidemark/protocol";
import { durationSeconds, errorFromObject, errorObjectOf } from "@tidemark/sdk";
import {
  type ExecutionStore,
  ExecutionTrees,
  type ListRequest,
  type Payloads,
  plainPayloads,
  settleKey,
  wholeLog,
} from "@tidemark/store";
import { callbackNotFound, requirePosted } from "./callback-refusals.js";
import { inputText, isSameInput } from "./client-input.js";
import {
  type DurableClientOptions,
  type HistoryOptions,
  type ListOptions,
  type ResultOptions,
  requireClientOptions,
  requireHistoryOptions,
  requireListOptions,
  requireResultOptions,
  type StartOptions,
} from "./client-options.js";
import { type Clock, systemClock } from "./clock.js";
import { describe, type ExecutionDescription, readable } from "./description.js";
import { fenceOff } from "./fence.js";
import { partOf, readHistory } from "./history-payloads.js";
import { LookAgain } from "./look-again.js";
import { isFunctionName } from "./registration.js";
import { requireStore } from "./require-store.js";
import { newIncarnation, uniqueId } from "./unique-id.js";

export interface StartedExecution {
  readonly executionId: string;
  /** As its code sees it. Taken wherever an id is; never means another execution that has the name later. */
  readonly executionArn: string;
  /** False when the name had been started before with the same input. */
  readonly created: boolean;
}

/** Default of the Lambda durable API. */
const RETENTION_DAYS = 14;
const TIMEOUT_DAYS = 366;

/** The execution failed, timed out or was stopped. `cause` is its error. */
export class ExecutionFailedError extends TidemarkError {
  readonly executionId: string;
  readonly status: ExecutionStatus;

  constructor(executionId: string, status: ExecutionStatus, error: ErrorObject | undefined) {
    const what = error?.ErrorMessage ?? "no error was recorded";
    super("TIDEMARK_EXECUTION_FAILED", `execution ${executionId} ended as ${status}: ${what}`, {
      cause: errorFromObject(error),
    });
    this.name = "ExecutionFailedError";
    this.executionId = executionId;
    this.status = status;
  }
}

/**
 * Starts executions and speaks to them.
 *
 * @example
 * ```ts
 * const client = new DurableClient({ store });
 * const { executionId } = await client.start("greet", { input: { name: "Ada" } });
 * const greeting = await client.result(executionId);
 * ```
 */
export class DurableClient {
  readonly #store: ExecutionStore;
  readonly #clock: Clock;
  readonly #lookAgain: LookAgain;

  /** @throws TidemarkError `TIDEMARK_CLIENT_CONFIG`. */
  constructor(options: DurableClientOptions) {
    requireClientOptions("DurableClient", options);
    this.#store = requireStore(options.store, "TIDEMARK_CLIENT_CONFIG");
    this.#clock = options.clock ?? systemClock;
    this.#lookAgain = new LookAgain(this.#clock);
  }

  /**
   * Starts an execution; a worker that has the function runs it.
   *
   * @throws TidemarkError `TIDEMARK_UNKNOWN_FUNCTION`, `TIDEMARK_EXECUTION_EXISTS` (the name has been started with
   * another input), `TIDEMARK_EXECUTION_NAME`, `TIDEMARK_INPUT`, `TIDEMARK_DURATION`, `TIDEMARK_CLIENT_CONFIG`.
   */
  async start(functionName: string, options: StartOptions = {}): Promise<StartedExecution> {
    requireClientOptions("start", options);
    const input = inputText(options);
    if (options.name !== undefined) validateExecutionName(options.name);
    const timeoutMs = durationSeconds(options.timeout ?? { days: TIMEOUT_DAYS }, "timeout") * 1000;
    const retentionMs = durationSeconds(options.retention ?? { days: RETENTION_DAYS }, "retention") * 1000;
    if (!isFunctionName(functionName) || !(await this.#store.hasFunction(functionName))) {
      throw new TidemarkError(
        "TIDEMARK_UNKNOWN_FUNCTION",
        `no worker has registered function ${valueText(functionName)}; start a worker that has it, or correct the name`,
      );
    }
    const nowMs = this.#clock.nowMs();
    const ids =
      options.name === undefined
        ? { executionId: uniqueId(nowMs) }
        : {
            executionId: namedExecutionId(functionName, options.name),
            incarnation: newIncarnation(this.#clock),
          };
    const { executionId } = ids;
    const written =
      input === undefined ? undefined : await this.#payloads.write(input, exactExecutionId(ids));
    const { created, head } = await this.#store.start({
      ...ids,
      functionName,
      ...(options.name === undefined ? {} : { name: options.name }),
      ...(written === undefined ? {} : { input: written }),
      startedAtMs: nowMs,
      timeoutAtMs: nowMs + timeoutMs,
      retentionMs,
    });
    if (!created && head.input !== written && !isSameInput(await this.#read(head.input), input)) {
      throw new TidemarkError(
        "TIDEMARK_EXECUTION_EXISTS",
        `execution ${JSON.stringify(options.name)} of ${functionName} was started with another input; choose another name, or pass the same input`,
      );
    }
    return { executionId, executionArn: executionArn(functionName, exactExecutionId(head)), created };
  }

  /**
   * Waits for the end and gives the result: the JSON value, or the text itself when a serdes has written no JSON.
   *
   * @throws ExecutionFailedError when it failed, timed out or was stopped.
   * @throws TidemarkError `TIDEMARK_EXECUTION_NOT_FOUND`; `TIDEMARK_RESULT_TIMEOUT` after `timeoutMs`, if given;
   * `TIDEMARK_CLIENT_CONFIG`; the reason of `signal`, when that is aborted.
   */
  async result<T = unknown>(executionId: string, options: ResultOptions = {}): Promise<T> {
    requireResultOptions(options);
    const { signal } = options;
    let id = executionIdOf(executionId);
    const deadlineMs = this.#clock.nowMs() + (options.timeoutMs ?? Number.POSITIVE_INFINITY);
    for (;;) {
      const changed = this.#nextChange(id, deadlineMs);
      signal?.addEventListener("abort", changed.cancel);
      try {
        signal?.throwIfAborted();
        const head = await this.#head(id);
        // Should it be gone when we look again, another execution of its name has another end.
        id = exactExecutionId(head);
        if (isTerminal(head.status)) return resultOf<T>(await this.#whole(head));
        if (this.#clock.nowMs() >= deadlineMs) {
          throw new TidemarkError(
            "TIDEMARK_RESULT_TIMEOUT",
            `execution ${head.executionId} is ${head.status} after ${options.timeoutMs} ms (${await this.#stateText(head)}); wait again`,
          );
        }
        await changed.promise;
      } finally {
        signal?.removeEventListener("abort", changed.cancel);
        changed.cancel();
      }
    }
  }

  /** @throws TidemarkError `TIDEMARK_EXECUTION_NOT_FOUND`. */
  async describe(executionId: string): Promise<ExecutionDescription> {
    const described = describe(await this.#whole(await this.#head(executionIdOf(executionId))));
    const { failing } = described;
    return failing === undefined
      ? described
      : { ...described, failing: await this.#payloads.readError(failing) };
  }

  /**
   * What has happened, as events.
   *
   * @throws TidemarkError `TIDEMARK_EXECUTION_NOT_FOUND`, `TIDEMARK_CLIENT_CONFIG`.
   */
  async history(executionId: string, options: HistoryOptions = {}): Promise<HistoryEvent[]> {
    requireHistoryOptions(options);
    const head = await this.#head(executionIdOf(executionId));
    const events = historyOf(head, await wholeLog(this.#store, exactExecutionId(head)));
    return readHistory(partOf(events, options), options.payloads === false ? undefined : this.#payloads);
  }

  /**
   * The history as JSON that stands on its own, with all payloads: to keep, and to replay with other code.
   *
   * @throws TidemarkError `TIDEMARK_EXECUTION_NOT_FOUND`.
   */
  async exportHistory(executionId: string): Promise<ExportedHistory> {
    const head = await this.#head(executionIdOf(executionId));
    const entries = await wholeLog(this.#store, exactExecutionId(head));
    return exportHistory({ head, entries }, this.#payloads);
  }

  /** Lists executions. Payloads that are kept elsewhere or encoded are not read: see `large`. @throws TidemarkError `TIDEMARK_LIST_LIMIT`, `TIDEMARK_CURSOR`, `TIDEMARK_CLIENT_CONFIG`. */
  async list(options: ListOptions = {}): Promise<{ executions: ExecutionDescription[]; cursor?: string }> {
    requireListOptions(options);
    const limit = options.limit ?? 100;
    if (!Number.isInteger(limit) || limit < 1 || limit > 1000) {
      throw new TidemarkError(
        "TIDEMARK_LIST_LIMIT",
        `limit is ${valueText(limit)}; pass a whole number from 1 to 1000`,
      );
    }
    const request: ListRequest = {
      limit,
      functionName: options.functionName,
      status: options.status,
      startedAfterMs: options.startedAfter?.getTime(),
      startedBeforeMs: options.startedBefore?.getTime(),
      oldestFirst: options.oldestFirst,
      cursor: options.cursor,
    };
    const { heads, cursor } = await this.#store.list(request);
    return { executions: heads.map(describe), ...(cursor === undefined ? {} : { cursor }) };
  }

  /**
   * Completes a callback with a text payload. The handler gets the text as it is, unless the callback has a serdes.
   *
   * @throws TidemarkError `TIDEMARK_CALLBACK_ID`, `TIDEMARK_CALLBACK_PAYLOAD`, `TIDEMARK_CALLBACK_NOT_FOUND`, `TIDEMARK_CALLBACK_SETTLED` (it has an
   * outcome already, or its execution has ended).
   */
  async sendCallbackSuccess(callbackId: string, payload?: string): Promise<void> {
    if (payload !== undefined && typeof payload !== "string") {
      throw new TidemarkError(
        "TIDEMARK_CALLBACK_PAYLOAD",
        `payload is ${valueText(payload)}; pass a text, such as JSON.stringify(value)`,
      );
    }
    await this.#settle(callbackId, async (id, executionId) => {
      const result = payload === undefined ? undefined : await this.#payloads.write(payload, executionId);
      return { kind: "callback_succeeded", id, result };
    });
  }

  /**
   * Fails a callback, with a record of an error, the error itself or its message.
   *
   * @throws TidemarkError `TIDEMARK_ERROR_OBJECT`; and as {@link sendCallbackSuccess}.
   */
  async sendCallbackFailure(callbackId: string, error: ErrorObject | Error | string = {}): Promise<void> {
    const record = recordOf(error);
    await this.#settle(callbackId, async (id, executionId) => {
      return { kind: "callback_failed", id, error: await this.#payloads.writeError(record, executionId) };
    });
  }

  /** Says that work on a callback goes on: its heartbeat timeout starts anew. @throws as {@link sendCallbackSuccess}. */
  async sendCallbackHeartbeat(callbackId: string): Promise<void> {
    const { executionId, operationId } = await this.#callback(callbackId);
    const nowMs = this.#clock.nowMs();
    const result = await this.#store.post({
      executionId,
      key: `heartbeat/${operationId}`,
      event: { kind: "callback_heartbeat", id: operationId, atMs: nowMs },
      nowMs,
      mode: "replace",
      unless: settleKey(operationId),
      wake: false,
    });
    requirePosted(callbackId, result);
  }

  /**
   * Stops an execution where it is; it can be resumed. `false` when it has ended already. `error` says why: a record
   * of an error, the error itself or its message. One whose log is damaged is stopped as well; it can be resumed once
   * the log has been restored.
   *
   * @throws TidemarkError `TIDEMARK_EXECUTION_NOT_FOUND`, `TIDEMARK_ERROR_OBJECT`.
   */
  async stop(executionId: string, error: ErrorObject | Error | string = {}): Promise<boolean> {
    const reason = {
      ErrorType: "TIDEMARK_STOPPED",
      ErrorMessage: "the execution was stopped",
      ...recordOf(error),
    };
    const head = await this.#head(executionIdOf(executionId));
    if (isTerminal(head.status)) return false;
    const id = exactExecutionId(head);
    await this.#fence(id).catch(unlessDamaged);
    const outcome = await this.#store.finish({
      executionId: id,
      epoch: undefined,
      status: "STOPPED",
      error: await this.#payloads.writeError(reason, id),
      endedAtMs: this.#clock.nowMs(),
    });
    if (outcome !== "finished") return false;
    // An invocation that loaded the log between the fence and the end.
    await this.#fence(id).catch(unlessDamaged);
    return true;
  }

  /** Lets a stopped execution go on. `false` unless it was stopped. */
  async resume(executionId: string): Promise<boolean> {
    const head = await this.#head(executionIdOf(executionId));
    if (head.status !== "STOPPED") return false;
    const id = exactExecutionId(head);
    await this.#fence(id);
    return this.#store.resume(id, this.#clock.nowMs());
  }

  /**
   * Removes an execution that has ended, with its history. `false` when it has not ended or is unknown.
   *
   * In a payload store, the objects of an execution and of all that it has invoked go together: purge
   * invoked executions first, or do not look at them any more. While one of those goes on, or can be resumed, the objects
   * stay, and `collectPayloads` removes them later.
   */
  async purge(executionId: string): Promise<boolean> {
    const head = await this.#store.head(executionIdOf(executionId));
    if (head === undefined) return false;
    const id = exactExecutionId(head);
    // Asked before: the log says whom it has invoked.
    const isNeeded = this.#payloads.store !== undefined && (await this.#hasOpenBelow(id));
    if (!(await this.#store.purge(id))) return false;
    if (!isNeeded) await this.#payloads.purge(id);
    return true;
  }

  async #hasOpenBelow(executionId: string): Promise<boolean> {
    try {
      return await new ExecutionTrees(this.#store).hasOpenBelow(executionId);
    } catch (error) {
      // Nobody knows whom it has invoked.
      unlessDamaged(error);
      return true;
    }
  }

  /** From now on, whoever runs the execution can record nothing more. */
  async #fence(executionId: string): Promise<void> {
    const outcome = await fenceOff(this.#store, executionId, { nowMs: this.#clock.nowMs() });
    if (outcome === "missing") throw notFound(executionId);
  }

  async #settle(
    callbackId: string,
    eventOf: (operationId: string, executionId: string) => Promise<OutsideEvent>,
  ): Promise<void> {
    const { executionId, operationId } = await this.#callback(callbackId);
    const result = await this.#store.post({
      executionId,
      key: settleKey(operationId),
      event: await eventOf(operationId, executionId),
      nowMs: this.#clock.nowMs(),
      mode: "once",
      wake: true,
    });
    requirePosted(callbackId, result);
  }

  /** An id that was made up, or cut off, must not leave an event that nobody takes. */
  async #callback(callbackId: string): Promise<{ executionId: string; operationId: string }> {
    const { executionId, operationId } = parseCallbackId(callbackId);
    const head = await this.#store.head(executionId);
    if (
      head === undefined ||
      callbackIdOf(exactExecutionId(head), operationId, head.startedAtMs) !== callbackId
    ) {
      throw callbackNotFound(callbackId);
    }
    return { executionId, operationId };
  }

  get #payloads(): Payloads {
    return this.#store.payloads ?? plainPayloads;
  }

  async #read(text: string | undefined): Promise<string | undefined> {
    return text === undefined ? undefined : this.#payloads.read(text);
  }

  /** Why an execution has not ended. */
  async #stateText({ epoch, functionName, lastInvocation }: ExecutionHead): Promise<string> {
    if (epoch === 0)
      return `no worker has claimed it; is one with function ${JSON.stringify(functionName)} running on this store?`;
    if (lastInvocation?.unread !== undefined)
      return `its log cannot be read: ${lastInvocation.unread.error.ErrorMessage}`;
    if (lastInvocation?.error === undefined) return `invocation ${epoch}`;
    const { ErrorType, ErrorMessage } = await this.#payloads.readError(lastInvocation.error);
    return `its last invocation failed: ${ErrorType}: ${ErrorMessage}`;
  }

  /** The head with its payloads instead of stand-ins. */
  async #whole(head: ExecutionHead): Promise<ExecutionHead> {
    const { input, result, error } = head;
    if (!isStandIn(input) && !isStandIn(result) && !isStandIn(error?.ErrorData)) return head;
    return {
      ...head,
      input: await this.#read(input),
      result: await this.#read(result),
      error: error === undefined ? undefined : await this.#payloads.readError(error),
    };
  }

  async #head(executionId: string): Promise<ExecutionHead> {
    const head = await this.#store.head(executionId);
    if (head === undefined) throw notFound(executionId);
    return head;
  }

  #nextChange(id: string, deadlineMs: number): { promise: Promise<void>; cancel: () => void } {
    const { executionId } = parseExecutionId(id);
    let cancel!: () => void;
    const promise = new Promise<void>((resolve) => {
      const unsubscribe = this.#store.onChange((changed) => {
        if (changed === executionId || changed === "") cancel();
      });
      const cancelLook = this.#store.manifest.multiProcess ? this.#lookAgain.add(() => cancel()) : undefined;
      const cancelTimer = Number.isFinite(deadlineMs)
        ? this.#clock.setTimer(() => cancel(), deadlineMs - this.#clock.nowMs())
        : undefined;
      cancel = () => {
        unsubscribe();
        cancelLook?.();
        cancelTimer?.();
        resolve();
      };
    });
    return { promise, cancel };
  }
}

function resultOf<T>(head: ExecutionHead): T {
  if (head.status !== "SUCCEEDED") throw new ExecutionFailedError(head.executionId, head.status, head.error);
  return (head.result === undefined ? undefined : readable(head.result)) as T;
}

/** An error as it is recorded. @throws TidemarkError `TIDEMARK_ERROR_OBJECT`. */
function recordOf(error: ErrorObject | Error | string): ErrorObject {
  if (typeof error === "string") return { ErrorMessage: error };
  return error instanceof Error ? errorObjectOf(error) : errorObjectFrom(error, "error");
}

function notFound(executionId: string): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_EXECUTION_NOT_FOUND",
    `execution ${executionId} does not exist in this store; it may have been purged after its retention`,
  );
}

/** A log that nobody can read is nobody's to go on with, which must not keep people from ending it. */
function unlessDamaged(error: unknown): void {
  if ((error as { code?: unknown }).code !== "TIDEMARK_LOG_CORRUPT") throw error;
}

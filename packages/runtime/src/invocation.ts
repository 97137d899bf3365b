/**
 * Owns one invocation from claim to end: acquire, open, run the handler, suspend or finish.
 *
 * Whatever the handler does, the execution stays resumable until it has a terminal status; an
 * invocation that has been superseded ends quietly (invariant 3).
 */

import {
  type DurableExecutionInvocationInput,
  DurableExecutionInvocationInputWithClient,
  type DurableExecutionInvocationOutput,
  type ErrorObject,
  type ExecutionHead,
  type ExecutionHostOptions,
  exactExecutionId,
  executionArn,
  type InvocationEnd,
  InvocationStatus,
  isDurableExecutionClientError,
  READS_STAND_INS,
  requestId,
  TidemarkError,
} from "@tidemark/protocol";
import {
  asError,
  createDefaultLogger,
  errorObjectOf,
  type LambdaContext,
  reportThrown,
  runWatched,
  type Thrown,
} from "@tidemark/sdk";
import { type ExecutionStore, isHeldBy, type Payloads, plainPayloads } from "@tidemark/store";
import type { Clock } from "./clock.js";
import { fenceOff } from "./fence.js";
import { invocationOutputOf } from "./invocation-output.js";
import { lambdaContext } from "./lambda-context.js";
import { Session } from "./session.js";
import { isTooLarge } from "./session-errors.js";
import { isReadableElsewhere, isUnreadLog, unreadLog, unreadSuspension } from "./unread-log.js";

/** A wrapped handler, of this SDK or of AWS's. */
export type DurableHandler = (
  event: DurableExecutionInvocationInput,
  context: LambdaContext,
) => Promise<DurableExecutionInvocationOutput>;

/** A function of its input without durable operations: it is run again if its process dies. */
export type PlainHandler = (event: never, context: LambdaContext) => unknown;

export type RegisteredFunction =
  | { readonly durable: true; readonly handler: DurableHandler }
  | { readonly durable: false; readonly handler: PlainHandler };

interface InvocationOptions {
  readonly store: ExecutionStore;
  readonly clock: Clock;
  readonly head: ExecutionHead;
  readonly fn: RegisteredFunction;
  readonly inlineWaitMs: number | (() => number);
  readonly startDelayMs?: number | undefined;
  /** Nothing begins in the last milliseconds of the time; if something wanted to, the invocation ends with the error. */
  readonly holdBack?: { readonly lastMs: number; readonly error: ErrorObject } | undefined;
  /** Invocations in a row that may fail without recording anything. */
  readonly maxBarrenInvocations: number;
  readonly remainingTimeMs: () => number;
  /** As in {@link WorkerOptions}. */
  readonly snapshotAfterBytes?: number | undefined;
  /** Told of an invocation that has failed and is tried again, and of snapshots that failed. */
  readonly onFailed?: ((error: TidemarkError) => void) | undefined;
  /** As in {@link WorkerOptions}. */
  readonly onThrown?: ExecutionHostOptions["onThrown"] | undefined;
}

/** First delay before a failed invocation is tried again; doubles up to the longest. */
const RETRY_BASE_MS = 1000;
const RETRY_MAX_MS = 5 * 60 * 1000;

const TIMEOUT: ErrorObject = { ErrorType: "TIDEMARK_EXECUTION_TIMEOUT" };

/** Nobody takes it: what was abandoned has ended already. */
const NOT_CALLED: DurableExecutionInvocationOutput = { Status: InvocationStatus.PENDING };

/** A snapshot is not begun when the process may be gone so soon. */
const SNAPSHOT_MS = 5000;

/** Longer timers are for a later invocation: nothing runs for weeks. */
const MAX_TIMER_MS = 2 ** 31 - 1;

export class Invocation {
  /** Exact. */
  readonly executionId: string;
  readonly epoch: number;
  readonly #options: InvocationOptions;
  readonly #startedAtMs: number;
  readonly #session: Session;
  #abandon!: (error: ErrorObject) => void;
  readonly #abandoned: Promise<ErrorObject>;
  #isAbandoned = false;
  #hasEnded = false;
  /** Something wanted to begin in the last milliseconds. */
  #heldBack: ErrorObject | undefined;

  constructor(options: InvocationOptions) {
    this.#options = options;
    this.executionId = exactExecutionId(options.head);
    this.epoch = options.head.epoch;
    this.#startedAtMs = options.clock.nowMs();
    const readsStandIns = Object.hasOwn(options.fn.handler, READS_STAND_INS);
    const mayBegin = options.holdBack === undefined ? undefined : () => this.#mayBegin();
    this.#session = new Session({ ...options, readsStandIns, mayBegin, report: options.onFailed });
    this.#abandoned = new Promise((resolve) => {
      this.#abandon = resolve;
    });
  }

  /** Something was posted to the inbox. */
  inboxChanged(): void {
    this.#session.inboxChanged();
  }

  /** Ends the invocation here and now; the execution is due again at once. */
  abandon(error: ErrorObject): void {
    this.#session.close();
    this.#isAbandoned = true;
    this.#abandon(error);
  }

  /** The execution has ended with this invocation: nothing of it becomes due any more. */
  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Settles when nothing of it is under way any more, but for a snapshot once it has been abandoned. */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      if (isUnreadLog(error)) await this.#unread(error);
      else if (!isSuperseded(error)) throw error;
    }
    await Promise.race([this.#session.snapshots.saving, this.#abandoned]);
  }

  async #run(): Promise<void> {
    const { store, head } = this.#options;
    if (this.#options.clock.nowMs() >= head.timeoutAtMs) return this.#timeOut();
    const loaded = await store.load(this.executionId);
    if (loaded === undefined || !isHeldBy(loaded.head, this.epoch)) return;
    const opened = await this.#session.open(loaded, (count, previous) => this.#mayInvoke(count, previous));
    switch (opened.kind) {
      case "superseded":
        return;
      case "nothing-new":
        return this.#suspend(opened.previous);
      case "barren":
        if (this.#mustStop(opened.count, opened.previous))
          return this.#stopBarren(opened.count, opened.previous);
        return this.#suspendUntil(retryAtMs(opened.count, opened.previous), opened.previous);
      case "closed":
        // Abandoned before its barrier: it has not been, and how the last one ended still counts.
        return this.#suspendUntil(this.#options.clock.nowMs(), opened.previous);
      case "ready":
        return this.#invoke();
    }
  }

  /** The first failure is tried again at once; after that the wait grows, up to a limit of tries. */
  #mayInvoke(barrenCount: number, previous: InvocationEnd): boolean {
    if (this.#mustStop(barrenCount, previous)) return false;
    if (barrenCount < 2) return true;
    return retryAtMs(barrenCount, previous) <= this.#options.clock.nowMs();
  }

  #mustStop(barrenCount: number, { error }: InvocationEnd): boolean {
    return barrenCount >= this.#options.maxBarrenInvocations && !isReadableElsewhere(error);
  }

  async #invoke(): Promise<void> {
    const { head } = this.#options;
    let output: DurableExecutionInvocationOutput;
    const cancelTimeout = this.#armTimeout();
    try {
      const ended = await Promise.race([
        this.#abandoned.then((abandoned) => ({ abandoned })),
        this.#callHandler().then((returned) => ({ returned })),
      ]);
      if ("abandoned" in ended) {
        if (ended.abandoned.ErrorType === TIMEOUT.ErrorType) return await this.#timeOut();
        return await this.#release(ended.abandoned, 0);
      }
      output = invocationOutputOf(ended.returned, head.functionName);
    } catch (error) {
      if (isSuperseded(error)) return;
      return this.#failed(errorObjectOf(error), error);
    } finally {
      cancelTimeout();
    }
    switch (output.Status) {
      case "PENDING":
        // No body runs: it goes on at once, and nothing was cut off.
        if (this.#heldBack !== undefined) return this.#release(this.#heldBack, 0);
        await this.#suspend(await this.#end(undefined));
        // Now it costs nobody anything: the execution may already go on elsewhere.
        if (this.#options.remainingTimeMs() >= SNAPSHOT_MS) this.#session.snapshots.save();
        return;
      case "SUCCEEDED":
        return this.#finish("SUCCEEDED", { result: this.#session.largeResult ?? output.Result });
      case "FAILED":
        return this.#finish("FAILED", { error: output.Error });
    }
  }

  /** An execution that times out while its code runs does not wait for the code. */
  #armTimeout(): () => void {
    const { clock, head } = this.#options;
    const delayMs = head.timeoutAtMs - clock.nowMs();
    if (delayMs > MAX_TIMER_MS) return () => {};
    return clock.setTimer(() => this.abandon(TIMEOUT), delayMs);
  }

  async #callHandler(): Promise<DurableExecutionInvocationOutput> {
    const { head, fn, remainingTimeMs } = this.#options;
    const context = lambdaContext(
      head.functionName,
      requestId(this.executionId, this.epoch),
      remainingTimeMs,
      head.tenantId,
    );
    if (!fn.durable) {
      const input = await this.#session.input();
      const report = this.#plainReport(context);
      const call = () => callPlain(fn.handler, input, context, report);
      return this.#isAbandoned ? NOT_CALLED : runWatched(report, call);
    }
    const event = new DurableExecutionInvocationInputWithClient(
      {
        DurableExecutionArn: executionArn(head.functionName, this.executionId),
        CheckpointToken: this.#session.token,
        UpdatedOperationIds: [...this.#session.updatedIds],
        InitialExecutionState: { Operations: await this.#session.operations() },
      },
      this.#session,
    );
    return this.#isAbandoned ? NOT_CALLED : fn.handler(event, context);
  }

  /** As in a durable function: the record has no stack. */
  #plainReport({ awsRequestId }: LambdaContext): (thrown: Thrown) => void {
    const { clock, head, onThrown } = this.#options;
    const arn = executionArn(head.functionName, this.executionId);
    const identity = { requestId: awsRequestId, executionArn: arn, tenantId: head.tenantId };
    const logger = createDefaultLogger({ ...identity, nowMs: () => clock.nowMs() });
    return (thrown) => reportThrown(thrown, { executionArn: arn, logger, onThrown });
  }

  #mayBegin(): boolean {
    const { holdBack, remainingTimeMs } = this.#options;
    if (holdBack === undefined || remainingTimeMs() > holdBack.lastMs) return true;
    this.#heldBack = holdBack.error;
    return false;
  }

  #suspend(invocation: InvocationEnd | undefined): Promise<void> {
    return this.#suspendUntil(this.#session.nextDueMs ?? Number.POSITIVE_INFINITY, invocation);
  }

  /** The invocation, and not the execution, has failed: somebody should know, and it is tried again. */
  #failed(error: ErrorObject, cause?: unknown): Promise<void> {
    const { head, fn } = this.#options;
    const isWrapped = !fn.durable || Object.hasOwn(fn.handler, READS_STAND_INS);
    const advice = isWrapped || cause === undefined ? "" : "; is it wrapped with withDurableExecution?";
    this.#options.onFailed?.(
      new TidemarkError(
        "TIDEMARK_INVOCATION_FAILED",
        `function ${head.functionName}, execution ${this.executionId}: invocation ${this.epoch} failed (${error.ErrorType}: ${error.ErrorMessage})${advice}; it is tried again, ` +
          "with growing pauses as long as nothing is recorded",
        { cause },
      ),
    );
    return this.#release(error, retryDelayMs(1));
  }

  /** Gives the lease back after a failure; the execution is tried again after the delay. */
  async #release(error: ErrorObject, delayMs: number): Promise<void> {
    return this.#suspendUntil(this.#options.clock.nowMs() + delayMs, await this.#end(error));
  }

  async #suspendUntil(dueAtMs: number, invocation: InvocationEnd | undefined): Promise<void> {
    const { store, head } = this.#options;
    this.#session.close();
    await store.suspend({
      executionId: this.executionId,
      epoch: this.epoch,
      inboxCount: this.#session.inboxCount,
      dueAtMs: Math.min(dueAtMs, head.timeoutAtMs),
      invocation,
    });
  }

  async #unread(why: TidemarkError): Promise<void> {
    const { store, clock, head, onFailed } = this.#options;
    const { executionId, epoch } = this;
    this.#session.close();
    const unread = { epoch, startedAtMs: this.#startedAtMs, nowMs: clock.nowMs(), why };
    const { dueAtMs, invocation } = unreadSuspension(head, unread);
    onFailed?.(unreadLog(executionId, dueAtMs, unread));
    await store.suspend({ executionId, epoch, inboxCount: head.inboxCount, dueAtMs, invocation });
  }

  async #finish(
    status: "SUCCEEDED" | "FAILED",
    outcome: { readonly result?: string | undefined; readonly error?: ErrorObject | undefined },
  ): Promise<void> {
    const { store, clock } = this.#options;
    this.#session.close();
    const { result, error } = outcome;
    const written = result === undefined ? undefined : await this.#payloads.write(result, this.executionId);
    const failure =
      error === undefined ? undefined : await this.#payloads.writeError(error, this.executionId);
    const invocation = await this.#end(error);
    const ending = { executionId: this.executionId, epoch: this.epoch, endedAtMs: clock.nowMs(), invocation };
    try {
      const finished = await store.finish({
        ...ending,
        status,
        ...(written === undefined ? {} : { result: written }),
        ...(failure === undefined ? {} : { error: failure }),
      });
      this.#hasEnded = finished === "finished";
    } catch (cause) {
      if (!isTooLarge(cause)) throw cause;
      // It would not fit the next time either, until somebody gives the store a place for it.
      const tooLarge = await this.#payloads.writeError(errorObjectOf(cause), this.executionId);
      // With an invocation that has failed: one that has not leaves a resumed execution nothing to do.
      const failed = await this.#end(errorObjectOf(cause));
      await store.finish({ ...ending, invocation: failed, status: "STOPPED", error: tooLarge });
    }
  }

  async #timeOut(): Promise<void> {
    if (!(await this.#fence())) return;
    const { store, clock, head } = this.#options;
    const seconds = Math.round((head.timeoutAtMs - head.startedAtMs) / 1000);
    await store.finish({
      executionId: this.executionId,
      epoch: this.epoch,
      status: "TIMED_OUT",
      error: {
        ErrorType: "TIDEMARK_EXECUTION_TIMEOUT",
        ErrorMessage: `the execution timed out after ${seconds} s`,
      },
      endedAtMs: clock.nowMs(),
    });
  }

  async #stopBarren(count: number, previous: InvocationEnd): Promise<void> {
    if (!(await this.#fence())) return;
    const { store, clock } = this.#options;
    const last = previous.error === undefined ? undefined : await this.#readable(previous.error);
    const error = {
      ErrorType: "TIDEMARK_BARREN",
      ErrorMessage: `${count} invocations in a row failed without recording anything (last: ${last?.ErrorMessage ?? "the process died"}); mend the cause, then call client.resume("${this.executionId}")`,
    };
    await store.finish({
      executionId: this.executionId,
      epoch: this.epoch,
      status: "STOPPED",
      // It quotes the user's own error.
      error: await this.#payloads.writeError(error, this.executionId),
      endedAtMs: clock.nowMs(),
      invocation: previous,
    });
  }

  /** The error, or why it cannot be read: that may be what has failed all the time, and must not keep it from ending. */
  async #readable(error: ErrorObject): Promise<ErrorObject> {
    try {
      return await this.#payloads.readError(error);
    } catch (thrown) {
      return errorObjectOf(thrown);
    }
  }

  /**
   * An end without a barrier fences off older invocations itself, and what this one has sent and has no answer to
   * (invariant 10). Nobody is older than the first.
   */
  async #fence(): Promise<boolean> {
    if (this.epoch === 1 && !this.#session.hasUnanswered) return true;
    const { store, clock } = this.#options;
    const outcome = await fenceOff(store, this.executionId, { nowMs: clock.nowMs(), heldBy: this.epoch });
    return outcome === "fenced";
  }

  async #end(error: ErrorObject | undefined): Promise<InvocationEnd> {
    const end = { epoch: this.epoch, startedAtMs: this.#startedAtMs, endedAtMs: this.#options.clock.nowMs() };
    if (error === undefined) return end;
    return { ...end, error: await this.#payloads.writeError(error, this.executionId) };
  }

  get #payloads(): Payloads {
    return this.#options.store.payloads ?? plainPayloads;
  }
}

function isSuperseded(error: unknown): boolean {
  return isDurableExecutionClientError(error) && (error as { code?: string }).code === "TIDEMARK_SUPERSEDED";
}

/** When the next invocation may follow `count` barren ones. */
function retryAtMs(count: number, previous: InvocationEnd): number {
  return previous.endedAtMs + retryDelayMs(count);
}

function retryDelayMs(count: number): number {
  return Math.min(RETRY_BASE_MS * 2 ** (count - 1), RETRY_MAX_MS);
}

async function callPlain(
  handler: PlainHandler,
  input: string | undefined,
  context: LambdaContext,
  report: (thrown: Thrown) => void,
): Promise<DurableExecutionInvocationOutput> {
  try {
    const value = await handler((input === undefined ? {} : JSON.parse(input)) as never, context);
    const Result = JSON.stringify(value);
    return {
      Status: "SUCCEEDED",
      ...(Result === undefined ? {} : { Result }),
    } as DurableExecutionInvocationOutput;
  } catch (error) {
    report({ error: asError(error), message: "the execution failed" });
    return { Status: "FAILED", Error: errorObjectOf(error) } as DurableExecutionInvocationOutput;
  }
}

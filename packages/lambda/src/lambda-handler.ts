/**
 * Owns the handler of a Lambda function that runs one durable function: it starts executions, runs them as far as the
 * time of the invocation goes, and goes on with those that it is woken for.
 *
 * Whatever happens to an invocation or to a wake-up, the store says what is due.
 */

import {
  type ErrorObject,
  type ExecutionHead,
  type ExecutionStatus,
  isTerminal,
  type OptionNames,
  reporter,
  type ThrownError,
  TidemarkError,
} from "@tidemark/protocol";
import {
  type Clock,
  DurableClient,
  type FunctionToRun,
  type RegisteredFunction,
  registeredFunction,
  runExecution,
  systemClock,
} from "@tidemark/runtime";
import { type Duration, durationSeconds } from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";
import type { Schedule } from "./exact-schedule.js";
import { type Invoke, lambdaInvoke } from "./lambda-invoke.js";
import {
  connection,
  type HandlerContext,
  type OpenStore,
  remainingTime,
  requireFunctions,
  requireNames,
  wholeNumber,
} from "./options.js";
import { type WakeUpEvent, wokenExecutionId } from "./wake-up-event.js";
import { isDue, wakeWith, wakingStore } from "./waking-store.js";

export interface LambdaHandlerOptions<Event = unknown> {
  /** Opens the store, once for each sandbox. */
  readonly store: OpenStore;
  /** The name under which the store knows the function, and by which others invoke it. */
  readonly functionName: string;
  /** A wrapped handler, or a plain function as `{ handler, durable: false }`. */
  readonly handler: FunctionToRun;
  /**
   * More functions that run in this Lambda function, by name: those that the handler invokes, such as `plainLambda`. Their
   * wake-ups go to this Lambda function, which needs a `target` of `lambdaInvoke` wherever else they are sent.
   */
  readonly functions?: Readonly<Record<string, FunctionToRun>> | undefined;
  /**
   * Makes starts idempotent: events with the same key are the same execution. 1 to 64 of the characters A-Z a-z 0-9 _ -.
   * Default, and when it gives `undefined`: the id of the request, which Lambda's own retries keep.
   */
  readonly key?: ((event: Event) => string | undefined) | undefined;
  /** What the execution gets of an event, as a JSON value. Events with one key must give the same. Default: the event. */
  readonly input?: ((event: Event) => unknown) | undefined;
  /** What an ordinary event is answered with. Default: the {@link LambdaAnswer} itself. */
  readonly answer?: ((answer: LambdaAnswer) => unknown) | undefined;
  /** How long an execution may take. Default 366 days. */
  readonly timeout?: Duration | undefined;
  /** How long it is kept after its end. Default 14 days. */
  readonly retention?: Duration | undefined;
  /** A wait due within this many milliseconds is slept in the invocation instead of suspending. Default 0. */
  readonly inlineWaitMs?: number | undefined;
  /** How long before the deadline of the invocation what still runs is handed over. Milliseconds, default 1000. */
  readonly handOverMs?: number | undefined;
  /**
   * How long before the hand-over no step begins any more, so that one that takes less time is not cut off. Milliseconds,
   * default 5000, and at most a tenth of the time until then; what is given counts up to half of it.
   */
  readonly drainMs?: number | undefined;
  /** How soon others take over after a crash. Milliseconds, default 30,000. */
  readonly leaseMs?: number | undefined;
  /** Invocations in a row that may fail without recording anything before the execution is stopped. Default 10. */
  readonly maxBarrenInvocations?: number | undefined;
  /**
   * How much an execution's log grows, in bytes, before a snapshot of what is live is considered, as in `WorkerOptions`.
   * Default 131,072.
   */
  readonly snapshotAfterBytes?: number | undefined;
  /** Sends wake-ups. Default: `lambdaInvoke()`. */
  readonly invoke?: Invoke | undefined;
  /** Asks for a wake-up when an execution that has suspended is due. Default: none, and the waker wakes it. */
  readonly schedule?: Schedule | undefined;
  /** Told of what can be reported to nobody else. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** As in `WorkerOptions`: told of what the handler and its steps throw. Default: a line of JSON on stderr for each. */
  readonly onThrown?: ((thrown: ThrownError) => void) | undefined;
  readonly clock?: Clock | undefined;
}

const NAMES: OptionNames<LambdaHandlerOptions> = {
  store: true,
  functionName: true,
  handler: true,
  functions: true,
  key: true,
  input: true,
  answer: true,
  timeout: true,
  retention: true,
  inlineWaitMs: true,
  handOverMs: true,
  drainMs: true,
  leaseMs: true,
  maxBarrenInvocations: true,
  snapshotAfterBytes: true,
  invoke: true,
  schedule: true,
  onError: true,
  onThrown: true,
  clock: true,
};

/** How an execution stands when its event is answered. */
export interface LambdaAnswer {
  readonly executionId: string;
  /** `PENDING` and `RUNNING`: it goes on by itself. */
  readonly status: ExecutionStatus;
  /** When it has succeeded: the JSON value that the handler returned, if any. */
  readonly result?: unknown;
  /** When it has failed, timed out or been stopped. */
  readonly error?: ErrorObject;
}

export type LambdaHandler<Event = unknown> = (
  event: Event | WakeUpEvent,
  context: HandlerContext,
) => Promise<unknown>;

/**
 * The handler of a Lambda function that is not an AWS durable function.
 *
 * An ordinary event starts an execution and is answered when it has ended or suspended, or when the time is nearly
 * over. A {@link WakeUpEvent} goes on with one if it is due; otherwise it does nothing, so that it may come late, twice
 * or for something that is gone.
 *
 * @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS`, `TIDEMARK_FUNCTION_NAME`, `TIDEMARK_HANDLER`, `TIDEMARK_DURATION`.
 * What it gives rejects with `TIDEMARK_WAKE_UP`, and as `DurableClient.start` and the store do.
 * @example
 * ```ts
 * export const handler = lambdaHandler({
 *   store: () => store,
 *   functionName: "order",
 *   handler: withDurableExecution(myHandler),
 *   key: (event: Order) => event.id,
 * });
 * ```
 */
export function lambdaHandler<Event = unknown>(options: LambdaHandlerOptions<Event>): LambdaHandler<Event> {
  requireNames("lambdaHandler", options, NAMES);
  requireFunctions(options, ["key", "input", "answer", "invoke", "schedule", "onError", "onThrown"]);
  const { functionName, clock = systemClock } = options;
  const onError = reporter(options.onError);
  const functions = new Map(
    Object.entries(options.functions ?? {}).map(
      ([name, fn]) => [name, registeredFunction(name, fn)] as const,
    ),
  );
  functions.set(functionName, registeredFunction(functionName, options.handler, "handler"));
  if (options.timeout !== undefined) durationSeconds(options.timeout, "timeout");
  if (options.retention !== undefined) durationSeconds(options.retention, "retention");
  const handOverMs = wholeNumber("handOverMs", options.handOverMs ?? 1000, 0);
  wholeNumber("inlineWaitMs", options.inlineWaitMs ?? 0, 0);
  if (options.drainMs !== undefined) wholeNumber("drainMs", options.drainMs, 0);
  wholeNumber("leaseMs", options.leaseMs ?? 30_000, 1);
  wholeNumber("maxBarrenInvocations", options.maxBarrenInvocations ?? 10, 1);
  if (options.snapshotAfterBytes !== Number.POSITIVE_INFINITY)
    wholeNumber("snapshotAfterBytes", options.snapshotAfterBytes ?? 0, 0);
  // One for both ways of waking: each would make a client of its own.
  const send = options.invoke ?? lambdaInvoke();
  const invoke: Invoke = ({ functionName: name, executionId }) =>
    send({ functionName: functions.has(name) ? functionName : name, executionId });
  const connect = connection(options.store, [...functions.keys()]);
  let runner: Runner<Event> | undefined;
  return async (event, context) => {
    const remainingMs = remainingTime(`function ${functionName}`, context, ["handOverMs", handOverMs]);
    const time = {
      deadlineMs: clock.nowMs() + remainingMs,
      drainMs: drainTime(options.drainMs, remainingMs - handOverMs),
    };
    const executionId = wokenExecutionId(event);
    const store = await connect();
    runner ??= new Runner({ ...options, invoke, clock, onError, handOverMs, hosted: functions }, store);
    if (executionId !== undefined) return runner.wake(executionId, time);
    const answer = await runner.start(event as Event, context.awsRequestId, time);
    return options.answer === undefined ? answer : options.answer(answer);
  };
}

interface RunnerOptions<Event> extends LambdaHandlerOptions<Event> {
  readonly clock: Clock;
  readonly onError: (error: unknown) => void;
  readonly handOverMs: number;
  /** All functions that run here, by name. */
  readonly hosted: ReadonlyMap<string, RegisteredFunction>;
}

/** As in `RunExecutionOptions`. */
interface InvocationTime {
  readonly deadlineMs: number;
  readonly drainMs: number;
}

const DRAIN_MS = 5000;

/** Never all of the time: an invocation that begins nothing would be followed by one like it. */
function drainTime(drainMs: number | undefined, timeMs: number): number {
  return drainMs === undefined ? Math.min(DRAIN_MS, timeMs / 10) : Math.min(drainMs, timeMs / 2);
}

/** What a sandbox keeps between invocations. */
class Runner<Event> {
  readonly #options: RunnerOptions<Event>;
  readonly #client: DurableClient;
  readonly #store: ExecutionStore;
  readonly #waking: ExecutionStore;
  readonly #wakeIfDue: ReturnType<typeof wakeWith>;

  constructor(options: RunnerOptions<Event>, store: ExecutionStore) {
    this.#options = options;
    this.#store = store;
    // What it starts itself it runs itself.
    this.#client = new DurableClient({ store, clock: options.clock });
    const { invoke, onError } = options;
    this.#waking = wakingStore(store, { invoke, onError });
    this.#wakeIfDue = wakeWith(options);
  }

  async start(event: Event, awsRequestId: string, time: InvocationTime): Promise<LambdaAnswer> {
    const { functionName, key, input, timeout, retention } = this.#options;
    const name = key?.(event) ?? requestName(awsRequestId);
    const { executionId } = await this.#client.start(functionName, {
      input: input === undefined ? event : input(event),
      ...(name === undefined ? {} : { name }),
      ...(timeout === undefined ? {} : { timeout }),
      ...(retention === undefined ? {} : { retention }),
    });
    // From here on it is under way, whatever happens to this invocation.
    return this.#inTime(this.#outcome(executionId, time), time.deadlineMs, {
      executionId,
      status: "RUNNING",
    });
  }

  /** Runs it, and says how it stands then. */
  async #outcome(executionId: string, time: InvocationTime): Promise<LambdaAnswer> {
    const started = { executionId, functionName: this.#options.functionName };
    const head = await this.#run(started, time).catch((error: unknown) => {
      this.#options.onError(error);
      return this.#store.head(executionId).catch(this.#options.onError);
    });
    if (!head || !isTerminal(head.status)) return { executionId, status: head?.status ?? "RUNNING" };
    const { status, result, error } = await this.#client.describe(executionId);
    return {
      executionId,
      status,
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error }),
    };
  }

  /** A store that hangs while the execution is handed over must not cost the answer: half of that time is for it. */
  async #inTime(
    outcome: Promise<LambdaAnswer>,
    deadlineMs: number,
    otherwise: LambdaAnswer,
  ): Promise<LambdaAnswer> {
    const { clock, handOverMs } = this.#options;
    const delayMs = deadlineMs - handOverMs / 2 - clock.nowMs();
    let cancel = (): void => {};
    const late = new Promise<LambdaAnswer>((resolve) => {
      cancel = clock.setTimer(() => resolve(otherwise), delayMs);
    });
    return Promise.race([outcome, late]).finally(cancel);
  }

  async wake(executionId: string, time: InvocationTime): Promise<void> {
    const head = await this.#store.head(executionId);
    if (head === undefined || isTerminal(head.status)) return;
    await this.#run(head, time);
  }

  /** Runs it as often as it is due and time remains; then somebody else is to go on. Gives how it stands. */
  async #run(
    { executionId, functionName }: Pick<ExecutionHead, "executionId" | "functionName">,
    time: InvocationTime,
  ): Promise<ExecutionHead | undefined> {
    const { clock, hosted, handOverMs, inlineWaitMs, leaseMs } = this.#options;
    const { maxBarrenInvocations, snapshotAfterBytes, onError, onThrown } = this.#options;
    const fn = hosted.get(functionName);
    if (fn === undefined) throw otherFunction(executionId, functionName, [...hosted.keys()]);
    for (;;) {
      const hasRun = await runExecution({
        store: this.#waking,
        executionId,
        fn,
        clock,
        handOverMs,
        inlineWaitMs,
        leaseMs,
        maxBarrenInvocations,
        snapshotAfterBytes,
        onError,
        onThrown,
        ...time,
      });
      const head = await this.#store.head(executionId);
      if (head === undefined) return undefined;
      if (!isDue(head, clock.nowMs())) {
        if (hasRun) await this.#schedule(head);
        return head;
      }
      if (!hasRun) {
        await this.#wakeIfDue(async () => head, clock.nowMs());
        return head;
      }
    }
  }

  /** Never fails: nothing depends on a schedule. */
  async #schedule({ status, functionName, executionId, dueAtMs }: ExecutionHead): Promise<void> {
    const { schedule, clock, onError } = this.#options;
    if (schedule === undefined || status !== "PENDING" || dueAtMs === undefined) return;
    try {
      await schedule({ functionName, executionId, dueAtMs, nowMs: clock.nowMs() });
    } catch (error) {
      onError(error);
    }
  }
}

/** Lambda's ids are names; those of other runners may not be. */
function requestName(awsRequestId: string | undefined): string | undefined {
  return awsRequestId !== undefined && /^[A-Za-z0-9_-]{1,64}$/.test(awsRequestId) ? awsRequestId : undefined;
}

function otherFunction(executionId: string, functionName: string, own: readonly string[]): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_WAKE_UP",
    `execution ${executionId} is of function ${functionName}, and this Lambda function runs ${own.join(", ")}; correct the target of whoever invoked it`,
  );
}

/**
 * Owns one run on the local runner: a store, a clock, the functions, and the turns of process, test and time.
 *
 * 1. Due work runs first. Time stands still while an invocation runs, so a body may do real I/O as
 *    long as it likes; the runtime says when an invocation has ended, nobody guesses.
 * 2. Then the test has its turn: time moves only while the test waits for the runner, that is for the
 *    run, for an operation or for `advanceTime`.
 * 3. Then time moves to the next due date, in order of due dates.
 * 4. Loose time (fake timers, delayed checkpoints, waits that are slept in process, `advanceTime`) may
 *    also move while invocations run, when the process has been quiet for some turns.
 * 5. When nothing is due and nobody can bring anything from outside, the run fails and says why; also when nothing
 *    happens for long although something could, and when it goes on for ever.
 */

import { type ExecutionHead, isSettled, isTerminal, type Operation, TidemarkError } from "@tidemark/protocol";
import { type Clock, DurableClient, type RegisteredFunction, runExecution } from "@tidemark/runtime";
import type { Duration } from "@tidemark/sdk";
import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import { CODE_LIMIT_MS, endless, STALL_LIMIT_MS, stalled } from "./endless.js";
import { afterRealMs, elapsedMs, nextTurn } from "./event-loop.js";
import type { ExecutionTrack } from "./execution-track.js";
import { FollowedLog } from "./followed-log.js";
import { operationText } from "./operation-index.js";
import { storeWith } from "./store-with.js";
import { QUIET_TURNS, TURNS_PER_RECORD, VirtualClock } from "./virtual-clock.js";

interface LocalExecutionOptions {
  /** A virtual clock is moved by the run; any other moves by itself. */
  readonly clock: Clock;
  readonly functions: ReadonlyMap<string, RegisteredFunction>;
  readonly track: ExecutionTrack;
  /** Milliseconds before each write to the log is answered. */
  readonly checkpointDelayMs: number;
  /** Timers of handlers are on the clock, too. */
  readonly hasFakeTimers: boolean;
  /** Real milliseconds in which nothing happens while the test waits for the run. Virtual time only. Default: see `endless.ts`. */
  readonly stallLimitMs: number | undefined;
  /** Updates that all executions may record. */
  readonly updateLimit: number;
  /** Default: 366 days, which is the longest. */
  readonly timeout?: Duration | undefined;
}

/** The function that the run is of. */
export const MAIN_FUNCTION = "function-under-test";

/** Longer than any test. */
const LEASE_MS = 1000 * 365 * 86_400_000;

const MAX_DUE = 1000;

/** While all replays together have read no more records than this, an invocation ends at every wait. */
const CHEAP_REPLAYS = 2_000;

/** Later, it ends when the log has grown so much since the last replay: all replays together stay cheap. */
const GROWTH_BETWEEN_REPLAYS = 2;

/** From the moment that something becomes due to the write that says so. */
const TURNS_TO_WAKE = 8;

export class LocalExecution {
  readonly client: DurableClient;
  readonly #options: LocalExecutionOptions;
  readonly #store: ExecutionStore;
  readonly #virtual: VirtualClock | undefined;
  readonly #names: readonly string[];
  readonly #active = new Map<string, Promise<void>>();
  /** Executions whose invocation sleeps until time moves. */
  readonly #asleep = new Set<string>();
  /** Time has moved, or an event has come: what sleeps may be about to say that it does not. */
  #mayBeWaking = false;
  /** How many records there were at the last replay, by execution. */
  readonly #replayed = new Map<string, number>();
  /** Records that replays have read so far. */
  #replayCost = 0;
  #log: FollowedLog | undefined;
  /** Ends the run. */
  #failure: { readonly error: unknown } | undefined;
  #delayed = 0;
  /** Records that have been written, of all executions. */
  #records = 0;
  /** When the last of them was written, in real time. */
  #recordedAtMs = 0;
  /** Turns in which invocations that have just begun may replay: at most a few for each record. */
  #replayTurns = 0;
  #isRunAwaited = false;
  /** What the test had been told at its last turn; -1 when it is owed one. */
  #released = 0;
  #advances: { readonly untilMs: number; readonly done: () => void }[] = [];
  #news = new News();
  /** Since when the run has waited for news, in real time. */
  #waitsSinceMs: number | undefined;
  #cancelWatch: (() => void) | undefined;

  constructor(options: LocalExecutionOptions) {
    this.#options = options;
    this.#virtual = options.clock instanceof VirtualClock ? options.clock : undefined;
    this.#names = [...options.functions.keys()];
    this.#store = this.#watched(new MemoryStore());
    this.client = new DurableClient({ store: this.#store, clock: options.clock });
    this.#store.onChange((executionId) => {
      if (this.#asleep.has(executionId)) this.#mayBeWaking = true;
      this.#tell();
    });
  }

  /** The test waits for the run: time may move. */
  runIsAwaited(): void {
    this.#isRunAwaited = true;
    this.#tell();
  }

  /** The test waits for an operation. */
  operationIsAwaited(): void {
    this.#tell();
  }

  /** Settles when so much time has passed and what was due has run, or when the execution has ended. */
  advance(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#advances.push({ untilMs: this.#options.clock.nowMs() + ms, done: resolve });
      this.#tell();
    });
  }

  /** Ends the run where it is. */
  abort(error: unknown): void {
    this.#failure ??= { error };
    this.#tell();
  }

  /** Runs until the execution has ended; what it came to is in the track. */
  async run(input: unknown): Promise<void> {
    const { track, timeout } = this.#options;
    try {
      await this.#store.registerFunctions(this.#names);
      const { executionId } = await this.client.start(MAIN_FUNCTION, {
        ...(input === undefined ? {} : { input }),
        ...(timeout === undefined ? {} : { timeout }),
      });
      const head = (await this.#store.head(executionId)) as ExecutionHead;
      this.#log = new FollowedLog(head, track);
      track.begin({
        sender: this.client,
        events: () => this.#log?.events() ?? [],
        onWaiting: () => this.operationIsAwaited(),
      });
      await this.#drive(executionId);
    } catch (error) {
      track.reject(() => error);
      throw error;
    } finally {
      this.#cancelWatch?.();
      for (const { done } of this.#advances) done();
    }
  }

  async #drive(executionId: string): Promise<void> {
    for (;;) {
      this.#news = new News();
      this.#waitsSinceMs = undefined;
      if (this.#failure !== undefined) throw this.#failure.error;
      const head = (await this.#store.head(executionId)) as ExecutionHead;
      if (isTerminal(head.status)) return this.#log?.ended(head);
      const nextDueMs = await this.#runDue();
      if (this.#active.size === 0) await this.#whenIdle(head, nextDueMs);
      else await this.#whileRunning(head, nextDueMs);
    }
  }

  /** Begins all that is due, and gives when the next is. */
  async #runDue(): Promise<number | undefined> {
    const { clock } = this.#options;
    const { executionIds, nextDueAtMs } = await this.#store.due(clock.nowMs(), MAX_DUE, this.#names);
    for (const executionId of executionIds) {
      if (this.#active.has(executionId)) continue;
      const running = this.#invoke(executionId).finally(() => {
        this.#active.delete(executionId);
        this.#asleep.delete(executionId);
        this.#tell();
      });
      this.#active.set(executionId, running);
      this.#replayTurns = TURNS_PER_RECORD * this.#records;
    }
    return nextDueAtMs;
  }

  async #invoke(executionId: string): Promise<void> {
    const { clock, functions } = this.#options;
    try {
      const head = await this.#store.head(executionId);
      if (head === undefined) return;
      await runExecution({
        store: this.#store,
        executionId,
        fn: functions.get(head.functionName) as RegisteredFunction,
        deadlineMs: Number.POSITIVE_INFINITY,
        handOverMs: 0,
        leaseMs: LEASE_MS,
        inlineWaitMs: () => this.#inlineWaitMs(executionId),
        // A test that looks at a step which runs must see it at once.
        startDelayMs: 0,
        clock,
        onError: (error) => this.#invocationFailed(error),
        onThrown: (thrown) => {
          if (executionId === this.#log?.executionId) this.#options.track.threw(thrown);
        },
      });
    } catch (error) {
      this.abort(error);
    }
  }

  /**
   * The invocation is idle, and asks how long it may sleep. It suspends, so that the code is replayed as in production,
   * as long as replays are cheap: in the end each record is replayed a few times, and not once a wait.
   */
  #inlineWaitMs(executionId: string): number {
    if (this.#virtual === undefined) return 0;
    const replayed = this.#replayed.get(executionId) ?? 0;
    if (this.#replayCost <= CHEAP_REPLAYS || this.#records >= replayed * GROWTH_BETWEEN_REPLAYS) {
      this.#replayed.set(executionId, this.#records);
      this.#replayCost += this.#records;
      return 0;
    }
    this.#asleep.add(executionId);
    this.#tell();
    return Number.POSITIVE_INFINITY;
  }

  /** It is tried again, as in production; a function that is not wrapped will never do better. */
  #invocationFailed(error: unknown): void {
    const { cause } = Object(error) as { readonly cause?: { readonly code?: string } };
    if (cause?.code === "TIDEMARK_OUTPUT") this.abort(error);
  }

  async #whileRunning(head: ExecutionHead, nextDueMs: number | undefined): Promise<void> {
    const clock = this.#virtual;
    if (clock === undefined) return this.#sleepUntil(nextDueMs);
    if (!this.#isTestWaiting()) return this.#news.promise;
    if (!this.#isLoose()) return this.#newsInTime();
    const news = this.#news;
    await clock.quiet(this.#turnsToMove(), () => !news.isTold);
    // What woke up meanwhile may run a body.
    if (news.isTold || !this.#isLoose()) return;
    this.#replayTurns = 0;
    this.#mayBeWaking = false;
    if (this.#endAdvances()) return;
    if (this.#track.released !== this.#released) return this.#letTestAct();
    const soonestMs = soonest(nextDueMs, clock.nextTimerMs);
    // Renewals of the lease, centuries away, are nothing to wait for: a body that is left alone ends in its own time.
    const target = this.#reachable(
      soonestMs !== undefined && soonestMs <= head.timeoutAtMs ? soonestMs : undefined,
    );
    if (target === undefined) return this.#newsInTime();
    clock.moveTo(target);
    this.#mayBeWaking = true;
  }

  /** Quiet turns after which time may move while invocations run. */
  #turnsToMove(): number {
    if (!this.#isAsleep()) return QUIET_TURNS + this.#replayTurns;
    return this.#mayBeWaking ? TURNS_TO_WAKE : 0;
  }

  async #whenIdle(head: ExecutionHead, nextDueMs: number | undefined): Promise<void> {
    const clock = this.#virtual;
    const isDue = nextDueMs !== undefined && (nextDueMs < head.timeoutAtMs || this.#mayTimeOut());
    if (clock === undefined) return isDue ? this.#sleepUntil(nextDueMs) : this.#whenStuck();
    if (this.#endAdvances() || !this.#isTestWaiting()) return this.#news.promise;
    if (this.#track.released !== this.#released) return this.#letTestAct();
    const target = this.#reachable(isDue ? nextDueMs : undefined);
    if (target === undefined) return this.#whenStuck();
    clock.moveTo(target);
  }

  /** An execution that would only sleep until its default timeout sleeps for ever. */
  #mayTimeOut(): boolean {
    return this.#options.timeout !== undefined || this.#log?.nextDueMs !== undefined;
  }

  /** Something that the test waited for has come: what it does about it comes before time moves. */
  async #letTestAct(): Promise<void> {
    this.#released = this.#track.released;
    for (let turn = 0; turn < QUIET_TURNS; turn++) await nextTurn();
  }

  /** How far time may move: to what is due, but not beyond the end of an `advance`. */
  #reachable(dueMs: number | undefined): number | undefined {
    return soonest(dueMs, ...this.#advances.map(({ untilMs }) => untilMs));
  }

  #endAdvances(): boolean {
    const nowMs = this.#options.clock.nowMs();
    const ended = this.#advances.filter(({ untilMs }) => untilMs <= nowMs);
    this.#advances = this.#advances.filter(({ untilMs }) => untilMs > nowMs);
    if (ended.length === 0) return false;
    for (const { done } of ended) done();
    this.#released = -1;
    this.#tell();
    return true;
  }

  #sleepUntil(dueMs: number | undefined): Promise<void> {
    if (dueMs === undefined) return this.#news.promise;
    const { clock } = this.#options;
    const cancel = clock.setTimer(() => this.#tell(), Math.max(dueMs - clock.nowMs(), 0));
    return this.#news.promise.finally(cancel);
  }

  /** Nothing is due. A test that has asked for an open callback may still answer it. */
  #whenStuck(): Promise<void> {
    const open = this.#track.index.all().filter((operation) => !isSettled(operation));
    const mayBeAnswered = open.some(({ Type }) => Type === "CALLBACK") && this.#virtual === undefined;
    const isAskedFor = open.some(
      (operation) => operation.Type === "CALLBACK" && this.#track.isAskedFor(operation),
    );
    if (mayBeAnswered) return this.#news.promise;
    if (isAskedFor) return this.#newsInTime();
    throw new TidemarkError(
      "TIDEMARK_TEST_DEADLOCK",
      `the execution can never go on: nothing is due, and the test has no operation with which it could answer. Open are: ${open.map(waitsFor).join("; ") || "none"}`,
    );
  }

  /** A body does what it does in real time, and so does a test: but not for ever. One timer watches the whole run. */
  #newsInTime(): Promise<void> {
    this.#waitsSinceMs = elapsedMs();
    this.#cancelWatch ??= afterRealMs(this.#options.stallLimitMs ?? STALL_LIMIT_MS, this.#watch);
    return this.#news.promise;
  }

  readonly #watch = (): void => {
    this.#cancelWatch = undefined;
    // The next time that the run waits begins another watch.
    if (this.#waitsSinceMs === undefined) return;
    const limitMs = this.#options.stallLimitMs ?? (this.#active.size > 0 ? CODE_LIMIT_MS : STALL_LIMIT_MS);
    const leftMs = Math.max(this.#waitsSinceMs, this.#recordedAtMs) + limitMs - elapsedMs();
    if (leftMs > 0) this.#cancelWatch = afterRealMs(leftMs, this.#watch);
    else this.abort(stalled(limitMs, this.#track.index.all()));
  };

  #isLoose(): boolean {
    return this.#isAsleep() || this.#options.hasFakeTimers || this.#delayed > 0 || this.#advances.length > 0;
  }

  /** All that runs sleeps: the runtime says so, and a body would not let it. */
  #isAsleep(): boolean {
    return this.#asleep.size === this.#active.size;
  }

  #isTestWaiting(): boolean {
    return this.#isRunAwaited || this.#track.waiting > 0 || this.#advances.length > 0;
  }

  get #track(): ExecutionTrack {
    return this.#options.track;
  }

  #tell(): void {
    this.#news.tell();
  }

  /** The store, with an eye on the log and on what functions are asked for. */
  #watched(store: ExecutionStore): ExecutionStore {
    return storeWith(store, {
      append: async (executionId, entry) => {
        if (this.#asleep.delete(executionId)) this.#tell();
        await this.#delayCheckpoint();
        if (this.#records > this.#options.updateLimit) {
          this.abort(endless(this.#options.updateLimit, this.#track.index.all()));
          // The code waits for this answer for ever: its loop is over.
          return new Promise(() => {});
        }
        const answer = await store.append(executionId, entry);
        this.#virtual?.touch();
        this.#records += entry.records.length;
        this.#recordedAtMs = elapsedMs();
        if (answer.appended && executionId === this.#log?.executionId) this.#log.append(entry);
        return answer;
      },
      hasFunction: async (name) => {
        if (await store.hasFunction(name)) return true;
        this.abort(unregistered(name, this.#names));
        return false;
      },
    });
  }

  async #delayCheckpoint(): Promise<void> {
    const { checkpointDelayMs, clock } = this.#options;
    if (checkpointDelayMs <= 0) return;
    this.#delayed += 1;
    this.#tell();
    await new Promise<void>((resolve) => clock.setTimer(resolve, checkpointDelayMs));
    this.#delayed -= 1;
  }
}

/** Something has happened that the run must look at. */
class News {
  isTold = false;
  tell!: () => void;
  readonly promise = new Promise<void>((resolve) => {
    this.tell = () => {
      this.isTold = true;
      resolve();
    };
  });
}

function soonest(...times: readonly (number | undefined)[]): number | undefined {
  const known = times.filter((time) => time !== undefined);
  return known.length === 0 ? undefined : Math.min(...known);
}

function waitsFor(operation: Operation): string {
  const what = operationText(operation);
  switch (operation.Type) {
    case "CALLBACK":
      return `${what} waits to be completed: get it with runner.getOperation(), waitForData() and send its outcome, or give it a timeout`;
    case "CHAINED_INVOKE":
      return `${what} waits for function ${JSON.stringify(operation.ChainedInvokeDetails?.FunctionName)}, which waits itself`;
    default:
      return `${what} waits for what is in it`;
  }
}

function unregistered(name: string, registered: readonly string[]): TidemarkError {
  const others = registered.filter((other) => other !== MAIN_FUNCTION).map((other) => JSON.stringify(other));
  return new TidemarkError(
    "TIDEMARK_TEST_FUNCTION",
    `the handler invokes function ${JSON.stringify(name)}, which is not registered (registered are: ${others.join(", ") || "none"}); ` +
      "call runner.registerDurableFunction() or runner.registerFunction() with exactly this name before run()",
  );
}

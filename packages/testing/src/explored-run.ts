/**
 * Owns one run of a handler under a schedule: processes, faults, time and the world outside, until
 * the execution has ended and everything that was left behind has come to rest.
 *
 * The same handler, options and schedule give the same run. Time is virtual; a run that gets nowhere
 * for `STUCK_MS` of it is stuck.
 */

import { exactExecutionId, isTerminal, type LogEntry, type ProbedBody } from "@tidemark/protocol";
import {
  DurableClient,
  type DurableHandler,
  type PlainHandler,
  Worker,
  type WorkerOptions,
} from "@tidemark/runtime";
import {
  type ExecutionStore,
  type LoadedExecution,
  MemoryPayloadStore,
  type PayloadStore,
  wholeLog,
} from "@tidemark/store";
import type { Schedule, ScheduledFault } from "./crash-schedule.js";
import { newestOf, whatItWaitsFor } from "./endless.js";
import { elapsedMs, nextTurn } from "./event-loop.js";
import { Callbacks } from "./explored-callbacks.js";
import { describeRecords, type ExploredOutcome, type RunFacts, treeOf } from "./explored-facts.js";
import { probedHandler, type Surroundings } from "./explored-handlers.js";
import { Ledger } from "./explored-ledger.js";
import { early, exploredPayloads, exploredStore } from "./explored-store.js";
import { type CallbackAnswer, currentlyRunning, type Running, runAs } from "./explored-world.js";
import { type FaultHooks, faultCalls, faultStore, isInjected, type StoreCall } from "./fault-store.js";
import { asHandler, type HandlerHost, installHandlerTimers } from "./handler-timers.js";
import { QUIET_TURNS, seededRandom, TURNS_PER_RECORD, VirtualClock } from "./virtual-clock.js";
import { VirtualProcess } from "./virtual-process.js";
import { watchedStore } from "./watched-store.js";

/** A body in place of a step's own. */
export type StandIn = (context: { readonly attempt: number }) => unknown;

export interface RunOptions {
  /** The handler as a new process has it. */
  readonly create: () => DurableHandler;
  readonly input: unknown;
  readonly functions: Readonly<Record<string, FunctionToInvoke>>;
  readonly steps: Readonly<Record<string, StandIn>>;
  readonly callbacks: Readonly<Record<string, CallbackAnswer>>;
  readonly leaseMs: number;
  readonly inlineLimitBytes: number | undefined;
  readonly snapshotAfterBytes: number | undefined;
  readonly schedule: Schedule;
  /** When bodies began in an undisturbed run: they see that time again. */
  readonly bodyStarts: RunFacts["bodyStarts"] | undefined;
  /** How long each body takes before it runs. Virtual milliseconds, default: no time. */
  readonly bodyDelayMs?: (() => number) | undefined;
  readonly keepsTimeline: boolean;
  /** A run that makes more calls goes round in circles. */
  readonly callLimit: number;
  /** Real milliseconds for what a body waits for outside of the kit. */
  readonly stallLimitMs: number;
}

/** A wrapped handler, or a plain function as `{ handler, durable: false }`. */
export type FunctionToInvoke = DurableHandler | { readonly handler: PlainHandler; readonly durable: false };

/** Names of the explored execution. */
const FUNCTION = "handler";
const NAME = "run";

const STUCK_MS = 60 * 60 * 1000;
/** A load counts as one call more for each so many records: a loop of waits replays all of them each time. */
const RECORDS_PER_CALL = 10;

export function runSchedule(options: RunOptions): Promise<RunFacts> {
  return new ExploredRun(options).run();
}

class ExploredRun {
  readonly #options: RunOptions;
  readonly #clock = new VirtualClock();
  readonly #startMs = this.#clock.nowMs();
  readonly #payloadStore = new MemoryPayloadStore({ nowMs: () => this.#clock.nowMs() });
  readonly #store: ExecutionStore;
  readonly #client: DurableClient;
  readonly #ledger: Ledger;
  readonly #callbacks: Callbacks;
  readonly #processes: VirtualProcess[] = [];
  readonly #calls: string[] = [];
  readonly #callsByMethod = new Map<string, number>();
  /** Calls and what they had to replay. */
  #cost = 0;
  /** Of code of the handlers, by process: what they wait for in virtual time. */
  readonly #timers = new Map<VirtualProcess, number>();
  /** Bodies that run, by process. */
  readonly #open = new Map<VirtualProcess, number>();
  readonly #frozen: { readonly process: VirtualProcess; readonly thawsAtAppend: boolean }[] = [];
  /** Records that have been written, of all executions. */
  #records = 0;
  /** Turns in which invocations that have just begun may replay: at most a few for each record. */
  #replayTurns = 0;
  #executionId = "";
  #lastProgressMs = this.#startMs;
  #callsAtLastFault = 0;
  #callsAtEnd = 0;
  #faultsMet = 0;
  readonly #missingFunctions = new Set<string>();
  #isOver = false;
  #stuck: string | undefined;
  #isCircle = false;

  constructor(options: RunOptions) {
    this.#options = options;
    this.#ledger = new Ledger({ ...options, clock: this.#clock });
    const payloads = exploredPayloads(this.#payloadStore, options.inlineLimitBytes);
    this.#store = exploredStore(payloads, (name) => this.#missingFunctions.add(name));
    this.#client = new DurableClient({
      store: watchedStore(this.#store, this.#clock).store,
      // What handlers draw does not depend on what the client draws.
      clock: {
        nowMs: () => this.#clock.nowMs(),
        setTimer: (callback, delayMs) => this.#clock.setTimer(callback, delayMs),
        random: seededRandom(1),
      },
    });
    this.#callbacks = new Callbacks({
      clock: this.#clock,
      store: this.#store,
      client: this.#client,
      answers: options.callbacks,
      note: (text) => this.#ledger.note(undefined, () => text),
    });
  }

  async run(): Promise<RunFacts> {
    const host: HandlerHost = {
      nowMs: () => (currentlyRunning()?.body ?? this.#clock).nowMs(),
      chance: () => (currentlyRunning()?.body ?? this.#clock).random(),
      setTimer: (callback, delayMs) => this.#setTimer(callback, delayMs),
    };
    const uninstall = installHandlerTimers();
    try {
      return await asHandler(host, () => this.#run());
    } finally {
      uninstall();
    }
  }

  async #run(): Promise<RunFacts> {
    const { functions, input } = this.#options;
    await this.#store.registerFunctions([FUNCTION, ...Object.keys(functions)]);
    const started = await this.#client.start(FUNCTION, { name: NAME, input });
    this.#executionId = started.executionId;
    this.#spawn(false);
    await this.#untilEnded();
    this.#callsAtEnd = this.#calls.length;
    for (const { process } of this.#frozen.splice(0)) process.thaw();
    // For what is still under way: longer than a lease.
    await this.#clock.advanceTo(this.#clock.nowMs() + 2 * this.#options.leaseMs);
    this.#isOver = true;
    this.#ledger.isClosed = true;
    this.#callbacks.isClosed = true;
    for (const process of this.#processes) process.kill();
    return this.#facts();
  }

  async #facts(): Promise<RunFacts> {
    const loaded = await this.#load();
    const trees = new Map([...loaded].map(([id, execution]) => [id, treeOf(execution)] as const));
    const operations = [...trees.values()].flatMap((tree) => [...tree.values()]);
    const ends = new Map([...loaded].map(([id, { head }]) => [id, head.status] as const));
    return {
      schedule: this.#options.schedule,
      stuck:
        this.#stuck &&
        `${this.#stuck}. ${this.#isCircle ? newestOf(operations) : `It waits for this: ${whatItWaitsFor(operations)}`}`,
      outcome: await this.#outcome(),
      trees,
      bodies: this.#ledger.bodies,
      bodyStarts: this.#ledger.bodyStarts,
      effects: this.#ledger.effects,
      abandoned: this.#ledger.abandoned(trees, ends),
      calls: this.#calls,
      callsAtLastFault: this.#callsAtLastFault,
      callsAtEnd: this.#callsAtEnd,
      faultsMet: this.#faultsMet,
      missingFunctions: [...this.#missingFunctions],
      timeline: this.#ledger.timeline,
      history: () => this.#client.exportHistory(this.#executionId),
    };
  }

  async #outcome(): Promise<ExploredOutcome> {
    const { status, result, error } = await this.#client.describe(this.#executionId);
    return {
      status,
      ...(result === undefined ? {} : { result }),
      ...(error === undefined ? {} : { error }),
    };
  }

  async #untilEnded(): Promise<void> {
    for (;;) {
      await this.#quiet();
      if (await this.#waitedForRealWork()) continue;
      const { heads } = await this.#store.list({ limit: 1000, oldestFirst: true });
      if (heads.every(({ status }) => isTerminal(status))) return;
      if (this.#stuck !== undefined) return;
      const next = this.#clock.nextTimerMs;
      if (next === undefined || next - this.#progressMs() > this.#patienceMs()) {
        this.#stuck = "nothing happens any more";
        return;
      }
      // Suspended, and nothing is set but the workers' looks at the store: they need not look in vain.
      const sleeps = heads.every(({ status }) => status !== "RUNNING") && this.#pendingTimers() === 0;
      const headsDueMs = Math.min(...heads.map(({ dueAtMs = Number.POSITIVE_INFINITY }) => dueAtMs));
      const dueAtMs = Math.min(headsDueMs, this.#callbacks.nextDueMs);
      if (sleeps && heads.some(({ status, timeoutAtMs }) => status === "PENDING" && dueAtMs >= timeoutAtMs)) {
        this.#stuck = "nobody answers what it waits for, or it waits longer than an execution may take";
        return;
      }
      if (sleeps && Number.isFinite(dueAtMs) && dueAtMs > next) {
        this.#lastProgressMs = dueAtMs;
        this.#clock.moveTo(dueAtMs);
      } else await this.#clock.advanceTo(next);
    }
  }

  /** An invocation that has just loaded its log takes turns to replay it, and no time. */
  async #quiet(): Promise<void> {
    do {
      const turns = QUIET_TURNS + this.#replayTurns;
      this.#replayTurns = 0;
      await this.#clock.quiet(turns);
    } while (this.#replayTurns > 0);
  }

  #progressMs(): number {
    return Math.max(this.#lastProgressMs, this.#callbacks.lastAnswerMs);
  }

  /** Code that waits for a timer of its own may do so for long, and so may leases that run out one after the other. */
  #patienceMs(): number {
    return (this.#pendingTimers() > 0 ? 24 * STUCK_MS : STUCK_MS) + 3 * this.#options.leaseMs;
  }

  /** Bodies that wait for nothing that the kit knows wait for something real: time stands still for them. */
  async #waitedForRealWork(): Promise<boolean> {
    if (!this.#hasRealWork()) return false;
    const startedMs = elapsedMs();
    while (this.#hasRealWork()) {
      if (elapsedMs() - startedMs > this.#options.stallLimitMs) {
        this.#stuck = `a body has not ended within ${this.#options.stallLimitMs} ms of real time, which is the option stallLimitMs`;
        return false;
      }
      await nextTurn();
    }
    return true;
  }

  #hasRealWork(): boolean {
    if (this.#stuck !== undefined) return false;
    return this.#processes.some(
      (process) =>
        process.isRunning && (this.#open.get(process) ?? 0) > 0 && (this.#timers.get(process) ?? 0) === 0,
    );
  }

  #pendingTimers(): number {
    let count = 0;
    for (const [process, timers] of this.#timers) if (!process.isDead) count += timers;
    return count;
  }

  /** The execution and everything that it has invoked. */
  async #load(): Promise<Map<string, LoadedExecution>> {
    const { heads } = await this.#store.list({ limit: 1000, oldestFirst: true });
    const loaded = new Map<string, LoadedExecution>();
    for (const head of heads) {
      const executionId = exactExecutionId(head);
      const execution = await this.#store.load(executionId);
      if (execution === undefined) continue;
      loaded.set(executionId, { ...execution, entries: await wholeLog(this.#store, executionId) });
    }
    return loaded;
  }

  #spawnLater(takesLeases: boolean): void {
    nextTurn()
      .then(() => this.#spawn(takesLeases))
      .catch((error: unknown) => {
        this.#stuck = `a process cannot start: ${error}`;
      });
  }

  #spawn(takesLeases: boolean): void {
    const { leaseMs, snapshotAfterBytes } = this.#options;
    const process = new VirtualProcess(this.#processes.length + 1, this.#clock);
    this.#processes.push(process);
    const hooks = this.#hooks();
    const payloads = exploredPayloads(this.#faultyPayloads(process, hooks), this.#options.inlineLimitBytes);
    const store = faultStore(this.#store, process, hooks, { payloads });
    const running = this.#running(process);
    const worker = new Worker({
      store: takesLeases ? early(store, leaseMs) : store,
      functions: this.#functions(process, running),
      clock: process.clock,
      leaseMs,
      ...(snapshotAfterBytes === undefined ? {} : { snapshotAfterBytes }),
      drainOnSigterm: false,
      onError: (error) =>
        this.#ledger.note(process, () => (isInjected(error) ? undefined : `reported ${error}`)),
    });
    this.#ledger.note(process, () =>
      takesLeases ? "started, and takes leases that have not run out" : "started",
    );
    worker.start().catch(() => {
      // A worker that cannot start ends its process; something starts another one.
      process.kill();
      this.#spawnLater(false);
    });
  }

  #faultyPayloads(process: VirtualProcess, hooks: FaultHooks<ScheduledFault>): PayloadStore {
    const inner = this.#payloadStore;
    const { put, get } = faultCalls(inner, process, hooks, "payload.");
    return {
      name: inner.name,
      put,
      get,
      list: (prefix) => inner.list(prefix),
      delete: (keys) => inner.delete(keys),
    };
  }

  #functions(process: VirtualProcess, running: Running): WorkerOptions["functions"] {
    const all: Record<string, FunctionToInvoke> = {
      [FUNCTION]: this.#options.create(),
      ...this.#options.functions,
    };
    return Object.fromEntries(
      Object.entries(all).map(([name, fn]) => {
        if (typeof fn === "function")
          return [
            name,
            probedHandler(fn, (executionId) => this.#surroundings(process, running, executionId)),
          ];
        const handler: PlainHandler = (input, context) => runAs(running, () => fn.handler(input, context));
        return [name, { handler, durable: false }] as const;
      }),
    );
  }

  #surroundings(process: VirtualProcess, running: Running, executionId: string): Surroundings {
    return {
      run: (fn) => runAs(running, fn),
      probe: {
        asked: (operation, isObserved) => {
          if (!process.isDead) this.#ledger.asked(executionId, operation, isObserved);
        },
        body: (body, run) => this.#body(running, executionId, body, run),
        isSilent: true,
      },
    };
  }

  async #body(
    running: Running,
    executionId: string,
    probed: ProbedBody,
    run: () => Promise<unknown>,
  ): Promise<unknown> {
    const { process } = running;
    if (!process.isRunning) await process.goesOn();
    this.#clock.touch();
    const body = this.#ledger.bodyStarted(process, executionId, probed);
    const { Name } = probed.operation;
    const standIn = Name === undefined ? undefined : this.#options.steps[Name];
    this.#open.set(process, (this.#open.get(process) ?? 0) + 1);
    try {
      const delayMs = this.#options.bodyDelayMs?.() ?? 0;
      if (delayMs > 0) await new Promise<void>((resolve) => this.#setTimer(resolve, delayMs));
      return await runAs({ ...running, body }, async () =>
        standIn === undefined ? run() : standIn({ attempt: probed.attempt }),
      );
    } finally {
      this.#open.set(process, (this.#open.get(process) ?? 0) - 1);
      this.#clock.touch();
    }
  }

  #running(process: VirtualProcess): Running {
    return {
      process,
      effect: (name, key) => this.#ledger.effect(process, name, key),
      answer: (callbackId, answer) => this.#callbacks.answer(callbackId, answer),
    };
  }

  /** For code of a handler. */
  #setTimer(callback: () => void, delayMs: number): () => void {
    const process = currentlyRunning()?.process;
    if (process === undefined) return this.#clock.setTimer(callback, delayMs);
    const count = (change: number): void => {
      this.#timers.set(process, (this.#timers.get(process) ?? 0) + change);
    };
    let isPending = true;
    const settle = (): boolean => {
      const wasPending = isPending;
      if (isPending) count(-1);
      isPending = false;
      return wasPending;
    };
    count(1);
    const cancel = process.clock.setTimer(() => {
      if (settle()) callback();
    }, delayMs);
    return () => {
      settle();
      cancel();
    };
  }

  #hooks(): FaultHooks<ScheduledFault> {
    return {
      faultFor: (call) => this.#faultFor(call),
      made: (call, answer) => this.#made(call, answer),
      touch: () => this.#clock.touch(),
      busyWhile: (work) => work,
      spawn: () => this.#spawnLater(false),
      spawnDuplicate: () => this.#spawnLater(true),
      thawLater: (process, { kind }) =>
        this.#frozen.push({ process, thawsAtAppend: kind === "freeze-before" }),
      renewAgainLater: () => {},
    };
  }

  #faultFor({ process, method, args }: StoreCall): ScheduledFault | undefined {
    if (this.#isOver || this.#stuck !== undefined) return undefined;
    const number = (this.#callsByMethod.get(method) ?? 0) + 1;
    this.#callsByMethod.set(method, number);
    const call = `${method}#${number}`;
    this.#calls.push(call);
    this.#cost += method === "load" ? 1 + this.#records / RECORDS_PER_CALL : 1;
    if (this.#cost > this.#options.callLimit) {
      this.#isCircle = true;
      this.#stuck = `it goes round in circles: ${this.#calls.length} calls to the store, more than the option callLimit (${this.#options.callLimit}) with what they replayed`;
      for (const one of this.#processes) one.kill();
    }
    const fault = this.#options.schedule.find((scheduled) => scheduled.call === call);
    if (fault !== undefined) {
      this.#faultsMet += 1;
      this.#callsAtLastFault = this.#calls.length;
    }
    if (fault !== undefined || SHOWN.has(method))
      this.#ledger.note(
        process,
        () => `${call}${describeCall(method, args)}${fault === undefined ? "" : `   <-- ${fault.kind}`}`,
      );
    return fault;
  }

  #made({ process, method, args }: StoreCall, answer: unknown): void {
    if (method === "load") this.#replayTurns = TURNS_PER_RECORD * this.#records;
    if (method !== "append" || !(answer as { appended: boolean }).appended) return;
    this.#lastProgressMs = this.#clock.nowMs();
    this.#records += (args[1] as LogEntry).records.length;
    void this.#callbacks.appended(args[0] as string, args[1] as LogEntry);
    const thawing = this.#frozen.filter((frozen) => frozen.thawsAtAppend && frozen.process !== process);
    for (const frozen of thawing) {
      this.#frozen.splice(this.#frozen.indexOf(frozen), 1);
      void nextTurn().then(() => {
        this.#ledger.note(frozen.process, () => "wakes up");
        frozen.process.thaw();
      });
    }
  }
}

/** Calls that a person wants to see. */
const SHOWN: ReadonlySet<string> = new Set(["acquire", "append", "suspend", "finish", "payload.put"]);

function describeCall(method: string, args: readonly unknown[]): string {
  if (method === "append") {
    const entry = args[1] as LogEntry;
    const what = describeRecords(entry.records);
    return `${entry.barrier === undefined ? "" : ` barrier of epoch ${entry.epoch}`} ${what}`.trimEnd();
  }
  if (method === "finish") return ` ${(args[0] as { status: string }).status}`;
  return "";
}

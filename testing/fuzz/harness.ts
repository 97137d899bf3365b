/**
 * Owns one run of a program: processes, faults and time, until everything has ended.
 *
 * The same program, faults and seed give the same run. Time is virtual; a run that gets nowhere for
 * `STUCK_MS` of it is stuck.
 */

import {
  type ExecutionHead,
  exactExecutionId,
  executionIdOf,
  type LogEntry,
  type PayloadReader,
} from "@tidemark/protocol";
import { DurableClient, type PlainHandler, Worker } from "@tidemark/runtime";
import type { DurableLambdaHandler } from "@tidemark/sdk";
import {
  type ExecutionStore,
  type LoadedExecution,
  MemoryPayloadStore,
  MemoryStore,
  Payloads,
  type PayloadsOptions,
  plainPayloads,
  wholeLog,
} from "@tidemark/store";
import {
  type FaultHooks,
  type FaultKind,
  faultStore,
  VirtualClock,
  VirtualProcess,
  watchedStore,
  withVirtualTimers,
} from "@tidemark/testing";
import { fewAtOnce } from "../kit/few-at-once";
import { inputOf, ProgramError, programHandler } from "./interpret";
import { FUNCTIONS, type PlainInput, takeTime } from "./operations";
import type { Program } from "./program";
import { slowPlugin } from "./slow-plugin";
import { World } from "./world";

/** At one of the calls that processes make to the store, numbered over all processes from 0. */
export interface Fault {
  readonly at: number;
  readonly kind: FaultKind;
  /** When a frozen process goes on: after so long, or once the executions have ended. */
  readonly thawAfterMs?: number | undefined;
}

export const FAULT_KINDS = [
  "crash-before",
  "crash-after",
  "fail-before",
  "lost-answer",
  "freeze-before",
  "freeze-after",
  "lose-renewals",
] as const satisfies readonly FaultKind[];

export interface RunOptions {
  readonly program: Program;
  readonly faults: readonly Fault[];
  /** Processes from the start. Default 1. */
  readonly processes?: number | undefined;
  /** How much the clock of each process is off, in turn. Default: not at all. */
  readonly skewsMs?: readonly number[] | undefined;
  /** Somebody stops the execution, and resumes it. */
  readonly stop?: Stop | undefined;
  /** As in the worker's options. Default: as there. */
  readonly snapshotAfterBytes?: number | undefined;
  /** Of the memory store: payloads go to a payload store. Default: they stay in the log. */
  readonly payloads?: PayloadChoice | undefined;
  /** Default: a new memory store. */
  readonly store?: ExecutionStore | undefined;
  /** Tells runs on one store apart. */
  readonly name?: string | undefined;
}

export interface Stop {
  readonly afterMs: number;
  readonly resumesAfterMs: number;
}

export type PayloadChoice = Required<Pick<PayloadsOptions, "inlineLimitBytes" | "contextResults">>;

export interface RunFacts {
  readonly program: Program;
  readonly faults: readonly Fault[];
  readonly world: World;
  readonly rootId: string;
  /** Reads what stands for payloads in the logs. */
  readonly payloads: PayloadReader;
  /** By id, the root first, with their whole logs. */
  readonly executions: ReadonlyMap<string, LoadedExecution>;
  /** Calls to the store. */
  readonly calls: number;
  /** Timers that processes have set. */
  readonly timers: number;
  readonly isStuck: boolean;
  /** What workers had to report and no fault explains. */
  readonly errors: readonly string[];
}

const LEASE_MS = 30_000;
/** Items that begin at once, and in each turn after. */
const NUMBERS_OF_PROCESSES = [
  [1, 2],
  [4, 1],
  [2, 1],
] as const;
const STUCK_MS = 60 * 60 * 1000;
/** A run that makes more calls goes round in circles, without time moving. */
const MAX_CALLS = 20_000;
/** After the end, for what is still under way: longer than a lease. */
const AFTERMATH_MS = 2 * LEASE_MS;

export function runProgram(options: RunOptions): Promise<RunFacts> {
  const clock = new VirtualClock();
  return withVirtualTimers(clock, () => new Run(options, clock).run());
}

function memoryStore(choice: PayloadChoice | undefined, clock: VirtualClock): MemoryStore {
  if (choice === undefined) return new MemoryStore();
  const objects = new MemoryPayloadStore({ nowMs: () => clock.nowMs() });
  return new MemoryStore({ payloads: new Payloads({ store: objects, ...choice }) });
}

function beginningItems(
  handler: DurableLambdaHandler,
  atOnce: Program["itemsAtOnce"],
  processId: number,
  world: World,
): DurableLambdaHandler {
  if (atOnce === undefined) return handler;
  const of = (first: number, later: number): DurableLambdaHandler =>
    fewAtOnce(handler, { first, later }, (executionArn) => recordsItems(world, processId, executionArn));
  if (atOnce !== "others") return of(atOnce, atOnce);
  return of(...(NUMBERS_OF_PROCESSES[processId % NUMBERS_OF_PROCESSES.length] as readonly [number, number]));
}

/** A request is sent: once it is answered, the items that have begun by now are known to be recorded. */
function recordsItems({ traces }: World, processId: number, executionArn: string): () => void {
  const executionId = executionIdOf(executionArn);
  const trace = traces.findLast((each) => each.processId === processId && each.executionId === executionId);
  const begun = [...(trace?.unrecorded ?? [])];
  return () => {
    for (const path of begun) trace?.unrecorded.delete(path);
  };
}

class Run {
  readonly #options: RunOptions;
  readonly #clock: VirtualClock;
  readonly #store: ExecutionStore;
  readonly #client: DurableClient;
  readonly #world: World;
  readonly #processes: VirtualProcess[] = [];
  readonly #errors: string[] = [];
  #calls = 0;
  #goesRound = false;
  /** Executions that somebody is going to resume. */
  #stopped = 0;
  #atEnd: (() => void)[] = [];

  constructor(options: RunOptions, clock: VirtualClock) {
    this.#options = options;
    this.#clock = clock;
    this.#store = options.store ?? memoryStore(options.payloads, clock);
    this.#client = new DurableClient({ store: watchedStore(this.#store, clock).store, clock });
    this.#world = new World(clock, this.#client);
    this.#world.hasGroups = options.program.itemsAtOnce !== undefined;
    this.#world.lastProgressMs = clock.nowMs();
  }

  async run(): Promise<RunFacts> {
    const { program, faults, processes = 1, stop, name = "run" } = this.#options;
    await this.#store.registerFunctions([FUNCTIONS.program, FUNCTIONS.plain]);
    const started = await this.#client.start(FUNCTIONS.program, { input: inputOf(program), name });
    const executionId = exactExecutionId((await this.#store.head(started.executionId)) as ExecutionHead);
    for (let count = 0; count < processes; count++) this.#spawn();
    if (stop !== undefined) this.#clock.setTimer(() => void this.#stop(executionId, stop), stop.afterMs);
    const isStuck = !(await this.#untilEnded(executionId));
    for (const action of this.#atEnd.splice(0)) action();
    await this.#clock.advanceTo(this.#clock.nowMs() + AFTERMATH_MS);
    this.#world.isOver = true;
    for (const process of this.#processes) process.kill();
    const executions = await this.#load(executionId);
    if (this.#options.store !== undefined) await this.#remove(executions);
    return {
      program,
      faults,
      world: this.#world,
      rootId: executionId,
      payloads: this.#payloads,
      executions,
      calls: this.#calls,
      timers: this.#processes.reduce((sum, { timers }) => sum + timers, 0),
      isStuck,
      errors: this.#goesRound ? [`more than ${MAX_CALLS} calls to the store`, ...this.#errors] : this.#errors,
    };
  }

  async #stop(executionId: string, { resumesAfterMs }: Stop): Promise<void> {
    this.#clock.touch();
    if (this.#world.isOver || !(await this.#client.stop(executionId))) return;
    this.#stopped += 1;
    this.#clock.setTimer(() => {
      this.#clock.touch();
      void this.#client.resume(executionId).then(() => {
        this.#stopped -= 1;
        this.#clock.touch();
      });
    }, resumesAfterMs);
  }

  /** False when nothing has happened for long. */
  async #untilEnded(rootId: string): Promise<boolean> {
    await this.#clock.advanceTo(this.#clock.nowMs());
    for (;;) {
      const heads = [...(await this.#load(rootId)).values()].map(({ head }) => head);
      const haveEnded = heads.every(({ status }) => status !== "PENDING" && status !== "RUNNING");
      if (haveEnded && this.#stopped === 0) return true;
      if (this.#goesRound) return false;
      const next = this.#clock.nextTimerMs;
      if (next === undefined || next - this.#world.lastProgressMs > STUCK_MS) return false;
      await this.#clock.advanceTo(next);
    }
  }

  /** Leaves a store that other runs use as it was. */
  async #remove(executions: ReadonlyMap<string, LoadedExecution>): Promise<void> {
    for (const executionId of executions.keys()) {
      await this.#client.stop(executionId);
      // Not the client's purge: the replay that follows reads the payloads.
      await this.#store.purge(executionId);
    }
  }

  /** The root and everything it has started. */
  async #load(rootId: string): Promise<Map<string, LoadedExecution>> {
    const { heads } = await this.#store.list({ limit: 1000, oldestFirst: true });
    const loaded = new Map<string, LoadedExecution>();
    for (const head of heads) {
      const executionId = exactExecutionId(head);
      if (executionId !== rootId && !executionId.startsWith(`${rootId}~`)) continue;
      const execution = await this.#store.load(executionId);
      if (execution === undefined) continue;
      const entries = await wholeLog(this.#store, executionId);
      loaded.set(executionId, { ...execution, entries, head: await this.#whole(execution.head) });
    }
    return loaded;
  }

  /** The head with the payloads that the programs gave. */
  async #whole(head: ExecutionHead): Promise<ExecutionHead> {
    const { result, error } = head;
    return {
      ...head,
      ...(result === undefined ? {} : { result: await this.#payloads.read(result) }),
      ...(error === undefined ? {} : { error: await this.#payloads.readError(error) }),
    };
  }

  get #payloads(): Payloads {
    return this.#store.payloads ?? plainPayloads;
  }

  #spawn(): void {
    const { program, skewsMs = [0], snapshotAfterBytes } = this.#options;
    const id = this.#processes.length;
    const process = new VirtualProcess(id, this.#clock, skewsMs[id % skewsMs.length]);
    this.#processes.push(process);
    const hasPlugin = program.plugin === "all" || (program.plugin === "some" && id % 2 === 0);
    const plugins = hasPlugin ? [slowPlugin(this.#world, process)] : [];
    const handler = programHandler(this.#world, process, plugins);
    const worker = new Worker({
      store: faultStore(this.#store, process, this.#hooks()),
      functions: {
        [FUNCTIONS.program]: beginningItems(handler, program.itemsAtOnce, id, this.#world),
        [FUNCTIONS.plain]: { handler: plainHandler(this.#world, process) as PlainHandler, durable: false },
      },
      clock: process.clock,
      leaseMs: LEASE_MS,
      inlineWaitMs: program.inlineWaitMs,
      ...(snapshotAfterBytes === undefined ? {} : { snapshotAfterBytes }),
      drainOnSigterm: false,
      // Programs fail by intention, thousands of times.
      onThrown: () => {},
      onError: (error) => this.#report(process, error),
    });
    worker.start().catch((error: unknown) => this.#restart(process, error));
  }

  /** A worker that cannot start ends its process; something starts another one. */
  #restart(process: VirtualProcess, error: unknown): void {
    this.#report(process, error);
    process.kill();
    this.#spawn();
  }

  #report(process: VirtualProcess, error: unknown): void {
    if (isInjected(error) || process.isDead || this.#world.isOver) return;
    this.#errors.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }

  #nextCall(): number {
    if (this.#calls === MAX_CALLS) {
      this.#goesRound = true;
      for (const process of this.#processes) process.kill();
    }
    return this.#calls++;
  }

  #hooks(): FaultHooks<Fault> {
    return {
      faultFor: ({ method }) => {
        if (method === "wake") return undefined;
        const call = this.#nextCall();
        return this.#world.isOver ? undefined : this.#options.faults.find(({ at }) => at === call);
      },
      made: ({ method, args }, answer) => {
        if (method === "append" && (answer as { appended: boolean }).appended)
          this.#world.appended(args[0] as string, args[1] as LogEntry);
        if (method === "finish" && answer === "finished")
          this.#world.finished((args[0] as { executionId: string }).executionId);
      },
      touch: () => this.#clock.touch(),
      busyWhile: (work) => this.#clock.busyWhile(work),
      spawn: () => void setImmediate(() => this.#spawn()),
      thawLater: (process, { thawAfterMs }) => {
        if (thawAfterMs === undefined) this.#atEnd.push(() => process.thaw());
        else this.#clock.setTimer(() => process.thaw(), thawAfterMs);
      },
      // A process that never renews and always claims first would run a long function again and again, until it is stopped.
      renewAgainLater: (process) => {
        this.#clock.setTimer(() => {
          process.losesRenewals = false;
        }, 3 * LEASE_MS);
      },
    };
  }
}

function plainHandler(world: World, process: VirtualProcess): (input: PlainInput) => Promise<unknown> {
  return async ({ path, fails, takes }) => {
    await takeTime(process, takes, () => world.clock.touch());
    if (fails) throw new ProgramError(`function called at ${path}`);
    return { path };
  };
}

/** True for a fault, and for a report of what came of one. */
function isInjected(error: unknown): boolean {
  return error instanceof Error && (error.name === "InjectedError" || isInjected(error.cause));
}

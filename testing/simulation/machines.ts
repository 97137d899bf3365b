/**
 * Owns the processes: workers and clients that run on the network, and what befalls them. One that
 * has died is replaced, as a supervisor would.
 */

import { DurableClient, type PlainHandler, registeredFunction, Worker } from "@tidemark/runtime";
import { type ExecutionStore, Payloads } from "@tidemark/store";
import { VirtualProcess } from "@tidemark/testing";
import { ProgramError, programHandler } from "../fuzz/interpret";
import { FUNCTIONS, type PlainInput, takeTime } from "../fuzz/operations";
import { slowPlugin } from "../fuzz/slow-plugin";
import type { ProgramWorld } from "../fuzz/world";
import type { AuditedPayloads, AuditedStore } from "./audited-stores";
import { FunctionHost, type Runner } from "./function-host";
import type { Link, Network } from "./network";
import type { Scheduler } from "./scheduler";
import type { ProcessFault } from "./weather";

/** What does not change during a run. */
export interface Setup {
  readonly leaseMs: number;
  readonly inlineWaitMs: number;
  readonly concurrency: number;
  /** Texts above this are payloads of their own. */
  readonly inlineLimitBytes: number;
  readonly workers: number;
  /** Fraction of them that are functions with a deadline, as on Lambda. */
  readonly functionShare: number;
  readonly hasPlugin: boolean;
}

interface MachinesOptions {
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly store: AuditedStore;
  readonly objects: AuditedPayloads;
  readonly world: ProgramWorld;
  readonly setup: Setup;
  /** What a worker had to report, while its process was alive. */
  readonly onError: (error: unknown) => void;
  /** A process stands still that has just called for this execution. */
  readonly onFrozen: (executionId: string) => void;
}

interface Machine {
  readonly process: VirtualProcess;
  readonly link: Link;
  readonly store: ExecutionStore;
  readonly runner: Runner | undefined;
  /** Settles at its death. */
  readonly died: Promise<void>;
  readonly die: () => void;
}

const MAX_WORKERS = 6;
const RESTART_MS = 15_000;
/** Longer than the longest body: what does not fit into an invocation would use up its interruptions. */
const LONG_LIFE_MS = 90_000;
/** Longest time for which a process stands still; it does so once. */
export const FREEZE_MAX_MS = 120_000;

export class Machines {
  readonly #options: MachinesOptions;
  readonly #workers = new Set<Machine>();
  readonly #clients: Machine[] = [];
  #count = 0;
  /** Faults are over: what dies is replaced at once. */
  #isHealed = false;
  /** Workers that are to be started again. */
  #absent = 0;

  constructor(options: MachinesOptions) {
    this.#options = options;
    for (let index = 0; index < options.setup.workers; index++) this.spawnWorker();
    for (let index = 0; index < 3; index++) this.#clients.push(this.#machine(false));
  }

  spawnWorker(): void {
    const machine = this.#machine(true);
    this.#workers.add(machine);
    // One that cannot start ends its process.
    machine.runner?.start().catch(() => this.#crash(machine));
  }

  /** A process that somebody can use to call; dies like all others. */
  client(): { readonly client: DurableClient; readonly store: ExecutionStore; readonly died: Promise<void> } {
    const { scheduler } = this.#options;
    const index = Math.floor(scheduler.draw() * this.#clients.length);
    let machine = this.#clients[index] as Machine;
    if (machine.process.isDead) {
      machine = this.#machine(false);
      this.#clients[index] = machine;
    }
    const { store, process, died } = machine;
    return { client: new DurableClient({ store, clock: process.clock }), store, died };
  }

  #machine(isWorker: boolean): Machine {
    const { scheduler, network, store, objects, setup } = this.#options;
    const skewMs = this.#isHealed ? 0 : this.#skewMs();
    const process = new VirtualProcess(this.#count++, scheduler, skewMs);
    const link = network.connect(process);
    const payloads = new Payloads({
      store: network.payloadsFor(objects, link),
      inlineLimitBytes: setup.inlineLimitBytes,
    });
    const own = network.storeFor(store, link, payloads);
    let die = (): void => {};
    const died = new Promise<void>((resolve) => {
      die = resolve;
    });
    const parts = { process, link, store: own, died, die };
    if (!isWorker) return { ...parts, runner: undefined };
    const isFunction = scheduler.chance(setup.functionShare);
    const machine: Machine = {
      ...parts,
      runner: isFunction ? this.#functionHost(parts, () => this.#crash(machine)) : this.#worker(parts),
    };
    return machine;
  }

  #worker({ process, store }: Pick<Machine, "process" | "store">): Runner {
    const { leaseMs, inlineWaitMs, concurrency } = this.#options.setup;
    return new Worker({
      store,
      functions: this.#functions(process),
      clock: process.clock,
      leaseMs,
      inlineWaitMs,
      concurrency,
      // Every other worker makes a snapshot whenever it can.
      ...(process.id % 2 === 0 ? { snapshotAfterBytes: 0 } : {}),
      drainMs: 1_500,
      drainOnSigterm: false,
      // What fails here does so by intention.
      onThrown: () => {},
      onError: this.#reporter(process),
    });
  }

  #functionHost({ process, store }: Pick<Machine, "process" | "store">, onOverdue: () => void): Runner {
    const { scheduler, setup } = this.#options;
    const functions = Object.entries(this.#functions(process));
    return new FunctionHost({
      store,
      clock: process.clock,
      functions: Object.fromEntries(functions.map(([name, fn]) => [name, registeredFunction(name, fn)])),
      leaseMs: setup.leaseMs,
      inlineWaitMs: setup.inlineWaitMs,
      drawLifetimeMs: () => (this.#isHealed ? LONG_LIFE_MS : scheduler.between(2_000, LONG_LIFE_MS)),
      onError: this.#reporter(process),
      onOverdue,
    });
  }

  #functions(process: VirtualProcess) {
    const { world, setup } = this.#options;
    const plugins = setup.hasPlugin ? [slowPlugin(world, process)] : [];
    return {
      [FUNCTIONS.program]: programHandler(world, process, plugins),
      [FUNCTIONS.plain]: { handler: plainHandler(world, process) as PlainHandler, durable: false as const },
    };
  }

  #reporter(process: VirtualProcess): (error: unknown) => void {
    return (error) => {
      if (process.isRunning) this.#options.onError(error);
    };
  }

  #skewMs(): number {
    const { scheduler, network } = this.#options;
    return Math.round(scheduler.between(-1, 1) * network.weather.skewMs);
  }

  #crash(machine: Machine): void {
    const { scheduler } = this.#options;
    this.#bury(machine);
    if (machine.runner === undefined || !this.#workers.delete(machine)) return;
    this.#absent += 1;
    scheduler.after(this.#isHealed ? 0 : scheduler.between(0, RESTART_MS), "restart", () => {
      this.#absent -= 1;
      this.spawnWorker();
    });
  }

  #bury(machine: Machine): void {
    machine.process.kill();
    machine.die();
    this.#options.network.disconnect(machine.link);
  }

  /** Something befalls one of the processes. */
  befall(fault: ProcessFault): void {
    const { scheduler } = this.#options;
    const machines = [...this.#workers, ...this.#clients].filter(({ process }) => process.isRunning);
    if (machines.length === 0) return;
    const machine = scheduler.pick(machines);
    switch (fault) {
      case "crash":
        return this.#crash(machine);
      case "freeze":
        return this.#freeze(machine);
      case "drain":
        return this.#drain(machine);
      case "cut-off":
        machine.link.cutOffUntilMs = scheduler.nowMs() + scheduler.between(100, 60_000);
        return;
      case "stall":
        machine.link.stalledUntilMs = scheduler.nowMs() + scheduler.between(100, 20_000);
        return;
      case "lose-renewals":
        machine.process.losesRenewals = true;
        scheduler.after(3 * this.#options.setup.leaseMs, "renews again", () => {
          machine.process.losesRenewals = false;
        });
        return;
      case "jump":
        machine.process.skewMs = this.#skewMs();
        return;
      case "spawn":
        if (this.#workers.size < MAX_WORKERS) this.spawnWorker();
        return;
      case "hot":
        return;
    }
  }

  /** A zombie: it goes on some time, when others have taken over. */
  #freeze(machine: Machine): void {
    const { scheduler, onFrozen } = this.#options;
    if (machine.process.isStale) return;
    if (scheduler.chance(0.4)) return this.#freezeNow(machine);
    // In the midst of what it does for an execution.
    machine.link.onSent = (executionId) => {
      if (this.#isHealed || !machine.process.isRunning || machine.process.isStale) return;
      this.#freezeNow(machine);
      onFrozen(executionId);
    };
  }

  #freezeNow(machine: Machine): void {
    const { scheduler } = this.#options;
    machine.process.freeze();
    const thawsAfterMs = scheduler.chance(0.3)
      ? scheduler.between(1, 2_000)
      : scheduler.between(2_000, FREEZE_MAX_MS);
    scheduler.after(thawsAfterMs, `thaw ${machine.process.id}`, () => machine.process.thaw());
    if (this.#workers.size < MAX_WORKERS && scheduler.chance(0.5)) this.spawnWorker();
  }

  /** A deployment: it hands over what it can, and another one takes its place. */
  #drain(machine: Machine): void {
    if (machine.runner === undefined) return;
    void machine.runner.stop().then(() => this.#crash(machine));
  }

  /** The faults are over. */
  heal(): void {
    this.#isHealed = true;
    for (const { process, link } of [...this.#workers, ...this.#clients]) {
      process.skewMs = 0;
      process.losesRenewals = false;
      link.cutOffUntilMs = 0;
      link.stalledUntilMs = 0;
      process.thaw();
    }
    if (this.#workers.size + this.#absent === 0) this.spawnWorker();
  }

  /** The end of all time. */
  close(): void {
    for (const machine of [...this.#workers, ...this.#clients]) this.#bury(machine);
  }
}

function plainHandler(world: ProgramWorld, process: VirtualProcess): (input: PlainInput) => Promise<unknown> {
  return async ({ path, fails, takes }) => {
    await takeTime(process, takes, () => world.clock.touch());
    if (fails) throw new ProgramError(`function called at ${path}`);
    return { path };
  };
}

/**
 * Owns one run of one seed: the whole system in one process on virtual time, faults, then calm, until
 * everything has ended. The same seed gives the same run.
 */

import "./turns";
import { type ErrorObject, isTerminal, parseExecutionId } from "@tidemark/protocol";
import type { DurableClient } from "@tidemark/runtime";
import {
  collectPayloads,
  type ExecutionStore,
  type LoadedExecution,
  Payloads,
  payloadPrefix,
  wholeLog,
} from "@tidemark/store";
import { storeWith, withVirtualTimers } from "@tidemark/testing";
import { FUNCTIONS } from "../fuzz/operations";
import type { Program } from "../fuzz/program";
import type { Trace } from "../fuzz/world";
import { AuditedPayloads, AuditedStore } from "./audited-stores";
import { Auditor, type Violation } from "./auditor";
import type { Book } from "./ledger";
import { Machines } from "./machines";
import { Network } from "./network";
import { codeOf, Operator } from "./operator";
import { Outside } from "./outside";
import { drawPlan, type Plan } from "./plan";
import { Scheduler } from "./scheduler";
import { Starts } from "./starts";
import { withTurns } from "./turns";
import { CALM } from "./weather";

export interface RunOptions {
  readonly seed: number;
  /** Nothing goes wrong: what the programs come to. */
  readonly undisturbed?: boolean;
  readonly keepsLines?: boolean;
}

/** How an execution that was started by its name has ended. */
export interface Ended {
  /** Exact: a name may have been used again. */
  readonly executionId: string;
  readonly name: string;
  readonly program: Program;
  readonly isCalm: boolean;
  /** Something has happened to it that may change its result, as is documented. */
  readonly isExcused: boolean;
  readonly outcome: string;
}

export interface RunResult {
  readonly seed: number;
  readonly events: number;
  readonly checks: number;
  readonly digest: string;
  readonly violations: readonly Violation[];
  readonly ended: readonly Ended[];
  /** What is still in the store, with its payloads' reader. */
  readonly executions: readonly LoadedExecution[];
  readonly payloads: Payloads;
  readonly traces: readonly Trace[];
  readonly hasPlugin: boolean;
  readonly tail: readonly string[];
  readonly lines: readonly string[] | undefined;
  readonly virtualMs: number;
  /** Virtual time from the end of the faults to the end of everything. */
  readonly healingMs: number;
}

/** Everything has ended this long after the faults, or it is stuck: leases of clocks ten minutes ahead, and retries up to five. */
const LIVENESS_MS = 30 * 60 * 1000;
const MAX_EVENTS = 400_000;
const TASK_RETRY_MS = 1_000;
/** How often somebody uses a name again, of whose execution a process has just stopped to run. */
const REPLACES = 0.6;
/** After the end, for what is still under way: zombies that wake and requests that arrive late. */
const AFTERMATH_MS = 200_000;

export function runSeed(options: RunOptions): Promise<RunResult> {
  const scheduler = new Scheduler(options.seed, { keepsLines: options.keepsLines === true });
  return withTurns(() => withVirtualTimers(scheduler, () => new Simulation(options, scheduler).run()));
}

class Simulation {
  readonly #options: RunOptions;
  readonly #scheduler: Scheduler;
  readonly #plan: Plan;
  readonly #auditor: Auditor;
  readonly #network: Network;
  readonly #objects: AuditedPayloads;
  readonly #store: AuditedStore;
  readonly #machines: Machines;
  readonly #outside: Outside;
  readonly #starts: Starts;
  readonly #operator: Operator;
  #tasks = 0;
  #isOver = false;

  constructor(options: RunOptions, scheduler: Scheduler) {
    this.#options = options;
    this.#scheduler = scheduler;
    this.#plan = drawPlan(options.seed, scheduler);
    const weather = options.undisturbed === true ? CALM : this.#plan.weather;
    this.#auditor = new Auditor(scheduler);
    this.#auditor.ledger.skewMs = weather.skewMs;
    this.#network = new Network(scheduler, weather);
    this.#objects = new AuditedPayloads(this.#auditor, () => scheduler.nowMs());
    this.#store = new AuditedStore(this.#auditor, this.#plan.maxEntryBytes);
    this.#network.onShown = (executionId, own) => {
      this.#auditor.note({ kind: "shown", executionId, own });
    };
    this.#store.onChange((executionId) => this.#network.changed(executionId));
    this.#outside = new Outside({
      scheduler,
      auditor: this.#auditor,
      patiently: (what, work) => this.#task(what, work),
      isCalm: (executionId) => this.#starts.plannedOf(executionId)?.isCalm === true,
      repeats: options.undisturbed === true ? 0 : 0.3,
    });
    this.#machines = new Machines({
      scheduler,
      network: this.#network,
      store: this.#store,
      objects: this.#objects,
      world: this.#outside,
      setup: this.#plan.setup,
      onError: (error) => this.#reported(error),
      onFrozen: (executionId) => {
        if (scheduler.chance(REPLACES)) this.#operator.replace(executionId);
      },
    });
    this.#starts = new Starts({
      scheduler,
      auditor: this.#auditor,
      task: (what, work) => this.#task(what, work),
      executions: this.#plan.executions,
      network: this.#network,
    });
    this.#operator = new Operator({
      scheduler,
      auditor: this.#auditor,
      starts: this.#starts,
      task: (what, work) => this.#task(what, work),
    });
  }

  async run(): Promise<RunResult> {
    const scheduler = this.#scheduler;
    await this.#store.registerFunctions([FUNCTIONS.program, FUNCTIONS.plain]);
    for (const planned of this.#plan.executions)
      this.#starts.plan(planned, this.#options.undisturbed !== true && scheduler.chance(0.3));
    this.#nextFault();
    this.#nextAct();
    scheduler.after(this.#plan.healsAfterMs, "heal", () => this.#heal());
    await this.#until(() => this.#hasEnded(), this.#plan.healsAfterMs + LIVENESS_MS);
    if (!this.#hasEnded() && this.#auditor.violations.length === 0)
      this.#auditor.violated("endsWhenFaultsStop", this.#stuck());
    const endedMs = scheduler.elapsedMs;
    this.#starts.isOver = true;
    await this.#until(() => false, endedMs + AFTERMATH_MS);
    await this.#collectAll();
    this.#isOver = true;
    this.#machines.close();
    return {
      seed: this.#options.seed,
      events: scheduler.events,
      checks: this.#auditor.checks,
      digest: scheduler.digest(),
      violations: this.#auditor.violations,
      ended: await this.#ended(),
      executions: await this.#loaded(),
      payloads: new Payloads({ store: this.#objects }),
      traces: this.#outside.traces,
      hasPlugin: this.#plan.setup.hasPlugin,
      tail: scheduler.tail,
      lines: scheduler.lines,
      virtualMs: scheduler.elapsedMs,
      healingMs: Math.max(0, endedMs - this.#plan.healsAfterMs),
    };
  }

  async #until(isReached: () => boolean, untilMs: number): Promise<void> {
    const scheduler = this.#scheduler;
    const atMs = scheduler.startMs + untilMs;
    while (!isReached() && (scheduler.nextMs ?? Number.POSITIVE_INFINITY) <= atMs) {
      if (this.#auditor.violations.length > 0 || scheduler.events >= MAX_EVENTS) return;
      await scheduler.step();
      this.#auditor.settle();
    }
  }

  /** (8) Now that nothing is on its way, what is left is what is pointed at. */
  async #collectAll(): Promise<void> {
    if (this.#auditor.violations.length > 0) return;
    const payloads = new Payloads({ store: this.#objects });
    const store = storeWith(this.#store, { payloads });
    await collectPayloads({ store, nowMs: this.#scheduler.nowMs() + 1, minAgeMs: 0 });
    const { ledger } = this.#auditor;
    // Of one that was invoked and is stopped everything stays, and of a purge of its root's payloads that broke off.
    const left = [...ledger.books.values()].filter(
      ({ executionId, head, isPurged }) =>
        !isPurged && (head.status === "STOPPED" || ledger.isAbandoned(executionId)),
    );
    const kept = left.map(({ executionId }) => payloadPrefix(executionId));
    const orphans = [...ledger.objects].filter(
      (key) => !ledger.isPointedAt(key) && !kept.some((prefix) => key.startsWith(prefix)),
    );
    if (orphans.length > 0) this.#auditor.violated("leavesNoOrphans", orphans.join(", "));
  }

  /** Does work with some client; when it fails for what has been injected, or its process dies, again. */
  #task(what: string, work: (client: DurableClient, store: ExecutionStore) => Promise<void>): void {
    this.#tasks += 1;
    const attempt = (): void => {
      const { client, store, died } = this.#machines.client();
      let isDone = false;
      const again = (): void => {
        if (isDone || this.#isOver) return;
        isDone = true;
        this.#scheduler.after(TASK_RETRY_MS, `again ${what}`, attempt);
      };
      void died.then(again);
      work(client, store).then(
        () => {
          if (!isDone) this.#tasks -= 1;
          isDone = true;
        },
        (error: unknown) => {
          if (!isExplained(error))
            this.#auditor.violated("clientsSeeNothingUnexplained", `${what}: ${show(error)}`);
          again();
        },
      );
    };
    attempt();
  }

  #reported(error: unknown): void {
    if (!this.#isOver && !isExplained(error))
      this.#auditor.violated("workersReportNothingUnexplained", show(error));
  }

  #nextFault(): void {
    const { faultEveryMs, faults } = this.#network.weather;
    if (!Number.isFinite(faultEveryMs)) return;
    const delayMs = -Math.log(1 - this.#scheduler.draw()) * faultEveryMs;
    const fault = this.#scheduler.pick(faults);
    this.#scheduler.after(delayMs, `fault ${fault}`, () => {
      if (this.#network.weather === CALM) return;
      if (fault === "hot") this.#heat();
      else this.#machines.befall(fault);
      this.#nextFault();
    });
  }

  /** One partition of the table has more to do than it can. */
  #heat(): void {
    const ids = [...this.#auditor.ledger.books.keys()];
    if (ids.length === 0) return;
    // Executions of one name share it.
    const { executionId } = parseExecutionId(this.#scheduler.pick(ids));
    this.#network.hot.add(executionId);
    this.#scheduler.after(this.#scheduler.between(1_000, 30_000), `cools ${executionId}`, () =>
      this.#network.hot.delete(executionId),
    );
  }

  #nextAct(): void {
    const { operatorEveryMs } = this.#network.weather;
    if (!Number.isFinite(operatorEveryMs)) return;
    const delayMs = -Math.log(1 - this.#scheduler.draw()) * operatorEveryMs;
    this.#scheduler.after(delayMs, "operator", () => {
      if (this.#network.weather === CALM) return;
      this.#operator.act();
      this.#nextAct();
    });
  }

  #heal(): void {
    this.#network.weather = CALM;
    this.#network.hot.clear();
    this.#machines.heal();
    this.#operator.collect();
    this.#resumeAll();
  }

  /** An operator looks now and then for what has been stopped for failing too often. */
  #resumeAll(): void {
    this.#operator.resumeAll();
    this.#scheduler.after(60_000, "resume all", () => this.#resumeAll());
  }

  #hasEnded(): boolean {
    if (this.#tasks > 0 || this.#starts.hasOpen || this.#operator.isResuming) return false;
    for (const { executionId, head, isPurged } of this.#auditor.ledger.books.values()) {
      if (isPurged) continue;
      if (!isTerminal(head.status)) return false;
      if (head.status === "STOPPED" && !executionId.includes("~")) return false;
    }
    return true;
  }

  #stuck(): string {
    const open = [...this.#auditor.ledger.books.values()].filter(({ head }) => !isTerminal(head.status));
    const texts = open.map(
      ({ executionId, head }) => `${executionId} is ${head.status}, due ${head.dueAtMs}`,
    );
    return `${this.#tasks} tasks and ${texts.length} executions have not ended: ${texts.join("; ")}`;
  }

  async #ended(): Promise<Ended[]> {
    const ended: Ended[] = [];
    for (const book of this.#auditor.ledger.books.values()) {
      const planned = this.#starts.plannedOf(book.executionId);
      if (planned === undefined || book.head.parent !== undefined) continue;
      const { name, program, isCalm } = planned;
      ended.push({
        executionId: book.executionId,
        name,
        program,
        isCalm,
        isExcused: this.#tree(book.executionId).some(isExcused),
        outcome: await this.#outcome(book),
      });
    }
    return ended;
  }

  #tree(root: string): Book[] {
    const books = [...this.#auditor.ledger.books.values()];
    return books.filter(({ executionId }) => executionId === root || executionId.startsWith(`${root}~`));
  }

  /** What it has come to. Of one that has been purged, the payloads may be gone. */
  async #outcome({ head, isPurged }: Book): Promise<string> {
    if (isPurged || this.#auditor.violations.length > 0) return head.status;
    const payloads = new Payloads({ store: this.#objects });
    const result = head.result === undefined ? undefined : await payloads.read(head.result);
    const error: ErrorObject | undefined =
      head.error === undefined ? undefined : await payloads.readError(head.error);
    const { ErrorType, ErrorMessage } = error ?? {};
    return `${head.status} ${result ?? JSON.stringify({ ErrorType, ErrorMessage })}`;
  }

  async #loaded(): Promise<LoadedExecution[]> {
    const loaded: LoadedExecution[] = [];
    const { ledger } = this.#auditor;
    for (const executionId of ledger.books.keys()) {
      if (ledger.isAbandoned(executionId)) continue;
      const execution = await this.#store.load(executionId);
      if (execution === undefined) continue;
      loaded.push({ ...execution, entries: await wholeLog(this.#store, executionId) });
    }
    return loaded;
  }
}

/** Interrupted too often, out of time, or stopped with its parent being told. */
function isExcused({ head, wasInterrupted, wasStopped, executionId }: Book): boolean {
  return wasInterrupted || head.status === "TIMED_OUT" || (wasStopped && executionId.includes("~"));
}

/** The last: a worker that stopped, and the store took longer than it waits. */
const EXPLAINED = [
  "TIDEMARK_PAYLOAD_GONE",
  "TIDEMARK_PAYLOAD_ALTERED",
  "TIDEMARK_PAYLOAD_STORE",
  "TIDEMARK_WORKER_STOPPED",
];

/** True for what was injected, and for what came of it. */
function isExplained(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === "InjectedError" || EXPLAINED.includes(codeOf(error) ?? "")) return true;
  return isExplained(error.cause);
}

function show(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

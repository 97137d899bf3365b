/**
 * Owns what is outside of the executions and outlives their processes: who completes callbacks, and
 * the book of what step bodies did and what code saw.
 */

import type { LogEntry } from "@tidemark/protocol";
import type { DurableClient } from "@tidemark/runtime";
import type { VirtualClock, VirtualProcess } from "@tidemark/testing";
import type { CallbackAction } from "./program";

/** One run of a step body. */
export interface BodyRun {
  readonly executionId: string;
  /** Of its invocation. */
  readonly requestId: string;
  readonly path: string;
  readonly attempt: number;
  readonly atMostOnce: boolean;
  readonly processId: number;
  /** Set when it should not have run. */
  readonly problem?: string | undefined;
}

/** What the code of one invocation saw, in order. */
export interface Trace {
  readonly executionId: string;
  /** Of its invocation: `execution:epoch`, or `replay`. */
  readonly requestId: string;
  readonly processId: number;
  /** Contexts whose code ran, by path. */
  readonly entered: Set<string>;
  /** Items among them that began in no request that has been answered, as far as the process knows. */
  readonly unrecorded: Set<string>;
  readonly events: TraceEvent[];
}

export interface TraceEvent {
  /** Path of the innermost context with a record. */
  readonly scope: string;
  readonly text: string;
}

/** What user code has seen come of an operation. */
export interface Sight {
  readonly executionId: string;
  readonly requestId: string;
  readonly path: string;
  readonly isError: boolean;
}

/** An operation that user code asks for, with a record under this name. */
export interface Wish {
  readonly executionId: string;
  readonly path: string;
  readonly name: string;
}

/** What programs need of the world around them. */
export interface ProgramWorld {
  readonly clock: { touch(): void };
  readonly traces: Trace[];
  /** Items of a batch begin in groups: one that is not recorded may begin elsewhere the next time. */
  readonly hasGroups?: boolean;
  /** Somebody outside has learned of a callback. */
  learn(callbackId: string, path: string, actions: readonly CallbackAction[]): void;
  /** How often the callback's id has been handed over, this time included. */
  countSubmission(callbackId: string): number;
  bodyStarted(process: VirtualProcess, run: Omit<BodyRun, "processId" | "problem">): void;
  asked?(wish: Wish): void;
  saw?(sight: Sight): void;
}

/** How the world's message about a callback was received. */
export interface Reception {
  readonly callbackId: string;
  readonly does: CallbackAction["does"];
  readonly value: string;
  /** `ok`, or the code of the refusal. */
  readonly answer: string;
}

/** What the log has of an execution, as it is written. */
interface Journal {
  readonly stepIds: Map<string, string>;
  readonly attemptsEnded: Map<string, number>;
  readonly settled: Set<string>;
}

export class World implements ProgramWorld {
  readonly clock: VirtualClock;
  readonly bodyRuns: BodyRun[] = [];
  readonly traces: Trace[] = [];
  readonly receptions: Reception[] = [];
  readonly finishes = new Map<string, number>();
  hasGroups = false;
  /** The end of all time: nothing is done any more. */
  isOver = false;
  readonly #client: DurableClient;
  readonly #known = new Set<string>();
  readonly #submissions = new Map<string, number>();
  readonly #journals = new Map<string, Journal>();
  lastProgressMs = 0;

  constructor(clock: VirtualClock, client: DurableClient) {
    this.clock = clock;
    this.#client = client;
  }

  /** Somebody outside has learned of a callback: now its story begins. */
  learn(callbackId: string, path: string, actions: readonly CallbackAction[]): void {
    if (this.#known.has(callbackId)) return;
    this.#known.add(callbackId);
    for (const [index, action] of actions.entries()) {
      this.clock.setTimer(() => {
        if (!this.isOver) void this.#act(callbackId, `${path}#${index}`, action);
      }, action.afterMs);
    }
  }

  async #act(callbackId: string, value: string, { does }: CallbackAction): Promise<void> {
    this.clock.touch();
    let answer = "ok";
    try {
      if (does === "succeed") await this.#client.sendCallbackSuccess(callbackId, JSON.stringify(value));
      else if (does === "fail")
        await this.#client.sendCallbackFailure(callbackId, { ErrorType: "Refused", ErrorMessage: value });
      else await this.#client.sendCallbackHeartbeat(callbackId);
    } catch (error) {
      answer = (error as { code?: string }).code ?? String(error);
    }
    this.clock.touch();
    this.receptions.push({ callbackId, does, value, answer });
  }

  /** How often the callback's id has been handed over, this time included. */
  countSubmission(callbackId: string): number {
    const count = (this.#submissions.get(callbackId) ?? 0) + 1;
    this.#submissions.set(callbackId, count);
    return count;
  }

  bodyStarted(process: VirtualProcess, run: Omit<BodyRun, "processId" | "problem">): void {
    this.clock.touch();
    const problem = process.isStale ? undefined : this.#problemWith(run);
    this.bodyRuns.push({ ...run, processId: process.id, problem });
  }

  #problemWith({ executionId, path, attempt }: Omit<BodyRun, "processId" | "problem">): string | undefined {
    const journal = this.#journals.get(executionId);
    const id = journal?.stepIds.get(path);
    if (journal === undefined || id === undefined) return undefined;
    if (journal.settled.has(id)) return "the log had its end";
    const ended = journal.attemptsEnded.get(id) ?? 0;
    if (ended >= attempt) return `the log had the end of attempt ${ended}`;
    return undefined;
  }

  appended(executionId: string, entry: LogEntry): void {
    this.lastProgressMs = this.clock.nowMs();
    let journal = this.#journals.get(executionId);
    if (journal === undefined) {
      journal = { stepIds: new Map(), attemptsEnded: new Map(), settled: new Set() };
      this.#journals.set(executionId, journal);
    }
    for (const { update } of entry.records) {
      if (update?.Type !== "STEP") continue;
      const id = update.Id as string;
      if (update.Name !== undefined) journal.stepIds.set(pathOfName(update.Name), id);
      if (update.Action === "START") continue;
      journal.attemptsEnded.set(id, (journal.attemptsEnded.get(id) ?? 0) + 1);
      if (update.Action !== "RETRY") journal.settled.add(id);
    }
  }

  finished(executionId: string): void {
    this.lastProgressMs = this.clock.nowMs();
    this.finishes.set(executionId, (this.finishes.get(executionId) ?? 0) + 1);
  }
}

/** Names that depend on the order have it after an `@`. */
export function pathOfName(name: string): string {
  const at = name.indexOf("@");
  return at < 0 ? name : name.slice(0, at);
}

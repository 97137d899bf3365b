/**
 * Owns the book of what has happened, beside the stores: what each write has left behind, what bodies
 * have run and what code has seen. Invariants are checked against it, write by write; each costs the
 * size of the write.
 *
 * It is written without the state machine and without the heads of the stores.
 */

import {
  DueQueue,
  type ExecutionHead,
  exactExecutionId,
  isTerminal,
  type LogEntry,
  type OutsideEvent,
} from "@tidemark/protocol";
import type { FinishRequest, PostRequest } from "@tidemark/store";
import { isSettledStatus, LogModel, type ModelOperation } from "../fuzz/log-model";
import type { Sight } from "../fuzz/world";
import { pointersIn } from "./pointers";

export type Observation =
  | { readonly kind: "appended"; readonly executionId: string; readonly entry: LogEntry }
  | {
      readonly kind: "head";
      readonly executionId: string;
      readonly head: ExecutionHead;
      readonly by: HeadWrite;
    }
  | { readonly kind: "posted"; readonly executionId: string; readonly request: PostRequest }
  | { readonly kind: "purged"; readonly executionId: string }
  | { readonly kind: "body"; readonly executionId: string; readonly run: BodyStart }
  | { readonly kind: "saw"; readonly executionId: string; readonly sight: Sight }
  /** Somebody outside was told that an outcome was accepted. */
  | { readonly kind: "accepted"; readonly executionId: string; readonly callbackId: string }
  /** A process was shown its own entry in the place where it wanted to write it (invariant 4). */
  | { readonly kind: "shown"; readonly executionId: string; readonly own: OwnWrite }
  /** A snapshot was kept. */
  | {
      readonly kind: "snapshot";
      readonly executionId: string;
      readonly sequence: number;
      readonly text: string;
    }
  /** Somebody was told that it is stopped. */
  | { readonly kind: "stopped"; readonly executionId: string }
  | { readonly kind: "removed"; readonly executionId: string; readonly keys: readonly string[] };

export type HeadWrite =
  | { readonly call: "start" | "acquire" | "suspend" | "post" | "resume" }
  | { readonly call: "renew"; readonly epoch: number }
  | { readonly call: "finish"; readonly request: FinishRequest };

export interface BodyStart {
  readonly requestId: string;
  readonly path: string;
  readonly attempt: number;
  readonly atMostOnce: boolean;
}

export interface OwnWrite {
  readonly epoch: number;
  readonly atMs: number;
  /** The process has run all the time, and has not called for the execution since. */
  readonly hasGoneQuiet: () => boolean;
}

interface ModelTimer {
  readonly dueAtMs: number;
  readonly order: number;
  readonly operation: ModelOperation;
}

/** What is known of one execution. */
export class Book {
  /** Exact. */
  readonly executionId: string;
  readonly log: LogModel;
  /** What the last entry did that it must not. */
  problems: readonly string[] = [];
  head: ExecutionHead;
  sequence = 0;
  newestEpoch = 0;
  lastAtMs: number;
  /** The last entry is a fence: whoever ran the execution can record nothing more (invariant 2). */
  isFenced = false;
  readonly byName = new Map<string, ModelOperation>();
  /** Names under which operations that code asks for are recorded, by path. */
  readonly wishes = new Map<string, string>();
  /** By inbox key. */
  readonly outcomes = new Map<string, OutsideEvent>();
  /** When each key was taken, by the clock of who took it. */
  readonly takenAtMs = new Map<string, number>();
  /** Operations whose outcome waits in the inbox to be taken in. */
  readonly unseen = new Set<string>();
  readonly bodyRuns = new Map<string, number>();
  readonly accepted = new Map<string, number>();
  readonly pointers: string[] = [];
  shown: OwnWrite | undefined;
  readonly #timers: DueQueue<ModelTimer>;
  #order = 0;
  isPurged = false;
  changedAtMs = 0;
  /** A step has used up its interruptions, so that the result may be another one (decision 0004). */
  wasInterrupted = false;
  wasStopped = false;
  /** Somebody knows that it is stopped, and nobody has resumed it. */
  isKnownStopped = false;

  constructor(head: ExecutionHead) {
    this.executionId = exactExecutionId(head);
    this.head = head;
    this.lastAtMs = head.startedAtMs;
    this.log = new LogModel(head.startedAtMs);
    this.#timers = new DueQueue(
      ({ operation, dueAtMs }) => operation.dueAtMs === dueAtMs && this.isOpen(operation),
    );
  }

  /** When time next does something that the log knows of. Heartbeats are not in it before they matter. */
  get nextDueMs(): number | undefined {
    return this.#timers.peek()?.dueAtMs;
  }

  /** True for what can still happen. */
  isOpen(operation: ModelOperation): boolean {
    return !isSettledStatus(operation.status) && this.log.endedAncestor(operation.parentId) === undefined;
  }

  /** True when an outcome in the inbox waits for an operation that can still take it. */
  hasUnseen(): boolean {
    for (const id of this.unseen) {
      const operation = this.log.operations.get(id);
      if (operation !== undefined && this.isOpen(operation)) return true;
    }
    return false;
  }

  append(entry: LogEntry): void {
    this.problems = this.log.add(entry);
    this.sequence = entry.sequence;
    this.newestEpoch = Math.max(this.newestEpoch, entry.epoch);
    this.lastAtMs = entry.atMs;
    this.isFenced = entry.records.length === 0 && entry.barrier === undefined;
    for (const { update, event } of entry.records) {
      const id = update?.Id ?? event?.id ?? "";
      const operation = this.log.operations.get(id);
      if (operation === undefined) continue;
      if (operation.name !== undefined && !this.byName.has(operation.name))
        this.byName.set(operation.name, operation);
      if (isSettledStatus(operation.status)) this.unseen.delete(id);
      if (/Interrupted/.test(update?.Error?.ErrorType ?? "")) this.wasInterrupted = true;
      const { dueAtMs } = operation;
      if (dueAtMs !== undefined) this.#timers.add({ dueAtMs, order: this.#order++, operation });
    }
  }

  operationAt(path: string): ModelOperation | undefined {
    const name = this.wishes.get(path);
    return name === undefined ? undefined : this.byName.get(name);
  }
}

/** What is known of everything. */
export class Ledger {
  /** By exact id. */
  readonly books = new Map<string, Book>();
  /** How far clocks may be off. */
  skewMs = 0;
  /** How many records point at an object. */
  readonly #references = new Map<string, number>();
  /** Objects that are there. */
  readonly objects = new Set<string>();
  /** Trees whose payloads somebody removes, whatever points at them. */
  readonly #abandoned = new Set<string>();
  /** Sessions by the beginning of their nonces: the execution that each has recorded something in. */
  readonly #sessions = new Map<string, string>();

  book(executionId: string): Book | undefined {
    return this.books.get(executionId);
  }

  /** With a root, the payloads of all that it has invoked go, as the client says. */
  abandon(root: string): void {
    if (this.#abandoned.has(root)) return;
    this.#abandoned.add(root);
    for (const book of this.books.values()) if (this.isAbandoned(book.executionId)) this.#forget(book);
  }

  isAbandoned(executionId: string): boolean {
    return this.#abandoned.has(rootOf(executionId));
  }

  /** The root is gone: nobody keeps what has been invoked from losing its input. */
  isOrphan(executionId: string): boolean {
    const root = rootOf(executionId);
    return root !== executionId && this.books.get(root)?.isPurged === true;
  }

  /** The execution in which the session has recorded something first that records this. */
  recordedBefore({ nonce }: LogEntry): string | undefined {
    return this.#sessions.get(sessionOf(nonce));
  }

  isPointedAt(key: string): boolean {
    return (this.#references.get(key) ?? 0) > 0;
  }

  /** Takes in what has happened. */
  take(observation: Observation): void {
    const { executionId } = observation;
    const book = this.books.get(executionId);
    if (observation.kind === "head") return this.#headWritten(observation, book);
    if (observation.kind === "removed") {
      for (const key of observation.keys) this.objects.delete(key);
      return;
    }
    if (book === undefined) return;
    switch (observation.kind) {
      case "appended":
        this.#point(book, observation.entry);
        this.#sessions.set(sessionOf(observation.entry.nonce), executionId);
        return book.append(observation.entry);
      case "posted":
        this.#point(book, observation.request.event);
        return posted(book, observation.request);
      case "purged":
        book.isPurged = true;
        return this.#forget(book);
      case "body": {
        const { path, attempt } = observation.run;
        const key = `${path} ${attempt}`;
        book.bodyRuns.set(key, (book.bodyRuns.get(key) ?? 0) + 1);
        return;
      }
      case "accepted":
        book.accepted.set(observation.callbackId, (book.accepted.get(observation.callbackId) ?? 0) + 1);
        return;
      case "shown":
        book.shown = observation.own;
        return;
      case "stopped":
        book.isKnownStopped = book.head.status === "STOPPED";
        return;
      case "snapshot":
      case "saw":
        return;
    }
  }

  #headWritten({ head, by }: Extract<Observation, { kind: "head" }>, book: Book | undefined): void {
    if (book === undefined || by.call === "start") {
      const begun = new Book(head);
      this.books.set(begun.executionId, begun);
      this.#point(begun, head);
      return;
    }
    // What has been stopped may go on: why it was stopped is then in the head no more.
    if (isTerminal(book.head.status)) this.#unpoint(book, [book.head.result, book.head.error]);
    book.head = head;
    if (by.call === "resume") book.isKnownStopped = false;
    if (isTerminal(head.status)) {
      this.#point(book, [head.result, head.error]);
      if (head.status === "STOPPED") book.wasStopped = true;
    }
  }

  #unpoint(book: Book, value: unknown): void {
    for (const key of pointersIn(value)) {
      const at = book.pointers.indexOf(key);
      if (at === -1) continue;
      book.pointers.splice(at, 1);
      this.#references.set(key, (this.#references.get(key) as number) - 1);
    }
  }

  #forget(book: Book): void {
    for (const key of book.pointers.splice(0))
      this.#references.set(key, (this.#references.get(key) as number) - 1);
  }

  #point(book: Book, value: unknown): void {
    if (this.isAbandoned(book.executionId)) return;
    for (const key of pointersIn(value)) {
      book.pointers.push(key);
      this.#references.set(key, (this.#references.get(key) ?? 0) + 1);
    }
  }
}

function posted(book: Book, { key, event, wake, mode, nowMs }: PostRequest): void {
  if (mode === "replace") return;
  book.outcomes.set(key, event);
  book.takenAtMs.set(key, nowMs);
  const operation = book.log.operations.get(event.id);
  if (wake && (operation === undefined || !isSettledStatus(operation.status))) book.unseen.add(event.id);
}

function rootOf(executionId: string): string {
  return executionId.split("~")[0] as string;
}

/** A session draws the beginning of its nonces, and counts. */
function sessionOf(nonce: string): string {
  return nonce.slice(0, 8);
}

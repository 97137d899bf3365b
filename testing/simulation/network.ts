/**
 * Owns what lies between a process and what it talks to: every call is a request and an answer, and
 * either may be delayed, lost, repeated or refused.
 *
 * What a store promises is kept: calls that are made in one turn arrive in their order, a refused call
 * has no effect, and who writes hears of its own changes. What it does not promise is not.
 */

import { type LogEntry, parseExecutionId } from "@tidemark/protocol";
import type { ExecutionStore, PayloadStore, StoredPayload } from "@tidemark/store";
import type { VirtualProcess } from "@tidemark/testing";
import { InjectedError } from "@tidemark/testing";
import type { OwnWrite } from "./ledger";
import type { Scheduler } from "./scheduler";
import type { Weather } from "./weather";

/** After this a caller gives up. */
const CALL_TIMEOUT_MS = 4_000;
/** A request that was given up arrives within this. */
export const MAX_LATE_MS = 60_000;
const MAX_SLOW_MS = 9_000;

type Fate = "delivered" | "refused" | "lost" | "late" | "unanswered" | "repeated";

/** One process's way to the stores. */
export interface Link {
  readonly process: VirtualProcess;
  /** Nothing arrives until then. */
  cutOffUntilMs: number;
  /** Every message takes seconds until then. */
  stalledUntilMs: number;
  /** Arrival of the last call, and the event in which it was made. */
  last: { readonly event: number; readonly atMs: number };
  /** How often it has called for each tree of executions. */
  readonly calls: Map<string, number>;
  /** What happens right after the next call for an execution has been sent. */
  onSent: ((executionId: string) => void) | undefined;
}

interface Call<T> {
  readonly link: Link;
  /** For the trace: the method and the execution. */
  readonly what: string;
  readonly executionId: string | undefined;
  readonly make: () => Promise<T>;
  /** Told of the answer. With it, the second answer of a repeated request may be the one that arrives. */
  readonly onAnswer?: (answer: unknown) => void;
}

export class Network {
  weather: Weather;
  readonly hot = new Set<string>();
  readonly #scheduler: Scheduler;
  /** Told when a process is shown its own entry. */
  onShown: ((executionId: string, own: OwnWrite) => void) | undefined;
  /** When the last request to start each execution arrives, since the beginning. */
  readonly #starts = new Map<string, number>();
  readonly #listeners = new Map<Link, Set<(executionId: string) => void>>();
  #applying: Link | undefined;

  constructor(scheduler: Scheduler, weather: Weather) {
    this.#scheduler = scheduler;
    this.weather = weather;
  }

  connect(process: VirtualProcess): Link {
    const last = { event: 0, atMs: 0 };
    return { process, cutOffUntilMs: 0, stalledUntilMs: 0, last, calls: new Map(), onSent: undefined };
  }

  /** The store below has changed. */
  changed(executionId: string): void {
    for (const [link, listeners] of this.#listeners) {
      const isOwn = link === this.#applying;
      if (!isOwn && this.#scheduler.chance(this.weather.losesNews)) continue;
      // A store of several processes cannot always tell what has changed.
      const told = isOwn || this.#scheduler.chance(0.8) ? executionId : "";
      for (const listener of listeners) {
        this.#scheduler.after(this.#latencyMs(link), `news ${link.process.id} ${told}`, () =>
          link.process.run(() => listener(told)),
        );
      }
    }
  }

  /** The store as a process reaches it. */
  storeFor(inner: ExecutionStore, link: Link, payloads: ExecutionStore["payloads"]): ExecutionStore {
    return new Proxy(inner, {
      get: (target, property) => {
        if (property === "payloads") return payloads;
        const member = Reflect.get(target, property, target);
        if (typeof member !== "function") return member;
        if (property === "onChange") return (listener: (id: string) => void) => this.#listen(link, listener);
        return (...args: unknown[]) =>
          this.#call({
            link,
            what: property as string,
            executionId: executionIdIn(args[0]),
            make: () => member.apply(target, args) as Promise<unknown>,
            // The port lets an append be ambiguous, and nothing else (invariant 4).
            ...(property === "append"
              ? {
                  onAnswer: (answer: unknown) =>
                    this.#shown(link, args[0] as string, args[1] as LogEntry, answer),
                }
              : {}),
          });
      },
    });
  }

  /** The payload store as a process reaches it. */
  payloadsFor(inner: PayloadStore, link: Link): PayloadStore {
    const call = <T>(what: string, make: () => Promise<T>): Promise<T> =>
      this.#call({ link, what, executionId: undefined, make });
    const all = async (prefix: string): Promise<StoredPayload[]> => {
      const found: StoredPayload[] = [];
      for await (const object of inner.list(prefix)) found.push(object);
      return found;
    };
    return {
      name: inner.name,
      put: (key, bytes, summary) => call(`put ${key}`, () => inner.put(key, bytes, summary)),
      get: async (key) => this.#spoiled(await call(`get ${key}`, () => inner.get(key))),
      delete: (keys) => call(`delete ${keys.length}`, () => inner.delete(keys)),
      async *list(prefix) {
        yield* await call(`list ${prefix}`, () => all(prefix));
      },
    };
  }

  #spoiled(bytes: Uint8Array | undefined): Uint8Array | undefined {
    if (bytes === undefined || this.#scheduler.chance(this.weather.missingObjects)) return undefined;
    if (this.#scheduler.chance(this.weather.alteredObjects)) bytes[0] = (bytes[0] as number) ^ 1;
    return bytes;
  }

  #shown({ process, calls }: Link, executionId: string, entry: LogEntry, answer: unknown): void {
    const { appended, existing } = answer as { appended: boolean; existing?: LogEntry };
    if (appended || existing?.nonce !== entry.nonce || existing.epoch !== entry.epoch) return;
    const made = (): number => (calls.get(treeOf(executionId)) ?? 0) + (calls.get(ANY_TREE) ?? 0);
    const before = made();
    const hasGoneQuiet = (): boolean => process.isRunning && !process.isStale && made() === before;
    this.onShown?.(executionId, { epoch: entry.epoch, atMs: this.#scheduler.nowMs(), hasGoneQuiet });
  }

  #listen(link: Link, listener: (executionId: string) => void): () => void {
    const listeners = this.#listeners.get(link) ?? new Set();
    listeners.add(listener);
    this.#listeners.set(link, listeners);
    return () => listeners.delete(listener);
  }

  /** A process that is gone hears of nothing. */
  disconnect(link: Link): void {
    this.#listeners.delete(link);
  }

  #call<T>(call: Call<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      // A process that stands still sends when it goes on.
      call.link.process.run(() => {
        this.#send(call, resolve, reject);
        const { onSent } = call.link;
        if (onSent === undefined || call.executionId === undefined) return;
        call.link.onSent = undefined;
        onSent(parseExecutionId(call.executionId).executionId);
      });
    });
  }

  #send<T>(call: Call<T>, resolve: (value: T) => void, reject: (error: unknown) => void): void {
    count(call);
    const fate = this.#fateOf(call);
    const arrivalMs = this.#arrivalMs(call.link);
    const fail = (delayMs: number, why: string): void => {
      this.#at(delayMs, call, fate, () =>
        call.link.process.run(() => reject(new InjectedError(`${call.what}: ${why}`))),
      );
    };
    const answer = (value: T): void => {
      this.#at(this.#latencyMs(call.link), call, "answer", () =>
        call.link.process.run(() => {
          call.onAnswer?.(value);
          resolve(value);
        }),
      );
    };
    const refuse = (error: unknown): void => {
      this.#at(this.#latencyMs(call.link), call, "error", () => call.link.process.run(() => reject(error)));
    };
    const arrive = (delayMs: number, isAnswered: boolean): void => {
      this.#arrivesIn(delayMs, call);
      this.#at(delayMs, call, "request", () => {
        this.#apply(call).then(isAnswered ? answer : () => {}, isAnswered ? refuse : () => {});
      });
    };
    switch (fate) {
      case "delivered":
        return arrive(arrivalMs, true);
      case "refused":
        return fail(arrivalMs, "the store refused; the call was not made");
      case "lost":
        return fail(CALL_TIMEOUT_MS, "no answer; the call was not made");
      case "late":
        fail(CALL_TIMEOUT_MS, "no answer yet; the call is made later");
        return arrive(CALL_TIMEOUT_MS + this.#scheduler.between(0, MAX_LATE_MS), false);
      case "unanswered":
        fail(CALL_TIMEOUT_MS, "no answer; the call was made");
        return arrive(arrivalMs, false);
      case "repeated": {
        const isSecond = call.onAnswer !== undefined && this.#scheduler.chance(0.5);
        arrive(arrivalMs, !isSecond);
        return arrive(arrivalMs + this.#scheduler.between(0, 3_000), isSecond);
      }
    }
  }

  #arrivesIn(delayMs: number, { what, executionId }: Call<unknown>): void {
    if (what !== "start" || executionId === undefined) return;
    const atMs = this.#scheduler.elapsedMs + delayMs;
    this.#starts.set(executionId, Math.max(this.#starts.get(executionId) ?? 0, atMs));
  }

  /** A request to start it is on its way. */
  mayStart(executionId: string): boolean {
    return (this.#starts.get(executionId) ?? 0) >= this.#scheduler.elapsedMs;
  }

  #at(delayMs: number, { link, what, executionId = "" }: Call<unknown>, step: string, act: () => void): void {
    this.#scheduler.after(delayMs, `${step} ${link.process.id} ${what} ${executionId}`, act);
  }

  /** Makes the call; what it changes, others hear of. */
  #apply<T>({ link, make }: Call<T>): Promise<T> {
    this.#applying = link;
    try {
      return make();
    } finally {
      this.#applying = undefined;
    }
  }

  #fateOf({ link, what, executionId }: Call<unknown>): Fate {
    const { weather } = this;
    const scheduler = this.#scheduler;
    if (link.cutOffUntilMs > scheduler.nowMs()) return "lost";
    if (what === "renew" && link.process.losesRenewals) return "lost";
    const isHot = executionId !== undefined && this.hot.has(parseExecutionId(executionId).executionId);
    if (isHot && scheduler.chance(0.8)) return "refused";
    let at = scheduler.draw();
    const falls = (rate: number): boolean => {
      at -= rate;
      return at < 0;
    };
    if (falls(weather.dropsRequest)) return "lost";
    if (falls(weather.dropsAnswer)) return "unanswered";
    if (falls(weather.arrivesLate)) return "late";
    if (falls(weather.duplicates)) return "repeated";
    if (falls(weather.throttles)) return "refused";
    return "delivered";
  }

  /** Not before what the process has sent in the same event. */
  #arrivalMs(link: Link): number {
    const scheduler = this.#scheduler;
    const nowMs = scheduler.elapsedMs;
    const soonestMs = link.last.event === scheduler.events ? link.last.atMs : 0;
    const atMs = Math.max(nowMs + this.#latencyMs(link), soonestMs);
    link.last = { event: scheduler.events, atMs };
    return atMs - nowMs;
  }

  #latencyMs(link: Link): number {
    const scheduler = this.#scheduler;
    const isSlow = link.stalledUntilMs > scheduler.nowMs() || scheduler.chance(this.weather.slow);
    return isSlow ? scheduler.between(5, MAX_SLOW_MS) : scheduler.between(0.05, 4);
  }
}

/** Calls that may be for any. */
const ANY_TREE = "";

function count({ link: { calls }, what, executionId }: Call<unknown>): void {
  const [method, key] = what.split(" ");
  // Payloads have the root in their key; `hasFunction` comes before the start of an invoked execution.
  const tree =
    key !== undefined
      ? treeOf(key.split("/")[0] as string)
      : method === "hasFunction"
        ? ANY_TREE
        : treeOf(executionId);
  if (tree !== undefined) calls.set(tree, (calls.get(tree) ?? 0) + 1);
}

function treeOf(executionId: string): string;
function treeOf(executionId: string | undefined): string | undefined;
function treeOf(executionId: string | undefined): string | undefined {
  const root = executionId?.split("~")[0];
  return root === undefined ? undefined : parseExecutionId(root).executionId;
}

function executionIdIn(argument: unknown): string | undefined {
  if (typeof argument === "string") return argument;
  const { executionId } = (argument ?? {}) as { executionId?: unknown };
  return typeof executionId === "string" ? executionId : undefined;
}

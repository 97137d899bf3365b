/** Owns the book of a run: what bodies ran, which effects happened, what was asked for, and in which order. */

import { isSettled, type Operation, type ProbedBody } from "@tidemark/protocol";
import { type BodyRuns, labelOf, type RunFacts, type TimelineEvent } from "./explored-facts.js";
import type { Running } from "./explored-world.js";
import { seededRandom, type VirtualClock } from "./virtual-clock.js";
import type { VirtualProcess } from "./virtual-process.js";

interface Asked {
  readonly operation: Operation;
  readonly executionId: string;
  /** Of each invocation that has asked for it: one that was cut off had no time to await it. */
  readonly isObserved: (() => boolean)[];
}

interface LedgerOptions {
  readonly clock: VirtualClock;
  /** When bodies began in an undisturbed run. */
  readonly bodyStarts: RunFacts["bodyStarts"] | undefined;
  readonly keepsTimeline: boolean;
}

export class Ledger {
  readonly bodies = new Map<string, BodyRuns>();
  readonly bodyStarts = new Map<string, number>();
  readonly timeline: TimelineEvent[] = [];
  /** The end of all time: nothing is written any more. */
  isClosed = false;
  readonly #options: LedgerOptions;
  readonly #startMs: number;
  readonly #effects = new Map<string, { unkeyed: number; readonly keys: Set<string> }>();
  readonly #asked = new Map<string, Asked>();

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#startMs = options.clock.nowMs();
  }

  get effects(): RunFacts["effects"] {
    return new Map([...this.#effects].map(([name, { unkeyed, keys }]) => [name, unkeyed + keys.size]));
  }

  note(process: VirtualProcess | undefined, text: () => string | undefined): void {
    if (!this.#options.keepsTimeline || this.isClosed) return;
    const line = text();
    if (line === undefined) return;
    const atMs = this.#options.clock.nowMs() - this.#startMs;
    this.timeline.push({ atMs, process: process?.id, text: line });
  }

  asked(executionId: string, operation: Operation, isObserved: () => boolean): void {
    const key = `${executionId} ${operation.Id}`;
    const before = this.#asked.get(key)?.isObserved ?? [];
    this.#asked.set(key, { operation, executionId, isObserved: [...before, isObserved] });
  }

  /** Gives the body its own time and chance. */
  bodyStarted(
    process: VirtualProcess,
    executionId: string,
    { operation, attempt, atMostOnce }: ProbedBody,
  ): NonNullable<Running["body"]> {
    const label = labelOf(operation);
    this.note(process, () => `runs the body of ${label}, attempt ${attempt}`);
    const key = `${executionId} ${operation.Id}`;
    const runs = this.bodies.get(key) ?? {
      operation: label,
      name: operation.Name,
      atMostOnce,
      total: 0,
      byAttempt: new Map(),
    };
    this.bodies.set(key, runs);
    runs.total += 1;
    runs.byAttempt.set(attempt, (runs.byAttempt.get(attempt) ?? 0) + 1);
    return this.#timeAndChance(`${key} ${attempt}`);
  }

  /**
   * What a body reads of the clock and draws is recorded, so it may well depend on when it runs. In every
   * schedule it sees the same: only time and chance outside of bodies may make a difference.
   */
  #timeAndChance(key: string): NonNullable<Running["body"]> {
    const { clock, bodyStarts } = this.#options;
    const startedMs = clock.nowMs();
    if (!this.bodyStarts.has(key)) this.bodyStarts.set(key, startedMs);
    const seenMs = bodyStarts?.get(key) ?? startedMs;
    return {
      nowMs: () => seenMs + clock.nowMs() - startedMs,
      random: seededRandom(checksum(key)),
    };
  }

  effect(process: VirtualProcess, name: string, key: string | undefined): void {
    if (this.isClosed) return;
    this.note(process, () => `effect ${name}${key === undefined ? "" : ` (key ${key})`}`);
    const known = this.#effects.get(name) ?? { unkeyed: 0, keys: new Set() };
    this.#effects.set(name, known);
    if (key === undefined) known.unkeyed += 1;
    else known.keys.add(key);
  }

  /** Asked for by code that has run to its end, and nobody heard of how it went. `ends`: of executions. */
  abandoned(trees: RunFacts["trees"], ends: ReadonlyMap<string, string>): string[] {
    return [...this.#asked.values()].flatMap(({ operation, executionId, isObserved }) => {
      if (isObserved.some((isIt) => isIt())) return [];
      const tree = trees.get(executionId);
      const id = operation.Id as string;
      const prefix = id.slice(0, Math.max(id.lastIndexOf("-"), 0));
      // Code in a context that has not ended, or that is not recorded, may not have come to the place where it awaits.
      if ((operation.ParentId ?? "") !== prefix) return [];
      for (let at = operation.ParentId; at !== undefined; at = tree?.get(at)?.ParentId) {
        if (tree?.get(at)?.EndTimestamp === undefined) return [];
      }
      const recorded = tree?.get(id);
      if (recorded === undefined || !isSettled(recorded))
        return [
          `${labelOf(operation)} was asked for and never awaited, and had not ended when the code around it did`,
        ];
      // Code that fails may well leave behind what it has asked for.
      const end =
        operation.ParentId === undefined ? ends.get(executionId) : tree?.get(operation.ParentId)?.Status;
      return end === "SUCCEEDED"
        ? [
            `${labelOf(operation)} was asked for and never awaited: a crash may leave it out, and its failure is lost`,
          ]
        : [];
    });
  }
}

/** FNV-1a, 32 bits. */
function checksum(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193) >>> 0;
  return hash;
}

/**
 * Owns the notice of what other processes have changed. DynamoDB does not tell, so this looks at intervals,
 * and only while somebody listens:
 *
 * - for executions of the functions that `due` was asked for, that have become due: one query of half a
 *   read unit for each function and shard;
 * - for events in the inboxes of the executions that this process runs: half a read unit each.
 *
 * Who has not claimed anything waits for single executions, and looks at those by itself: it is told that
 * something may have changed, and nothing is read here.
 */

import { type ExactExecution, isMeant, parseExecutionId } from "@tidemark/protocol";
import { type DueIndex, FIRST_PAGE_ROWS } from "./due-index.js";
import { headKey } from "./items.js";
import { executionIdOf } from "./keys.js";
import type { Requests } from "./requests.js";
import { numberOf } from "./text-attribute.js";
import { everyIfAlive, wallClockMs } from "./turn.js";

interface ForeignChangesOptions {
  readonly requests: Requests;
  readonly dueIndex: DueIndex;
  readonly pollIntervalMs: number;
  readonly onChange: (executionId: string) => void;
}

/** A lease of this process, and the events that its holder knows of. */
interface Held extends ExactExecution {
  readonly epoch: number;
  inboxCount: number;
}

export class ForeignChanges {
  readonly #options: ForeignChangesOptions;
  #stop: (() => void) | undefined;
  #isLooking = false;
  readonly #functionNames = new Set<string>();
  #isClaiming = false;
  /** Due executions that have been told of, with their times. */
  #told = new Map<string, number>();
  /** The executions that this process runs. */
  readonly #held = new Map<string, Held>();

  constructor(options: ForeignChangesOptions) {
    this.#options = options;
  }

  start(): void {
    this.#stop ??= everyIfAlive(this.#options.pollIntervalMs, () => this.#look());
  }

  stop(): void {
    this.#stop?.();
    this.#stop = undefined;
  }

  /** Somebody claims executions of these functions. */
  claims(functionNames: readonly string[]): void {
    this.#isClaiming = true;
    for (const name of functionNames) this.#functionNames.add(name);
  }

  holds({ executionId, incarnation, epoch, inboxCount }: Held): void {
    this.#held.set(executionId, { executionId, incarnation, epoch, inboxCount });
  }

  /** The execution was read, if it is one of those that run here. */
  saw(executionId: string, inboxCount: number): void {
    const held = this.#heldOf(executionId);
    if (held !== undefined) held.inboxCount = inboxCount;
  }

  /** The lease with this epoch is over; `undefined`: all are. */
  releases(executionId: string, epoch: number | undefined): void {
    const held = this.#heldOf(executionId);
    if (held !== undefined && held.epoch <= (epoch ?? held.epoch)) this.#held.delete(held.executionId);
  }

  #heldOf(id: string): Held | undefined {
    const held = this.#held.get(parseExecutionId(id).executionId);
    return held !== undefined && isMeant(id, held) ? held : undefined;
  }

  #look(): void {
    if (this.#isLooking) return;
    if (!this.#isClaiming) {
      this.#options.onChange("");
      return;
    }
    this.#isLooking = true;
    this.#changes()
      .then((executionIds) => {
        if (this.#stop !== undefined) for (const id of executionIds) this.#options.onChange(id);
      })
      // The next look tells, and so does the next use of the store.
      .catch(() => {})
      .finally(() => {
        this.#isLooking = false;
      });
  }

  async #changes(): Promise<string[]> {
    const [due, events] = await Promise.all([this.#newlyDue(), this.#newEvents()]);
    return [...due, ...events];
  }

  async #newlyDue(): Promise<string[]> {
    const { dueIndex, pollIntervalMs } = this.#options;
    // What becomes due before the next look is told now: who listens has a timer.
    const untilMs = wallClockMs() + pollIntervalMs;
    const rows = await dueIndex.rows([...this.#functionNames], untilMs, FIRST_PAGE_ROWS);
    const before = this.#told;
    this.#told = new Map(
      rows.filter(({ dueAtMs }) => dueAtMs <= untilMs).map((row) => [row.executionId, row.dueAtMs]),
    );
    return [...this.#told]
      .filter(([executionId, dueAtMs]) => before.get(executionId) !== dueAtMs && !this.#held.has(executionId))
      .map(([executionId]) => executionId);
  }

  async #newEvents(): Promise<string[]> {
    const { requests } = this.#options;
    const keys = [...this.#held.keys()].map(headKey);
    const items = await requests.batchGet(keys, { isConsistent: false, projection: "pk, ic, ep, s" });
    return items.flatMap((item) => {
      const executionId = executionIdOf(item.pk?.S ?? "");
      const held = this.#held.get(executionId);
      const inboxCount = numberOf(item.ic) ?? 0;
      const epoch = numberOf(item.ep) ?? 0;
      // Read before the lease was taken.
      if (held === undefined || epoch < held.epoch) return [];
      // Whoever lost the lease may not have noticed yet; it will when it records something.
      if (epoch > held.epoch || item.s?.S !== "RUNNING") this.#held.delete(executionId);
      if (inboxCount <= held.inboxCount) return [];
      held.inboxCount = inboxCount;
      return [executionId];
    });
  }
}

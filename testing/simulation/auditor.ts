/** Owns the checking: every observation against the invariants, and after every event what it has touched. */

import { INVARIANTS, INVARIANTS_AFTER, STATE_INVARIANTS } from "./invariants";
import type { Book, Observation } from "./ledger";
import { Ledger } from "./ledger";
import type { Scheduler } from "./scheduler";

export interface Violation {
  readonly invariant: string;
  readonly what: string;
  /** Number of the event. */
  readonly event: number;
}

export class Auditor {
  readonly ledger = new Ledger();
  readonly violations: Violation[] = [];
  /** How many checks have been made. */
  checks = 0;
  readonly #scheduler: Scheduler;
  readonly #touched = new Set<Book>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  note(observation: Observation): void {
    const { ledger } = this;
    const { executionId } = observation;
    this.#scheduler.note(described(observation));
    const before = ledger.book(executionId);
    for (const [invariant, check] of Object.entries(INVARIANTS))
      this.#found(invariant, executionId, check(observation, before, ledger));
    ledger.take(observation);
    const after = ledger.book(executionId);
    for (const [invariant, check] of Object.entries(INVARIANTS_AFTER))
      this.#found(invariant, executionId, check(observation, after, ledger));
    if (after === undefined) return;
    after.changedAtMs = this.#scheduler.nowMs();
    this.#touched.add(after);
  }

  /** The event is over. */
  settle(): void {
    const now = { nowMs: this.#scheduler.nowMs(), skewMs: this.ledger.skewMs };
    for (const book of this.#touched) {
      if (book.isPurged) continue;
      for (const [invariant, check] of Object.entries(STATE_INVARIANTS))
        this.#found(invariant, book.executionId, check(book, now));
    }
    this.#touched.clear();
  }

  violated(invariant: string, what: string): void {
    this.violations.push({ invariant, what, event: this.#scheduler.events });
  }

  #found(invariant: string, executionId: string, what: string | undefined): void {
    this.checks += 1;
    if (what !== undefined) this.violated(invariant, `${executionId}: ${what}`);
  }
}

/** For the trace. Names that are random, such as those of workers and of fences, are left out. */
function described(observation: Observation): string {
  const { kind, executionId } = observation;
  switch (observation.kind) {
    case "appended": {
      const { sequence, epoch, atMs, barrier, records } = observation.entry;
      const what = records.map(({ update, event }) =>
        update === undefined ? `${event.kind} ${event.id}` : `${update.Action} ${update.Id}`,
      );
      return `  ${executionId} entry ${sequence} epoch ${epoch} at ${atMs}${barrier === undefined ? "" : " barrier"}: ${what.join(", ")}`;
    }
    case "head": {
      const { status, epoch, dueAtMs, inboxCount } = observation.head;
      return `  ${executionId} ${observation.by.call}: ${status} epoch ${epoch} due ${dueAtMs} inbox ${inboxCount}`;
    }
    case "posted":
      return `  ${executionId} posted ${observation.request.key} ${observation.request.event.kind}`;
    case "body":
      return `  ${executionId} body ${observation.run.requestId} ${observation.run.path} attempt ${observation.run.attempt}`;
    case "saw":
      return `  ${executionId} ${observation.sight.requestId} saw ${observation.sight.path} ${observation.sight.isError}`;
    case "accepted":
      return `  ${observation.callbackId} accepted`;
    case "removed":
      return `  removed ${observation.keys.join(", ")}`;
    case "snapshot":
      return `  ${executionId} snapshot of ${observation.sequence}`;
    case "shown":
    case "stopped":
    case "purged":
      return `  ${executionId} ${kind}`;
  }
}

/**
 * Owns the order of calls that are made in one turn of the event loop: they take effect in the order of
 * the calls, where they concern the same execution.
 *
 * Calls of different turns are not ordered, so a request that hangs holds up nobody who did not ask for it.
 */

import { onNextTurn } from "./turn.js";

/** What a call reads or writes: executions by id, or everything. */
export type Concern = readonly string[] | "everything";

export class TurnOrder {
  /** The last call of this turn for each execution. */
  readonly #last = new Map<string, Promise<unknown>>();
  #lastOfEverything: Promise<unknown> | undefined;
  #isScheduled = false;

  run<T>(concern: Concern, work: () => Promise<T>): Promise<T> {
    const before = this.#isScheduled ? this.#before(concern) : [];
    const done = before.length === 0 ? work() : Promise.allSettled(before).then(work);
    this.#remember(concern, done);
    return done;
  }

  #before(concern: Concern): Promise<unknown>[] {
    const calls =
      concern === "everything" ? [...this.#last.values()] : concern.map((id) => this.#last.get(id));
    return [...calls, this.#lastOfEverything].filter((call) => call !== undefined);
  }

  #remember(concern: Concern, call: Promise<unknown>): void {
    if (concern === "everything") {
      this.#last.clear();
      this.#lastOfEverything = call;
    } else {
      for (const id of concern) this.#last.set(id, call);
    }
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    onNextTurn(this.#forget);
  }

  readonly #forget = (): void => {
    this.#isScheduled = false;
    this.#last.clear();
    this.#lastOfEverything = undefined;
  };
}

/**
 * Owns the items of large batches that begin in turns of their own, and when each group's turn is.
 *
 * Live, a group begins when the code has been given all that is known. What the code had been given then is recorded with
 * the first item of the group, and on replay the group begins at that point again, whatever has come to the log since.
 */

import type { ExecutionHostOptions, Operation } from "@tidemark/protocol";

type ItemsAtOnce = NonNullable<ExecutionHostOptions["itemsAtOnce"]>;

/**
 * How many items of one batch begin at once, and how many in each of the turns that follow. Items that end soon are gone
 * before the next begin, so that a large batch takes little memory, and the event loop has its turns.
 */
const ITEMS_AT_ONCE: ItemsAtOnce = { first: 1_000, later: 100 };
const ALL_AT_ONCE: ItemsAtOnce = { first: Number.POSITIVE_INFINITY, later: Number.POSITIVE_INFINITY };

/** On a backend that is reached by the two calls alone, all: it does not keep where the later ones began. */
export function itemsAtOnce(options: ExecutionHostOptions | undefined): ItemsAtOnce {
  return options === undefined ? ALL_AT_ONCE : (options.itemsAtOnce ?? ITEMS_AT_ONCE);
}

/** Begins a group. `startedAfter`: position in the log of the last outcome that the code has been given. */
export type BeginItems = (startedAfter: number) => void;

interface Recorded {
  readonly startedAfter: number;
  readonly startOrder: number;
  readonly begin: BeginItems;
}

export class LaterItems {
  #recorded: Recorded[] = [];
  #unrecorded: BeginItems[] = [];

  /** `first`: what the log says of the first item of the group, if it says anything. */
  add(first: Operation | undefined, begin: BeginItems): void {
    const { StartedAfter: startedAfter, StartOrder: startOrder = 0 } = first ?? {};
    if (startedAfter === undefined) this.#unrecorded.push(begin);
    else this.#recorded.push({ startedAfter, startOrder, begin });
  }

  /** True if a group began before the code was given the outcome at `order`; without one, if any is left. */
  hasRecordedBefore(order?: number): boolean {
    // Asked for every outcome, and mostly there are none.
    return this.#recorded.length > 0 && this.#recorded.some((group) => beganBefore(group, order));
  }

  /** Of the groups that began before the outcome at `order`, the one that began first. */
  takeRecordedBefore(order?: number): BeginItems | undefined {
    if (this.#recorded.length === 0) return undefined;
    const [next] = this.#recorded
      .filter((group) => beganBefore(group, order))
      .sort((a, b) => a.startOrder - b.startOrder);
    if (next !== undefined) this.#recorded = this.#recorded.filter((group) => group !== next);
    return next?.begin;
  }

  takeUnrecorded(): BeginItems | undefined {
    return this.#unrecorded.shift();
  }

  clear(): void {
    this.#recorded = [];
    this.#unrecorded = [];
  }
}

function beganBefore({ startedAfter }: Recorded, order = Number.POSITIVE_INFINITY): boolean {
  return startedAfter < order;
}

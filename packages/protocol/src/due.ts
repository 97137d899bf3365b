/** Owns what is due next: a queue in order of due time and then of `order`. */

/** Something that is due at a time. */
export interface Due {
  readonly dueAtMs: number;
  /** Breaks ties. */
  readonly order: number;
}

/** A timer of one operation. It can be derived from the operation. */
export interface Timer extends Due {
  readonly operationId: string;
  /** Which of the operation's timers this is. */
  readonly kind: "wait" | "retry" | "callback_timeout" | "callback_heartbeat";
}

/**
 * A binary heap. What is no longer due stays in it until it comes to the top, where
 * `isLive` drops it: setting and cancelling cost a logarithm, never a scan.
 */
export class DueQueue<T extends Due> {
  readonly #heap: T[] = [];
  readonly #isLive: (item: T) => boolean;

  constructor(isLive: (item: T) => boolean) {
    this.#isLive = isLive;
  }

  add(item: T): void {
    const heap = this.#heap;
    let at = heap.push(item) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(item, heap[parent] as T)) break;
      heap[at] = heap[parent] as T;
      at = parent;
    }
    heap[at] = item;
  }

  /** The next live item, or `undefined`. */
  peek(): T | undefined {
    while (this.#heap.length > 0) {
      const top = this.#heap[0] as T;
      if (this.#isLive(top)) return top;
      this.#removeTop();
    }
    return undefined;
  }

  /** Takes the next live item if it is due at `nowMs`. */
  takeDue(nowMs: number): T | undefined {
    const top = this.peek();
    if (top === undefined || top.dueAtMs > nowMs) return undefined;
    this.#removeTop();
    return top;
  }

  #removeTop(): void {
    const heap = this.#heap;
    const last = heap.pop() as T;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1] as T, heap[child] as T)) child += 1;
      if (!isBefore(heap[child] as T, last)) break;
      heap[at] = heap[child] as T;
      at = child;
    }
    heap[at] = last;
  }
}

function isBefore(a: Due, b: Due): boolean {
  return a.dueAtMs < b.dueAtMs || (a.dueAtMs === b.dueAtMs && a.order < b.order);
}

/** Owns the promise that every durable operation returns. */

// biome-ignore lint/suspicious/noExplicitAny: as in the declaration of Promise, so that handlers may annotate what they catch.
type Reason = any;

/**
 * The outcome of a durable operation.
 *
 * The work starts when the operation is called; awaiting only observes it. It is a thenable that
 * works with `await` and with `Promise.all`, `race`, `any` and `allSettled`, and it settles in the
 * order of the checkpoint log, on replay as it did live. A failed operation that nobody observes
 * does not raise an unhandled rejection.
 *
 * @example
 * ```ts
 * const slow = context.step("slow", async () => 1);
 * const fast = context.step("fast", async () => 2);
 * const first = await Promise.race([slow, fast]);
 * ```
 */
export class DurablePromise<T> implements Promise<T> {
  readonly #executor: () => Promise<T>;
  #promise: Promise<T> | undefined;

  /** @param executor Called once, when the promise is first observed. */
  constructor(executor: () => Promise<T>) {
    this.#executor = executor;
  }

  // biome-ignore lint/suspicious/noThenProperty: a durable promise is a thenable by contract.
  then<TResult1 = T, TResult2 = never>(
    onfulfilled?: ((value: T) => TResult1 | PromiseLike<TResult1>) | undefined | null,
    onrejected?: ((reason: Reason) => TResult2 | PromiseLike<TResult2>) | undefined | null,
  ): Promise<TResult1 | TResult2> {
    this.#promise ??= this.#executor();
    return this.#promise.then(onfulfilled, onrejected);
  }

  catch<TResult = never>(
    onrejected?: ((reason: Reason) => TResult | PromiseLike<TResult>) | undefined | null,
  ): Promise<T | TResult> {
    return this.then(undefined, onrejected);
  }

  finally(onfinally?: (() => void) | undefined | null): Promise<T> {
    return this.then().finally(onfinally);
  }

  /** True once the promise has been awaited or chained. */
  get isExecuted(): boolean {
    return this.#promise !== undefined;
  }

  get [Symbol.toStringTag](): string {
    return "DurablePromise";
  }
}

/** Owns a promise that tells when somebody begins to wait for it. */

/** Settles as `work` does. `onAwaited` is called when it is first awaited, or given a handler. */
export class AwaitedPromise<T> extends Promise<T> {
  #onAwaited: (() => void) | undefined;

  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  static of<T>(work: Promise<T>, onAwaited: () => void): AwaitedPromise<T> {
    const promise = new AwaitedPromise<T>((resolve, reject) => {
      work.then(resolve, reject);
    });
    // Who looks at it later than it fails must not end the process.
    promise.catch(() => {});
    promise.#onAwaited = onAwaited;
    return promise;
  }

  // biome-ignore lint/suspicious/noThenProperty: `await` calls it, which is how the wait is seen.
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const onAwaited = this.#onAwaited;
    this.#onAwaited = undefined;
    onAwaited?.();
    return super.then(onFulfilled, onRejected);
  }
}

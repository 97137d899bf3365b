/**
 * Owns the port to where large payloads are kept, and the one that keeps them in memory.
 *
 * Objects are written before anything points at them (design, invariant 8) and never change: the
 * same key is only ever written with the same bytes.
 */

/** An object, as a list shows it. */
export interface StoredPayload {
  readonly key: string;
  readonly bytes: number;
  /** When it was written, in milliseconds since 1970. */
  readonly modifiedAtMs: number;
}

/** Keeps objects under keys. */
export interface PayloadStore {
  /** For people: `s3://bucket/prefix`. */
  readonly name: string;
  /**
   * Writes an object; over an equal one, it counts as written now.
   *
   * @param summary What the payload is, as JSON of at most 1 KB, kept beside it.
   */
  put(key: string, bytes: Uint8Array, summary: string | undefined): Promise<void>;
  /** `undefined` when there is none. */
  get(key: string): Promise<Uint8Array | undefined>;
  /** The objects whose keys begin with `prefix`, in any order. */
  list(prefix: string): AsyncIterable<StoredPayload>;
  /** Keys that do not exist count as deleted. */
  delete(keys: readonly string[]): Promise<void>;
  close?(): Promise<void>;
}

/**
 * Keeps payloads in memory, for tests.
 *
 * @example
 * ```ts
 * const payloads = new Payloads({ store: new MemoryPayloadStore({ nowMs: Date.now }), inlineLimitBytes: 1024 });
 * const store = new MemoryStore({ payloads });
 * ```
 */
export class MemoryPayloadStore implements PayloadStore {
  readonly name = "memory";
  readonly #objects = new Map<string, { readonly bytes: Uint8Array; readonly modifiedAtMs: number }>();
  readonly #nowMs: () => number;

  /** @param options.nowMs The time of day in milliseconds since 1970, for {@link StoredPayload.modifiedAtMs}. */
  constructor(options: { readonly nowMs: () => number }) {
    this.#nowMs = options.nowMs;
  }

  async put(key: string, bytes: Uint8Array): Promise<void> {
    // Not `bytes.slice()`: that of a Buffer shares its memory.
    this.#objects.set(key, { bytes: new Uint8Array(bytes), modifiedAtMs: this.#nowMs() });
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#objects.get(key)?.bytes.slice();
  }

  async *list(prefix: string): AsyncIterable<StoredPayload> {
    for (const [key, { bytes, modifiedAtMs }] of [...this.#objects]) {
      if (key.startsWith(prefix)) yield { key, bytes: bytes.length, modifiedAtMs };
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#objects.delete(key);
  }
}

/**
 * Owns which texts stay in the log as they are, and what stands for the others.
 *
 * Who first has a text (a client with an input, a session with a result, whoever completes a
 * callback) asks `write` what to record; who needs the text asks `read`. Between them, stores and the
 * state machine carry the stand-in like any text. Invariant 8: the object is durable before `write`
 * gives its pointer.
 */

import { createHash } from "node:crypto";
import {
  type ErrorObject,
  formatStandIn,
  isOverBytes,
  isStandIn,
  MAX_INLINE_PAYLOAD_BYTES,
  type OptionNames,
  type PayloadPointer,
  parseStandIn,
  requireOptionNames,
  TidemarkError,
  valueText,
} from "@tidemark/protocol";
import { rootOf } from "./execution-tree.js";
import type { PayloadCodec } from "./payload-codecs.js";
import type { PayloadStore } from "./payload-store.js";
import { summarizePayload } from "./payload-summary.js";

export interface PayloadsOptions {
  /** Where payloads over the limit go. Default: none, and they stay in the log. */
  readonly store?: PayloadStore;
  /** Applied in this order when writing. Default: none. */
  readonly codecs?: readonly PayloadCodec[];
  /** Largest text in bytes of UTF-8 that stays in the log. 0 to 262,144, the default. */
  readonly inlineLimitBytes?: number;
  /**
   * What becomes of the result of a context that does not fit into the log. `store`: it goes to the payload store, and
   * a replay reads it if the code asks for it. `rebuild`: over 256 KB it is not kept, and a replay runs the context's
   * code again over its recorded operations, as AWS's SDK does. Without a payload store results are always rebuilt.
   *
   * Executions under way go on either way: what is recorded says how a result is got. Default `store`.
   */
  readonly contextResults?: "store" | "rebuild";
}

const CONTEXT_RESULTS: readonly unknown[] = ["store", "rebuild"];

/** What is said of a payload that is written. */
export interface PayloadFacts {
  /** What it is, for people: kept in the summary of a large one, unless payloads are encrypted. */
  readonly words?: string | undefined;
  /** Large payloads that have been written, so that the same one is not written again: for as long as their owner goes on. */
  readonly known?: KnownPayloads | undefined;
}

interface OwnedFacts extends PayloadFacts {
  readonly executionId: string;
}

/**
 * Checks an option of a store that should be payloads, and not the store or the options that they are made of.
 *
 * @throws what `refusal` makes of the problem.
 */
export function requirePayloads(value: unknown, refusal: (problem: string) => Error): void {
  if (value === undefined || typeof (value as Partial<Payloads> | null)?.staysAsItIs === "function") return;
  const isStore = typeof (value as Partial<PayloadStore> | null)?.put === "function";
  const given = isStore
    ? "a payload store; pass new Payloads({ store })"
    : `${valueText(value)}; pass new Payloads(...)`;
  throw refusal(`payloads is ${given}`);
}

const NAMES: OptionNames<PayloadsOptions> = {
  store: true,
  codecs: true,
  inlineLimitBytes: true,
  contextResults: true,
};

/**
 * Keeps large payloads outside of the log, and encodes payloads.
 *
 * @example
 * ```ts
 * const payloads = new Payloads({ store: payloadStore, codecs: [deflateCodec()] });
 * const store = new MemoryStore({ payloads });
 * ```
 */
export class Payloads {
  readonly #store: PayloadStore | undefined;
  readonly #codecs: readonly PayloadCodec[];
  readonly #codecsOfSmall: readonly PayloadCodec[];
  readonly #byName: ReadonlyMap<string, PayloadCodec>;
  readonly #limitBytes: number;
  /** Results of contexts over so many bytes of UTF-8 go to the payload store; `undefined`: those over 256 KB are rebuilt. */
  readonly contextsStoredOverBytes: number | undefined;

  /** @throws TidemarkError `TIDEMARK_PAYLOAD_OPTIONS`. */
  constructor(options: PayloadsOptions = {}) {
    requireOptionNames(options, NAMES, optionsError);
    const { store, codecs = [], inlineLimitBytes = MAX_INLINE_PAYLOAD_BYTES } = options;
    const isLimit = Number.isInteger(inlineLimitBytes) && inlineLimitBytes >= 0;
    if (!isLimit || inlineLimitBytes > MAX_INLINE_PAYLOAD_BYTES) {
      throw optionsError(
        `inlineLimitBytes is ${JSON.stringify(inlineLimitBytes)}; use a whole number from 0 to ${MAX_INLINE_PAYLOAD_BYTES}`,
      );
    }
    const { contextResults = "store" } = options;
    if (!CONTEXT_RESULTS.includes(contextResults)) {
      throw optionsError(`contextResults is ${valueText(contextResults)}; use "store" or "rebuild"`);
    }
    if (store !== undefined && (typeof store?.put !== "function" || typeof store.get !== "function"))
      throw optionsError(
        `store is ${valueText(store)}; pass a payload store, such as new S3PayloadStore({ bucket })`,
      );
    if (!Array.isArray(codecs) || codecs.some((codec) => typeof codec?.encode !== "function"))
      throw optionsError(`codecs is ${valueText(codecs)}; pass an array of codecs, such as [deflateCodec()]`);
    this.#byName = new Map(codecs.map((codec) => [codec.name, codec]));
    if (this.#byName.size < codecs.length)
      throw optionsError("two codecs have the same name; give each its own");
    this.#store = store;
    this.#codecs = codecs;
    this.#codecsOfSmall = codecs.filter(({ appliesTo }) => appliesTo === "every");
    this.#limitBytes = inlineLimitBytes;
    const storesContexts = store !== undefined && contextResults === "store";
    this.contextsStoredOverBytes = storesContexts ? inlineLimitBytes : undefined;
  }

  /** Where large payloads go. */
  get store(): PayloadStore | undefined {
    return this.#store;
  }

  /** True when a text, or an error, is recorded as it is: small, and nothing is to be encoded. Costs next to nothing. */
  staysAsItIs(payload: string | ErrorObject): boolean {
    if (this.#codecsOfSmall.length > 0) return false;
    const isText = typeof payload === "string";
    if (isStandIn(isText ? payload : payload.ErrorData)) return false;
    return (
      this.#store === undefined || !isOverBytes(isText ? payload : JSON.stringify(payload), this.#limitBytes)
    );
  }

  /**
   * What to record for a text: the text itself, at once, when it is small and nothing is to be encoded.
   *
   * @param executionId Whose payload it is, exact; the object lives as long as the execution at the root of its tree.
   * @throws TidemarkError `TIDEMARK_PAYLOAD_STORE` when the payload store fails.
   */
  write(text: string, executionId: string, facts: PayloadFacts = {}): string | Promise<string> {
    const isLarge = this.#store !== undefined && isOverBytes(text, this.#limitBytes);
    if (isLarge) return this.#writeLarge(this.#store as PayloadStore, text, { ...facts, executionId });
    if (this.#codecsOfSmall.length > 0) return this.#writeEncoded(text);
    return isStandIn(text) ? formatStandIn({ kind: "escaped", text }) : text;
  }

  async #writeLarge(store: PayloadStore, text: string, facts: OwnedFacts): Promise<string> {
    const { executionId, words, known } = facts;
    const summary = summarizePayload(text, { words, isSecret: this.#codecsOfSmall.length > 0 });
    const textHash = hashOf(text);
    const before = known?.find(textHash);
    if (before !== undefined) return formatStandIn({ kind: "pointer", pointer: { ...before, summary } });
    const bytes = await encode(Buffer.from(text), this.#codecs);
    const hash = this.#codecs.length === 0 ? textHash : hashOf(bytes);
    const pointer: PayloadPointer = {
      key: `${payloadPrefix(executionId)}${hash}`,
      bytes: bytes.length,
      hash,
      summary,
      ...(this.#codecs.length === 0 ? {} : { codecs: this.#codecs.map(({ name }) => name) }),
    };
    try {
      await store.put(pointer.key, bytes, JSON.stringify(summary));
    } catch (cause) {
      throw storeError(store, `object ${pointer.key} could not be written`, cause);
    }
    known?.add(textHash, pointer);
    return formatStandIn({ kind: "pointer", pointer });
  }

  async #writeEncoded(text: string): Promise<string> {
    const bytes = await encode(Buffer.from(text), this.#codecsOfSmall);
    return formatStandIn({
      kind: "encoded",
      data: Buffer.from(bytes).toString("base64"),
      codecs: this.#codecsOfSmall.map(({ name }) => name),
    });
  }

  /**
   * The text that a recorded text stands for: itself, at once, when it stands for nothing else.
   *
   * @throws TidemarkError
   * - `TIDEMARK_PAYLOAD_GONE`: the object does not exist.
   * - `TIDEMARK_PAYLOAD_ALTERED`: the object is not the one that was written.
   * - `TIDEMARK_PAYLOAD_STORE`: the payload store fails, or none is configured.
   * - `TIDEMARK_PAYLOAD_CODEC`: a codec is missing, or cannot read what it is given.
   * - `TIDEMARK_PAYLOAD_FORMAT`: a newer version wrote it.
   */
  read(text: string): string | Promise<string> {
    if (!isStandIn(text)) return text;
    const standIn = parseStandIn(text);
    if (standIn.kind === "escaped") return standIn.text;
    if (standIn.kind === "pointer") return this.#readLarge(standIn.pointer);
    return this.#decode(Buffer.from(standIn.data, "base64"), standIn.codecs);
  }

  async #readLarge(pointer: PayloadPointer): Promise<string> {
    const { key, hash, codecs = [] } = pointer;
    const store = this.#store;
    if (store === undefined) {
      throw new TidemarkError(
        "TIDEMARK_PAYLOAD_STORE",
        `payload ${key} is in a payload store and none is configured; open the store with the payloads option of the process that wrote it`,
      );
    }
    let bytes: Uint8Array | undefined;
    try {
      bytes = await store.get(key);
    } catch (cause) {
      throw storeError(store, `object ${key} could not be read`, cause);
    }
    if (bytes === undefined) {
      throw new TidemarkError(
        "TIDEMARK_PAYLOAD_GONE",
        `object ${key} does not exist in ${store.name}; restore it (check the bucket's lifecycle rules), the execution goes on once it is back`,
      );
    }
    if (hashOf(bytes) !== hash) {
      throw new TidemarkError(
        "TIDEMARK_PAYLOAD_ALTERED",
        `object ${key} in ${store.name} is not what was written (${bytes.length} bytes, ${pointer.bytes} expected); restore the version that was`,
      );
    }
    return this.#decode(bytes, codecs);
  }

  async #decode(bytes: Uint8Array, names: readonly string[]): Promise<string> {
    let decoded = bytes;
    for (const name of names.toReversed()) {
      const codec = this.#byName.get(name);
      if (codec === undefined) {
        const known = [...this.#byName.keys()].join(", ") || "none";
        throw codecError(
          `a payload was written with codec ${JSON.stringify(name)} (configured: ${known}); add it`,
        );
      }
      try {
        decoded = await codec.decode(decoded);
      } catch (cause) {
        if (cause instanceof TidemarkError) throw cause;
        throw codecError(
          `codec ${JSON.stringify(name)} cannot read a payload: ${(cause as Error).message}`,
          cause,
        );
      }
    }
    return Buffer.from(decoded.buffer, decoded.byteOffset, decoded.length).toString();
  }

  /** Removes the objects of an execution (its exact id) and of all that it has invoked; does nothing for an invoked one. */
  async purge(executionId: string): Promise<void> {
    if (this.#store === undefined || rootOf(executionId) !== executionId) return;
    const keys: string[] = [];
    for await (const { key } of this.#store.list(payloadPrefix(executionId))) {
      if (parsePayloadKey(key) !== undefined) keys.push(key);
    }
    await this.#store.delete(keys);
  }

  /**
   * What to record for an error. One that is large, or to be encoded, keeps its type; the rest of it,
   * as JSON, becomes the stand-in in its `ErrorData`.
   */
  writeError(error: ErrorObject, executionId: string): ErrorObject | Promise<ErrorObject> {
    const isLarge = this.#store !== undefined && isOverBytes(JSON.stringify(error), this.#limitBytes);
    if (!isLarge && this.#codecsOfSmall.length === 0 && !isStandIn(error.ErrorData)) return error;
    const written = this.write(JSON.stringify(error), executionId);
    const standIn = (text: string): ErrorObject => {
      const ErrorData = isStandIn(text) ? text : formatStandIn({ kind: "escaped", text });
      return error.ErrorType === undefined ? { ErrorData } : { ErrorType: error.ErrorType, ErrorData };
    };
    return typeof written === "string" ? standIn(written) : written.then(standIn);
  }

  /** The error that was written. @throws as {@link read}. */
  readError(error: ErrorObject): ErrorObject | Promise<ErrorObject> {
    const { ErrorData } = error;
    if (!isStandIn(ErrorData)) return error;
    const text = this.read(ErrorData);
    const parse = (json: string): ErrorObject => JSON.parse(json) as ErrorObject;
    return typeof text === "string" ? parse(text) : text.then(parse);
  }
}

/** So many are remembered. */
const MAX_KNOWN = 4096;

/**
 * Remembers large payloads that have been written, by the hash of their text: a context that returns what its step has
 * given points at the same object. Only for as long as nobody removes objects: while their execution has not ended.
 */
export class KnownPayloads {
  readonly #pointers = new Map<string, PayloadPointer>();

  find(textHash: string): PayloadPointer | undefined {
    return this.#pointers.get(textHash);
  }

  add(textHash: string, pointer: PayloadPointer): void {
    this.#pointers.set(textHash, pointer);
    const [oldest] = this.#pointers.keys();
    if (this.#pointers.size > MAX_KNOWN && oldest !== undefined) this.#pointers.delete(oldest);
  }
}

function hashOf(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("base64url");
}

/** Without a payload store and without codecs. */
export const plainPayloads = new Payloads();

/** Objects of an execution and of all that it has invoked have keys with this prefix. The id is exact. */
export function payloadPrefix(executionId: string): string {
  return `${encodeURIComponent(rootOf(executionId))}/`;
}

/** Root of the tree and SHA-256 in base64url. */
const KEY = /^([^/]+)\/([\w-]{43})$/;

/** What an object's key says; nothing of objects that are not payloads. */
export function parsePayloadKey(key: string): { readonly root: string; readonly hash: string } | undefined {
  const [, root, hash] = KEY.exec(key) ?? [];
  if (root === undefined || hash === undefined) return undefined;
  try {
    return { root: decodeURIComponent(root), hash };
  } catch {
    return undefined;
  }
}

async function encode(bytes: Uint8Array, codecs: readonly PayloadCodec[]): Promise<Uint8Array> {
  let encoded = bytes;
  for (const codec of codecs) encoded = await codec.encode(encoded);
  return encoded;
}

function optionsError(problem: string): TidemarkError {
  return new TidemarkError("TIDEMARK_PAYLOAD_OPTIONS", `Payloads: ${problem}`);
}

function codecError(problem: string, cause?: unknown): TidemarkError {
  return new TidemarkError("TIDEMARK_PAYLOAD_CODEC", problem, { cause });
}

function storeError(store: PayloadStore, what: string, cause: unknown): TidemarkError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new TidemarkError(
    "TIDEMARK_PAYLOAD_STORE",
    `${store.name}: ${what} (${why}); the execution goes on once the payload store answers`,
    { cause },
  );
}

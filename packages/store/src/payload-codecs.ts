/**
 * Owns the codecs that ship: compression, and encryption with AES-256-GCM.
 *
 * A codec turns bytes into bytes and back. Its name is recorded with what it has made, so that
 * payloads stay readable after the configuration has changed, as long as the codec is still given.
 */

import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { deflateRaw, inflateRaw } from "node:zlib";
import { TidemarkError } from "@tidemark/protocol";

export interface PayloadCodec {
  /** Recorded with every payload: never give the same name to another format. */
  readonly name: string;
  /** `every`: small payloads in the log, too, as encryption needs. `large`: only what goes to the payload store. */
  readonly appliesTo: "every" | "large";
  encode(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
  /** Throws for bytes that it has not made. */
  decode(bytes: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/**
 * Compresses large payloads (DEFLATE, RFC 1951).
 *
 * @example
 * ```ts
 * const payloads = new Payloads({ store: payloadStore, codecs: [deflateCodec()] });
 * ```
 */
export function deflateCodec(): PayloadCodec {
  return {
    name: "deflate-raw",
    appliesTo: "large",
    encode: (bytes) => deflate(bytes),
    decode: (bytes) => inflate(bytes),
  };
}

/** A key for AES-256-GCM. */
export interface DataKey {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** Stored with what the key encrypts: the key's name, or the key itself, encrypted by a service such as KMS. At most 65,535 bytes. */
  readonly reference: Uint8Array;
}

/** Where keys come from. */
export interface DataKeys {
  /** The key for new payloads. Called for each: keep it for as long as the key is to be used. */
  current(): DataKey | Promise<DataKey>;
  /** The key (32 bytes) that a reference stands for; throws when there is none. */
  resolve(reference: Uint8Array): Uint8Array | Promise<Uint8Array>;
}

/** Sizes of AES-256-GCM in bytes. Source: NIST SP 800-38D. */
const KEY_BYTES = 32;
const NONCE_BYTES = 12;
const TAG_BYTES = 16;
const REFERENCE_LENGTH_BYTES = 2;

/**
 * Encrypts every payload, so that neither the log nor the payload store has plain text. Names of
 * functions, operations and executions, and the types of errors, stay readable.
 *
 * Format: 2 bytes length of the key reference, the reference, 12 bytes nonce, 16 bytes tag, cipher text.
 *
 * @example
 * ```ts
 * const keys = localDataKeys({ current: "2026-11", keys: { "2026-11": Buffer.alloc(32, 7) } });
 * const payloads = new Payloads({ store: payloadStore, codecs: [deflateCodec(), aesGcmCodec(keys)] });
 * ```
 */
export function aesGcmCodec(keys: DataKeys): PayloadCodec {
  return {
    name: "aes-256-gcm",
    appliesTo: "every",
    async encode(bytes) {
      const { key, reference } = await keys.current();
      requireKey(key);
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv("aes-256-gcm", key, nonce);
      cipher.setAAD(reference);
      const text = Buffer.concat([cipher.update(bytes), cipher.final()]);
      const length = Buffer.alloc(REFERENCE_LENGTH_BYTES);
      length.writeUInt16BE(reference.length);
      return Buffer.concat([length, reference, nonce, cipher.getAuthTag(), text]);
    },
    async decode(bytes) {
      const all = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
      const nonceAt = REFERENCE_LENGTH_BYTES + all.readUInt16BE(0);
      const tagAt = nonceAt + NONCE_BYTES;
      const textAt = tagAt + TAG_BYTES;
      const reference = all.subarray(REFERENCE_LENGTH_BYTES, nonceAt);
      const key = await keys.resolve(reference);
      requireKey(key);
      // Else Node.js would take a tag that has been cut to 4 bytes.
      const decipher = createDecipheriv("aes-256-gcm", key, all.subarray(nonceAt, tagAt), {
        authTagLength: TAG_BYTES,
      });
      decipher.setAAD(reference);
      decipher.setAuthTag(all.subarray(tagAt, textAt));
      return Buffer.concat([decipher.update(all.subarray(textAt)), decipher.final()]);
    },
  };
}

function requireKey(key: Uint8Array): void {
  if (key?.length === KEY_BYTES) return;
  throw new TidemarkError(
    "TIDEMARK_PAYLOAD_KEY",
    `a data key has ${key?.length} bytes; AES-256 needs ${KEY_BYTES}`,
  );
}

/** Keys that the process has, by name: rotate by adding one and making it `current`. */
export function localDataKeys(options: {
  /** Name of the key for new payloads. */
  readonly current: string;
  /** Each 32 bytes. Keep the old ones for as long as payloads made with them are kept. */
  readonly keys: Readonly<Record<string, Uint8Array>>;
}): DataKeys {
  const keyOf = (name: string): Uint8Array => {
    const key = Object.hasOwn(options.keys, name) ? options.keys[name] : undefined;
    if (key !== undefined) return key;
    const known = Object.keys(options.keys).join(", ");
    throw new TidemarkError(
      "TIDEMARK_PAYLOAD_KEY",
      `there is no data key ${JSON.stringify(name)} (known: ${known}); add it to the keys`,
    );
  };
  requireKey(keyOf(options.current));
  return {
    current: () => ({ key: keyOf(options.current), reference: Buffer.from(options.current) }),
    resolve: (reference) => keyOf(Buffer.from(reference).toString()),
  };
}

/** What {@link wrappedDataKeys} needs of a key service such as KMS. */
export interface KeyService {
  /** A new key, plain and encrypted (KMS: `GenerateDataKey` with `KeySpec: "AES_256"`). */
  generate(): Promise<{ readonly plain: Uint8Array; readonly encrypted: Uint8Array }>;
  /** The plain key (KMS: `Decrypt`). */
  decrypt(encrypted: Uint8Array): Promise<Uint8Array>;
}

/** Payloads that one data key encrypts before the next is asked for. */
const USES_PER_KEY = 10_000;
const CACHED_KEYS = 100;

/**
 * Keys that a service such as KMS encrypts: the encrypted key is stored with each payload. One plain
 * key is used for 10,000 payloads; the last 100 keys that were decrypted are kept in memory.
 */
export function wrappedDataKeys(service: KeyService): DataKeys {
  let current: Promise<DataKey> | undefined;
  let uses = 0;
  const decrypted = new Map<string, Promise<Uint8Array>>();
  return {
    current() {
      if (current === undefined || uses >= USES_PER_KEY) {
        uses = 0;
        const next = service
          .generate()
          .then(({ plain, encrypted }) => ({ key: plain, reference: encrypted }));
        // A failure is not kept: the next payload asks again.
        next.catch(() => {
          if (current === next) current = undefined;
        });
        current = next;
      }
      uses += 1;
      return current;
    },
    resolve(reference) {
      const id = Buffer.from(reference).toString("base64");
      const known = decrypted.get(id);
      if (known !== undefined) return known;
      const key = service.decrypt(reference);
      decrypted.set(id, key);
      key.catch(() => decrypted.delete(id));
      const [oldest] = decrypted.keys();
      if (decrypted.size > CACHED_KEYS && oldest !== undefined) decrypted.delete(oldest);
      return key;
    },
  };
}

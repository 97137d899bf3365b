/**
 * Owns payloads in an S3 bucket: one object a payload, under a prefix.
 *
 * It knows nothing of what payloads mean. S3 reads what was written (strong consistency), so a
 * pointer that is in the log can be followed at once.
 */

import type { Readable } from "node:stream";
import type {
  PutObjectCommandInput,
  S3Client,
  S3ClientConfig,
  _Error as S3DeleteError,
} from "@aws-sdk/client-s3";
import { type OptionNames, requireOptionNames, TidemarkError } from "@tidemark/protocol";
import type { PayloadStore, StoredPayload } from "@tidemark/store";
import { type Attempt, Attempts } from "./attempts.js";
import { LazyS3, type S3Connection } from "./s3-connection.js";
import { type Access, explained, isPassing } from "./s3-errors.js";

export interface S3PayloadStoreOptions {
  readonly bucket: string;
  /** Put before every key, as it is. Default: none. At most 256 characters. */
  readonly prefix?: string;
  /** Not destroyed by {@link S3PayloadStore.close}. Default: a client of its own, made at the first request. */
  readonly client?: S3Client;
  /** For a client of its own, such as `{ region: "eu-west-1" }`. */
  readonly clientConfig?: S3ClientConfig;
  /**
   * How long, in milliseconds, a request that is throttled or without an answer is tried again, on top of what the
   * client does itself. 0 or more, default 10,000.
   */
  readonly retryTimeoutMs?: number;
  /** How S3 encrypts the objects. Default: as the bucket says. */
  readonly serverSideEncryption?: {
    readonly algorithm: "AES256" | "aws:kms" | "aws:kms:dsse";
    /** Of KMS. Default: the AWS managed key. */
    readonly keyId?: string;
  };
}

const NAMES: OptionNames<S3PayloadStoreOptions> = {
  bucket: true,
  prefix: true,
  client: true,
  clientConfig: true,
  retryTimeoutMs: true,
  serverSideEncryption: true,
};

const ENCRYPTION_NAMES: OptionNames<NonNullable<S3PayloadStoreOptions["serverSideEncryption"]>> = {
  algorithm: true,
  keyId: true,
};

const MAX_PREFIX_LENGTH = 256;

/** Source: S3 `DeleteObjects`. */
const MAX_DELETES = 1000;

/** Name of the metadata entry with the payload's summary. */
const SUMMARY = "tidemark-summary";

/** Source: S3, user-defined metadata; of 2 KB in all. */
const MAX_SUMMARY_BYTES = 1024;

/**
 * Keeps payloads in an S3 bucket. `@aws-sdk/client-s3` is loaded at the first request: a process that meets no large
 * payload never loads it.
 *
 * @example
 * ```ts
 * const payloads = new Payloads({ store: new S3PayloadStore({ bucket: "orders-payloads", prefix: "tidemark/" }) });
 * ```
 */
export class S3PayloadStore implements PayloadStore {
  readonly name: string;
  readonly #s3: LazyS3;
  readonly #bucket: string;
  readonly #prefix: string;
  readonly #attempts: Attempts;
  readonly #encryption: Partial<Pick<PutObjectCommandInput, "ServerSideEncryption" | "SSEKMSKeyId">>;

  /** @throws TidemarkError `TIDEMARK_PAYLOAD_OPTIONS`. */
  constructor(options: S3PayloadStoreOptions) {
    requireOptionNames(options, NAMES, optionsError);
    const { bucket, prefix = "", client, clientConfig, serverSideEncryption } = options;
    const { retryTimeoutMs = 10_000 } = options;
    if (serverSideEncryption !== undefined)
      requireOptionNames(serverSideEncryption, ENCRYPTION_NAMES, optionsError, "serverSideEncryption");
    if (typeof bucket !== "string" || bucket === "" || bucket.includes("://")) {
      throw optionsError(`bucket is ${JSON.stringify(bucket)}; pass the name of a bucket`);
    }
    if (typeof prefix !== "string" || prefix.length > MAX_PREFIX_LENGTH) {
      throw optionsError(
        `prefix is ${JSON.stringify(prefix)}; pass a text of at most ${MAX_PREFIX_LENGTH} characters`,
      );
    }
    if (!(retryTimeoutMs >= 0))
      throw optionsError(`retryTimeoutMs is ${retryTimeoutMs}; use 0 or more milliseconds`);
    this.#attempts = new Attempts({ retryTimeoutMs, isPassing });
    this.#bucket = bucket;
    this.#prefix = prefix;
    this.name = `s3://${bucket}${prefix === "" ? "" : `/${prefix}`}`;
    this.#s3 = new LazyS3({ client, clientConfig });
    this.#encryption = {
      ...(serverSideEncryption === undefined ? {} : { ServerSideEncryption: serverSideEncryption.algorithm }),
      ...(serverSideEncryption?.keyId === undefined ? {} : { SSEKMSKeyId: serverSideEncryption.keyId }),
    };
  }

  async put(key: string, bytes: Uint8Array, summary: string | undefined): Promise<void> {
    const text = summary === undefined ? undefined : headerText(summary);
    const input: PutObjectCommandInput = {
      Bucket: this.#bucket,
      Key: this.#prefix + key,
      Body: bytes,
      ContentType: "application/octet-stream",
      ...this.#encryption,
      ...(text === undefined ? {} : { Metadata: { [SUMMARY]: text } }),
    };
    await this.#ask(
      "s3:PutObject",
      ({ client, module }, { abortSignal }) =>
        client.send(new module.PutObjectCommand(input), { abortSignal }),
      bytes.length,
    );
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    const input = { Bucket: this.#bucket, Key: this.#prefix + key };
    return this.#ask("s3:GetObject", async ({ client, module }, attempt) => {
      const { abortSignal } = attempt;
      try {
        const { Body } = await client.send(new module.GetObjectCommand(input), { abortSignal });
        // On Node.js it is a stream of bytes.
        return await bytesOf(Body as unknown as Readable, attempt);
      } catch (error) {
        if ((error as Error).name === "NoSuchKey") return undefined;
        throw error;
      }
    });
  }

  async *list(prefix: string): AsyncIterable<StoredPayload> {
    let token: string | undefined;
    do {
      const input = {
        Bucket: this.#bucket,
        Prefix: this.#prefix + prefix,
        ...(token === undefined ? {} : { ContinuationToken: token }),
      };
      const page = await this.#ask("s3:ListBucket", ({ client, module }, { abortSignal }) =>
        client.send(new module.ListObjectsV2Command(input), { abortSignal }),
      );
      for (const { Key = "", Size = 0, LastModified } of page.Contents ?? []) {
        const key = Key.slice(this.#prefix.length);
        yield { key, bytes: Size, modifiedAtMs: LastModified?.getTime() ?? Number.POSITIVE_INFINITY };
      }
      token = page.NextContinuationToken;
    } while (token !== undefined);
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += MAX_DELETES) {
      const Objects = keys.slice(at, at + MAX_DELETES).map((key) => ({ Key: this.#prefix + key }));
      const input = { Bucket: this.#bucket, Delete: { Objects, Quiet: true } };
      await this.#ask("s3:DeleteObject", async ({ client, module }, { abortSignal }) => {
        const command = new module.DeleteObjectsCommand(input);
        const { Errors = [] } = await client.send(command, { abortSignal });
        const [failed] = Errors;
        if (failed !== undefined) throw partlyDeleted(failed, `${Errors.length} of ${Objects.length}`);
      });
    }
  }

  /** Destroys the client, if it is its own. */
  async close(): Promise<void> {
    this.#attempts.end();
    await this.#s3.close();
  }

  async #ask<T>(
    action: Access["action"],
    send: (connection: S3Connection, attempt: Attempt) => Promise<T>,
    sentBytes?: number,
  ): Promise<T> {
    const connection = await this.#s3.connect();
    try {
      return await this.#attempts.run((attempt) => send(connection, attempt), sentBytes);
    } catch (error) {
      throw explained(error, { action, bucket: this.#bucket, prefix: this.#prefix });
    }
  }
}

/** The client tries requests again, but not bodies that break off: their attempt fails as a whole. */
async function bytesOf(body: Readable, { abortSignal, heard }: Attempt): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  const giveUp = () => body.destroy(abortSignal.reason);
  abortSignal.addEventListener("abort", giveUp, { once: true });
  for await (const chunk of body) {
    heard();
    chunks.push(chunk as Buffer);
  }
  abortSignal.removeEventListener("abort", giveUp);
  return Buffer.concat(chunks);
}

/** As S3 tells of one object, with the name that S3's errors have. */
function partlyDeleted({ Key, Code, Message }: S3DeleteError, count: string): Error {
  const error = new Error(`${count} objects could not be deleted, ${Key} among them: ${Message}`);
  error.name = Code ?? "Error";
  return Object.assign(error, { $metadata: { httpStatusCode: Code === "AccessDenied" ? 403 : undefined } });
}

/** A summary as a header takes it: ASCII, and short; none when it is too long. */
function headerText(summary: string): string | undefined {
  const ascii = summary.replace(
    /[^\x20-\x7e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return ascii.length > MAX_SUMMARY_BYTES ? undefined : ascii;
}

function optionsError(problem: string): TidemarkError {
  return new TidemarkError("TIDEMARK_PAYLOAD_OPTIONS", `S3PayloadStore: ${problem}`);
}

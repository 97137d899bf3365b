/** Owns what a caller may say when it opens a store, and what goes without saying. */

import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { type OptionNames, requireOptionNames, valueText } from "@tidemark/protocol";
import { type Payloads, requirePayloads } from "@tidemark/store";
import { optionsError } from "./store-errors.js";

/** How {@link DynamoDbStore.open} uses the table. */
export interface DynamoDbStoreOptions {
  /** Name or ARN of the table. */
  readonly tableName: string;
  /**
   * The client to send requests with. It is not destroyed when the store is closed. Default: a client of the
   * store's own, with region and credentials as the AWS SDK finds them.
   */
  readonly client?: DynamoDBClient | undefined;
  /**
   * Partitions for each function in both indexes. One takes about 250 executions a second (1000 write units; an
   * execution without suspensions writes 4 in the due index), and one look of a worker is one query for each.
   * The same in all processes that use the table. It may be raised while executions are under way, in all
   * workers before all others, and never lowered. 1 to 256, default 8.
   */
  readonly shards?: number | undefined;
  /**
   * How often, in milliseconds, to look for changes by other processes. Only while somebody listens, as
   * workers do. 50 or more, default 1000.
   */
  readonly pollIntervalMs?: number | undefined;
  /**
   * How long, in milliseconds, a request that is throttled, in conflict with a transaction, or without an
   * answer is tried again, on top of what the client does itself. 0 or more, default 10,000.
   */
  readonly retryTimeoutMs?: number | undefined;
  /** How long, in milliseconds, `close` waits for requests before it aborts them. 0 or more, default 5000. */
  readonly closeTimeoutMs?: number | undefined;
  /**
   * Who removes executions whose retention has passed.
   *
   * - `purge`: workers, at one write unit for each KB, as soon as it has passed.
   * - `ttl`: DynamoDB alone, for nothing, when timeout and retention have passed. The table's TTL must be on.
   *
   * Default `purge`.
   */
  readonly expiry?: "purge" | "ttl" | undefined;
  /** How payloads are recorded. An item holds 400 KB: pass one with a store for large ones. Default: as they are. */
  readonly payloads?: Payloads | undefined;
}

export interface ResolvedOptions {
  readonly tableName: string;
  readonly client: DynamoDBClient | undefined;
  readonly shards: number;
  readonly pollIntervalMs: number;
  readonly retryTimeoutMs: number;
  readonly closeTimeoutMs: number;
  readonly expiry: "purge" | "ttl";
  readonly payloads: Payloads | undefined;
}

const NAMES: OptionNames<DynamoDbStoreOptions> = {
  tableName: true,
  client: true,
  shards: true,
  pollIntervalMs: true,
  retryTimeoutMs: true,
  closeTimeoutMs: true,
  expiry: true,
  payloads: true,
};

/** Of the AWS client, and often looked for here. */
const OF_CLIENT = ["region", "endpoint", "credentials"];

const MAX_SHARDS = 256;
const MIN_POLL_INTERVAL_MS = 50;

/** Source: DynamoDB naming rules; an ARN may stand for the name. */
const TABLE_NAME = /^([A-Za-z0-9_.-]{3,255}|arn:[^\s]{10,1000})$/;

/** @throws TidemarkError `TIDEMARK_STORE_OPTIONS`. */
export function resolveOptions(options: DynamoDbStoreOptions): ResolvedOptions {
  const ofClient = OF_CLIENT.find((name) => Object.hasOwn(Object(options), name));
  if (ofClient !== undefined)
    throw optionsError(`${ofClient} is not an option; pass client: new DynamoDBClient({ ${ofClient} })`);
  requireOptionNames(options, NAMES, optionsError);
  requirePayloads(options.payloads, optionsError);
  const { tableName, client, shards = 8, pollIntervalMs = 1_000, expiry = "purge" } = options;
  const { retryTimeoutMs = 10_000, closeTimeoutMs = 5_000, payloads } = options;
  if (typeof tableName !== "string" || !TABLE_NAME.test(tableName)) {
    throw optionsError(
      `tableName is ${JSON.stringify(tableName)}; use the name of a table (3 to 255 of A-Z, a-z, 0-9, _ . and -) or its ARN`,
    );
  }
  if (client !== undefined && typeof client?.send !== "function")
    throw optionsError("client is not a DynamoDBClient of @aws-sdk/client-dynamodb; pass one, or nothing");
  if (!Number.isInteger(shards) || shards < 1 || shards > MAX_SHARDS)
    throw optionsError(`shards is ${valueText(shards)}; use a whole number from 1 to ${MAX_SHARDS}`);
  if (!(pollIntervalMs >= MIN_POLL_INTERVAL_MS))
    throw optionsError(
      `pollIntervalMs is ${valueText(pollIntervalMs)}; use ${MIN_POLL_INTERVAL_MS} or more milliseconds`,
    );
  if (!(retryTimeoutMs >= 0))
    throw optionsError(`retryTimeoutMs is ${valueText(retryTimeoutMs)}; use 0 or more milliseconds`);
  if (!(closeTimeoutMs >= 0))
    throw optionsError(`closeTimeoutMs is ${valueText(closeTimeoutMs)}; use 0 or more milliseconds`);
  if (expiry !== "purge" && expiry !== "ttl")
    throw optionsError(`expiry is ${JSON.stringify(expiry)}; use "purge" or "ttl"`);
  return { tableName, client, shards, pollIntervalMs, retryTimeoutMs, closeTimeoutMs, expiry, payloads };
}

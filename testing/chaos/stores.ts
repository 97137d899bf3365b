/** Owns the stores of a chaos run, as a worker process opens one. */

import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { S3PayloadStore } from "@tidemark/payloads-s3";
import { type ExecutionStore, Payloads } from "@tidemark/store";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { SqliteStore } from "@tidemark/store-sqlite";

export const CHAOS_STORES = ["sqlite", "dynamodb"] as const;
export type ChaosStoreName = (typeof CHAOS_STORES)[number];

/** Where a store is, as a worker process is told. */
export type StoreAddress =
  | { readonly kind: "sqlite"; readonly path: string }
  | {
      readonly kind: "dynamodb";
      readonly dynamoDb: string;
      readonly s3: string;
      /** Attempts that the AWS clients make by themselves. Default: their own. */
      readonly maxAttempts?: number;
      /** Payloads over this go to S3. Default 256, so that results of orders do. */
      readonly inlineLimitBytes?: number;
    };

const TABLE = "chaos";
export const BUCKET = "payloads";

const INLINE_LIMIT_BYTES = 256;

/** How often a worker looks for what others have made due: some notice must come through the table. */
const POLL_INTERVAL_MS = 250;

const SHARDS = 2;

const CREDENTIALS = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };

export async function openStore(address: StoreAddress): Promise<ExecutionStore> {
  if (address.kind === "sqlite") return SqliteStore.open({ path: address.path });
  const retries = address.maxAttempts === undefined ? {} : { maxAttempts: address.maxAttempts };
  const s3 = new S3Client({
    ...retries,
    endpoint: address.s3,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: CREDENTIALS,
  });
  const client = new DynamoDBClient({
    ...retries,
    endpoint: address.dynamoDb,
    region: "us-east-1",
    credentials: CREDENTIALS,
  });
  const payloads = new Payloads({
    store: new S3PayloadStore({ bucket: BUCKET, client: s3 }),
    inlineLimitBytes: address.inlineLimitBytes ?? INLINE_LIMIT_BYTES,
  });
  return DynamoDbStore.open({
    tableName: TABLE,
    client,
    shards: SHARDS,
    payloads,
    pollIntervalMs: POLL_INTERVAL_MS,
  });
}

/** Owns the stores of a chaos run: what worker processes need to open one, and what is checked of it at the end. */

import { join } from "node:path";
import { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3Client } from "@aws-sdk/client-s3";
import { DatabaseSync } from "@photostructure/sqlite";
import { S3PayloadStore } from "@tidemark/payloads-s3";
import { type ExecutionStore, Payloads } from "@tidemark/store";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { SqliteStore } from "@tidemark/store-sqlite";

export const CHAOS_STORES = ["sqlite", "dynamodb"] as const;
export type ChaosStoreName = (typeof CHAOS_STORES)[number];

/** Where a store is, as a worker process is told. */
export type StoreAddress =
  | { readonly kind: "sqlite"; readonly path: string }
  | { readonly kind: "dynamodb"; readonly dynamoDb: string; readonly s3: string };

const TABLE = "chaos";
const BUCKET = "payloads";

/** So small that results of orders go to S3. */
const INLINE_LIMIT_BYTES = 256;

/** How often a worker looks for what others have made due: some notice must come through the table. */
const POLL_INTERVAL_MS = 250;

const CREDENTIALS = { accessKeyId: "S3RVER", secretAccessKey: "S3RVER" };

export async function openStore(address: StoreAddress): Promise<ExecutionStore> {
  if (address.kind === "sqlite") return SqliteStore.open({ path: address.path });
  const s3 = new S3Client({
    endpoint: address.s3,
    region: "us-east-1",
    forcePathStyle: true,
    credentials: CREDENTIALS,
  });
  const client = new DynamoDBClient({
    endpoint: address.dynamoDb,
    region: "us-east-1",
    credentials: CREDENTIALS,
  });
  const payloads = new Payloads({
    store: new S3PayloadStore({ bucket: BUCKET, client: s3 }),
    inlineLimitBytes: INLINE_LIMIT_BYTES,
  });
  return DynamoDbStore.open({
    tableName: TABLE,
    client,
    shards: 2,
    payloads,
    pollIntervalMs: POLL_INTERVAL_MS,
  });
}

/** What a run needs around its store. */
export interface ChaosBackend {
  readonly address: StoreAddress;
  /** What is wrong with the store itself. */
  check(): string[];
  close(): Promise<void>;
}

export async function startBackend(name: ChaosStoreName, directory: string): Promise<ChaosBackend> {
  if (name === "sqlite") {
    const path = join(directory, "chaos.db");
    return { address: { kind: "sqlite", path }, check: () => checkFile(path), close: async () => {} };
  }
  const { startDynamoDb } = await import("../engines/dynamodb-engine");
  const { startS3 } = await import("../engines/s3");
  const engine = await startDynamoDb();
  const s3 = await startS3([BUCKET]);
  const address: StoreAddress = { kind: "dynamodb", dynamoDb: engine.endpoint, s3: s3.endpoint };
  const table = (await openStore(address)) as DynamoDbStore;
  await table.ensureTable();
  await table.close();
  return {
    address,
    check: () => [],
    async close() {
      await engine.stop();
      await s3.stop();
    },
  };
}

/** SQLite's own check of the file. */
function checkFile(path: string): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const [{ integrity_check: found }] = database.prepare("PRAGMA integrity_check").all();
    return found === "ok" ? [] : [`integrity_check: ${found}`];
  } finally {
    database.close();
  }
}

/**
 * Owns the stores that whole suites run on, by name: each on its real engine, set up by itself.
 *
 * `dynamodb` keeps payloads over the inline limit in S3, and so does `dynalite`, another engine that lacks some
 * operations; `payloads` is memory with every payload encrypted, and those over 40 bytes elsewhere.
 */

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DynamoDBClient } from "@aws-sdk/client-dynamodb";
import { S3PayloadStore } from "@tidemark/payloads-s3";
import {
  aesGcmCodec,
  type ExecutionStore,
  localDataKeys,
  MemoryPayloadStore,
  MemoryStore,
  Payloads,
  type PayloadsOptions,
} from "@tidemark/store";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { SqliteStore } from "@tidemark/store-sqlite";
import { startDynalite, whenLacking } from "./dynalite-engine";
import { type DynamoDbEngine, startDynamoDb } from "./dynamodb-engine";
import { startS3 } from "./s3";

export const STORE_NAMES = ["memory", "payloads", "sqlite", "dynamodb", "dynalite"] as const;
export type StoreName = (typeof STORE_NAMES)[number];

export interface StoreSource {
  /** An empty store. */
  open(): Promise<ExecutionStore>;
  /** Closes all stores that were opened, and the engines. */
  close(): Promise<void>;
  /** Rejects with `LackingOperation` when the engine is asked for an operation that it does not have. */
  lacking?(): Promise<never>;
}

/** What a suite may choose of the payloads of {@link STORES_WITH_PAYLOADS}. */
export type PayloadChoices = Pick<PayloadsOptions, "contextResults">;

export const STORES_WITH_PAYLOADS: readonly string[] = [
  "payloads",
  "dynamodb",
  "dynalite",
] satisfies StoreName[];

/** @throws Error for a name that is none of {@link STORE_NAMES}. */
export async function storeSource(name: string, choices: PayloadChoices = {}): Promise<StoreSource> {
  switch (name) {
    case "memory":
      return { open: async () => new MemoryStore(), close: async () => {} };
    case "payloads":
      return { open: async () => memoryWithPayloads(choices), close: async () => {} };
    case "sqlite":
      return sqliteSource();
    case "dynamodb":
      return dynamoDbSource(await startDynamoDb(), choices);
    case "dynalite":
      return dynaliteSource(choices);
    default:
      throw new Error(`--store: ${name} is none of ${STORE_NAMES.join(", ")}`);
  }
}

function memoryWithPayloads(choices: PayloadChoices): ExecutionStore {
  const keys = localDataKeys({ current: "key", keys: { key: Buffer.alloc(32, 7) } });
  // No compression: it takes turns of the thread pool, which virtual time does not wait for.
  const codecs = [aesGcmCodec(keys)];
  const objects = new MemoryPayloadStore({ nowMs: () => 0 });
  const payloads = new Payloads({ store: objects, codecs, inlineLimitBytes: 40, ...choices });
  return new MemoryStore({ payloads });
}

function sqliteSource(): StoreSource {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-stores-"));
  const opened: ExecutionStore[] = [];
  return {
    async open() {
      const path = join(directory, `${opened.length}.db`);
      const store = await SqliteStore.open({ path, durability: "normal" });
      opened.push(store);
      return store;
    },
    async close() {
      for (const store of opened) await store.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

const BUCKET = "payloads";

async function dynamoDbSource(
  engine: DynamoDbEngine,
  choices: PayloadChoices,
  onClient: (client: DynamoDBClient) => void = () => {},
): Promise<StoreSource> {
  const s3 = await startS3([BUCKET]);
  const opened: ExecutionStore[] = [];
  return {
    async open() {
      const name = `suite-${opened.length}`;
      const client = engine.client();
      onClient(client);
      const bucket = new S3PayloadStore({ bucket: BUCKET, prefix: `${name}/`, client: s3.client() });
      const payloads = new Payloads({ store: bucket, ...choices });
      const store = await DynamoDbStore.open({ tableName: name, client, shards: 1, payloads });
      await store.ensureTable();
      opened.push(store);
      return store;
    },
    async close() {
      for (const store of opened) await store.close();
      await engine.stop();
      await s3.stop();
    },
  };
}

/** A client for each store: what an old one still asks for says nothing about the new one. */
async function dynaliteSource(choices: PayloadChoices): Promise<StoreSource> {
  let lacking: Promise<never> = new Promise(() => {});
  const source = await dynamoDbSource(await startDynalite(), choices, (client) => {
    lacking = whenLacking(client, ["UpdateTimeToLive"]);
  });
  return { ...source, lacking: () => lacking };
}

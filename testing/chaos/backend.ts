/** Owns what is around the store of a chaos run: its engines, and what is checked of it at the end. */

import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import type { DynamoDbStore } from "@tidemark/store-dynamodb";
import { startDynamoDb } from "../engines/dynamodb-engine";
import { startS3 } from "../engines/s3";
import { BUCKET, type ChaosStoreName, openStore, type StoreAddress } from "./stores";

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

import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { type DynamoDbEngine, startDynamoDb } from "../engines/dynamodb-engine";
import { storeContract } from "./store-contract";

let engine: DynamoDbEngine;
beforeAll(async () => {
  engine = await startDynamoDb();
}, 30_000);
afterAll(() => engine.stop());

/** Longer than a case that expects no other notice than those of its own changes, shorter than jest waits. */
const POLL_INTERVAL_MS = 1_500;

let tables = 0;

storeContract("dynamodb", async () => {
  const tableName = `contract-${++tables}`;
  const client = engine.client();
  const opened: DynamoDbStore[] = [];
  const open = async (): Promise<DynamoDbStore> => {
    const store = await DynamoDbStore.open({
      tableName,
      client,
      shards: 2,
      pollIntervalMs: POLL_INTERVAL_MS,
    });
    opened.push(store);
    return store;
  };
  const store = await open();
  await store.ensureTable();
  return {
    store,
    reopen: async () => {
      await store.close();
      return open();
    },
    second: open,
    cleanup: async () => {
      for (const each of opened) await each.close();
      client.destroy();
    },
  };
});

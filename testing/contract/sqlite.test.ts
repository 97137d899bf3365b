import { mkdtempSync, rmSync } from "node:fs";
import { copyFile, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore } from "@tidemark/store-sqlite";
import { storeContract } from "./store-contract";

const root = mkdtempSync(join(tmpdir(), "tidemark-contract-"));
afterAll(() => rmSync(root, { recursive: true }));

/** A file with its tables: copying it costs less than the fsyncs of creating another. */
const empty = createEmpty();

async function createEmpty(): Promise<string> {
  const path = join(root, "empty.db");
  await (await SqliteStore.open({ path })).close();
  return path;
}

storeContract("sqlite", async () => {
  const path = join(await mkdtemp(join(root, "store-")), "store.db");
  await copyFile(await empty, path);
  const opened: SqliteStore[] = [];
  const open = async (): Promise<SqliteStore> => {
    const store = await SqliteStore.open({ path });
    opened.push(store);
    return store;
  };
  const store = await open();
  return {
    store,
    reopen: async () => {
      await store.close();
      return open();
    },
    second: open,
    cleanup: async () => {
      for (const each of opened) await each.close();
    },
  };
});

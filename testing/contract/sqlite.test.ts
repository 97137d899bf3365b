import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SqliteStore } from "@tidemark/store-sqlite";
import { storeContract } from "./store-contract";

storeContract("sqlite", async () => {
  const directory = await mkdtemp(join(tmpdir(), "tidemark-contract-"));
  const opened: SqliteStore[] = [];
  const open = async (): Promise<SqliteStore> => {
    const store = await SqliteStore.open({ path: join(directory, "store.db") });
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
      await rm(directory, { recursive: true });
    },
  };
});

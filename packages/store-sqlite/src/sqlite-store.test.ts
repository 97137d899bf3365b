import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "@photostructure/sqlite";
import type { LogEntry } from "@tidemark/protocol";
import type { NewExecution } from "@tidemark/store";
import { openConnection } from "./connection.js";
import { resolveOptions } from "./options.js";
import { SqliteStore } from "./sqlite-store.js";

const NOBODY = 65_534;

function execution(executionId: string): NewExecution {
  return { executionId, functionName: "order", startedAtMs: 1, timeoutAtMs: 1_000_000, retentionMs: 10 };
}

function entry(sequence: number, payload = "1"): LogEntry {
  return {
    sequence,
    epoch: 1,
    nonce: `n${sequence}`,
    atMs: 5,
    records: [{ update: { Id: "1", Type: "STEP", SubType: "Step", Action: "SUCCEED", Payload: payload } }],
  };
}

describe("SqliteStore", () => {
  let directory: string;
  let path: string;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tidemark-sqlite-"));
    path = join(directory, "store.db");
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  function inFile(statement: string): void {
    const database = new DatabaseSync(path);
    database.exec(statement);
    database.close();
  }

  async function expectToRefuse(code: string, message: string, at = path): Promise<void> {
    await expect(SqliteStore.open({ path: at, busyTimeoutMs: 0 })).rejects.toMatchObject({
      name: "TidemarkError",
      code,
      message: expect.stringContaining(message),
    });
  }

  /** Files are no obstacle to root, so as root this goes on as nobody for a moment. */
  async function unprivileged(run: () => Promise<void>): Promise<void> {
    if (process.getuid?.() !== 0) return run();
    chmodSync(directory, 0o755);
    process.seteuid?.(NOBODY);
    try {
      await run();
    } finally {
      process.seteuid?.(0);
    }
  }

  describe("open", () => {
    it("refuses what is not the path of a file", async () => {
      await expectToRefuse("TIDEMARK_STORE_PATH", "MemoryStore", ":memory:");
      await expectToRefuse("TIDEMARK_STORE_PATH", "not the path of a file", "");
      await expectToRefuse("TIDEMARK_STORE_PATH", "URI", "file:store.db?mode=memory");
    });

    it("refuses options that cannot work", async () => {
      for (const option of [{ durability: "off" as "full" }, { busyTimeoutMs: -1 }, { pollIntervalMs: 0 }]) {
        await expect(SqliteStore.open({ path, ...option })).rejects.toMatchObject({
          code: "TIDEMARK_STORE_OPTIONS",
          message: expect.stringContaining(Object.keys(option)[0] as string),
        });
      }
      expect(existsSync(path)).toBe(false);
    });

    it("refuses a directory that does not exist, and a path that is a directory", async () => {
      const missing = join(directory, "missing");
      await expectToRefuse("TIDEMARK_STORE_PATH", `${missing} does not exist`, join(missing, "store.db"));
      await expectToRefuse("TIDEMARK_STORE_PATH", "is a directory", directory);
    });

    it("refuses a file that is not a database, and leaves it as it is", async () => {
      writeFileSync(path, "not a database, but somebody's notes\n".repeat(50));
      const before = readFileSync(path);

      await expectToRefuse("TIDEMARK_STORE_CORRUPT", path);

      expect(readFileSync(path)).toEqual(before);
    });

    it("refuses a database of another application, and leaves it as it is", async () => {
      inFile("CREATE TABLE customers (name TEXT)");
      const before = readFileSync(path);

      await expectToRefuse("TIDEMARK_STORE_PATH", "another application");

      expect(readFileSync(path)).toEqual(before);
    });

    it("refuses a file of a newer format, and leaves it as it is", async () => {
      await (await SqliteStore.open({ path })).close();
      inFile("UPDATE meta SET value = 99 WHERE key = 'format'");
      const before = readFileSync(path);

      await expectToRefuse("TIDEMARK_STORE_VERSION", "has format 99, this version of Tidemark knows 1");

      expect(readFileSync(path)).toEqual(before);
    });

    it("refuses a file and a directory that it may not write", async () => {
      // Empty, which is a database without tables. A file that was open before would have handles that may write.
      writeFileSync(path, "");
      chmodSync(path, 0o444);

      await unprivileged(() => expectToRefuse("TIDEMARK_STORE_NOT_WRITABLE", path));
      const inside = join(directory, "new.db");
      chmodSync(directory, 0o555);
      await unprivileged(() => expectToRefuse("TIDEMARK_STORE_NOT_WRITABLE", inside, inside));
      chmodSync(directory, 0o755);
    });

    it("waits for a file that another connection sets up, and says when it takes too long", async () => {
      const other = new DatabaseSync(path);
      other.exec("PRAGMA journal_mode = WAL; BEGIN IMMEDIATE");

      await expectToRefuse("TIDEMARK_STORE_LOCKED", "busyTimeoutMs");
      const opening = SqliteStore.open({ path });
      other.exec("COMMIT");
      other.close();

      const store = await opening;
      expect((await store.start(execution("e1"))).created).toBe(true);
      await store.close();
    });

    it("opens the same new file several times at once", async () => {
      const stores = await Promise.all([1, 2, 3].map(() => SqliteStore.open({ path })));

      await stores[0]?.start(execution("e1"));

      expect(await stores[2]?.head("e1")).toBeDefined();
      for (const store of stores) await store.close();
    });

    it.each([
      ["full", 2],
      ["normal", 1],
    ] as const)("sets up the write-ahead log for durability %s", async (durability, synchronous) => {
      const database = await openConnection(resolveOptions({ path, durability }));

      expect(database.prepare("PRAGMA journal_mode").get()).toMatchObject({ journal_mode: "wal" });
      expect(database.prepare("PRAGMA synchronous").get()).toMatchObject({ synchronous });
      expect(database.prepare("PRAGMA fullfsync").get()).toMatchObject({
        fullfsync: durability === "full" ? 1 : 0,
      });
      database.close();
    });
  });

  describe("a file that fails", () => {
    it("rejects writes on a full disk, keeps what it has, and goes on when there is space", async () => {
      const options = resolveOptions({ path });
      const database = await openConnection(options);
      // The constructor is private to callers; a page limit can only be set through the store's own connection.
      const store: SqliteStore = Reflect.construct(SqliteStore, [database, options]);
      await store.start(execution("e1"));
      await store.append("e1", entry(1));
      database.exec("PRAGMA max_page_count = 1");

      const writes = [2, 3].map((sequence) => store.append("e1", entry(sequence, "x".repeat(50_000))));
      const read = store.head("e1");
      const full = { code: "TIDEMARK_STORE_FULL", message: expect.stringContaining(path) };

      expect(await Promise.allSettled(writes)).toMatchObject(
        Array(2).fill({ status: "rejected", reason: full }),
      );
      expect(await read).toMatchObject({ executionId: "e1" });
      database.exec("PRAGMA max_page_count = 1000000");
      expect(await store.append("e1", entry(2))).toEqual({ appended: true });
      expect((await store.load("e1"))?.entries).toEqual([entry(1), entry(2)]);
      await store.close();
    });

    it("refuses reads and writes when it has been replaced, and does not touch what has taken its place", async () => {
      const store = await SqliteStore.open({ path });
      renameSync(path, `${path}.old`);
      rmSync(`${path}-wal`);
      rmSync(`${path}-shm`);
      const other = await SqliteStore.open({ path });
      await other.start(execution("new"));

      const moved = {
        status: "rejected",
        reason: {
          code: "TIDEMARK_STORE_MOVED",
          message: `store ${path}: the file has been deleted or replaced since it was opened; nothing of this call was recorded. Move it back, or stop all processes that have it open and start them with the file that is to be used`,
        },
      };
      expect(await Promise.allSettled([store.start(execution("lost")), store.head("lost")])).toMatchObject([
        moved,
        moved,
      ]);
      await store.close();
      expect(await other.head("new")).toMatchObject({ executionId: "new" });
      await other.start(execution("newer"));
      await other.close();
      const again = await SqliteStore.open({ path });
      expect((await again.list({ limit: 10 })).heads.map(({ executionId }) => executionId)).toEqual([
        "newer",
        "new",
      ]);
      await again.close();
    });

    it("says that the file is damaged, and lets the work of the same turn on sound parts through", async () => {
      const store = await SqliteStore.open({ path });
      await store.start(execution("damaged"));
      await store.append("damaged", entry(1, "x".repeat(200_000)));
      await store.close();
      // The last pages are those of the large entry.
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.fill(0xff, bytes.length - 150_000));

      const damaged = await SqliteStore.open({ path });
      const results = await Promise.allSettled([
        damaged.start(execution("e2")),
        damaged.load("damaged"),
        damaged.head("damaged"),
      ]);

      expect(results).toMatchObject([
        { status: "fulfilled", value: { created: true } },
        {
          status: "rejected",
          reason: { code: "TIDEMARK_STORE_CORRUPT", message: expect.stringContaining(path) },
        },
        { status: "fulfilled", value: { executionId: "damaged" } },
      ]);
      expect(await damaged.head("e2")).toBeDefined();
      await damaged.close();
    });

    it("says of an entry of a newer format that it is one", async () => {
      const store = await SqliteStore.open({ path });
      await store.start(execution("e1"));
      await store.append("e1", entry(1));
      inFile(`UPDATE log SET entry = '{"v":99}'`);

      await expect(store.load("e1")).rejects.toMatchObject({ code: "TIDEMARK_LOG_VERSION" });

      await store.close();
    });

    it("of a version without snapshots gets a place for them", async () => {
      const store = await SqliteStore.open({ path });
      await store.start(execution("e1"));
      await store.append("e1", entry(1));
      await store.close();
      inFile("DROP TRIGGER snapshots_removed; DROP TABLE snapshots");

      const reopened = await SqliteStore.open({ path });
      const { nonce } = entry(1);
      const request = { executionId: "e1", sequence: 1, nonce, text: "{}" };
      expect(await reopened.saveSnapshot(request)).toBe(true);
      expect(await reopened.load("e1")).toMatchObject({ snapshot: { sequence: 1, text: "{}" }, entries: [] });
      await reopened.close();
    });

    it("of a version without incarnations gets a place for them, and its executions have none", async () => {
      const store = await SqliteStore.open({ path });
      await store.start(execution("e1"));
      await store.append("e1", entry(1));
      await store.close();
      inFile("ALTER TABLE executions DROP COLUMN incarnation");

      const reopened = await SqliteStore.open({ path });
      await reopened.start({ ...execution("e2"), incarnation: "second" });
      expect((await reopened.load("e1"))?.entries).toEqual([entry(1)]);
      expect(await reopened.head("e1")).not.toHaveProperty("incarnation");
      expect(await reopened.append("e1", entry(2))).toEqual({ appended: true });
      expect(await reopened.head("e2!second")).toMatchObject({ incarnation: "second" });
      await reopened.close();
    });

    it("loses a snapshot with its execution, also when a version without snapshots removes that", async () => {
      const store = await SqliteStore.open({ path });
      await store.start(execution("e1"));
      await store.append("e1", entry(1));
      const { nonce } = entry(1);
      await store.saveSnapshot({ executionId: "e1", sequence: 1, nonce, text: "{}" });
      inFile("DELETE FROM executions; DELETE FROM log");

      await store.start(execution("e2"));
      await store.append("e2", entry(1));

      expect(await store.load("e2")).not.toHaveProperty("snapshot");
      await store.close();
    });

    it("shows people the log by execution and sequence number", async () => {
      const store = await SqliteStore.open({ path });
      for (const id of ["e1", "e2"]) await store.start(execution(id));
      for (const sequence of [1, 2]) await store.append("e2", entry(sequence));
      await store.close();

      const database = new DatabaseSync(path);
      const rows = database.prepare("SELECT execution_id, sequence FROM log_entries ORDER BY sequence").all();
      database.close();

      expect(rows.map(({ execution_id, sequence }) => [execution_id, sequence])).toEqual([
        ["e2", 1],
        ["e2", 2],
      ]);
    });

    it("rejects one call with arguments that are none, and no other of the same turn", async () => {
      const store = await SqliteStore.open({ path });

      const results = await Promise.allSettled([
        store.start(execution("e1")),
        store.head(undefined as unknown as string),
        store.append("e1", entry(1)),
      ]);

      expect(results.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
      await store.close();
    });
  });

  describe("text", () => {
    it("comes back as it was, with NUL and with halves of surrogate pairs", async () => {
      const store = await SqliteStore.open({ path });
      const odd = "a\0b\ud83d";
      await store.start({ ...execution("e1"), functionName: odd, tenantId: odd, input: odd });
      const event = { kind: "callback_succeeded", id: "1", result: odd } as const;
      for (const key of [odd, "a", "a\0c"]) {
        expect(
          await store.post({ executionId: "e1", key, event, nowMs: 1, mode: "once", wake: true }),
        ).toEqual({
          kind: "posted",
        });
      }
      await store.append("e1", entry(1, odd));
      await store.finish({ executionId: "e1", epoch: 0, status: "SUCCEEDED", result: odd, endedAtMs: 2 });

      const loaded = await store.load("e1");
      expect(loaded?.head).toMatchObject({ functionName: odd, tenantId: odd, input: odd, result: odd });
      expect(loaded?.inbox.map((each) => each.key)).toEqual([odd, "a", "a\0c"]);
      expect(loaded?.inbox[0]?.event).toEqual(event);
      expect(loaded?.entries).toEqual([entry(1, odd)]);
      expect((await store.list({ functionName: odd, limit: 1 })).heads).toHaveLength(1);
      await store.close();
    });
  });

  describe("close", () => {
    it("moves everything into the one file", async () => {
      const store = await SqliteStore.open({ path });
      await store.start(execution("e1"));
      await store.append("e1", entry(1));

      await store.close();

      const copy = join(directory, "copy.db");
      copyFileSync(path, copy);
      const copied = await SqliteStore.open({ path: copy });
      expect((await copied.load("e1"))?.entries).toEqual([entry(1)]);
      await copied.close();
    });

    it("stops telling of changes", async () => {
      const store = await SqliteStore.open({ path });
      const other = await SqliteStore.open({ path });
      const told: string[] = [];
      store.onChange((id) => told.push(id));
      await store.close();
      store.onChange((id) => told.push(id))();

      await other.start(execution("e1"));
      await other.close();

      expect(told).toEqual([]);
    });
  });
});

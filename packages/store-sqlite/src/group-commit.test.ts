import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync, type DatabaseSyncInstance } from "@photostructure/sqlite";
import { GroupCommit } from "./group-commit.js";

/** Source: https://sqlite.org/c3ref/c_alter_table.html, `SQLITE_TRANSACTION`; and `SQLITE_OK`. */
const AUTHORIZE_TRANSACTION = 22;
const AUTHORIZED = 0;

describe("GroupCommit", () => {
  let directory: string;
  let path: string;
  let database: DatabaseSyncInstance;
  let other: DatabaseSyncInstance;
  let work: GroupCommit;
  let transactions: string[];
  let committed: string[][];

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tidemark-group-commit-"));
    path = join(directory, "work.db");
    database = new DatabaseSync(path, { timeout: 0 });
    database.exec("PRAGMA journal_mode = WAL; CREATE TABLE words (word TEXT PRIMARY KEY)");
    other = new DatabaseSync(path, { timeout: 0 });
    transactions = [];
    committed = [];
    database.setAuthorizer((action, operation) => {
      if (action === AUTHORIZE_TRANSACTION) transactions.push(operation as string);
      return AUTHORIZED;
    });
    work = open(1_000);
  });

  afterEach(() => {
    other.close();
    database.close();
    rmSync(directory, { recursive: true });
  });

  function open(busyTimeoutMs: number): GroupCommit {
    const onCommitted = (ids: ReadonlySet<string>) => committed.push([...ids]);
    return new GroupCommit({ database, path, busyTimeoutMs, refusal: () => undefined, onCommitted });
  }

  function add(word: string): Promise<number> {
    return work.submit("write", (changed) => {
      changed(word);
      database.prepare("INSERT INTO words VALUES (?)").run(word);
      return words(database).length;
    });
  }

  function words(connection: DatabaseSyncInstance): string[] {
    return connection
      .prepare("SELECT word FROM words ORDER BY rowid")
      .all()
      .map(({ word }) => word);
  }

  it("commits the work of one turn in one transaction, in order, and settles after it", async () => {
    const seenByOther: string[][] = [];
    const results = ["a", "b", "c"].map((word) =>
      add(word).then((count) => {
        seenByOther.push(words(other));
        return count;
      }),
    );
    const read = work.submit("read", () => words(database));

    expect(await Promise.all(results)).toEqual([1, 2, 3]);
    expect(await read).toEqual(["a", "b", "c"]);
    expect(seenByOther).toEqual(Array(3).fill(["a", "b", "c"]));
    expect(transactions).toEqual(["BEGIN", "COMMIT"]);
    expect(committed).toEqual([["a", "b", "c"]]);
  });

  it("takes no transaction for a single statement that is alone", async () => {
    const run = () => database.prepare("INSERT INTO words VALUES ('a')").run().changes;

    expect(await work.submit("single-statement-write", run)).toBe(1);

    expect(transactions).toEqual([]);
    expect(words(other)).toEqual(["a"]);
  });

  it("waits for no writer when there is only reading", async () => {
    other.exec("BEGIN IMMEDIATE; INSERT INTO words VALUES ('uncommitted')");

    expect(await work.submit("read", () => words(database))).toEqual([]);

    expect(committed).toEqual([]);
  });

  it("undoes work that fails, alone, and tells nothing of it", async () => {
    const failing = work.submit("write", (changed) => {
      changed("half");
      database.prepare("INSERT INTO words VALUES ('half')").run();
      throw new RangeError("no more");
    });
    const results = await Promise.allSettled([add("a"), failing, add("b"), add("a")]);

    expect(results).toMatchObject([
      { status: "fulfilled", value: 1 },
      { status: "rejected", reason: expect.any(RangeError) },
      { status: "fulfilled", value: 2 },
      { status: "rejected", reason: { code: "TIDEMARK_STORE_UNEXPECTED" } },
    ]);
    expect(words(other)).toEqual(["a", "b"]);
    expect(committed).toEqual([["a"], ["b"]]);
  });

  it("rejects all writes of a turn on a full disk, and goes on when there is space again", async () => {
    await add("a");
    database.exec("PRAGMA max_page_count = 4");
    const large = work.submit("write", () =>
      database.prepare("INSERT INTO words VALUES (?)").run("x".repeat(100_000)),
    );

    const results = await Promise.allSettled([
      add("b"),
      large,
      work.submit("read", () => words(database)),
      add("c"),
    ]);

    expect(results).toMatchObject([
      { status: "rejected", reason: { code: "TIDEMARK_STORE_FULL" } },
      { status: "rejected", reason: { code: "TIDEMARK_STORE_FULL" } },
      { status: "fulfilled", value: ["a"] },
      { status: "rejected", reason: { code: "TIDEMARK_STORE_FULL" } },
    ]);
    database.exec("PRAGMA max_page_count = 1000000");
    expect(await add("d")).toBe(2);
    expect(words(other)).toEqual(["a", "d"]);
  });

  it("waits for a locked file without blocking, and keeps the order of what comes meanwhile", async () => {
    other.exec("BEGIN IMMEDIATE; INSERT INTO words VALUES ('theirs')");
    const first = add("a");
    // Turns go by, and with them the first retries.
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
    const second = add("b");
    other.exec("COMMIT");

    expect(await Promise.all([first, second])).toEqual([2, 3]);
    expect(words(other)).toEqual(["theirs", "a", "b"]);
  });

  it("gives up on a file that stays locked, records nothing, and goes on afterwards", async () => {
    work = open(0);
    other.exec("BEGIN IMMEDIATE");

    const results = await Promise.allSettled([
      add("a"),
      add("b"),
      work.submit("read", () => words(database)),
    ]);

    expect(results).toMatchObject([
      {
        status: "rejected",
        reason: { code: "TIDEMARK_STORE_LOCKED", message: expect.stringContaining(path) },
      },
      { status: "rejected", reason: { code: "TIDEMARK_STORE_LOCKED" } },
      { status: "fulfilled", value: [] },
    ]);
    other.exec("COMMIT");
    expect(await add("c")).toBe(1);
  });

  it("settles what was submitted when it closes, and takes no more", async () => {
    const added = add("a");
    const closed = work.close();
    const late = add("b");

    await expect(late).rejects.toMatchObject({ code: "TIDEMARK_STORE_CLOSED" });
    await closed;
    expect(words(other)).toEqual(["a"]);
    expect(await added).toBe(1);
  });
});

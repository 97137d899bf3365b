/** Owns the files that the SQLite workloads write: a store's, and a bare table's to compare with. */

import { mkdtempSync, rmSync } from "node:fs";
import { join } from "node:path";
import { encodeEntry } from "@tidemark/protocol";
import { wholeLog } from "@tidemark/store";
import { SqliteStore } from "@tidemark/store-sqlite";
import { Service } from "./tidemark";
import type { Workflow } from "./workflows";

export type Durability = "full" | "normal";

/** The binding that the store uses, as far as it is used here. */
interface Database {
  exec(sql: string): void;
  prepare(sql: string): { run(...values: unknown[]): unknown };
  close(): void;
}

interface Binding {
  readonly DatabaseSync: new (path: string) => Database;
}

const SEQUENCE_BYTES = 8;

const BINDING: string = "@photostructure/sqlite";

/** A directory on the disk that holds the workspace: the system's temporary one may be in memory. */
export function temporaryDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(import.meta.dirname, "sqlite-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** The service on a file in `directory`, running. */
export async function serviceOnFile(
  workflow: Workflow,
  directory: string,
  durability: Durability,
  options: ConstructorParameters<typeof Service>[2] = {},
): Promise<Service> {
  const store = await SqliteStore.open({ path: join(directory, "tidemark.db"), durability });
  return new Service(workflow, store, options).start();
}

/** Mean size of what the store writes for an entry of the newest execution: its id, its number and its text. */
export async function rowBytes({ client, store }: Service): Promise<number> {
  const { executions } = await client.list({ limit: 1 });
  const executionId = executions[0]?.executionId ?? "";
  const entries = await wholeLog(store, executionId);
  const texts = entries.map((entry) => encodeEntry(entry).length);
  const meanText = texts.reduce((sum, length) => sum + length, 0) / texts.length;
  return Math.round(executionId.length + SEQUENCE_BYTES + meanText);
}

/** Inserts of rows of one size into a table without any index, each a commit of its own in a log that is written ahead. */
export class BareInserts {
  readonly #database: Database;
  readonly #insert: { run(...values: unknown[]): unknown };
  readonly #row: string;

  private constructor(database: Database, durability: Durability, bytes: number) {
    this.#database = database;
    this.#row = "x".repeat(bytes);
    const fullfsync = durability === "full" ? "ON" : "OFF";
    database.exec(
      `PRAGMA journal_mode = WAL; PRAGMA synchronous = ${durability}; PRAGMA fullfsync = ${fullfsync}`,
    );
    database.exec("CREATE TABLE bare (row TEXT NOT NULL)");
    this.#insert = database.prepare("INSERT INTO bare VALUES (?)");
  }

  static async open(directory: string, durability: Durability, bytes: number): Promise<BareInserts> {
    const { DatabaseSync } = (await import(BINDING)) as Binding;
    const database = new DatabaseSync(join(directory, `bare-${durability}.db`));
    return new BareInserts(database, durability, bytes);
  }

  insert(count: number): void {
    for (let index = 0; index < count; index++) this.#insert.run(this.#row);
  }

  close(): void {
    this.#database.close();
  }
}

/** Owns what a caller may say when it opens a store, and what goes without saying. */

import { resolve } from "node:path";
import { type OptionNames, requireOptionNames, TidemarkError, valueText } from "@tidemark/protocol";
import { type Payloads, requirePayloads } from "@tidemark/store";
import { pathError } from "./store-errors.js";

/** How {@link SqliteStore.open} opens the file. */
export interface SqliteStoreOptions {
  /** The database file. It is created when it does not exist; its directory must exist. */
  readonly path: string;
  /**
   * When a write counts as durable.
   *
   * - `full`: when the disk has it. Survives a crash of the process, of the system and a power loss.
   * - `normal`: when the operating system has it. Survives a crash of the process; a crash of the
   *   system or a power loss may lose the last commits, never the order or the consistency of the rest.
   *
   * Default `full`.
   */
  readonly durability?: "full" | "normal" | undefined;
  /**
   * How long, in milliseconds, an operation waits for a file that another connection has locked.
   * The event loop goes on meanwhile. 0 or more, default 5000.
   */
  readonly busyTimeoutMs?: number | undefined;
  /**
   * How often, in milliseconds, to look for changes by other processes where the file system does
   * not tell of them. Only while somebody listens. 1 or more, default 100.
   */
  readonly pollIntervalMs?: number | undefined;
  /** How payloads are recorded. Default: in the file, as they are. */
  readonly payloads?: Payloads | undefined;
}

export interface ResolvedOptions {
  /** Absolute, so that a later change of the working directory means nothing. */
  readonly path: string;
  readonly durability: "full" | "normal";
  readonly busyTimeoutMs: number;
  readonly pollIntervalMs: number;
  readonly payloads: Payloads | undefined;
}

const NAMES: OptionNames<SqliteStoreOptions> = {
  path: true,
  durability: true,
  busyTimeoutMs: true,
  pollIntervalMs: true,
  payloads: true,
};

/** @throws TidemarkError `TIDEMARK_STORE_PATH`, `TIDEMARK_STORE_OPTIONS`. */
export function resolveOptions(options: SqliteStoreOptions): ResolvedOptions {
  requireOptionNames(options, NAMES, optionsError);
  requirePayloads(options.payloads, optionsError);
  const { durability = "full", busyTimeoutMs = 5_000, pollIntervalMs = 100, payloads } = options;
  if (durability !== "full" && durability !== "normal") {
    throw optionsError(`durability is ${JSON.stringify(durability)}; use "full" or "normal"`);
  }
  if (!(busyTimeoutMs >= 0))
    throw optionsError(`busyTimeoutMs is ${valueText(busyTimeoutMs)}; use 0 or more milliseconds`);
  if (!(pollIntervalMs >= 1))
    throw optionsError(`pollIntervalMs is ${valueText(pollIntervalMs)}; use 1 or more milliseconds`);
  return { path: resolvedPath(options.path), durability, busyTimeoutMs, pollIntervalMs, payloads };
}

function resolvedPath(path: unknown): string {
  if (typeof path !== "string" || path === "") {
    throw pathError(
      JSON.stringify(path),
      'path is not the path of a file; use for example { path: "./tidemark.db" }',
    );
  }
  if (path === ":memory:") {
    throw pathError(
      path,
      "this store is for files; to keep executions in memory, use MemoryStore of @tidemark/store",
    );
  }
  // SQLite would read it as a URI, with options that this store must know of.
  if (path.startsWith("file:")) throw pathError(path, "path is a URI; use a plain path");
  return resolve(path);
}

export function optionsError(problem: string): TidemarkError {
  return new TidemarkError("TIDEMARK_STORE_OPTIONS", `SqliteStore.open: ${problem}`);
}

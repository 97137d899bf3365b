/**
 * Owns whether the open file is still the one at its path.
 *
 * A file that is deleted, or replaced by a backup, stays open: SQLite would go on with it alone, acknowledge what it
 * writes, and lose all of that with the last process that has it open, while processes that start later use another file.
 */

import { statSync } from "node:fs";

/** Two looks take about 10 µs, which is much for one append. */
const INTERVAL_MS = 100;

interface OpenFile {
  readonly path: string;
  /** `undefined` as long as it has not been there: SQLite makes the log when it first needs it. */
  identity: string | undefined;
}

export class FileIdentity {
  readonly #files: readonly OpenFile[];
  readonly #nowMs: () => number;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #moved: string | undefined;

  /** The database at `path` has just been opened. `nowMs`: a clock that never goes back. */
  constructor(path: string, nowMs: () => number) {
    this.#files = [path, `${path}-wal`].map((file) => ({ path: file, identity: identityOf(file) }));
    this.#nowMs = nowMs;
  }

  /**
   * The path that no longer leads to the file that was opened there, or `undefined`. Looks every 100 ms, and each time
   * once a file has moved: it may be put back.
   */
  moved(): string | undefined {
    const nowMs = this.#nowMs();
    if (this.#moved === undefined && nowMs - this.#lookedAtMs < INTERVAL_MS) return undefined;
    return this.movedNow();
  }

  /** The same, and looks now. */
  movedNow(): string | undefined {
    this.#lookedAtMs = this.#nowMs();
    this.#moved = this.#files.find((file) => !isSame(file))?.path;
    return this.#moved;
  }
}

function isSame(file: OpenFile): boolean {
  const identity = identityOf(file.path);
  file.identity ??= identity;
  return identity === file.identity;
}

function identityOf(path: string): string | undefined {
  const found = statSync(path, { bigint: true, throwIfNoEntry: false });
  return found === undefined ? undefined : `${found.dev}:${found.ino}`;
}

/**
 * Owns what a failure of SQLite means: its code, how far it reaches, and what to do about it.
 *
 * Source of the result codes: https://sqlite.org/rescode.html
 */

import { TidemarkError } from "@tidemark/protocol";

const SQLITE_ERROR = 1;
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_NOMEM = 7;
const SQLITE_READONLY = 8;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_PROTOCOL = 15;
const SQLITE_NOTADB = 26;

/** Codes that say something about the file, so that no other operation fares better. */
const FILE_CODES = [SQLITE_NOMEM, SQLITE_READONLY, SQLITE_IOERR, SQLITE_FULL, SQLITE_CANTOPEN, SQLITE_NOTADB];

/** What SQLite says for codes that matter here. The binding gives errors of `all` this text and no code. */
const CODES_BY_TEXT: Readonly<Record<string, number>> = {
  "database is locked": SQLITE_BUSY,
  "database table is locked": SQLITE_LOCKED,
  "out of memory": SQLITE_NOMEM,
  "attempt to write a readonly database": SQLITE_READONLY,
  "disk I/O error": SQLITE_IOERR,
  "database disk image is malformed": SQLITE_CORRUPT,
  "database or disk is full": SQLITE_FULL,
  "unable to open database file": SQLITE_CANTOPEN,
  "locking protocol": SQLITE_PROTOCOL,
  "file is not a database": SQLITE_NOTADB,
};

/** The primary result code, 1 (an error of no special kind) if that is not known, `undefined` if the error is not SQLite's. */
function resultCode(error: unknown): number | undefined {
  const { code, errcode, message } = (error ?? {}) as { code?: unknown; errcode?: unknown; message?: string };
  if (typeof errcode === "number") return errcode & 0xff;
  return code === "ERR_SQLITE_ERROR" ? (CODES_BY_TEXT[message as string] ?? SQLITE_ERROR) : undefined;
}

/** True when another connection is in the way and trying again helps. */
export function isLocked(error: unknown): boolean {
  const code = resultCode(error);
  return code === SQLITE_BUSY || code === SQLITE_LOCKED || code === SQLITE_PROTOCOL;
}

/** True when the failure is of the file and not of one operation. */
export function isOfFile(error: unknown): boolean {
  const code = resultCode(error);
  return code !== undefined && FILE_CODES.includes(code);
}

/** The error for users. What SQLite has not raised passes unchanged. */
export function storeError(error: unknown, path: string): unknown {
  const code = resultCode(error);
  if (code === undefined) return error;
  const text = (error as Error).message;
  const failure = (name: string, message: string) =>
    new TidemarkError(`TIDEMARK_STORE_${name}`, `store ${path}: ${message}`, { cause: error });
  switch (code) {
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
      return failure(
        "CORRUPT",
        `the file is damaged or is not an SQLite database (${text}); stop all processes that use it, keep the file and its -wal, and restore a backup`,
      );
    case SQLITE_FULL:
      return failure(
        "FULL",
        "the disk is full; nothing of this write was recorded. Free space and try again: the store goes on without a restart",
      );
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
      return failure(
        "NOT_WRITABLE",
        `${text}; give this process write permission on the file and its directory, and check its limit of open files`,
      );
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
      return failure("LOCKED", `${text}; find the process that holds the file, or raise busyTimeoutMs`);
    case SQLITE_IOERR:
      return failure("IO", `${text}; a write was not recorded. Check the disk and its file system`);
    default:
      return failure("UNEXPECTED", `${text}; a write was not recorded. Please report this with the cause`);
  }
}

export function lockedError(path: string, waitedMs: number, cause: unknown): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_STORE_LOCKED",
    `store ${path}: another connection has held the file's lock for over ${Math.round(waitedMs)} ms; nothing of this write was recorded. Find the process that holds it (a backup tool, an open transaction in a shell), or raise busyTimeoutMs`,
    { cause },
  );
}

export function closedError(path: string): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_STORE_CLOSED",
    `store ${path} has been closed; open it again with SqliteStore.open`,
  );
}

export function movedError(path: string, moved: string): TidemarkError {
  const what = moved === path ? "the file" : moved;
  return new TidemarkError(
    "TIDEMARK_STORE_MOVED",
    `store ${path}: ${what} has been deleted or replaced since it was opened; nothing of this call was recorded. Move it back, or stop all processes that have it open and start them with the file that is to be used`,
  );
}

export function pathError(path: string, problem: string): TidemarkError {
  return new TidemarkError("TIDEMARK_STORE_PATH", `store ${path}: ${problem}`);
}

export function versionError(path: string, format: unknown, known: number): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_STORE_VERSION",
    `store ${path} has format ${JSON.stringify(format)}, this version of Tidemark knows ${known}; upgrade @tidemark/store-sqlite in this process. The file is unchanged`,
  );
}

export function entryTooLargeError(
  path: string,
  sequence: number,
  bytes: number,
  maxBytes: number,
): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_ENTRY_TOO_LARGE",
    `store ${path}: log entry ${sequence} has ${bytes} bytes, at most ${maxBytes} are allowed; split the checkpoint or use smaller payloads`,
  );
}

import { isLocked, isOfFile, storeError } from "./store-errors.js";

/** Errors as the binding throws them: with an extended result code, or (from `all`) with the text alone. */
function sqliteError(message: string, errcode?: number): Error {
  return Object.assign(new Error(message), {
    code: "ERR_SQLITE_ERROR",
    ...(errcode === undefined ? {} : { errcode }),
  });
}

describe("storeError", () => {
  it.each([
    ["database is locked", 5, "LOCKED"],
    ["database is locked", 261, "LOCKED"],
    ["attempt to write a readonly database", 8, "NOT_WRITABLE"],
    ["disk I/O error", 1034, "IO"],
    ["database disk image is malformed", 267, "CORRUPT"],
    ["database or disk is full", 13, "FULL"],
    ["unable to open database file", 14, "NOT_WRITABLE"],
    ["file is not a database", 26, "CORRUPT"],
    ["datatype mismatch", 20, "UNEXPECTED"],
  ])("gives %s (%i) the code TIDEMARK_STORE_%s, with and without its number", (text, errcode, name) => {
    for (const cause of [sqliteError(text, errcode), sqliteError(text)]) {
      expect(storeError(cause, "/data/store.db")).toMatchObject({
        name: "TidemarkError",
        code: `TIDEMARK_STORE_${name}`,
        message: expect.stringMatching(/^store \/data\/store\.db: .+[;.] \w/),
        cause,
      });
    }
  });

  it("leaves what SQLite has not raised as it is", () => {
    const error = new TypeError("not a string");

    expect(storeError(error, "/data/store.db")).toBe(error);
    expect(storeError(undefined, "/data/store.db")).toBeUndefined();
  });

  it("tells what passes, what is of the file and what is of one operation", () => {
    const kinds = [
      sqliteError("database is locked"),
      sqliteError("database or disk is full"),
      sqliteError("?", 19),
    ];

    expect(kinds.map(isLocked)).toEqual([true, false, false]);
    expect(kinds.map(isOfFile)).toEqual([false, true, false]);
  });
});

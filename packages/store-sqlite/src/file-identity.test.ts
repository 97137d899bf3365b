import { mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileIdentity } from "./file-identity.js";

describe("FileIdentity", () => {
  let directory: string;
  let path: string;
  let nowMs = 0;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tidemark-identity-"));
    path = join(directory, "store.db");
    writeFileSync(path, "");
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it("knows a file that was moved away, and that it has been put back", () => {
    const identity = new FileIdentity(path, () => nowMs);
    expect(identity.moved()).toBeUndefined();

    renameSync(path, `${path}.old`);
    expect(identity.moved()).toBeUndefined();
    nowMs += 100;
    expect(identity.moved()).toBe(path);

    writeFileSync(path, "");
    expect(identity.moved()).toBe(path);
    renameSync(`${path}.old`, path);
    expect(identity.moved()).toBeUndefined();
  });

  it("knows the write-ahead log from when it first is there", () => {
    const identity = new FileIdentity(path, () => nowMs);
    expect(identity.moved()).toBeUndefined();
    nowMs += 100;
    writeFileSync(`${path}-wal`, "");
    expect(identity.moved()).toBeUndefined();

    rmSync(`${path}-wal`);
    nowMs += 100;
    expect(identity.moved()).toBe(`${path}-wal`);
  });

  it("follows symbolic links, as others do who open the path", () => {
    const link = join(directory, "link.db");
    symlinkSync(path, link);
    const identity = new FileIdentity(link, () => nowMs);

    rmSync(link);
    writeFileSync(join(directory, "other.db"), "");
    symlinkSync(join(directory, "other.db"), link);
    expect(identity.moved()).toBe(link);
  });
});

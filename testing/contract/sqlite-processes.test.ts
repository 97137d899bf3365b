import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { LogEntry } from "@tidemark/protocol";
import { SqliteStore } from "@tidemark/store-sqlite";
import { CONTESTED, LEASED } from "./hammer-plan";

const WRITES_PER_PROCESS = 400;
const SURVIVORS = ["bea", "cleo", "dora"];
const VICTIM = "victim";

interface Note {
  readonly kind: string;
  readonly executionId: string;
  /** Sequence number or epoch. */
  readonly number: number;
  /** Nonce or owner. */
  readonly by: string;
}

describe("several processes on one SQLite file", () => {
  let directory: string;
  let path: string;
  const running = new Set<ChildProcess>();

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "tidemark-processes-"));
    path = join(directory, "store.db");
  });
  afterEach(() => {
    for (const child of running) child.kill("SIGKILL");
    rmSync(directory, { recursive: true });
  });

  function hammer(name: string, writes: number): ChildProcess {
    const script = resolve(__dirname, "hammer-process.ts");
    const child = spawn(
      process.execPath,
      ["--import", "tsx", script, path, notesPath(name), name, String(writes)],
      { cwd: resolve(__dirname, "../.."), stdio: ["ignore", "pipe", "inherit"] },
    );
    running.add(child);
    child.once("exit", () => running.delete(child));
    return child;
  }

  function notesPath(name: string): string {
    return join(directory, `${name}.txt`);
  }

  function notesOf(name: string): Note[] {
    if (!existsSync(notesPath(name))) return [];
    const lines = readFileSync(notesPath(name), "utf8").split("\n").slice(0, -1);
    return lines.map((line) => {
      const [kind, executionId, number, by] = line.split(" ") as [string, string, string, string];
      return { kind, executionId, number: Number(number), by };
    });
  }

  async function exitOf(child: ChildProcess): Promise<unknown> {
    const [code, signal] = await once(child, "exit");
    return signal ?? code;
  }

  it("loses no acknowledged write and lets nobody share an epoch, also when one is killed", async () => {
    const store = await SqliteStore.open({ path });
    for (const executionId of [CONTESTED, ...LEASED]) {
      await store.start({ executionId, functionName: "f", startedAtMs: 0, timeoutAtMs: 1, retentionMs: 1 });
    }
    const survivors = SURVIVORS.map((name) => hammer(name, WRITES_PER_PROCESS));
    const victim = hammer(VICTIM, Number.POSITIVE_INFINITY);
    const exits = [victim, ...survivors].map(exitOf);
    victim.stdout?.once("data", () => victim.kill("SIGKILL"));

    expect(await Promise.all(exits)).toEqual(["SIGKILL", 0, 0, 0]);

    const notes = [VICTIM, ...SURVIVORS].flatMap(notesOf);
    const logs = new Map<string, readonly LogEntry[]>();
    for (const id of [CONTESTED, ...LEASED]) logs.set(id, (await store.load(id))?.entries ?? []);
    await store.close();

    expect(notesOf(VICTIM).length).toBeGreaterThan(0);
    expectGapless(logs);
    expectAcknowledged(logs, notes);
    expectOneOwnerPerEpoch(logs, notes);
  }, 60_000);
});

function expectGapless(logs: ReadonlyMap<string, readonly LogEntry[]>): void {
  for (const entries of logs.values()) {
    expect(entries.map(({ sequence }) => sequence)).toEqual(entries.map((_, index) => index + 1));
  }
}

/** What was noted is in the log; what is in the log and not noted, the victim wrote last. */
function expectAcknowledged(logs: ReadonlyMap<string, readonly LogEntry[]>, notes: readonly Note[]): void {
  const noted = new Set<string>();
  for (const { kind, executionId, number, by } of notes) {
    if (kind !== "appended") continue;
    noted.add(by);
    expect(logs.get(executionId)?.[number - 1]?.nonce).toBe(by);
  }
  const unnoted = [...logs.values()].flat().filter(({ nonce }) => !noted.has(nonce));
  expect(unnoted.every(({ nonce }) => nonce.startsWith(`${VICTIM}/`))).toBe(true);
  expect(unnoted.length).toBeLessThanOrEqual(2);
}

/** An epoch has one owner, all its entries are that owner's, and an older epoch never follows a newer one. */
function expectOneOwnerPerEpoch(
  logs: ReadonlyMap<string, readonly LogEntry[]>,
  notes: readonly Note[],
): void {
  const owners = new Map<string, string>();
  for (const { kind, executionId, number, by } of notes) {
    if (kind !== "acquired") continue;
    expect(owners.has(`${executionId} ${number}`)).toBe(false);
    owners.set(`${executionId} ${number}`, by);
  }
  for (const executionId of LEASED) {
    let newest = 0;
    for (const { epoch, nonce } of logs.get(executionId) ?? []) {
      expect(epoch).toBeGreaterThanOrEqual(newest);
      newest = epoch;
      // The victim may have died between the commit of its lease and its note.
      expect(nonce.split("/")[0]).toBe(owners.get(`${executionId} ${epoch}`) ?? VICTIM);
    }
  }
}

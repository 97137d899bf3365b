/**
 * Owns one process of `sqlite-processes.test.ts`: it writes to a shared file as fast as it can, and
 * notes every write that the store has acknowledged in a file of its own, at once and in order, so
 * that the notes survive its SIGKILL.
 *
 * Arguments: the database, the file for the notes, the name of this process, how many writes.
 */

import { openSync, writeSync } from "node:fs";
import type { ExecutionHead, LogEntry } from "@tidemark/protocol";
import { SqliteStore } from "@tidemark/store-sqlite";
import { CONTESTED, LEASED } from "./hammer-plan";

const LEASE_MS = 150;
const APPENDS_PER_LEASE = 5;

const [, , path, notesPath, owner, writes] = process.argv as [string, string, string, string, string, string];
const notes = openSync(notesPath, "a");
let acknowledged = 0;
let created = 0;

function note(line: string): void {
  writeSync(notes, `${line}\n`);
  acknowledged += 1;
  if (acknowledged % 50 === 0) process.stdout.write(`${acknowledged}\n`);
}

function entry(sequence: number, epoch: number): LogEntry {
  created += 1;
  return { sequence, epoch, nonce: `${owner}/${created}`, atMs: 1, records: [] };
}

/** Appends at the next free place, whoever else does the same. */
async function appendAnywhere(store: SqliteStore, from: number): Promise<number> {
  for (let sequence = from; ; sequence++) {
    const next = entry(sequence, 0);
    const { appended } = await store.append(CONTESTED, next);
    if (!appended) continue;
    note(`appended ${CONTESTED} ${sequence} ${next.nonce}`);
    return sequence + 1;
  }
}

/** Takes the lease if it can, appends while nobody newer does, and gives the lease back. */
async function appendUnderLease(store: SqliteStore, executionId: string): Promise<void> {
  const nowMs = Date.now();
  const head = await store.acquire({ executionId, owner, nowMs, leaseUntilMs: nowMs + LEASE_MS });
  if (head === undefined) return;
  note(`acquired ${executionId} ${head.epoch} ${owner}`);
  await appendAs(store, head);
  await store.suspend({ executionId, epoch: head.epoch, inboxCount: head.inboxCount, dueAtMs: Date.now() });
}

async function appendAs(store: SqliteStore, { executionId, epoch }: ExecutionHead): Promise<void> {
  let sequence = ((await store.load(executionId))?.entries.length ?? 0) + 1;
  let isFenced = false;
  for (let appends = 0; appends < APPENDS_PER_LEASE; sequence++) {
    const next = entry(sequence, epoch);
    const { appended, existing } = await store.append(executionId, next);
    if (appended) {
      note(`appended ${executionId} ${sequence} ${next.nonce}`);
      appends += 1;
      isFenced = true;
    } else if (isFenced || existing === undefined || existing.epoch > epoch) {
      return;
    }
  }
}

async function main(): Promise<void> {
  const store = await SqliteStore.open({ path });
  let sequence = 1;
  for (let round = 0; acknowledged < Number(writes); round++) {
    const executionId = LEASED[(round + owner.length) % LEASED.length] as string;
    [sequence] = await Promise.all([appendAnywhere(store, sequence), appendUnderLease(store, executionId)]);
  }
  await store.close();
}

main();

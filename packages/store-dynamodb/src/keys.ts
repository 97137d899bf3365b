/**
 * Owns how partitions, items and shards are named. Pure.
 *
 * An execution that was removed may be started again under its id, while items of the removed one
 * are still there: DynamoDB's TTL deletes items one by one, in any order, days late. So every head
 * draws a generation, and what belongs to it carries the generation in its sort key. The generation of an execution
 * that has an incarnation says which.
 */

import { parseExecutionId } from "@tidemark/protocol";

/** The partition of the functions; the sort key is the function's name. */
export const FUNCTIONS_PARTITION = "F";
/** Sorts before all other items of an execution, so that a query reads the head first. */
export const HEAD_SORT_KEY = "H";

/** Room for 10^10 entries of one execution. */
const SEQUENCE_DIGITS = 10;
const MAX_SEQUENCE = 10 ** SEQUENCE_DIGITS - 1;
/** Room for 10^5 parts of a snapshot. */
const PART_DIGITS = 5;
/** Sorts after all that follows a prefix: generations and numbers are of letters, digits, `!`, `_` and `-`. */
const AFTER_ALL = "~";
/** Milliseconds until the year 33658. */
const TIME_DIGITS = 15;

const EXECUTION_PREFIX = "E#";

/** Of whichever execution has the id. */
export function executionPartition(id: string): string {
  return EXECUTION_PREFIX + parseExecutionId(id).executionId;
}

export function executionIdOf(partition: string): string {
  return partition.slice(EXECUTION_PREFIX.length);
}

/** In no generation that a store has drawn. */
const INCARNATION_PREFIX = "!";

export function generationOf(incarnation: string): string {
  return INCARNATION_PREFIX + incarnation;
}

export function incarnationOf(generation: string): string | undefined {
  return generation.startsWith(INCARNATION_PREFIX) ? generation.slice(INCARNATION_PREFIX.length) : undefined;
}

export function entryPrefix(generation: string): string {
  return `L#${generation}#`;
}

export function entrySortKey(generation: string, sequence: number): string {
  return entryPrefix(generation) + digits(sequence);
}

function digits(sequence: number): string {
  return String(sequence).padStart(SEQUENCE_DIGITS, "0");
}

export function eventPrefix(generation: string): string {
  return `I#${generation}#`;
}

export function eventSortKey(generation: string, key: string): string {
  return eventPrefix(generation) + key;
}

export function inputSortKey(generation: string): string {
  return `P#${generation}`;
}

/** Whether an item beside the head belongs to the execution with this generation. */
export function isOfGeneration(sortKey: string, generation: string): boolean {
  return sortKey.split("#", 2)[1] === generation;
}

/** Newer snapshots come first: reading up to one passes over what is left of older ones. */
export function snapshotPrefix(generation: string, sequence: number): string {
  return `S#${generation}#${digits(MAX_SEQUENCE - sequence)}#`;
}

export function snapshotSortKey(generation: string, sequence: number, part: number): string {
  return snapshotPrefix(generation, sequence) + String(part).padStart(PART_DIGITS, "0");
}

/** The first and the last sort key of a range. */
export type KeyRange = readonly [first: string, last: string];

/** The head and all events. */
export const HEAD_AND_INBOX: KeyRange = [HEAD_SORT_KEY, `I${AFTER_ALL}`];

export function entriesAfter(generation: string, sequence: number): KeyRange {
  return [entrySortKey(generation, sequence + 1), entrySortKey(generation, MAX_SEQUENCE)];
}

/** Entries after a snapshot, the input and the snapshot. */
export function snapshotAndLater(generation: string, sequence: number): KeyRange {
  return [entrySortKey(generation, sequence + 1), snapshotPrefix(generation, sequence) + AFTER_ALL];
}

/** Sorts by start and then by id. */
export function listSortKey(startedAtMs: number, executionId: string): string {
  return `${listTime(startedAtMs)}#${executionId}`;
}

/** Before all sort keys of this millisecond and after all earlier ones. */
export function listTime(startedAtMs: number): string {
  return String(Math.max(startedAtMs, 0)).padStart(TIME_DIGITS, "0");
}

export function startedOf(sortKey: string): { readonly startedAtMs: number; readonly executionId: string } {
  const time = sortKey.slice(0, TIME_DIGITS);
  return { startedAtMs: Number(time), executionId: sortKey.slice(TIME_DIGITS + 1) };
}

/** A partition of either index: one shard of one function. */
export function indexPartition(functionName: string, shard: number): string {
  return `${shard}#${functionName}`;
}

/** All partitions of these functions in either index. */
export function indexPartitions(functionNames: readonly string[], shards: number): string[] {
  return functionNames.flatMap((name) =>
    Array.from({ length: shards }, (_, shard) => indexPartition(name, shard)),
  );
}

/** The shard that an execution belongs to: FNV-1a of its id. */
export function shardOf(executionId: string, shards: number): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < executionId.length; index++) {
    hash = Math.imul(hash ^ executionId.charCodeAt(index), 0x01000193) >>> 0;
  }
  return hash % shards;
}

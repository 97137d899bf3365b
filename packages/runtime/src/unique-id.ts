/** Owns ids that are unique and sort by time: ULIDs. */

import { randomFillSync } from "node:crypto";
import { encodeTime, TIME_LEN, ulid } from "ulid";
import type { Clock } from "./clock.js";

/** Random bytes are drawn in portions: one call for each of an id's 16 letters costs more than the rest of a start. */
const pool = new Uint8Array(1024);
let used = pool.length;

function pooledRandom(): number {
  if (used === pool.length) {
    randomFillSync(pool);
    used = 0;
  }
  const byte = pool[used] as number;
  used += 1;
  // 256 is a multiple of the 32 letters: each is as likely.
  return byte / 256;
}

/** A ULID of this time. */
export function uniqueId(nowMs: number): string {
  // Not of `ulid` itself: it takes the time 0 for none, and reads the clock of the process.
  return encodeTime(nowMs) + ulid(1, pooledRandom).slice(TIME_LEN);
}

/** Digits of base 36: 31 bits. */
const RANDOM_DIGITS = 6;

/** Tells the executions of one name apart: the time, for people too, and what is drawn for those of one millisecond. */
export function newIncarnation(clock: Pick<Clock, "nowMs" | "random">): string {
  const drawn = Math.floor(clock.random() * 36 ** RANDOM_DIGITS);
  return clock.nowMs().toString(36) + drawn.toString(36).padStart(RANDOM_DIGITS, "0");
}

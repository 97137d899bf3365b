/**
 * Owns what every checkpoint log and every trace of a body must satisfy, whatever was killed when.
 *
 * It reads records only and decides by itself: it does not use the state machine that wrote them.
 */

import type { ExecutionHead, LogEntry, LogRecord } from "@tidemark/protocol";
import type { BodyRun } from "./body-log";

export interface LogFacts {
  readonly violations: readonly string[];
  /** Invocations that were begun because the one before had died. */
  readonly takeOvers: number;
  readonly interruptedAttempts: number;
  readonly settledOperations: number;
}

/** `ErrorType` of an invocation that did not say how it ended. */
const DIED = "Runtime.ExitError";

export function checkLog(head: ExecutionHead, entries: readonly LogEntry[]): LogFacts {
  const log = new LogReader();
  for (const [position, entry] of entries.entries()) log.entry(entry, position);
  if (log.lastEpoch > head.epoch) log.violations.push("the log has an epoch that the head has not");
  const { violations, takeOvers, interruptedAttempts, settled } = log;
  return { violations, takeOvers, interruptedAttempts, settledOperations: settled.size };
}

class LogReader {
  readonly violations: string[] = [];
  readonly settled = new Set<string>();
  lastEpoch = 1;
  takeOvers = 0;
  interruptedAttempts = 0;
  readonly #started = new Set<string>();
  readonly #parents = new Map<string, string>();
  readonly #nonces = new Set<string>();
  #atMs = 0;

  entry(entry: LogEntry, position: number): void {
    this.#expect(entry.sequence === position + 1, `entry ${position + 1} has sequence ${entry.sequence}`);
    this.#expect(entry.atMs >= this.#atMs, `entry ${entry.sequence} goes back in time`);
    this.#expect(!this.#nonces.has(entry.nonce), `entry ${entry.sequence} repeats a nonce`);
    const isNewEpoch = entry.epoch !== this.lastEpoch;
    this.#expect(entry.epoch >= this.lastEpoch, `entry ${entry.sequence} is of a superseded epoch`);
    this.#expect(
      isNewEpoch === (entry.barrier !== undefined),
      `entry ${entry.sequence} begins epoch ${entry.epoch}, ${isNewEpoch ? "without" : "again with"} a barrier`,
    );
    this.#atMs = entry.atMs;
    this.#nonces.add(entry.nonce);
    this.lastEpoch = entry.epoch;
    if (entry.barrier?.previous.error?.ErrorType === DIED) this.takeOvers += 1;
    for (const record of entry.records) this.#record(record, entry.sequence);
  }

  #record(record: LogRecord, sequence: number): void {
    const id = (record.update?.Id ?? record.event?.id) as string;
    const where = `entry ${sequence}, operation ${id}`;
    const { update, event } = record;
    if (event?.kind === "step_interrupted") this.interruptedAttempts += 1;
    this.#expect(!this.settled.has(id), `${where}: a record after its end`);
    this.#expect(!this.#isUnderSettled(id), `${where}: a record after the end of an ancestor`);
    if (update === undefined) {
      this.#expect(this.#started.has(id), `${where}: an event before its start`);
    } else if (!this.#started.has(id)) {
      this.#started.add(id);
      if (update.ParentId !== undefined) this.#parents.set(id, update.ParentId);
    }
    if (isSettling(record)) this.settled.add(id);
  }

  #isUnderSettled(id: string): boolean {
    let parent = this.#parents.get(id);
    while (parent !== undefined) {
      if (this.settled.has(parent)) return true;
      parent = this.#parents.get(parent);
    }
    return false;
  }

  #expect(isTrue: boolean, otherwise: string): void {
    if (!isTrue) this.violations.push(otherwise);
  }
}

function isSettling({ update, event }: LogRecord): boolean {
  if (update !== undefined) return update.Action === "SUCCEED" || update.Action === "FAIL";
  switch (event.kind) {
    case "wait_elapsed":
    case "callback_succeeded":
    case "callback_failed":
    case "callback_timed_out":
    case "invoke_settled":
      return true;
    case "retry_ready":
    case "callback_heartbeat":
    case "step_interrupted":
      return false;
  }
}

export interface BodyFacts {
  readonly violations: readonly string[];
  readonly bodies: number;
  /** Starts of a body whose attempt had been begun before: at-least-once steps after a crash. */
  readonly again: number;
}

/**
 * @param disturbed executions of which an invocation died or failed: only there may a body run again.
 */
export function checkBodies(runs: readonly BodyRun[], disturbed: ReadonlySet<string>): BodyFacts {
  const violations: string[] = [];
  const counts = new Map<string, number>();
  let again = 0;
  for (const { executionId, operation, attempt, semantics, pid } of runs) {
    const key = `${executionId} ${operation} attempt ${attempt}`;
    const count = (counts.get(key) ?? 0) + 1;
    counts.set(key, count);
    if (count === 1) continue;
    again += 1;
    if (semantics === "at-most-once")
      violations.push(`${key}: an at-most-once body began ${count} times (process ${pid})`);
    else if (!disturbed.has(executionId))
      violations.push(`${key}: a body began ${count} times, and no process had died`);
  }
  return { violations, bodies: runs.length, again };
}

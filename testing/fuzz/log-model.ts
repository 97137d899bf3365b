/**
 * Owns an independent reading of the log: what each record does, written without `apply`, so that
 * an error in `apply` does not excuse itself. It reads entry by entry, so that it can follow a log
 * that is being written.
 */

import type { LogEntry, OperationUpdate, OutsideEvent } from "@tidemark/protocol";

export interface ModelOperation {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly name: string | undefined;
  readonly type: string;
  readonly subType: string | undefined;
  status: string;
  attemptsEnded: number;
  interruptions: number;
  /** Its result is made by running its code again. */
  isRebuilt: boolean;
  /** The epoch that recorded the newest START. */
  startedBy: number;
  /** The epoch that recorded the end of the newest attempt that has ended. */
  attemptEndedBy: number | undefined;
  /** The epoch that recorded the end. */
  settledBy: number | undefined;
  /** When time does something to it: the end of a wait, the next attempt of a step, a callback's deadlines. */
  dueAtMs: number | undefined;
  heartbeatDueAtMs: number | undefined;
  heartbeatMs: number | undefined;
}

export interface ModelLog {
  readonly operations: ReadonlyMap<string, ModelOperation>;
  readonly problems: readonly string[];
}

const SETTLED = ["SUCCEEDED", "FAILED", "TIMED_OUT", "STOPPED", "CANCELLED"];

export function isSettledStatus(status: string): boolean {
  return SETTLED.includes(status);
}

export function readLog(entries: readonly LogEntry[]): ModelLog {
  const model = new LogModel(entries[0]?.atMs ?? 0);
  const problems = entries.flatMap((entry) => model.add(entry));
  return { operations: model.operations, problems };
}

export class LogModel {
  readonly operations = new Map<string, ModelOperation>();
  #nowMs: number;

  constructor(startedAtMs: number) {
    this.#nowMs = startedAtMs;
  }

  /** Reads the next entry; gives what is wrong with it. */
  add(entry: LogEntry): string[] {
    const problems: string[] = [];
    const ceilingMs = Math.max(entry.atMs, this.#nowMs);
    for (const { update, event } of entry.records) {
      const id = (update?.Id ?? event?.id) as string;
      const what = `entry ${entry.sequence}: ${update === undefined ? event?.kind : `${update.Action} ${update.Type}`} ${id}`;
      const known = this.operations.get(id);
      const ended = this.endedAncestor(known === undefined ? update?.ParentId : known.parentId);
      if (ended !== undefined) problems.push(`${what} below ${ended}, which has settled`);
      if (known !== undefined && isSettledStatus(known.status)) {
        problems.push(`${what}, which has settled as ${known.status}`);
        continue;
      }
      this.#nowMs = Math.max(this.#nowMs, Math.min(update?.AtMs ?? ceilingMs, ceilingMs));
      if (update !== undefined) {
        const operation = known ?? newOperation(update, entry.epoch);
        this.operations.set(id, operation);
        updated(operation, update, this.#nowMs);
        noteEpochs(operation, update.Action, entry.epoch);
      } else if (known === undefined) problems.push(`${what}, which is unknown`);
      else if (event !== undefined) {
        happened(known, event);
        if (isSettledStatus(known.status)) known.settledBy = entry.epoch;
      }
    }
    this.#nowMs = ceilingMs;
    return problems;
  }

  /** The nearest ancestor that has settled, or that is in no log. */
  endedAncestor(parentId: string | undefined): string | undefined {
    for (let id = parentId; id !== undefined; id = this.operations.get(id)?.parentId) {
      const parent = this.operations.get(id);
      if (parent === undefined) return `${id} (unknown)`;
      if (isSettledStatus(parent.status)) return id;
    }
    return undefined;
  }
}

function newOperation(update: OperationUpdate, epoch: number): ModelOperation {
  return {
    id: update.Id as string,
    parentId: update.ParentId,
    name: update.Name,
    type: update.Type as string,
    subType: update.SubType,
    status: "STARTED",
    attemptsEnded: 0,
    interruptions: 0,
    isRebuilt: false,
    startedBy: epoch,
    attemptEndedBy: undefined,
    settledBy: undefined,
    dueAtMs: undefined,
    heartbeatDueAtMs: undefined,
    heartbeatMs: undefined,
  };
}

function updated(operation: ModelOperation, update: OperationUpdate, nowMs: number): void {
  operation.dueAtMs = undefined;
  switch (update.Action) {
    case "START":
      operation.status = "STARTED";
      operation.dueAtMs = after(
        nowMs,
        update.WaitOptions?.WaitSeconds ?? update.CallbackOptions?.TimeoutSeconds,
      );
      operation.heartbeatMs = after(0, update.CallbackOptions?.HeartbeatTimeoutSeconds);
      operation.heartbeatDueAtMs = after(nowMs, update.CallbackOptions?.HeartbeatTimeoutSeconds);
      return;
    case "RETRY":
      operation.status = "PENDING";
      operation.attemptsEnded += 1;
      operation.interruptions = 0;
      operation.dueAtMs = after(nowMs, update.StepOptions?.NextAttemptDelaySeconds ?? 1);
      return;
    case "SUCCEED":
      operation.status = "SUCCEEDED";
      operation.attemptsEnded += 1;
      operation.isRebuilt = update.ContextOptions?.ReplayChildren === true;
      return;
    case "FAIL":
      operation.status = "FAILED";
      operation.attemptsEnded += 1;
      return;
  }
}

function after(nowMs: number, seconds: number | undefined): number | undefined {
  return seconds === undefined ? undefined : nowMs + seconds * 1000;
}

function noteEpochs(operation: ModelOperation, action: OperationUpdate["Action"], epoch: number): void {
  if (action === "START") {
    operation.startedBy = epoch;
    return;
  }
  operation.attemptEndedBy = epoch;
  if (action !== "RETRY") operation.settledBy = epoch;
}

function happened(operation: ModelOperation, event: OutsideEvent): void {
  switch (event.kind) {
    case "wait_elapsed":
    case "callback_succeeded":
      operation.status = "SUCCEEDED";
      break;
    case "callback_failed":
      operation.status = "FAILED";
      break;
    case "callback_timed_out":
      operation.status = "TIMED_OUT";
      break;
    case "retry_ready":
      operation.status = "READY";
      operation.dueAtMs = undefined;
      break;
    case "invoke_settled":
      operation.status = event.outcome;
      break;
    case "callback_heartbeat":
      if (operation.heartbeatMs !== undefined && operation.heartbeatDueAtMs !== undefined)
        operation.heartbeatDueAtMs = Math.max(operation.heartbeatDueAtMs, event.atMs + operation.heartbeatMs);
      break;
    case "step_interrupted":
      operation.interruptions += 1;
      break;
  }
}

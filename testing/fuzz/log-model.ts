/**
 * Owns an independent reading of the log: what each record does, written without `apply`, so that
 * an error in `apply` does not excuse itself.
 */

import type { LogEntry } from "@tidemark/protocol";

export interface ModelOperation {
  readonly id: string;
  readonly parentId: string | undefined;
  readonly name: string | undefined;
  readonly type: string;
  readonly subType: string | undefined;
  status: string;
  attemptsEnded: number;
  interruptions: number;
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
  const operations = new Map<string, ModelOperation>();
  const problems: string[] = [];
  const endedAncestor = (parentId: string | undefined): string | undefined => {
    for (let id = parentId; id !== undefined; id = operations.get(id)?.parentId) {
      const parent = operations.get(id);
      if (parent === undefined) return `${id} (unknown)`;
      if (isSettledStatus(parent.status)) return id;
    }
    return undefined;
  };
  for (const entry of entries) {
    for (const { update, event } of entry.records) {
      const id = (update?.Id ?? event?.id) as string;
      const what = `entry ${entry.sequence}: ${update === undefined ? event?.kind : `${update.Action} ${update.Type}`} ${id}`;
      const known = operations.get(id);
      const ended = endedAncestor(known === undefined ? update?.ParentId : known.parentId);
      if (ended !== undefined) problems.push(`${what} below ${ended}, which has settled`);
      if (known !== undefined && isSettledStatus(known.status)) {
        problems.push(`${what}, which has settled as ${known.status}`);
        continue;
      }
      if (update !== undefined) {
        const operation = known ?? started(update as never);
        operations.set(id, operation);
        if (update.Action === "RETRY") operation.status = "PENDING";
        if (update.Action === "START") operation.status = "STARTED";
        if (update.Action === "SUCCEED") operation.status = "SUCCEEDED";
        if (update.Action === "FAIL") operation.status = "FAILED";
        if (update.Action !== "START") operation.attemptsEnded += 1;
      } else if (known === undefined) problems.push(`${what}, which is unknown`);
      else if (event !== undefined) happened(known, event);
    }
  }
  return { operations, problems };
}

function started(update: {
  Id: string;
  ParentId?: string;
  Name?: string;
  Type: string;
  SubType?: string;
}): ModelOperation {
  return {
    id: update.Id,
    parentId: update.ParentId,
    name: update.Name,
    type: update.Type,
    subType: update.SubType,
    status: "STARTED",
    attemptsEnded: 0,
    interruptions: 0,
  };
}

function happened(
  operation: ModelOperation,
  event: { readonly kind: string; readonly outcome?: string },
): void {
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
      break;
    case "invoke_settled":
      operation.status = event.outcome as string;
      break;
    case "step_interrupted":
      operation.interruptions += 1;
      break;
  }
}

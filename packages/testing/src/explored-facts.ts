/** Owns what is known of a run once it is over, and how it is read from the logs. */

import {
  apply,
  type ErrorObject,
  ExecutionState,
  type ExportedHistory,
  exactExecutionId,
  isRejection,
  type LogRecord,
  type Operation,
} from "@tidemark/protocol";
import type { LoadedExecution } from "@tidemark/store";
import type { Schedule } from "./crash-schedule.js";

/** How the execution ended. */
export interface ExploredOutcome {
  readonly status: string;
  /** Parsed JSON. */
  readonly result?: unknown;
  readonly error?: ErrorObject;
}

/** Something that happened in a run. */
export interface TimelineEvent {
  readonly atMs: number;
  /** From 1; `undefined` for what happens outside of processes. */
  readonly process: number | undefined;
  readonly text: string;
}

/** How often the body of an operation ran. */
export interface BodyRuns {
  /** `3 "charge"`. */
  readonly operation: string;
  readonly name: string | undefined;
  readonly atMostOnce: boolean;
  total: number;
  readonly byAttempt: Map<number, number>;
}

/** The operations of one execution, also those below contexts that have ended. */
export type OperationTree = ReadonlyMap<string, Operation>;

export interface RunFacts {
  readonly schedule: Schedule;
  /** Why the execution has not ended, when it has not. */
  readonly stuck: string | undefined;
  readonly outcome: ExploredOutcome;
  readonly trees: ReadonlyMap<string, OperationTree>;
  /** By execution and operation. */
  readonly bodies: ReadonlyMap<string, BodyRuns>;
  /** When the body of each attempt began first, by execution, operation and attempt. */
  readonly bodyStarts: ReadonlyMap<string, number>;
  /** How often each happened, repetitions with the same key left out. */
  readonly effects: ReadonlyMap<string, number>;
  /** Operations that were asked for and that nobody has awaited, each with what became of it. */
  readonly abandoned: readonly string[];
  /** Every call, in order. */
  readonly calls: readonly string[];
  /** How many of the calls had been made when the last fault happened. */
  readonly callsAtLastFault: number;
  /** How many had been made when the execution ended. */
  readonly callsAtEnd: number;
  /** How many of the faults happened: a call that is never made meets none. */
  readonly faultsMet: number;
  /** Functions that were invoked and that nobody has given. */
  readonly missingFunctions: readonly string[];
  readonly timeline: readonly TimelineEvent[];
  /** Of the explored execution. */
  history(): Promise<ExportedHistory>;
}

/** Replays the logs with the state machine of the stores, and keeps what it drops. */
export function treeOf({ head, entries }: Pick<LoadedExecution, "head" | "entries">): OperationTree {
  const state = new ExecutionState(exactExecutionId(head), head.startedAtMs);
  const tree = new Map<string, Operation>();
  for (const entry of entries) {
    const transition = apply(state, entry.records, entry.atMs);
    if (isRejection(transition)) continue;
    for (const operation of transition.operations) tree.set(operation.Id as string, operation);
    state.commit(transition);
  }
  return tree;
}

/** Under which a callback is answered: its own name, or that of the `waitForCallback` around it. */
export function callbackNameOf(callback: Operation | undefined, tree: OperationTree): string | undefined {
  return callback?.Name ?? tree.get(callback?.ParentId ?? "")?.Name;
}

/** `3 "charge"`. */
export function labelOf({ Id, Name }: Pick<Operation, "Id" | "Name">): string {
  return Name === undefined ? `${Id}` : `${Id} ${JSON.stringify(Name)}`;
}

/** What an entry says, in short. */
export function describeRecords(records: readonly LogRecord[]): string {
  return records
    .map(({ update, event }) =>
      update === undefined ? `${event.kind} ${event.id}` : `${update.Action} ${labelOf(update)}`,
    )
    .join(", ");
}

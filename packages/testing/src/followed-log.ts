/** Owns what the log of one execution says, entry by entry as it grows: nothing is read twice. */

import {
  apply,
  type ExecutionHead,
  ExecutionState,
  exactExecutionId,
  historyOf,
  isRejection,
  type LogEntry,
} from "@tidemark/protocol";
import type { ExecutionTrack } from "./execution-track.js";
import type { RecordedEvent } from "./recorded-events.js";
import type { ExecutionStatus } from "./test-types.js";

export class FollowedLog {
  #head: ExecutionHead;
  readonly #track: ExecutionTrack;
  readonly #state: ExecutionState;
  readonly #entries: LogEntry[] = [];
  #events:
    | { readonly of: ExecutionHead; readonly count: number; readonly events: RecordedEvent[] }
    | undefined;

  constructor(head: ExecutionHead, track: ExecutionTrack) {
    this.#head = head;
    this.#track = track;
    this.#state = new ExecutionState(exactExecutionId(head), head.startedAtMs);
  }

  get executionId(): string {
    return this.#head.executionId;
  }

  /** When the next timer of an operation is due. */
  get nextDueMs(): number | undefined {
    return this.#state.nextDueMs();
  }

  append(entry: LogEntry): void {
    this.#entries.push(entry);
    const transition = apply(this.#state, entry.records, entry.atMs);
    if (isRejection(transition)) return;
    this.#state.commit(transition);
    this.#track.changed(transition.operations);
  }

  ended(head: ExecutionHead): void {
    this.#head = head;
    const { result, error } = head;
    this.#track.ended({ status: head.status as ExecutionStatus, result, error });
  }

  events(): readonly RecordedEvent[] {
    const count = this.#entries.length;
    if (this.#events?.count !== count || this.#events.of !== this.#head) {
      // The same events, with the members of each type spelled out.
      const events = historyOf(this.#head, this.#entries) as unknown as RecordedEvent[];
      this.#events = { of: this.#head, count, events };
    }
    return this.#events.events;
  }
}

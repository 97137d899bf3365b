/**
 * Owns where a log has to be cut off for a replay to show all that any cut can show.
 *
 * A replay of a prefix does what the replay of a longer one does up to there, with two exceptions:
 *
 * 1. Code of a context that has ended does not run, and callbacks in it are not waited for. So the longest prefix in which it is still open is a cut:
 *    just before its end.
 * 2. An operation that is under way has to be asked for with the outcomes of the prefix alone, while a longer one has
 *    more of them. So the entry with its start is a cut, if an outcome of another operation comes before its own.
 *
 * All other prefixes show nothing that the next cut does not show: handlers without contexts, whose operations come
 * one after the other, are replayed whole and nowhere else.
 */

import {
  apply,
  ExecutionState,
  exactExecutionId,
  isRejection,
  isSettled,
  type Operation,
} from "@tidemark/protocol";
import type { RecordedExecution } from "./replay-history.js";

interface Cut {
  /** How many entries are left. */
  readonly count: number;
  /** The same for logs that say the same to a replay, whatever time it was and however the entries were divided. */
  readonly key: string;
}

/** Gives a short name to a text, and the same one whenever it sees that text again. */
type Intern = (text: string) => number;

/** Where to cut, from the first entry to the last. The whole log is not among them. */
export function cutsOf({ head, entries }: RecordedExecution, intern: Intern): readonly Cut[] {
  const cuts = new Map<number, string>();
  const keys: string[] = [];
  const state = new ExecutionState(exactExecutionId(head), head.startedAtMs);
  /** Under way and asked for in no cut so far, with the count of entries up to the start. */
  const unasked = new Map<string, number>();
  const underWay = new Map<string, string>();
  const contexts = new Map<string, { readonly startedAt: number; readonly parentId: string | undefined }>();
  let outcomes = 0;
  for (const [before, entry] of entries.entries()) {
    const count = before + 1;
    const transition = apply(state, entry.records, entry.atMs);
    if (isRejection(transition)) break;
    for (const operation of inOrder(transition.operations)) {
      const id = operation.Id as string;
      const isNew = !underWay.has(id);
      const isCallback = operation.Type === "CALLBACK";
      if (isNew && operation.Type === "CONTEXT")
        contexts.set(id, { startedAt: count, parentId: operation.ParentId });
      // The id of a callback is an outcome: the replay waits until the callback is asked for.
      if (isNew && !isCallback) unasked.set(id, count);
      underWay.set(id, timeless(operation));
      if (!isSettled(operation) && !(isNew && isCallback)) continue;
      outcomes = intern(`${outcomes} ${timeless(operation)}`);
      unasked.delete(id);
      if (isSettled(operation)) underWay.delete(id);
      if (operation.Type === "CONTEXT" && (contexts.get(id)?.startedAt ?? count) < count)
        cuts.set(before, keys[before - 1] as string);
      const above = ancestorsOf(operation, contexts);
      for (const [other, startedAt] of unasked) {
        if (startedAt === count || above.has(other)) continue;
        cuts.set(startedAt, keys[startedAt - 1] as string);
        unasked.delete(other);
      }
    }
    state.commit(transition);
    keys.push(`${outcomes} ${intern([...underWay.values()].sort().join())}`);
  }
  return [...cuts].map(([count, key]) => ({ count, key })).sort((a, b) => a.count - b.count);
}

/** What a replay gets to see of an operation. */
function timeless(operation: Operation): string {
  return JSON.stringify(operation, (key, value) => (/(Timestamp|Order)$/.test(key) ? undefined : value));
}

/** Outcomes as they are delivered; what has none yet comes first. */
function inOrder(operations: readonly Operation[]): readonly Operation[] {
  return operations.toSorted((a, b) => (a.SettleOrder ?? 0) - (b.SettleOrder ?? 0));
}

/** What is asked for by whoever asks for the operation. */
function ancestorsOf(
  { ParentId }: Operation,
  contexts: ReadonlyMap<string, { readonly parentId: string | undefined }>,
): ReadonlySet<string> {
  const above = new Set<string>();
  for (let id = ParentId; id !== undefined; id = contexts.get(id)?.parentId) above.add(id);
  return above;
}

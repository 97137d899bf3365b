/**
 * Owns the removal of objects that nothing points at: of writers that lost their place in the log
 * or died before they used it, and of executions that have been removed.
 *
 * An object is removed only when every execution of its tree has ended for good or is gone, so that nobody can be
 * about to point at it; when its hash occurs nowhere in what is recorded of the tree; and when it is old.
 */

import { exactExecutionId, type OptionNames, requireOptionNames, TidemarkError } from "@tidemark/protocol";
import { ExecutionTrees, MAX_LISTS } from "./execution-tree.js";
import { hasEndedForGood } from "./head.js";
import type { StoredPayload } from "./payload-store.js";
import { parsePayloadKey } from "./payloads.js";
import type { ExecutionStore } from "./port.js";

export interface CollectOptions {
  /** The store with its `payloads`. */
  readonly store: ExecutionStore;
  /** Now, in milliseconds since 1970. */
  readonly nowMs: number;
  /** Younger objects stay. Default: one day. */
  readonly minAgeMs?: number;
}

export interface Collected {
  readonly removed: number;
  readonly removedBytes: number;
  /** Objects that stay: pointed at, young, or of an execution that goes on. */
  readonly kept: number;
}

interface Candidate extends StoredPayload {
  readonly hash: string;
}

const NAMES: OptionNames<CollectOptions> = { store: true, nowMs: true, minAgeMs: true };

/** Of a log that is damaged, or that a newer version wrote. */
const UNREADABLE = new Set<unknown>([
  "TIDEMARK_LOG_CORRUPT",
  "TIDEMARK_LOG_VERSION",
  "TIDEMARK_STORE_VERSION",
]);

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * Removes objects of the payload store that nothing points at. It reads the list of all objects and the logs of the
 * executions that old ones belong to, and, when one of those is gone, the list of all executions. Objects of executions
 * whose logs cannot be read stay.
 *
 * @throws TidemarkError `TIDEMARK_PAYLOAD_OPTIONS`.
 * @example
 * ```ts
 * const { removed, removedBytes } = await collectPayloads({ store, nowMs: Date.now() });
 * ```
 */
export async function collectPayloads(options: CollectOptions): Promise<Collected> {
  requireOptionNames(
    options,
    NAMES,
    (problem) => new TidemarkError("TIDEMARK_PAYLOAD_OPTIONS", `collectPayloads: ${problem}`),
  );
  const { store, nowMs, minAgeMs = DAY_MS } = options;
  const objects = store.payloads?.store;
  if (objects === undefined) return { removed: 0, removedBytes: 0, kept: 0 };
  const byRoot = new Map<string, Candidate[]>();
  let count = 0;
  for await (const object of objects.list("")) {
    count += 1;
    if (object.modifiedAtMs > nowMs - minAgeMs) continue;
    const parsed = parsePayloadKey(object.key);
    if (parsed === undefined) continue;
    const candidate = { ...object, hash: parsed.hash };
    const old = byRoot.get(parsed.root);
    if (old === undefined) byRoot.set(parsed.root, [candidate]);
    else old.push(candidate);
  }
  let removed = 0;
  let removedBytes = 0;
  const trees = new ExecutionTrees(store);
  let left = [...byRoot];
  for (let lists = 0; left.length > 0 && lists <= MAX_LISTS; lists++) {
    // Once for all trees of which something is gone, and after that was seen: later, it would have left more behind.
    if (lists > 0) await trees.readList();
    const unknown: typeof left = [];
    for (const [root, old] of left) {
      const orphans = await orphansOf(store, trees, root, old);
      if (orphans === undefined) {
        unknown.push([root, old]);
        continue;
      }
      await objects.delete(orphans.map(({ key }) => key));
      removed += orphans.length;
      removedBytes += orphans.reduce((sum, { bytes }) => sum + bytes, 0);
    }
    left = unknown;
  }
  return { removed, removedBytes, kept: count - removed };
}

/** `undefined`: something of the tree is gone, and what it has left behind is not known. */
async function orphansOf(
  store: ExecutionStore,
  trees: ExecutionTrees,
  root: string,
  old: readonly Candidate[],
): Promise<readonly Candidate[] | undefined> {
  let orphans = old;
  let isWhole = true;
  try {
    for await (const found of trees.of(root)) {
      if (found === undefined) {
        isWhole = false;
        continue;
      }
      const { head, log } = found;
      // One that was stopped can be resumed, and one that runs may be about to point at anything.
      if (!hasEndedForGood(head.status)) return [];
      // The history stays readable, also where a snapshot stands for it.
      const recorded = JSON.stringify([head, await log(), await store.inbox(exactExecutionId(head))]);
      orphans = orphans.filter(({ hash }) => !recorded.includes(hash));
      if (orphans.length === 0) return [];
    }
  } catch (error) {
    // Nobody knows what it points at, and the others need not wait for it.
    if (UNREADABLE.has((error as { code?: unknown }).code)) return [];
    throw error;
  }
  return isWhole ? orphans : undefined;
}

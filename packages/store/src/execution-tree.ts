/**
 * Owns the walk over a tree of executions: its root, what it has invoked, what those have, and so on.
 *
 * Logs say who has invoked whom. Where one is gone, what is left of the tree is found in a list of all executions: what
 * has been invoked can outlive whoever has not waited for it.
 */

import { childExecutionId, type ExecutionHead, exactExecutionId, type LogEntry } from "@tidemark/protocol";
import { hasEndedForGood } from "./head.js";
import type { ExecutionStore } from "./port.js";
import { wholeLog } from "./whole-log.js";

interface ExecutionInTree {
  readonly head: ExecutionHead;
  log(): Promise<readonly LogEntry[]>;
}

const LIST_PAGE = 1000;

/** Lists that are read for trees of which more is found gone each time. */
export const MAX_LISTS = 4;

export class ExecutionTrees {
  readonly #store: ExecutionStore;
  /** What was gone before the newest list was read: the list has all that it has left behind. */
  readonly #gone = new Set<string>();
  #listed: ReadonlyMap<string, readonly string[]> = new Map();

  constructor(store: ExecutionStore) {
    this.#store = store;
  }

  /** Makes known what has been left behind by all that has been found gone so far. */
  async readList(): Promise<void> {
    this.#listed = await invokedByRoot(this.#store);
  }

  /**
   * All executions of the tree that are there, each once. The id is exact. `undefined` for one that is gone of which
   * nobody knows yet what it has left behind: then what is given is not all, until a list has been read.
   */
  async *of(root: string): AsyncGenerator<ExecutionInTree | undefined> {
    const ids = new Set([root, ...(this.#listed.get(root) ?? [])]);
    for (const executionId of ids) {
      const head = await this.#store.head(executionId);
      if (head === undefined) {
        if (!this.#gone.has(executionId)) yield undefined;
        this.#gone.add(executionId);
        continue;
      }
      let entries: Promise<LogEntry[]> | undefined;
      const log = () => {
        entries ??= wholeLog(this.#store, executionId);
        return entries;
      };
      yield { head, log };
      for (const id of invokedIn(executionId, await log())) ids.add(id);
    }
  }

  /** True when something that the root has brought about goes on, or can be resumed, or when nobody can tell. */
  async hasOpenBelow(root: string): Promise<boolean> {
    for (let lists = 0; lists <= MAX_LISTS; lists++) {
      if (lists > 0) await this.readList();
      let isWhole = true;
      for await (const found of this.of(root)) {
        if (found === undefined) isWhole = false;
        else if (exactExecutionId(found.head) !== root && !hasEndedForGood(found.head.status)) return true;
      }
      if (isWhole) return false;
    }
    return true;
  }
}

/** The exact id of the execution at the root of the tree that this one belongs to. */
export function rootOf(executionId: string): string {
  return executionId.split("~", 1)[0] as string;
}

async function invokedByRoot(store: ExecutionStore): Promise<Map<string, string[]>> {
  const byRoot = new Map<string, string[]>();
  let cursor: string | undefined;
  do {
    const page = await store.list({ limit: LIST_PAGE, cursor });
    for (const { executionId } of page.heads) {
      const root = rootOf(executionId);
      if (root === executionId) continue;
      const ids = byRoot.get(root);
      if (ids === undefined) byRoot.set(root, [executionId]);
      else ids.push(executionId);
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  return byRoot;
}

function invokedIn(executionId: string, entries: readonly LogEntry[]): string[] {
  return entries.flatMap(({ records }) =>
    records.flatMap(({ update }) =>
      update?.Type === "CHAINED_INVOKE" && update.Id !== undefined
        ? [childExecutionId(executionId, update.Id)]
        : [],
    ),
  );
}

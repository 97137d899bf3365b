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

export class ExecutionTrees {
  readonly #store: ExecutionStore;
  #listed: Promise<ReadonlyMap<string, readonly string[]>> | undefined;

  constructor(store: ExecutionStore) {
    this.#store = store;
  }

  /** All executions of the tree that are there, each once. The id is exact. */
  async *of(root: string): AsyncGenerator<ExecutionInTree> {
    const ids = new Set([root]);
    for (const executionId of ids) {
      const head = await this.#store.head(executionId);
      if (head === undefined) {
        this.#listed ??= invokedByRoot(this.#store);
        for (const id of (await this.#listed).get(root) ?? []) ids.add(id);
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

  /** True when something that the root has brought about goes on, or can be resumed. */
  async hasOpenBelow(root: string): Promise<boolean> {
    for await (const { head } of this.of(root))
      if (exactExecutionId(head) !== root && !hasEndedForGood(head.status)) return true;
    return false;
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

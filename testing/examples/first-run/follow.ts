/** Owns following an execution from another process: its history, whenever something has changed. */

import { setTimeout as sleep } from "node:timers/promises";
import type { HistoryEvent } from "@tidemark/protocol";
import type { DurableClient } from "@tidemark/runtime";
import type { ExecutionStore } from "@tidemark/store";

/** Shortest time between two looks: a history is read as a whole. */
const LOOK_INTERVAL_MS = 50;

/** Longest time between two looks: not every store hears of the changes of other processes. */
const LOOK_AGAIN_MS = 300;

/** Gives the history now and after changes, until the execution has ended. */
export async function* follow(
  store: ExecutionStore,
  client: DurableClient,
  executionId: string,
): AsyncGenerator<readonly HistoryEvent[]> {
  let changed = (): void => {};
  const unsubscribe = store.onChange(() => changed());
  try {
    for (;;) {
      const change = new Promise<void>((resolve) => {
        changed = resolve;
      });
      const history = await client.history(executionId);
      yield history;
      if (hasEnded(history)) return;
      await Promise.race([change, sleep(LOOK_AGAIN_MS)]);
      await sleep(LOOK_INTERVAL_MS);
    }
  } finally {
    unsubscribe();
  }
}

function hasEnded(history: readonly HistoryEvent[]): boolean {
  return /^Execution(Succeeded|Failed|TimedOut|Stopped)$/.test(history.at(-1)?.EventType ?? "");
}

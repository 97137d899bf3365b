/** Owns what a history of the workflow says while it runs: how far it is, and what it waits for. */

import type { HistoryEvent } from "@tidemark/protocol";

/** Territories whose survey has ended, well or not. */
export function itemsDone(history: readonly HistoryEvent[]): number {
  const survey = history.find(({ Name }) => Name === "survey")?.Id;
  return history.filter(
    ({ EventType, ParentId }) => ParentId === survey && /^Context(Succeeded|Failed)$/.test(EventType),
  ).length;
}

/** The id of the callback that the workflow waits for. */
export function openCallback(history: readonly HistoryEvent[]): string | undefined {
  const details = detailsOf(history, "CallbackStarted") as { readonly CallbackId?: string } | undefined;
  return details?.CallbackId;
}

export function invokedExecution(history: readonly HistoryEvent[]): string {
  const details = detailsOf(history, "ChainedInvokeStarted") as { readonly DurableExecutionArn: string };
  return details.DurableExecutionArn;
}

function detailsOf(history: readonly HistoryEvent[], type: string): Record<string, unknown> | undefined {
  return history.find(({ EventType }) => EventType === type)?.[`${type}Details`];
}

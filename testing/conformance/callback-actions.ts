/**
 * Owns what the outside world does to the callbacks of a case, and when.
 *
 * 1. An action is armed when its callback is open, and due `Delay` seconds (default 0) after that.
 *    Each named action counts for itself: in 4-19 the second of two is due first.
 * 2. `*` is the open callback. These actions go one after the other, so that a later one can mean a
 *    callback that exists only after the earlier one (and in 7-13 means the same one again).
 * 3. Actions that are due at the same time happen in the order of the case.
 */

import type { ErrorObject, HistoryEvent } from "@tidemark/protocol";
import type { TestRuntime } from "../kit/test-runtime";
import type { CallbackAction } from "./cases";
import type { Variables } from "./variables";

/** Virtual time moves in steps this long between two looks at the history. Delays are whole seconds. */
const STEP_MS = 250;
/** An action whose callback has not appeared by then never happens. */
const MAX_STEPS = 4 * 3600;

interface PendingAction {
  readonly action: CallbackAction;
  armed?: { readonly callbackId: string; readonly dueAtMs: number };
}

/** Plays all actions; gives what could not be played. */
export async function playCallbackActions(
  actions: readonly CallbackAction[],
  runtime: TestRuntime,
  executionId: string,
  variables: Variables,
): Promise<string[]> {
  let pending: PendingAction[] = actions.map((action) => ({ action }));
  for (let step = 0; pending.length > 0 && step < MAX_STEPS; step++) {
    await runtime.settle();
    const history = await runtime.history(executionId);
    if (hasEnded(history)) break;
    const nowMs = step * STEP_MS;
    arm(pending, openCallbacks(history), nowMs, variables);
    const due = pending.find(({ armed }) => armed !== undefined && armed.dueAtMs <= nowMs);
    if (due === undefined) {
      await runtime.advance(STEP_MS);
      continue;
    }
    await play(due, runtime, variables);
    pending = pending.filter((other) => other !== due);
    // The same moment again: what the action has caused may be the callback of the next one.
    step--;
  }
  return pending.map(
    ({ action }) => `the callback ${action.CallbackName} was not there for ${action.Operation}`,
  );
}

function hasEnded(history: readonly HistoryEvent[]): boolean {
  return /^Execution(Succeeded|Failed|TimedOut|Stopped)$/.test(history.at(-1)?.EventType ?? "");
}

/** Callbacks without an outcome, oldest first. */
function openCallbacks(history: readonly HistoryEvent[]): HistoryEvent[] {
  const settled = new Set(
    history
      .filter(({ EventType }) => /^Callback(Succeeded|Failed|TimedOut)$/.test(EventType))
      .map(({ Id }) => Id),
  );
  return history.filter(({ EventType, Id }) => EventType === "CallbackStarted" && !settled.has(Id));
}

function arm(
  pending: readonly PendingAction[],
  open: readonly HistoryEvent[],
  nowMs: number,
  variables: Variables,
): void {
  const firstWildcard = pending.find(({ action }) => action.CallbackName === "*");
  for (const item of pending) {
    if (item.armed !== undefined) continue;
    const isWildcard = item.action.CallbackName === "*";
    if (isWildcard && item !== firstWildcard) continue;
    const name = variables.substitute(item.action.CallbackName);
    const callback = open.find((event) => isWildcard || event.Name === name);
    const callbackId = callback?.CallbackStartedDetails?.CallbackId;
    if (typeof callbackId !== "string") continue;
    item.armed = { callbackId, dueAtMs: nowMs + (item.action.Delay ?? 0) * 1000 };
  }
}

async function play(
  { action, armed }: PendingAction,
  runtime: TestRuntime,
  variables: Variables,
): Promise<void> {
  const { callbackId } = armed as NonNullable<typeof armed>;
  const payload = action.Payload === undefined ? undefined : variables.resolve(action.Payload);
  switch (action.Operation) {
    case "success":
      await runtime.client.sendCallbackSuccess(
        callbackId,
        payload === undefined ? undefined : JSON.stringify(payload),
      );
      break;
    case "failure":
      // The cases write an error as the API takes it.
      await runtime.client.sendCallbackFailure(callbackId, (payload ?? {}) as ErrorObject);
      break;
    case "heartbeat":
      await runtime.client.sendCallbackHeartbeat(callbackId);
      break;
    default:
      throw new Error(`the callback operation ${String(action.Operation)} is not known`);
  }
}

/** Owns the port to a system where executions run, and the one for stores of our own. */

import { isTerminal } from "@tidemark/protocol";
import type { DurableClient } from "@tidemark/runtime";
import type { CallbackSender } from "./execution-track.js";
import type { RecordedEvent } from "./recorded-events.js";

/** What a runner needs of a system in which executions run by themselves. */
export interface HistorySource extends CallbackSender {
  /** Starts an execution and gives its id, or its ARN. */
  start(functionName: string, payload: unknown): Promise<string>;
  /** All that has happened, in order. */
  history(executionId: string): Promise<readonly RecordedEvent[]>;
  /** Settles when the execution has ended, as far as the system tells; never else. */
  ended(executionId: string): Promise<void>;
}

/** Executions in a store: workers elsewhere, or in this process, run them. */
export function clientSource(client: DurableClient): HistorySource {
  return {
    start: async (functionName, payload) => {
      const { executionId } = await client.start(
        functionName,
        payload === undefined ? {} : { input: payload },
      );
      return executionId;
    },
    // The same events, with the members of each type spelled out.
    history: async (executionId) => (await client.history(executionId)) as unknown as RecordedEvent[],
    ended: async (executionId) => {
      await client.result(executionId).catch(async (error: unknown) => {
        if (!isTerminal((await client.describe(executionId)).status)) throw error;
      });
    },
    sendCallbackSuccess: (callbackId, result) => client.sendCallbackSuccess(callbackId, result),
    sendCallbackFailure: (callbackId, error) => client.sendCallbackFailure(callbackId, error),
    sendCallbackHeartbeat: (callbackId) => client.sendCallbackHeartbeat(callbackId),
  };
}

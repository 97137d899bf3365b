/** Owns executions in the managed service: the calls of the Lambda durable execution API. */

import { TidemarkError } from "@tidemark/protocol";
import { type LambdaSender, lambdaConnection } from "@tidemark/sdk";
import type { HistorySource } from "./history-source.js";
import type { RecordedEvent } from "./recorded-events.js";
import type { InvocationType } from "./test-types.js";

type Command =
  | "InvokeCommand"
  | "GetDurableExecutionHistoryCommand"
  | "SendDurableExecutionCallbackSuccessCommand"
  | "SendDurableExecutionCallbackFailureCommand"
  | "SendDurableExecutionCallbackHeartbeatCommand";

interface HistoryPage {
  readonly Events?: readonly RecordedEvent[];
  readonly NextMarker?: string;
}

/** Events of one page. Source: Lambda API, GetDurableExecutionHistory. */
const MAX_ITEMS = 1000;

/** What is known of a history: pages that are full do not change any more. */
interface ReadSoFar {
  readonly events: RecordedEvent[];
  marker: string | undefined;
}

export function lambdaSource(given: LambdaSender | undefined, invocationType: InvocationType): HistorySource {
  const connect = lambdaConnection<Command>(given, {
    missing: (name) =>
      `CloudDurableTestRunner speaks to Lambda with ${name}, which is not installed; install it, or pass a DurableClient as client`,
  });
  const send = async (command: Command, input: object): Promise<unknown> => {
    const { client, module } = await connect();
    return client.send(new module[command](input));
  };
  const read = new Map<string, ReadSoFar>();
  return {
    start: async (FunctionName, payload) => {
      const answer = (await send("InvokeCommand", {
        FunctionName,
        ...(payload === undefined ? {} : { Payload: JSON.stringify(payload) }),
        InvocationType: invocationType,
      })) as { DurableExecutionArn?: string };
      if (answer.DurableExecutionArn !== undefined) return answer.DurableExecutionArn;
      throw new TidemarkError(
        "TIDEMARK_TEST_CONFIG",
        `function ${JSON.stringify(FunctionName)} was invoked, and the answer names no durable execution; is it a durable function, and does the name have a version or an alias?`,
      );
    },
    history: async (arn) => {
      const sofar = read.get(arn) ?? { events: [], marker: undefined };
      read.set(arn, sofar);
      for (;;) {
        const { Events = [], NextMarker } = (await send("GetDurableExecutionHistoryCommand", {
          DurableExecutionArn: arn,
          IncludeExecutionData: true,
          MaxItems: MAX_ITEMS,
          ...(sofar.marker === undefined ? {} : { Marker: sofar.marker }),
        })) as HistoryPage;
        if (!NextMarker) return [...sofar.events, ...Events];
        sofar.events.push(...Events);
        sofar.marker = NextMarker;
      }
    },
    // The API cannot be waited on.
    ended: () => new Promise(() => {}),
    sendCallbackSuccess: async (CallbackId, result) => {
      const Result = result === undefined ? {} : { Result: new TextEncoder().encode(result) };
      await send("SendDurableExecutionCallbackSuccessCommand", { CallbackId, ...Result });
    },
    sendCallbackFailure: async (CallbackId, error) => {
      await send("SendDurableExecutionCallbackFailureCommand", {
        CallbackId,
        ...(error === undefined ? {} : { Error: error }),
      });
    },
    sendCallbackHeartbeat: async (CallbackId) => {
      await send("SendDurableExecutionCallbackHeartbeatCommand", { CallbackId });
    },
  };
}

/** Owns how the executions of chained invokes are started. Their ids are derived: starting one twice is harmless. */

import {
  type ChainedInvokeDetails,
  childExecutionId,
  type ExecutionHead,
  exactExecutionId,
} from "@tidemark/protocol";
import { type ExecutionStore, settleKey } from "@tidemark/store";
import { isFunctionName } from "./registration.js";

/** Of a name: an input that was taken for one may be long. */
const SHOWN_LENGTH = 200;

interface ChainedInvoke {
  readonly operationId: string;
  readonly details: ChainedInvokeDetails;
  readonly nowMs: number;
}

/** Below the 50 sockets of an AWS client: of thousands at a time most would wait for one until they seem unanswered. */
const MAX_CONCURRENT = 32;

/** Starts the children, so many at a time as a store can answer. The first failure fails all. */
export async function startChildren(
  store: ExecutionStore,
  parent: ExecutionHead,
  invokes: readonly ChainedInvoke[],
): Promise<void> {
  const left = invokes.values();
  const lane = async (): Promise<void> => {
    for (const invoke of left) await startChild(store, parent, invoke);
  };
  await Promise.all(Array.from({ length: MAX_CONCURRENT }, lane));
}

/** Starts the child, or posts to the parent's inbox that nobody has the function. */
async function startChild(
  store: ExecutionStore,
  parent: ExecutionHead,
  { operationId, details, nowMs }: ChainedInvoke,
): Promise<void> {
  const functionName = details.FunctionName as string;
  const executionId = exactExecutionId(parent);
  if (isFunctionName(functionName) && (await store.hasFunction(functionName))) {
    await store.start({
      executionId: childExecutionId(executionId, operationId),
      functionName,
      parent: { executionId, operationId },
      input: details.InputPayload,
      startedAtMs: nowMs,
      timeoutAtMs: parent.timeoutAtMs,
      retentionMs: parent.retentionMs,
      ...(details.TenantId === undefined ? {} : { tenantId: details.TenantId }),
    });
    return;
  }
  const ErrorMessage =
    `no worker has registered function ${JSON.stringify(functionName.slice(0, SHOWN_LENGTH))}; register it, or correct the name. ` +
    "Two texts are a name and a function: to pass a text as the input, call invoke(name, function, input)";
  await store.post({
    executionId,
    key: settleKey(operationId),
    event: {
      kind: "invoke_settled",
      id: operationId,
      outcome: "FAILED",
      error: { ErrorType: "TIDEMARK_UNKNOWN_FUNCTION", ErrorMessage },
    },
    nowMs,
    mode: "once",
    wake: true,
  });
}

/** Owns how the execution of a chained invoke is started. Its id is derived: starting it twice is harmless. */

import { type ChainedInvokeDetails, childExecutionId, type ExecutionHead } from "@tidemark/protocol";
import { type ExecutionStore, settleKey } from "@tidemark/store";
import { isFunctionName } from "./registration.js";

/** Of a name: an input that was taken for one may be long. */
const SHOWN_LENGTH = 200;

interface ChainedInvoke {
  readonly operationId: string;
  readonly details: ChainedInvokeDetails;
  readonly nowMs: number;
}

/** Starts the child, or posts to the parent's inbox that nobody has the function. */
export async function startChild(
  store: ExecutionStore,
  parent: ExecutionHead,
  { operationId, details, nowMs }: ChainedInvoke,
): Promise<void> {
  const functionName = details.FunctionName as string;
  const { executionId } = parent;
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

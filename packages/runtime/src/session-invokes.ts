/** Owns how the executions of chained invokes are started. Their ids are derived: starting one twice is harmless. */

import {
  type ChainedInvokeDetails,
  childExecutionId,
  type ExecutionHead,
  exactExecutionId,
} from "@tidemark/protocol";
import { type ExecutionStore, isHeldBy, settleKey } from "@tidemark/store";
import type { Clock } from "./clock.js";
import { isFunctionName } from "./registration.js";
import { superseded } from "./session-errors.js";

/** Of a name: an input that was taken for one may be long. */
const SHOWN_LENGTH = 200;

interface ChainedInvoke {
  readonly operationId: string;
  readonly details: ChainedInvokeDetails;
}

interface Invoker {
  readonly store: ExecutionStore;
  readonly clock: Clock;
  /** As its lease was taken. */
  readonly parent: ExecutionHead;
  /** When the lease was held, as far as the parent knows. */
  readonly heldAtMs: number;
}

/** Below the 50 sockets of an AWS client: of thousands at a time most would wait for one until they seem unanswered. */
const MAX_CONCURRENT = 32;

/**
 * After so long the process may have stood still while another went on for it: a child that has been started, has ended and
 * has been removed must not be started again. An append takes less, and a lease is longer.
 */
const STOOD_STILL_MS = 1000;

/**
 * Starts the children, so many at a time as a store can answer. The first failure fails all.
 *
 * @throws DurableExecutionClientError `TIDEMARK_SUPERSEDED` when it has taken long, and the lease is gone.
 */
export async function startChildren(invoker: Invoker, invokes: readonly ChainedInvoke[]): Promise<void> {
  const left = invokes.values();
  let { heldAtMs } = invoker;
  const requireLease = async (): Promise<void> => {
    const nowMs = invoker.clock.nowMs();
    if (nowMs - heldAtMs > STOOD_STILL_MS) await requireHeld(invoker);
    heldAtMs = nowMs;
  };
  const lane = async (): Promise<void> => {
    for (const invoke of left) await startChild(invoker, invoke, requireLease);
  };
  await Promise.all(Array.from({ length: MAX_CONCURRENT }, lane));
}

async function requireHeld({ store, parent }: Invoker): Promise<void> {
  const executionId = exactExecutionId(parent);
  const head = await store.head(executionId);
  if (head === undefined || !isHeldBy(head, parent.epoch)) throw superseded(executionId, parent.epoch);
}

/** Starts the child, or posts to the parent's inbox that nobody has the function. */
async function startChild(
  { store, clock, parent }: Invoker,
  { operationId, details }: ChainedInvoke,
  requireLease: () => Promise<void>,
): Promise<void> {
  const functionName = details.FunctionName as string;
  const executionId = exactExecutionId(parent);
  if (isFunctionName(functionName) && (await store.hasFunction(functionName))) {
    await requireLease();
    await store.start({
      executionId: childExecutionId(executionId, operationId),
      functionName,
      parent: { executionId, operationId },
      input: details.InputPayload,
      startedAtMs: clock.nowMs(),
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
    nowMs: clock.nowMs(),
    mode: "once",
    wake: true,
  });
}

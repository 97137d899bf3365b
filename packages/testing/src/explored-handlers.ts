/** Owns how handlers are run so that a test kit sees their bodies, and can put others in their place. */

import {
  type DurableExecutionClient,
  type DurableExecutionInvocationInput,
  DurableExecutionInvocationInputWithClient,
  type ExecutionProbe,
  executionIdOf,
  READS_STAND_INS,
} from "@tidemark/protocol";
import type { DurableHandler } from "@tidemark/runtime";
import type { LambdaContext } from "@tidemark/sdk";

/** What surrounds one invocation. */
export interface Surroundings {
  readonly probe: ExecutionProbe;
  /** Runs the handler's code. */
  run<T>(fn: () => Promise<T>): Promise<T>;
}

/** The handler with a probe in each of its invocations. */
export function probedHandler(
  handler: DurableHandler,
  surround: (executionId: string) => Surroundings,
): DurableHandler {
  const probed: DurableHandler = (event: DurableExecutionInvocationInput, context: LambdaContext) => {
    const { probe, run } = surround(executionIdOf(event.DurableExecutionArn));
    return run(() => handler(withProbe(event, probe), context));
  };
  // Whoever runs it must know what it reads.
  if (Object.hasOwn(handler, READS_STAND_INS))
    Object.defineProperty(probed, READS_STAND_INS, { value: true });
  return probed;
}

function withProbe(
  event: DurableExecutionInvocationInput,
  probe: ExecutionProbe,
): DurableExecutionInvocationInput {
  if (!DurableExecutionInvocationInputWithClient.isInstance(event)) return event;
  const inner = event.durableExecutionClient;
  const client: DurableExecutionClient = {
    checkpoint: (request, logger) => inner.checkpoint(request, logger),
    getExecutionState: (request, logger) => inner.getExecutionState(request, logger),
    hostOptions: { ...inner.hostOptions, probe },
  };
  return new DurableExecutionInvocationInputWithClient(event, client);
}

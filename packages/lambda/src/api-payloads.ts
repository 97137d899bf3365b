/** Owns the input and the result of an execution as they were written: what parsed them would change numbers. */

import { type ExecutionStore, plainPayloads } from "@tidemark/store";

interface ExecutionPayloads {
  readonly input?: string;
  readonly result?: string;
}

export async function payloadsOf(store: ExecutionStore, executionId: string): Promise<ExecutionPayloads> {
  const { input, result } = (await store.head(executionId)) ?? {};
  const payloads = store.payloads ?? plainPayloads;
  return {
    ...(input === undefined ? {} : { input: await payloads.read(input) }),
    ...(result === undefined ? {} : { result: await payloads.read(result) }),
  };
}

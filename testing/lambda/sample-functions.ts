/** Functions for the tests of the local Lambda. */

import { wakeUpEvent } from "@tidemark/lambda";

let invocations = 0;

export function count(event: unknown, context: { readonly awsRequestId: string }): unknown {
  invocations += 1;
  return { invocations, event, hasId: context.awsRequestId !== "" };
}

export async function fail(): Promise<never> {
  throw new RangeError("too much");
}

/** Keeps the process busy until it is killed. */
export function hang(): void {
  for (;;) wakeUpEvent("on and on");
}

/**
 * Owns what fragments that run may take for granted: the names of `ambient.ts` that they use, for real.
 * The code of a fragment is the code of a handler, on the test runner.
 */

import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { LocalDurableTestRunner } from "@tidemark/testing";
import type { Order } from "./ambient";

/** Of the invocation that runs. */
export let context: DurableContext;

export const order: Order = { id: "o-1", amountCents: 1200, items: ["book"] };
export const orders: readonly Order[] = [order, { id: "o-2", amountCents: 800, items: ["pen", "paper"] }];

/** @throws the error of the fragment. */
export async function runFragment(fragment: () => Promise<unknown>): Promise<void> {
  const handlerFunction = withDurableExecution(async (_event: unknown, given) => {
    context = given;
    await fragment();
  });
  const result = await new LocalDurableTestRunner({ handlerFunction }).run();
  result.getResult();
}

/** Stands in for the README's handler as long as the README has no TypeScript block. */

import { type DurableContext, withDurableExecution } from "@tidemark/sdk";

interface Order {
  readonly id: string;
  readonly amount: number;
}

export const handler = withDurableExecution(async (order: Order, context: DurableContext) => {
  const receipt = await context.step("charge", async () => `charged ${order.amount}`);
  await context.wait("settle", { seconds: 1 });
  return { id: order.id, receipt };
});

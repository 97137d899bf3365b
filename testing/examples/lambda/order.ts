/** The workflow: charges an order, waits for somebody's approval, and ships it. */

import { lambdaHandler } from "@tidemark/lambda";
import { withDurableExecution } from "@tidemark/sdk";
import { openStore, setting } from "./open-store";

interface Order {
  readonly id: string;
  readonly amountCents: number;
}

export const handler = lambdaHandler({
  store: openStore,
  functionName: setting("AWS_LAMBDA_FUNCTION_NAME"),
  handler: withDurableExecution(async (order: Order, context) => {
    const receipt = await context.step("charge", async () => `receipt for ${order.amountCents}`);
    const approval = await context.waitForCallback(
      "approval",
      async (callbackId) => console.log(JSON.stringify({ order: order.id, callbackId })),
      { timeout: { days: 3 } },
    );
    await context.wait("cooling-off", { seconds: 2 });
    const parcel = await context.step("ship", async () => `parcel of ${order.id}`);
    return { receipt, approval, parcel };
  }),
  key: (order: Order) => order.id,
  timeout: { days: 7 },
  // Shorter waits than that are slept; for longer ones the waker comes.
  inlineWaitMs: 5_000,
});

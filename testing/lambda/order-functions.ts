/** Functions for the test with processes: an order that loses its first process, is approved, and charges. */

import { existsSync, writeFileSync } from "node:fs";
import { lambdaHandler, lambdaInvoke, plainLambda, wakerHandler } from "@tidemark/lambda";
import { withDurableExecution } from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";
import { DynamoDbStore } from "@tidemark/store-dynamodb";

/** What the environment of the functions says. */
export interface OrderEnvironment {
  readonly TABLE: string;
  /** Exists when the first process is gone. */
  readonly CRASHED: string;
  /** Where the ids of callbacks are posted. */
  readonly APPROVALS: string;
}

export interface OrderEvent {
  readonly id: string;
  readonly amount: number;
}

const { TABLE, CRASHED, APPROVALS } = process.env as unknown as OrderEnvironment;

const store = (): Promise<ExecutionStore> => DynamoDbStore.open({ tableName: TABLE, shards: 1 });

export const order = lambdaHandler<OrderEvent>({
  store,
  functionName: "order",
  handler: withDurableExecution(async ({ amount }: OrderEvent, context) => {
    await context.step("reserve", async () => {
      if (existsSync(CRASHED)) return;
      writeFileSync(CRASHED, "");
      process.kill(process.pid, "SIGKILL");
    });
    const approvedBy = await context.waitForCallback("approval", async (callbackId) => {
      await fetch(APPROVALS, { method: "POST", body: callbackId });
    });
    return { approvedBy, receipt: await context.invoke("charge", { amount }) };
  }),
  functions: { charge: plainLambda("charge-function") },
  key: ({ id }) => id,
  leaseMs: 1500,
});

/** Knows nothing of executions. */
export async function chargeFunction({ amount }: { amount: number }): Promise<string> {
  return `charged ${amount}`;
}

export const waker = wakerHandler({
  store,
  functions: ["order", "charge"],
  invoke: lambdaInvoke({ target: () => "order" }),
});

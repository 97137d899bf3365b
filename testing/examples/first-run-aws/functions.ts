/**
 * The Lambda functions of the run, as they would be deployed: nothing here knows that table, bucket and Lambda are local.
 * Their addresses come from the environment, as the AWS SDK reads it.
 */

import { lambdaHandler, wakerHandler } from "@tidemark/lambda";
import { S3PayloadStore } from "@tidemark/payloads-s3";
import { type ExecutionStore, Payloads } from "@tidemark/store";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import type { PlanInput } from "../first-run/territory-plan";
import { translationBudget as budgetWorkflow, planLaunch as planLaunchWorkflow } from "../first-run/workflow";

/** Payloads over this size are kept in the bucket. The default of 256 KB is more than this plan needs. */
const INLINE_LIMIT_BYTES = 2048;

export async function openStore(): Promise<ExecutionStore> {
  const { TABLE = "", BUCKET = "" } = process.env;
  const payloads = new Payloads({
    store: new S3PayloadStore({ bucket: BUCKET }),
    inlineLimitBytes: INLINE_LIMIT_BYTES,
  });
  return DynamoDbStore.open({ tableName: TABLE, payloads });
}

/** What comes in: the same id is the same plan. */
export interface PlanEvent extends PlanInput {
  readonly id: string;
}

/** Busy services fail by intention. Without this, each failure is a line in the log of the function, with its stack. */
const remarkNothing = (): void => {};

export const planLaunch = lambdaHandler<PlanEvent>({
  store: openStore,
  functionName: "plan-launch",
  handler: planLaunchWorkflow,
  onThrown: remarkNothing,
  key: ({ id }) => id,
  input: ({ id, ...input }) => input,
});

export const translationBudget = lambdaHandler({
  store: openStore,
  functionName: "translation-budget",
  handler: budgetWorkflow,
  onThrown: remarkNothing,
});

export const waker = wakerHandler({
  store: openStore,
  functions: ["plan-launch", "translation-budget"],
});

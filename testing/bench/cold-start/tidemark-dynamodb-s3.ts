import { lambdaHandler } from "@tidemark/lambda";
import { S3PayloadStore } from "@tidemark/payloads-s3";
import { withDurableExecution } from "@tidemark/sdk";
import { Payloads } from "@tidemark/store";
import { DynamoDbStore } from "@tidemark/store-dynamodb";

export const handler = lambdaHandler({
  store: () =>
    DynamoDbStore.open({
      tableName: "executions",
      payloads: new Payloads({ store: new S3PayloadStore({ bucket: "payloads" }) }),
    }),
  functionName: "greet",
  handler: withDurableExecution(async (event: { name: string }, context) =>
    context.step("greet", async () => `Hello, ${event.name}`),
  ),
});

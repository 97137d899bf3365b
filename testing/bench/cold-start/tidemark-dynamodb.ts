import { lambdaHandler } from "@tidemark/lambda";
import { withDurableExecution } from "@tidemark/sdk";
import { DynamoDbStore } from "@tidemark/store-dynamodb";

export const handler = lambdaHandler({
  store: () => DynamoDbStore.open({ tableName: "executions" }),
  functionName: "greet",
  handler: withDurableExecution(async (event: { name: string }, context) =>
    context.step("greet", async () => `Hello, ${event.name}`),
  ),
});

/** Our own cloud runner against the Lambda API on our runtime. */

import { LambdaClient } from "@aws-sdk/client-lambda";
import { durableApi, serveApi } from "@tidemark/lambda";
import { withDurableExecution } from "@tidemark/sdk";
import { MemoryStore } from "@tidemark/store";
import { CloudDurableTestRunner } from "@tidemark/testing";

it("follows an execution over HTTP", async () => {
  const greet = withDurableExecution(async (event: { name: string }, context) => {
    const greeting = await context.step("greet", async () => `Hello, ${event.name}!`);
    return context.runInChildContext("child", async (child) =>
      child.step("loud", async () => greeting.toUpperCase()),
    );
  });
  const api = durableApi({ store: new MemoryStore(), functions: { greet } });
  const served = await serveApi(api);
  await api.start();
  const credentials = { accessKeyId: "id", secretAccessKey: "key" };
  const client = new LambdaClient({ endpoint: served.url, region: "eu-west-1", credentials });
  const runner = new CloudDurableTestRunner({ functionName: "greet", client, config: { pollInterval: 5 } });
  const result = await runner.run({ payload: { name: "Ada" } });
  client.destroy();
  await served.close();
  await api.stop();

  expect(result.getStatus()).toBe("SUCCEEDED");
  expect(result.getResult()).toBe("HELLO, ADA!");
  expect(result.getOperations().map((operation) => operation.getName())).toEqual(["greet", "child", "loud"]);
  expect(runner.getOperation("greet").getStepDetails()?.result).toBe("Hello, Ada!");
});

import { withDurableExecution } from "@tidemark/sdk";

export const handler = withDurableExecution(async (event: { name: string }, context) =>
  context.step("greet", async () => `Hello, ${event.name}`),
);

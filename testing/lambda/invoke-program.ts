/**
 * Owns the requests that `lambdaInvoke` makes with the real `@aws-sdk/client-lambda`, answered before they reach the
 * network. A program of its own: the module is loaded as in production, which jest's modules cannot do.
 */

import { LambdaClient } from "@aws-sdk/client-lambda";
import { lambdaInvoke } from "@tidemark/lambda";

/** What the program prints, as JSON. */
export interface InvokeReport {
  readonly sent: readonly object[];
  /** By the name of Lambda's error. */
  readonly errors: Readonly<Record<string, { readonly code: string; readonly message: string }>>;
  /** For a function without a target. */
  readonly noTarget: unknown;
}

const ERRORS = [
  "AccessDeniedException",
  "CredentialsProviderError",
  "ResourceNotFoundException",
  "TooManyRequestsException",
  "RecursiveInvocationException",
  "ServiceException",
  "ValidationException",
];

async function main(): Promise<void> {
  const sent: object[] = [];
  let failure: Error | undefined;
  const client = new LambdaClient({
    region: "eu-west-1",
    credentials: { accessKeyId: "id", secretAccessKey: "key" },
  });
  client.middlewareStack.add(
    () => async (args) => {
      if (failure !== undefined) throw failure;
      sent.push(args.input);
      return { response: {}, output: { $metadata: {}, StatusCode: 202 } };
    },
    { step: "initialize" },
  );
  const wakeUp = { functionName: "order", executionId: "order.one" };
  await lambdaInvoke({ client })(wakeUp);
  await lambdaInvoke({ client, target: (name) => `${name}:live` })(wakeUp);
  const errors: Record<string, { code: string; message: string }> = {};
  for (const name of ERRORS) {
    failure = Object.assign(new Error("because"), { name });
    const error = await lambdaInvoke({ client })(wakeUp).catch((thrown: unknown) => thrown);
    const { code, message } = error as { code: string; message: string };
    errors[name] = { code, message };
  }
  const noTarget = await lambdaInvoke({ client, target: () => "" })(wakeUp).catch(
    (error: Error) => error.message,
  );
  const report: InvokeReport = { sent, errors, noTarget };
  console.log(JSON.stringify(report));
}

void main();

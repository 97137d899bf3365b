/**
 * Owns the requests that `lambdaInvoke` makes with the real `@aws-sdk/client-lambda`, answered before they reach the
 * network. A program of its own: the module is loaded as in production, which jest's modules cannot do.
 */

import { LambdaClient } from "@aws-sdk/client-lambda";
import { lambdaInvoke, type WakeUp } from "@tidemark/lambda";

/** What the program prints, as JSON. */
export interface InvokeReport {
  readonly sent: readonly object[];
  /** By the name of Lambda's error. */
  readonly errors: Readonly<Record<string, { readonly code: string; readonly message: string }>>;
  /** For a function without a target. */
  readonly noTarget: unknown;
  /** With a client of its own, where the process has nothing for it, and where it has a region. */
  readonly unconfigured: Readonly<
    Record<"region" | "credentials", { readonly code: string; readonly message: string }>
  >;
}

const ERRORS = [
  "AccessDeniedException",
  "ResourceNotFoundException",
  "TooManyRequestsException",
  "RecursiveInvocationException",
  "ServiceException",
  "ValidationException",
];

/** What is said where the AWS SDK finds nothing. */
async function unconfigured(wakeUp: WakeUp): Promise<InvokeReport["unconfigured"]> {
  for (const name of Object.keys(process.env)) if (name.startsWith("AWS_")) delete process.env[name];
  Object.assign(process.env, { AWS_EC2_METADATA_DISABLED: "true", HOME: "/nowhere" });
  const refusal = async () => {
    const error = await lambdaInvoke()(wakeUp).catch((thrown: unknown) => thrown);
    const { code, message } = error as { code: string; message: string };
    return { code, message };
  };
  const region = await refusal();
  process.env.AWS_REGION = "eu-west-1";
  return { region, credentials: await refusal() };
}

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
  const report: InvokeReport = { sent, errors, noTarget, unconfigured: await unconfigured(wakeUp) };
  console.log(JSON.stringify(report));
}

void main();

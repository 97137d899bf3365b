/**
 * Owns calls of `plainLambda` and `durableLambda` with the real `@aws-sdk/client-lambda` and their own clients, over HTTP to
 * functions in this process. A program of its own: the module is loaded as in production, which jest's modules cannot do.
 */

import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { durableLambda, lambdaFunction, plainLambda } from "@tidemark/lambda";
import { DurableClient, Worker } from "@tidemark/runtime";
import { withDurableExecution } from "@tidemark/sdk";
import { MemoryStore } from "@tidemark/store";
import { type InvokeOutcome, type InvokeRequest, Refusal, startInvokeEndpoint } from "./invoke-endpoint";

/** What the program prints, as JSON: what each invoke came to, and the requests that reached the functions. */
export interface CallReport {
  readonly outcomes: Readonly<Record<string, unknown>>;
  readonly requests: readonly Omit<InvokeRequest, "requestId">[];
}

/** Of a payload, in the report. */
const SHOWN_LENGTH = 100;

const ARN = "arn:aws:lambda:eu-west-1:123456789012:function:report:3/durable-execution/name/id";

const requests: Omit<InvokeRequest, "requestId">[] = [];

/** Lambda functions by name: what they answer. A refusal is Lambda's own. */
const LAMBDAS: Readonly<Record<string, (request: InvokeRequest) => InvokeOutcome>> = {
  echo: ({ payload }) => ({ payload, hasFailed: false }),
  python: () => ({
    payload: JSON.stringify({ errorType: "ValueError", errorMessage: "too much", stackTrace: [] }),
    hasFailed: true,
  }),
  broken: () => {
    throw new Refusal(500, "ServiceException", "internal error");
  },
  report: () => ({ payload: "null", hasFailed: false }),
};

/** Never sent: its client has no region. */
const NOBODY = new InvokeCommand({ FunctionName: "nobody" });

/** Functions that never answer. */
const HANGING = ["hangs", "hangs-durable"];

/** How long a function may take, and less: whoever waits longer waits this long here. */
const LONG_MS = 15 * 60 * 1000;
const SHORT_MS = 50;

let deployed = false;

async function main(): Promise<void> {
  const endpoint = await startInvokeEndpoint({
    accept(request) {
      const { requestId, payload, ...rest } = request;
      requests.push({ ...rest, payload: payload.slice(0, SHOWN_LENGTH) });
      const { functionName } = request;
      if (functionName === "late" && deployed) return {};
      deployed ||= functionName === "late";
      if (!Object.hasOwn(LAMBDAS, functionName) && !HANGING.includes(functionName))
        throw new Refusal(404, "ResourceNotFoundException", `Function not found: ${functionName}`);
      return functionName === "report" ? { durableExecutionArn: ARN } : {};
    },
    run: async (request) =>
      HANGING.includes(request.functionName)
        ? new Promise(() => {})
        : ((LAMBDAS[request.functionName] ?? LAMBDAS.echo)?.(request) as InvokeOutcome),
    other: (_method, path) =>
      decodeURIComponent(path).endsWith(ARN) ? { Status: "SUCCEEDED", Result: '{"pages":3}' } : undefined,
  });
  Object.assign(process.env, {
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "local",
    AWS_SECRET_ACCESS_KEY: "local",
    AWS_ENDPOINT_URL_LAMBDA: endpoint.endpoint,
  });
  const outcomes = { ...(await run()), ...(await runHanging()) };
  await endpoint.stop();
  const report: CallReport = { outcomes, requests };
  console.log(JSON.stringify(report));
}

async function run(): Promise<Record<string, unknown>> {
  const store = new MemoryStore();
  const worker = new Worker({
    store,
    functions: {
      echo: plainLambda("arn:aws:lambda:eu-west-1:123456789012:function:echo:live"),
      python: plainLambda("python"),
      broken: plainLambda("broken"),
      late: plainLambda("late"),
      large: plainLambda("echo"),
      nowhere: plainLambda("echo", {
        client: { send: async () => new LambdaClient({ region: "" }).send(NOBODY) },
      }),
      report: durableLambda("report:3"),
      notDurable: durableLambda("echo"),
      main: withDurableExecution(async ({ name, input }: { name: string; input: unknown }, context) => {
        try {
          return { result: await context.invoke<unknown, unknown>(name, input) };
        } catch (error) {
          const { cause } = error as Error & { cause: Error & { code?: string } };
          return { error: cause.code ?? cause.name, message: cause.message };
        }
      }),
    },
  });
  await worker.start();
  const client = new DurableClient({ store });
  const outcomes: Record<string, unknown> = {};
  for (const name of ["echo", "python", "broken", "late", "large", "report", "notDurable", "nowhere"]) {
    const input = name === "large" ? { text: "x".repeat(6 * 1024 * 1024) } : { n: 1 };
    const { executionId } = await client.start("main", { input: { name, input } });
    outcomes[name] = await client.result(executionId);
  }
  await worker.stop();
  return outcomes;
}

/** What becomes of calls that nobody answers, once a function cannot be running any more. */
async function runHanging(): Promise<Record<string, unknown>> {
  const { setTimeout: real } = globalThis;
  const soon = (callback: () => void, delayMs?: number) =>
    real(callback, (delayMs ?? 0) > LONG_MS ? SHORT_MS : delayMs);
  globalThis.setTimeout = Object.assign(soon, real) as typeof real;
  const store = new MemoryStore();
  const worker = new Worker({ store, functions: { hangs: plainLambda("hangs") } });
  await worker.start();
  const client = new DurableClient({ store });
  const { executionId } = await client.start("hangs");
  const error = (await client.result(executionId).catch((thrown: unknown) => thrown)) as { cause: unknown };
  await worker.stop();
  const event = {
    DurableExecutionArn: ARN,
    CheckpointToken: "token",
    InitialExecutionState: { Operations: [] },
  };
  const durable: unknown = await lambdaFunction("hangs-durable")(event, undefined as never).catch(
    (thrown: unknown) => thrown,
  );
  globalThis.setTimeout = real;
  const shown = (thrown: unknown) => {
    const { code, message } = thrown as { code?: string; message: string };
    return { error: code, message };
  };
  return { hangs: shown(error.cause), hangsDurable: shown(durable) };
}

main().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

/**
 * Runs one workflow with the AWS SDK and with ours, each with its default client, against the Lambda API on our runtime:
 * `tsx sdk-program.ts <store> [<names, by commas>]`. All of it goes over HTTP; every fifth answer to a checkpoint is lost. Prints what happened
 * as JSON.
 *
 * A program of its own: both SDKs load the client as in production, and read its endpoint from the environment. They
 * read the clock of the process, so time is real, only faster.
 */

import * as aws from "@aws/durable-execution-sdk-js";
import { CloudDurableTestRunner } from "@aws/durable-execution-sdk-js-testing";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { type DurableApi, durableApi, lambdaFunction, serveApi } from "@tidemark/lambda";
import type { DurableHandler } from "@tidemark/runtime";
import * as ours from "@tidemark/sdk";
import { storeSource } from "../engines/stores";
import { fastClock } from "../interop/fast-clock";
import { createWorkflow, type Workflow } from "./workflow";

/** What the program prints, by SDK. */
export type SdkReport = Readonly<Record<(typeof NAMES)[number], SdkRun>>;

/** With one SDK, and with both in turns: each invocation is the other's, the first that of the name. */
const NAMES = ["aws", "ours", "aws-then-ours", "ours-then-aws"] as const;

export interface SdkRun {
  readonly answer: unknown;
  readonly bodies: Readonly<Record<string, number>>;
  /** Bytes of the result of an execution that returns more than a response may have. */
  readonly largeResultBytes: number;
  /** As AWS's cloud runner has read it from our history. */
  readonly cloud: {
    readonly status: string | undefined;
    readonly result: unknown;
    readonly operations: readonly string[];
    readonly invocations: number;
  };
  readonly lostAnswers: number;
}

/** A second of a wait takes 200 ms; the AWS SDK's pause of 20 ms before it suspends counts 0.1 s. */
const SPEED = 5;
/** A lease must outlast a busy machine: time runs fast for it, too. */
const LEASE_MS = 600_000;
const LOSE_EVERY = 5;

async function main([storeName = "memory", only]: readonly string[]): Promise<void> {
  const names = NAMES.filter((name) => only?.split(",").includes(name) !== false);
  const source = await storeSource(storeName);
  const store = await source.open();
  const workflows = new Map<string, Workflow>(NAMES.map((name) => [name, createWorkflow()]));
  const wrapped = Object.fromEntries(
    NAMES.map((name) => [name, wrap(name, workflows.get(name)?.handler as Workflow["handler"])]),
  );
  // Where the functions are: Lambda, as far as `lambdaFunction` can tell. It answers with what the handler gives.
  const lambda = new LambdaWithHandlers(wrapped);
  const lambdaServed = await serveApi(lambda);
  const remote = new LambdaClient({ ...CONNECTION, endpoint: lambdaServed.url });
  const api = durableApi({
    store,
    clock: fastClock(SPEED),
    firstPage: { items: 3 },
    leaseMs: LEASE_MS,
    functions: {
      ...Object.fromEntries(NAMES.map((name) => [name, lambdaFunction(name, { client: remote })])),
      ...Object.fromEntries(
        NAMES.map((name) => [`${name}-child`, wrap(name, (workflows.get(name) as Workflow).child as never)]),
      ),
      double: { durable: false, handler: async (event: { n: number }) => event.n * 2 },
    },
  });
  const lossy = new LossyApi(api);
  const served = await serveApi(lossy);
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_LAMBDA: served.url,
    AWS_REGION: CONNECTION.region,
    AWS_ACCESS_KEY_ID: "id",
    AWS_SECRET_ACCESS_KEY: "key",
  });
  await api.start();
  const client = new LambdaClient({});
  const runs = await Promise.all(
    names.map(async (name) => [name, await run(name, client, workflows.get(name) as Workflow, lossy)]),
  );
  process.stdout.write(`${JSON.stringify(Object.fromEntries(runs))}\n`);
  await api.stop();
  await Promise.all([served.close(), lambdaServed.close()]);
  await source.close();
  process.exit(0);
}

function wrap(name: (typeof NAMES)[number], handler: Workflow["handler"]): DurableHandler {
  const sdks = {
    aws: aws.withDurableExecution(handler as never) as unknown as DurableHandler,
    ours: ours.withDurableExecution(handler) as DurableHandler,
  };
  const turns = name.split("-then-") as (keyof typeof sdks)[];
  const invocations = new Map<string, number>();
  return (input, context) => {
    const { DurableExecutionArn } = input;
    const count = invocations.get(DurableExecutionArn) ?? 0;
    invocations.set(DurableExecutionArn, count + 1);
    return sdks[turns[count % turns.length] as keyof typeof sdks](input, context);
  };
}

const CONNECTION = { region: "eu-west-1", credentials: { accessKeyId: "id", secretAccessKey: "key" } };

async function run(
  name: (typeof NAMES)[number],
  client: LambdaClient,
  workflow: Workflow,
  lossy: LossyApi,
): Promise<SdkRun> {
  const invoke = async (event: object): Promise<string> => {
    const answer = await client.send(
      new InvokeCommand({ FunctionName: name, Payload: JSON.stringify(event) }),
    );
    return Buffer.from(answer.Payload ?? "").toString();
  };
  workflow.useClient(client);
  const answer = JSON.parse(await invoke({ sdk: name }));
  const bodies = Object.fromEntries(workflow.bodies);
  const largeResultBytes = (await invoke({ large: true })).length;
  const runner = new CloudDurableTestRunner({ functionName: name, client, config: { pollInterval: 10 } });
  const result = await runner.run({ payload: { sdk: name } });
  const operations = result.getOperations().map((operation) => {
    const { Type, SubType, Name, Status } = operation.getOperationData() ?? {};
    return `${Type}/${SubType ?? ""} ${Name ?? ""} ${Status}`;
  });
  return {
    answer,
    bodies,
    largeResultBytes,
    cloud: {
      status: result.getStatus(),
      result: result.getResult(),
      operations: operations.sort(),
      invocations: result.getInvocations().length,
    },
    lostAnswers: lossy.lost.get(name) ?? 0,
  };
}

/** Loses answers to checkpoints, after they have been made. */
class LossyApi implements Pick<DurableApi, "fetch"> {
  /** By function. */
  readonly lost = new Map<string, number>();
  #checkpoints = 0;
  readonly #api: DurableApi;

  constructor(api: DurableApi) {
    this.#api = api;
  }

  async fetch(request: Request): Promise<Response> {
    const answer = await this.#api.fetch(request);
    // Never twice the same: three losses in a row would end an invocation, and its bodies might run again.
    const isFirst = request.headers.get("amz-sdk-request")?.startsWith("attempt=1") === true;
    if (!request.url.endsWith("/checkpoint") || !isFirst) return answer;
    this.#checkpoints += 1;
    if (this.#checkpoints % LOSE_EVERY !== 0) return answer;
    const name = /function:([^/]+)\//.exec(decodeURIComponent(request.url))?.[1] ?? "";
    this.lost.set(name, (this.lost.get(name) ?? 0) + 1);
    throw new Error("the connection breaks");
  }
}

/** `Invoke` of ordinary Lambda functions: the event goes to the handler, its output is the payload. */
class LambdaWithHandlers implements Pick<DurableApi, "fetch"> {
  readonly #handlers: Readonly<Record<string, DurableHandler>>;

  constructor(handlers: Readonly<Record<string, DurableHandler>>) {
    this.#handlers = handlers;
  }

  async fetch(request: Request): Promise<Response> {
    const name = /functions\/([^/]+)\/invocations/.exec(request.url)?.[1] ?? "";
    const context = { awsRequestId: "request", getRemainingTimeInMillis: () => 60_000 };
    try {
      return Response.json(await this.#handlers[name]?.((await request.json()) as never, context as never));
    } catch (error) {
      const { name: errorType, message: errorMessage } = error as Error;
      return Response.json({ errorType, errorMessage }, { headers: { "X-Amz-Function-Error": "Unhandled" } });
    }
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

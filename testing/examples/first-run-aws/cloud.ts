/**
 * Owns the account of the run, on this machine: a table, a bucket, and the Lambda functions, bundled as for a deployment,
 * with a schedule that invokes the waker.
 */

import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { setInterval as ticks } from "node:timers/promises";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { ListObjectsV2Command, S3Client } from "@aws-sdk/client-s3";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { build } from "esbuild";
import { type DynamoDbEngine, startDynamoDb } from "../../engines/dynamodb-engine";
import { startS3 } from "../../engines/s3";
import { LocalLambda } from "../../lambda/local-lambda";

/** Another one each time: a DynamoDB that runs already may have those of earlier runs. */
const TABLE = `executions-${Date.now()}`;
const BUCKET = "payloads";

/** Short, so that the plan does not fit into one invocation. */
export const TIME_LIMIT_MS = 4000;
const WAKER_TIME_LIMIT_MS = 30_000;

/** On AWS once a minute. */
const WAKER_EVERY_MS = 1000;

export interface Cloud {
  readonly lambda: LocalLambda;
  /** Size of the deployed code, without the AWS SDK. */
  readonly bundleBytes: number;
  /** Invokes a function, asynchronously, as an event source would. */
  send(functionName: string, event: object): Promise<void>;
  objectsInBucket(): Promise<number>;
  stop(): Promise<void>;
}

export interface CloudOptions {
  /** For the bundle. */
  readonly directory: string;
  /** A DynamoDB that runs already. Default: one is started. */
  readonly dynamoDbEndpoint: string | undefined;
  readonly env: Readonly<Record<string, string>>;
}

/** From now on this process, too, is configured by its environment to use the local services. */
export async function startCloud({ directory, dynamoDbEndpoint, env }: CloudOptions): Promise<Cloud> {
  process.env.AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED = "true";
  const engine = dynamoDbEndpoint === undefined ? await startOwnDynamoDb() : undefined;
  const s3 = await startS3([BUCKET]);
  const programs = await bundle(directory);
  Object.assign(process.env, env, {
    TABLE,
    BUCKET,
    AWS_REGION: "us-east-1",
    AWS_ACCESS_KEY_ID: "S3RVER",
    AWS_SECRET_ACCESS_KEY: "S3RVER",
    AWS_ENDPOINT_URL_DYNAMODB: dynamoDbEndpoint ?? engine?.endpoint,
    AWS_ENDPOINT_URL_S3: s3.endpoint,
  });
  const lambda = await LocalLambda.start({
    program: join(programs, "sandbox-program.js"),
    module: join(programs, "functions.js"),
    functions: {
      "plan-launch": { exportName: "planLaunch", timeoutMs: TIME_LIMIT_MS, concurrency: 2 },
      "translation-budget": { exportName: "translationBudget", timeoutMs: TIME_LIMIT_MS, concurrency: 2 },
      waker: { exportName: "waker", timeoutMs: WAKER_TIME_LIMIT_MS, concurrency: 1 },
    },
    env: process.env,
  });
  process.once("exit", () => lambda.killAll());
  process.env.AWS_ENDPOINT_URL_LAMBDA = lambda.endpoint;
  await createTable();
  const client = new LambdaClient({});
  // Its first run makes the functions known to each other.
  await client.send(new InvokeCommand({ FunctionName: "waker" }));
  const stopSchedule = schedule(() => invoke(client, "waker", {}));
  return {
    lambda,
    bundleBytes: statSync(join(programs, "functions.js")).size,
    send: (functionName, event) => invoke(client, functionName, event),
    objectsInBucket,
    async stop() {
      await stopSchedule();
      await lambda.stop();
      client.destroy();
      await s3.stop();
      await engine?.stop();
    },
  };
}

async function startOwnDynamoDb(): Promise<DynamoDbEngine> {
  try {
    return await startDynamoDb();
  } catch (cause) {
    throw new Error(
      `${(cause as Error).message}. Elsewhere start another one and say where it is: ` +
        "docker run -p 8000:8000 amazon/dynamodb-local, and npm run start:aws -- --dynamodb http://localhost:8000",
      { cause },
    );
  }
}

/** What a deployment does: one file for each program, in which only the AWS SDK is missing. Lambda's runtime brings it. */
async function bundle(directory: string): Promise<string> {
  const outdir = join(directory, "functions");
  await build({
    entryPoints: [join(__dirname, "functions.ts"), join(__dirname, "../../lambda/sandbox-program.ts")],
    entryNames: "[name]",
    outdir,
    bundle: true,
    format: "cjs",
    platform: "node",
    target: "node20",
    minify: true,
    external: ["@aws-sdk/*"],
  });
  if (readdirSync(outdir).length !== 2) throw new Error(`${outdir} has not the two programs`);
  return outdir;
}

async function createTable(): Promise<void> {
  const store = await DynamoDbStore.open({ tableName: TABLE });
  await store.ensureTable();
  await store.close();
}

async function invoke(client: LambdaClient, functionName: string, event: object): Promise<void> {
  const Payload = JSON.stringify(event);
  await client.send(new InvokeCommand({ FunctionName: functionName, InvocationType: "Event", Payload }));
}

async function objectsInBucket(): Promise<number> {
  const client = new S3Client({});
  const { KeyCount = 0 } = await client.send(new ListObjectsV2Command({ Bucket: BUCKET }));
  client.destroy();
  return KeyCount;
}

/** Gives the function that ends it. */
function schedule(run: () => Promise<void>): () => Promise<void> {
  const stop = new AbortController();
  const running = (async () => {
    try {
      for await (const _tick of ticks(WAKER_EVERY_MS, undefined, { signal: stop.signal })) await run();
    } catch (error) {
      if (!stop.signal.aborted) throw error;
    }
  })();
  return () => {
    stop.abort();
    return running;
  };
}

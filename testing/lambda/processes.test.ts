/** Functions in processes of their own, on a real DynamoDB and with the real clients: a crash, a callback, a plain function. */

import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { lambdaInvoke, wakingStore } from "@tidemark/lambda";
import { DurableClient } from "@tidemark/runtime";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { build } from "esbuild";
import { type DynamoDbEngine, startDynamoDb } from "../engines/dynamodb-engine";
import { LocalLambda } from "./local-lambda";
import type { OrderEnvironment } from "./order-functions";

const FUNCTION = { timeoutMs: 20_000, concurrency: 4 };
const AWS = { region: "eu-west-1", credentials: { accessKeyId: "local", secretAccessKey: "local" } };

describe("Lambda functions in processes", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-processes-"));
  const approvals: Server = createServer();
  let engine: DynamoDbEngine;
  let store: DynamoDbStore;
  let lambda: LocalLambda;
  let lambdaClient: LambdaClient;

  beforeAll(async () => {
    engine = await startDynamoDb();
    store = await DynamoDbStore.open({ tableName: "orders", client: engine.client(), shards: 1 });
    await store.ensureTable();
    await new Promise<void>((resolve) => approvals.listen(0, "127.0.0.1", resolve));
    await build({
      entryPoints: ["sandbox-program.ts", "order-functions.ts"].map((file) => join(__dirname, file)),
      outdir: directory,
      bundle: true,
      platform: "node",
      target: "node20",
    });
    const environment: OrderEnvironment = {
      TABLE: "orders",
      CRASHED: join(directory, "crashed"),
      APPROVALS: `http://127.0.0.1:${(approvals.address() as AddressInfo).port}`,
    };
    const env: NodeJS.ProcessEnv = {
      ...process.env,
      ...environment,
      // The bundle is elsewhere, and the AWS SDK is not in it.
      NODE_PATH: join(__dirname, "../../node_modules"),
      AWS_REGION: AWS.region,
      AWS_ACCESS_KEY_ID: AWS.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: AWS.credentials.secretAccessKey,
      AWS_ENDPOINT_URL_DYNAMODB: engine.endpoint,
      AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: "true",
    };
    lambda = await LocalLambda.start({
      program: join(directory, "sandbox-program.js"),
      module: join(directory, "order-functions.js"),
      functions: {
        order: { exportName: "order", ...FUNCTION },
        "charge-function": { exportName: "chargeFunction", ...FUNCTION },
        waker: { exportName: "waker", ...FUNCTION },
      },
      env,
    });
    env.AWS_ENDPOINT_URL_LAMBDA = lambda.endpoint;
    lambdaClient = new LambdaClient({ ...AWS, endpoint: lambda.endpoint });
  }, 60_000);

  afterAll(async () => {
    lambdaClient.destroy();
    await lambda.stop();
    await store.close();
    await engine.stop();
    approvals.close();
    rmSync(directory, { recursive: true });
  }, 60_000);

  /** Invokes a function and gives what it answers. */
  async function invoke(FunctionName: string, event: object): Promise<unknown> {
    const Payload = JSON.stringify(event);
    const answer = await lambdaClient.send(new InvokeCommand({ FunctionName, Payload }));
    return JSON.parse(Buffer.from(answer.Payload ?? []).toString());
  }

  it("go on after a crash by the waker, and after that by wake-ups alone", async () => {
    await invoke("waker", {});
    expect(await invoke("order", { id: "one", amount: 12 })).toMatchObject({
      errorType: "Runtime.ExitError",
    });
    const { dueAtMs = 0 } = (await store.head("order.one")) ?? {};
    await sleep(dueAtMs - Date.now());

    const posted = once(approvals, "request");
    expect(await invoke("waker", {})).toMatchObject({ woken: 1, failed: 0 });
    const [request, response] = await posted;
    let callbackId = "";
    for await (const chunk of request) callbackId += chunk;
    response.end();
    const invokeOrders = lambdaInvoke({ client: lambdaClient, target: () => "order" });
    const client = new DurableClient({ store: wakingStore(store, { invoke: invokeOrders }) });
    await client.sendCallbackSuccess(callbackId, "Ada");

    expect(await client.result("order.one")).toEqual({ approvedBy: "Ada", receipt: "charged 12" });
    const ends = lambda.records.map(({ functionName, end }) => `${functionName}: ${end}`);
    expect(ends.filter((end) => end.startsWith("waker"))).toEqual(["waker: answered", "waker: answered"]);
    expect(ends.filter((end) => end.startsWith("charge"))).toEqual(["charge-function: answered"]);
    expect(ends.filter((end) => end.endsWith("died"))).toEqual(["order: died"]);
  }, 60_000);
});

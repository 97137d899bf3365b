/**
 * The functions of the example as they are deployed: bundles in processes of their own, with the environment that the
 * template gives them, on local engines, and with a Lambda that invokes them over HTTP.
 */

import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer, type IncomingMessage, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { DynamoDbStore } from "@tidemark/store-dynamodb";
import { type DynamoDbEngine, startDynamoDb } from "../../engines/dynamodb-engine";
import { type S3Engine, startS3 } from "../../engines/s3";
import { bundleFunctions } from "./bundle";

const workspaceDirectory = resolve(__dirname, "../../..");

/** What Lambda's runtime does: loads the handler, gives it the event of the environment, and sends back what it gives. */
const RUNTIME = `
const { handler } = await import("./" + process.env.FUNCTION + "/index.mjs");
const deadline = Date.now() + 30_000;
const context = { awsRequestId: "request", getRemainingTimeInMillis: () => deadline - Date.now() };
const answer = await handler(JSON.parse(process.env.EVENT), context);
console.log(JSON.stringify(answer ?? null));
process.exit();
`;

interface WakeUp {
  readonly target: string;
  readonly event: unknown;
}

async function startLambda(wakeUps: WakeUp[]): Promise<Server> {
  const server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const target = /functions\/([^/]+)\/invocations/.exec(request.url ?? "")?.[1] ?? "";
    wakeUps.push({ target, event: JSON.parse(Buffer.concat(chunks).toString()) });
    response.writeHead(202).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

describe("the bundled functions of the example", () => {
  const wakeUps: WakeUp[] = [];
  let dynamoDb: DynamoDbEngine;
  let s3: S3Engine;
  let lambda: Server;
  let directory: string;

  beforeAll(async () => {
    // Below the work tree, where Node finds the AWS clients, as it does in Lambda's runtime.
    directory = mkdtempSync(join(workspaceDirectory, "node_modules/.lambda-example-"));
    [dynamoDb, s3, lambda] = await Promise.all([
      startDynamoDb(),
      startS3(["payloads"]),
      startLambda(wakeUps),
      bundleFunctions({ outDirectory: directory, withAwsSdk: false }),
    ]);
    const store = await DynamoDbStore.open({ tableName: "executions", client: dynamoDb.client() });
    await store.ensureTable();
    await store.close();
  }, 60_000);

  afterAll(async () => {
    rmSync(directory, { recursive: true });
    lambda.close();
    await Promise.all([dynamoDb.stop(), s3.stop()]);
  }, 60_000);

  /** One invocation: what it answered, and what it printed before. */
  async function invoke(name: string, event: unknown): Promise<{ answer: unknown; log: string[] }> {
    const { port } = lambda.address() as AddressInfo;
    const env = {
      PATH: process.env.PATH,
      NODE_NO_WARNINGS: "1",
      AWS_REGION: "us-east-1",
      AWS_ACCESS_KEY_ID: "S3RVER",
      AWS_SECRET_ACCESS_KEY: "S3RVER",
      AWS_ENDPOINT_URL_DYNAMODB: dynamoDb.endpoint,
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${port}`,
      AWS_LAMBDA_FUNCTION_NAME: `orders-${name}`,
      EXECUTIONS_TABLE: "executions",
      PAYLOADS_BUCKET: "payloads",
      WORKFLOW_FUNCTIONS: "orders-order",
      FUNCTION: name,
      EVENT: JSON.stringify(event),
    };
    const args = ["--input-type=module", "--eval", RUNTIME];
    const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: directory, env });
    const lines = stdout.trim().split("\n");
    return { answer: JSON.parse(lines.pop() as string), log: lines };
  }

  it("take an order from its event to its end", async () => {
    const order = { id: "o-1", amountCents: 1200 };
    const executionId = "orders-order.o-1";
    const wakeUp = { target: "orders-order", event: { tidemark: { executionId } } };

    const started = await invoke("order", order);
    expect(started.answer).toEqual({ executionId, status: "PENDING" });
    const { callbackId } = JSON.parse(started.log[0] as string) as { callbackId: string };

    await invoke("approve", { callbackId, by: "ada" });
    expect(wakeUps).toEqual([wakeUp]);

    // That wake-up is lost. The waker makes up for it.
    expect((await invoke("waker", {})).answer).toMatchObject({ woken: 1, failed: 0, isComplete: true });
    expect(wakeUps).toEqual([wakeUp, wakeUp]);

    await invoke("order", wakeUps[1]?.event);
    const { answer } = await invoke("order", order);
    expect(answer).toEqual({
      executionId,
      status: "SUCCEEDED",
      result: { receipt: "receipt for 1200", approval: "approved by ada", parcel: "parcel of o-1" },
    });
  }, 60_000);
});

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvokeCommand, type InvokeCommandInput, LambdaClient } from "@aws-sdk/client-lambda";
import { build } from "esbuild";
import { LocalLambda } from "./local-lambda";

describe("the local Lambda, asked by the real client", () => {
  const directory = mkdtempSync(join(tmpdir(), "tidemark-lambda-"));
  let lambda: LocalLambda;
  let client: LambdaClient;

  beforeAll(async () => {
    await build({
      entryPoints: ["sandbox-program.ts", "sample-functions.ts"].map((file) => join(__dirname, file)),
      outdir: directory,
      bundle: true,
      platform: "node",
    });
    lambda = await LocalLambda.start({
      program: join(directory, "sandbox-program.js"),
      module: join(directory, "sample-functions.js"),
      functions: {
        count: { exportName: "count", timeoutMs: 10_000, concurrency: 1 },
        fail: { exportName: "fail", timeoutMs: 10_000, concurrency: 1 },
        hang: { exportName: "hang", timeoutMs: 300, concurrency: 1 },
      },
      env: process.env,
    });
    client = new LambdaClient({
      endpoint: lambda.endpoint,
      region: "eu-west-1",
      credentials: { accessKeyId: "local", secretAccessKey: "local" },
      maxAttempts: 1,
    });
  });

  afterAll(async () => {
    client.destroy();
    await lambda.stop();
    rmSync(directory, { recursive: true });
  });

  async function invoke(FunctionName: string, input: Partial<InvokeCommandInput> = {}) {
    const { StatusCode, FunctionError, Payload } = await client.send(
      new InvokeCommand({ FunctionName, Payload: JSON.stringify({ n: 1 }), ...input }),
    );
    const text = Buffer.from(Payload ?? []).toString();
    return { StatusCode, FunctionError, payload: text === "" ? undefined : JSON.parse(text) };
  }

  it("answers what the handler gives, in one process for one after the other", async () => {
    const answers = [
      await invoke("count"),
      await invoke("arn:aws:lambda:eu-west-1:123456789012:function:count:live"),
    ];
    expect(answers).toEqual(
      [1, 2].map((invocations) => ({
        StatusCode: 200,
        FunctionError: undefined,
        payload: { invocations, event: { n: 1 }, hasId: true },
      })),
    );
    expect(lambda.records.map(({ sandbox, isColdStart, end }) => [sandbox, isColdStart, end])).toEqual([
      [1, true, "answered"],
      [1, false, "answered"],
    ]);
  });

  it("answers how the handler failed", async () => {
    const { payload, ...answer } = await invoke("fail");
    expect(answer).toEqual({ StatusCode: 200, FunctionError: "Unhandled" });
    expect(payload).toMatchObject({ errorType: "RangeError", errorMessage: "too much" });
  });

  it("kills a process at its time limit", async () => {
    const answers = [await invoke("hang"), await invoke("hang")];
    expect(answers.map(({ payload }) => payload.errorType)).toEqual(["Sandbox.Timedout", "Sandbox.Timedout"]);
    const records = lambda.records.filter(({ functionName }) => functionName === "hang");
    expect(records.map(({ sandbox, end }) => [sandbox, end])).toEqual([
      [1, "time limit"],
      [2, "time limit"],
    ]);
  });

  it("accepts events before they have run, and throttles other requests meanwhile", async () => {
    const accepted = { StatusCode: 202, FunctionError: undefined, payload: undefined };
    expect(await invoke("hang", { InvocationType: "Event" })).toEqual(accepted);
    expect(await invoke("hang", { InvocationType: "Event" })).toEqual(accepted);
    await expect(invoke("hang")).rejects.toMatchObject({ name: "TooManyRequestsException" });
  });

  it.each([
    ["missing", {}, "ResourceNotFoundException"],
    ["count", { Payload: "{" }, "InvalidRequestContentException"],
    [
      "count",
      { InvocationType: "Event" as const, Payload: JSON.stringify("x".repeat(2 ** 20)) },
      "RequestTooLargeException",
    ],
  ])("refuses %s, as Lambda does", async (name, input, error) => {
    await expect(invoke(name, input)).rejects.toMatchObject({ name: error });
  });
});

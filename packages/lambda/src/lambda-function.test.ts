/** Functions of the API that are Lambda functions, over HTTP. */

import { LambdaClient } from "@aws-sdk/client-lambda";
import { lambdaFunction, type ServedApi, serveApi } from "./index";

const INPUT = {
  DurableExecutionArn: "arn:tidemark:durable:local:0:function:order/durable-execution/order.one/order.one",
  CheckpointToken: "token",
  InitialExecutionState: { Operations: [] },
};

describe("lambdaFunction", () => {
  let served: ServedApi;
  let answer: () => Response;
  const requests: { readonly path: string; readonly body: unknown }[] = [];

  beforeAll(async () => {
    served = await serveApi({
      async fetch(request) {
        const path = decodeURIComponent(new URL(request.url).pathname);
        requests.push({ path, body: await request.json() });
        return answer();
      },
    });
  });

  afterAll(() => served.close());

  function run() {
    const credentials = { accessKeyId: "id", secretAccessKey: "key" };
    const client = new LambdaClient({
      endpoint: served.url,
      region: "eu-west-1",
      credentials,
      maxAttempts: 1,
    });
    return lambdaFunction("order-function:live", { client })(INPUT, undefined as never);
  }

  it("sends the durable input and gives the output", async () => {
    answer = () => Response.json({ Status: "SUCCEEDED", Result: "1" });

    expect(await run()).toEqual({ Status: "SUCCEEDED", Result: "1" });
    expect(requests).toEqual([
      { path: "/2015-03-31/functions/order-function:live/invocations", body: INPUT },
    ]);
  });

  it("fails with the error of a function that crashes", async () => {
    answer = () =>
      Response.json(
        { errorType: "Runtime.ExitError", errorMessage: "exit status 1" },
        { headers: { "X-Amz-Function-Error": "Unhandled" } },
      );

    await expect(run()).rejects.toMatchObject({ name: "Runtime.ExitError", message: "exit status 1" });
  });

  it.each([
    ["ResourceNotFoundException", 404, "TIDEMARK_LAMBDA_FUNCTION"],
    ["AccessDeniedException", 403, "TIDEMARK_LAMBDA_ACCESS"],
    ["TooManyRequestsException", 429, "TIDEMARK_LAMBDA_THROTTLED"],
  ])("says what %s means", async (name, status, code) => {
    answer = () => Response.json({ message: "because" }, { status, headers: { "x-amzn-ErrorType": name } });

    await expect(run()).rejects.toMatchObject({
      code,
      message: expect.stringContaining("function order-function:live"),
    });
  });
});

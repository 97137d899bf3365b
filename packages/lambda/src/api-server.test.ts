/** Starting executions, and what the server answers at all, as the AWS SDK's client sees it over HTTP. */

import {
  GetDurableExecutionCommand,
  InvokeCommand,
  ListDurableExecutionsByFunctionCommand,
} from "@aws-sdk/client-lambda";
import { DurableClient } from "@tidemark/runtime";
import { withDurableExecution } from "@tidemark/sdk";
import { type ApiRig, apiError, invoke, startApi } from "../../../testing/managed/api-rig";
import { durableApi } from "./index";

const ARN = "arn:tidemark:durable:local:0:function:manual/durable-execution";

let rig: ApiRig;

beforeEach(async () => {
  rig = await startApi({
    firstPage: { items: 2 },
    functions: {
      double: { durable: false, handler: async (event: { n: number }) => event.n * 2 },
      broken: {
        durable: false,
        handler: async () => {
          throw new TypeError("no such order");
        },
      },
    },
  });
});

afterEach(() => rig.close());

describe("Invoke", () => {
  it("answers a synchronous invocation with the result, and says which execution it was", async () => {
    const request = { FunctionName: "double", Payload: '{"n":21}', DurableExecutionName: "one" };

    expect(await invoke(rig, request)).toEqual({
      status: 200,
      payload: 42,
      error: undefined,
      arn: expect.stringMatching(
        /^arn:tidemark:durable:local:0:function:double\/durable-execution\/double\.one\/double\.one!\w+$/,
      ),
      version: "$LATEST",
    });
  });

  it("answers a function that fails with its error", async () => {
    expect(await invoke(rig, { FunctionName: "broken" })).toMatchObject({
      status: 200,
      payload: { errorType: "TypeError", errorMessage: "no such order" },
      error: "Unhandled",
    });
  });

  it.each([
    "double:live",
    "000000000000:function:double",
    "arn:aws:lambda:eu-west-1:000000000000:function:double:3",
  ])("knows the function as %s", async (FunctionName) => {
    expect(await invoke(rig, { FunctionName, Payload: '{"n":2}' })).toMatchObject({ payload: 4 });
  });

  it("starts an execution once for each name, and refuses another payload", async () => {
    const { input } = await rig.begin("order-1", { amount: 12 });
    const request = {
      FunctionName: "manual",
      InvocationType: "Event",
      DurableExecutionName: "order-1",
    } as const;

    expect(input.DurableExecutionArn.startsWith(`${ARN}/manual.order-1/manual.order-1!`)).toBe(true);
    expect(await invoke(rig, { ...request, Payload: '{ "amount": 12 }' })).toMatchObject({
      status: 202,
      arn: input.DurableExecutionArn,
    });
    expect(await apiError(invoke(rig, { ...request, Payload: '{"amount":13}' }))).toEqual({
      name: "DurableExecutionAlreadyStartedException",
      status: 409,
      message:
        'execution "order-1" of manual was started with another input; choose another name, or pass the same input',
    });
  });

  it("hands payloads on as they are written: numbers of other languages survive", async () => {
    const Payload = '{ "id": 12345678901234567890, "rate": 1.0 }';
    const Result = '{"id":12345678901234567891,"rate":2.0}';
    const request = { FunctionName: "manual", DurableExecutionName: "one", Payload };
    const ended = rig.client.send(new InvokeCommand(request));
    const { input, answer } = await rig.next();
    answer({ Status: "SUCCEEDED", Result });
    const described = await rig.client.send(
      new GetDurableExecutionCommand({ DurableExecutionArn: input.DurableExecutionArn }),
    );

    expect(input.InitialExecutionState.Operations[0]?.ExecutionDetails?.InputPayload).toBe(Payload);
    expect(Buffer.from((await ended).Payload ?? "").toString()).toBe(Result);
    expect([described.InputPayload, described.Result]).toEqual([Payload, Result]);
    const other = Payload.replace("890", "891");
    expect(await apiError(invoke(rig, { ...request, Payload: other }))).toMatchObject({ status: 409 });
  });

  it("starts nothing in a dry run", async () => {
    expect(await invoke(rig, { FunctionName: "manual", InvocationType: "DryRun" })).toMatchObject({
      status: 204,
    });
    expect(
      await rig.client.send(new ListDurableExecutionsByFunctionCommand({ FunctionName: "manual" })),
    ).toMatchObject({ DurableExecutions: [] });
  });

  it.each([
    [{ FunctionName: "nobody" }, "ResourceNotFoundException", 404],
    [{ FunctionName: "double", Payload: "{" }, "InvalidRequestContentException", 400],
    [{ FunctionName: "double", DurableExecutionName: "a b" }, "InvalidParameterValueException", 400],
    [{ FunctionName: "double", InvocationType: "Later" as never }, "InvalidParameterValueException", 400],
    [{ FunctionName: "double", TenantId: "blue" }, "InvalidParameterValueException", 400],
  ])("refuses %j with %s", async (request, name, status) => {
    expect(await apiError(invoke(rig, request))).toMatchObject({ name, status });
  });
});

describe("the server", () => {
  it("answers nobody whom authorize refuses", async () => {
    const seen: (string | null)[] = [];
    const own = await startApi({
      authorize: async (request) => {
        seen.push(request.headers.get("authorization"));
        return (await request.clone().text()) === "{}";
      },
    });
    const request = { FunctionName: "manual", InvocationType: "Event" } as const;
    const refused = await apiError(own.client.send(new InvokeCommand({ ...request, Payload: "[]" })));
    const accepted = await own.client.send(new InvokeCommand({ ...request, Payload: "{}" }));
    (await own.next()).answer({ Status: "SUCCEEDED" });
    await own.close();

    expect(refused).toEqual({
      name: "AccessDeniedException",
      message: "the request is not authorized",
      status: 403,
    });
    expect(accepted.StatusCode).toBe(202);
    expect(seen).toEqual([
      expect.stringMatching(/^AWS4-HMAC-SHA256/),
      expect.stringMatching(/^AWS4-HMAC-SHA256/),
    ]);
  });

  it("answers no page in a browser, unless authorize does", async () => {
    const send = async (url: string) => {
      const headers = { origin: "https://example.com", "content-type": "text/plain" };
      const response = await fetch(`${url}/2015-03-31/functions/double/invocations`, {
        method: "POST",
        headers,
        body: '{"n":2}',
      });
      return [response.status, await response.json()];
    };
    const own = await startApi({
      functions: { double: { durable: false, handler: async (event: { n: number }) => event.n * 2 } },
      authorize: () => true,
    });
    const authorized = await send(own.url);
    await own.close();

    expect(await send(rig.url)).toEqual([
      403,
      expect.objectContaining({ message: "the request is not authorized" }),
    ]);
    expect((await rig.store.list({ limit: 1 })).heads).toEqual([]);
    expect(authorized).toEqual([200, 4]);
  });

  it("runs handlers of ours in its process, without HTTP", async () => {
    const handler = withDurableExecution(async (event: { n: number }, context) => {
      await context.wait({ seconds: 5 });
      return context.step(async () => event.n + 1);
    });
    const calls: string[] = [];
    const own = await startApi({
      functions: { handler },
      around: (api) => ({
        fetch(request) {
          calls.push(new URL(request.url).pathname);
          return api.fetch(request);
        },
      }),
    });
    const { arn } = await invoke(own, {
      FunctionName: "handler",
      InvocationType: "Event",
      Payload: '{"n":1}',
    });
    await own.clock.advanceTo(own.clock.nowMs() + 5000);

    expect(await new DurableClient({ store: own.store }).result(arn as string)).toBe(2);
    expect(calls).toEqual(["/2015-03-31/functions/handler/invocations"]);
    await own.close();
  });

  it("refuses bodies over the limit", async () => {
    const own = await startApi({ serve: { maxRequestBytes: 1000 } });
    const Payload = JSON.stringify("x".repeat(1000));
    const refused = await apiError(own.client.send(new InvokeCommand({ FunctionName: "manual", Payload })));
    await own.close();

    expect(refused).toMatchObject({ name: "RequestTooLargeException", status: 413 });
  });

  it.each([
    ["DurableExecutionArn", "GET", (id: string) => `/2025-12-01/durable-executions/${id}`],
    ["DurableExecutionArn", "POST", (id: string) => `/2025-12-01/durable-executions/${id}/stop`],
    ["CallbackId", "POST", (id: string) => `/2025-12-01/durable-execution-callbacks/${id}/succeed`],
    ["Marker", "GET", (id: string) => `/2025-12-01/functions/manual/durable-executions?Marker=${id}`],
  ])("refuses an id that no store could look for: %s in %s", async (field, method, path) => {
    for (const id of ["x".repeat(1_500), encodeURIComponent("ä".repeat(3_000))]) {
      const response = await fetch(`${rig.url}${path(id)}`, { method });
      const bytes = Buffer.byteLength(decodeURIComponent(id));

      expect([response.status, response.headers.get("x-amzn-errortype"), await response.json()]).toEqual([
        400,
        "InvalidParameterValueException",
        expect.objectContaining({
          message: `${field} has ${bytes} bytes; at most ${field === "Marker" ? 1_400 : 960} are possible`,
        }),
      ]);
    }
    expect(rig.errors).toEqual([]);
  });

  it("says that it does not serve other calls", async () => {
    const response = await fetch(`${rig.url}/2015-03-31/functions`);

    expect([response.status, response.headers.get("x-amzn-errortype"), await response.json()]).toEqual([
      404,
      "ResourceNotFoundException",
      expect.objectContaining({ message: "GET /2015-03-31/functions is not a call that is served here" }),
    ]);
  });

  it("says that it needs a store", () => {
    expect(() => durableApi({} as never)).toThrow(
      expect.objectContaining({ code: "TIDEMARK_LAMBDA_OPTIONS" }),
    );
  });
});

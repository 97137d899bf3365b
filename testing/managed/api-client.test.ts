/** The client of the durable API against answers that a service may give, over HTTP. */

import { LambdaClient } from "@aws-sdk/client-lambda";
import { type ServedApi, serveApi } from "@tidemark/lambda";
import { DurableExecutionApiClient } from "@tidemark/sdk";

const ARN = "arn:aws:lambda:eu-west-1:000000000000:function:order:1/durable-execution/one/two";

describe("DurableExecutionApiClient", () => {
  const asked: string[] = [];
  let served: ServedApi;
  let client: DurableExecutionApiClient;
  let answers: object[] = [];

  beforeEach(async () => {
    asked.length = 0;
    served = await serveApi({
      async fetch(request) {
        const { pathname, searchParams } = new URL(request.url);
        asked.push(`${request.method} ${decodeURIComponent(pathname)} ${searchParams}`);
        return Response.json(answers.shift() ?? {});
      },
    });
    const credentials = { accessKeyId: "id", secretAccessKey: "key" };
    client = new DurableExecutionApiClient(
      new LambdaClient({ endpoint: served.url, region: "eu-west-1", credentials }),
    );
  });

  afterEach(() => served.close());

  const operation = (Id: string) => ({
    Id,
    Type: "WAIT",
    Status: "SUCCEEDED",
    StartTimestamp: 1_900_000_000.125,
  });

  it("reads an answer to a checkpoint that has pages to its end, with the new token", async () => {
    answers = [
      { CheckpointToken: "second", NewExecutionState: { Operations: [operation("1")], NextMarker: "a" } },
      { Operations: [operation("2")], NextMarker: "b" },
      { Operations: [operation("3")] },
    ];
    const { CheckpointToken, NewExecutionState } = await client.checkpoint({
      DurableExecutionArn: ARN,
      CheckpointToken: "first",
      Updates: [],
    });

    expect(CheckpointToken).toBe("second");
    expect(NewExecutionState?.Operations?.map(({ Id }) => Id)).toEqual(["1", "2", "3"]);
    expect(NewExecutionState?.Operations?.[0]?.StartTimestamp).toEqual(new Date(1_900_000_000_125));
    expect(asked).toEqual([
      `POST /2025-12-01/durable-executions/${ARN}/checkpoint `,
      `GET /2025-12-01/durable-executions/${ARN}/state CheckpointToken=second&Marker=a`,
      `GET /2025-12-01/durable-executions/${ARN}/state CheckpointToken=second&Marker=b`,
    ]);
  });

  it("gives the answer to the last checkpoint of an execution, which has no token", async () => {
    answers = [{ NewExecutionState: { Operations: [] } }];
    const last = await client.checkpoint({ DurableExecutionArn: ARN, CheckpointToken: "first", Updates: [] });

    expect([last.CheckpointToken, last.NewExecutionState]).toEqual([undefined, { Operations: [] }]);
  });
});

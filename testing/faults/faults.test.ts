import type { PassingRequest } from "../engines/network";
import { RequestCounts } from "./request-counts";
import { type CampaignReport, runCampaign } from "./run";
import { Weather } from "./weather";

const ORDERS = 6;

describe("workers and clients behind a network that fails a request in six", () => {
  let report: CampaignReport;

  beforeAll(async () => {
    report = await runCampaign({
      executions: ORDERS,
      workers: 1,
      seed: 11,
      rate: 1 / 6,
      maxAttempts: 1,
      live: ORDERS,
      leaseMs: 12_000,
      stallMs: 60_000,
    });
  }, 120_000);

  it("end every execution once with the right result, lose no callback and run no at-most-once body twice", () => {
    expect(report.violations).toEqual([]);
    expect(report).toMatchObject({ ended: ORDERS, childExecutions: 2 * ORDERS });
    expect(report.answeredCallbacks).toBeGreaterThan(0);
  });

  it("meet faults before and after a write has landed", () => {
    expect(Object.keys(report.faults)).toEqual(expect.arrayContaining(["request lost", "answer lost"]));
  });

  it("make a bounded number of requests", () => {
    // Some 150 without faults. `npm run faults` compares in one run, and is strict.
    expect(report.requests.ofExecutions / ORDERS).toBeLessThan(300);
  });
});

describe("the weather", () => {
  const request = (): PassingRequest => ({ method: "POST", path: "/", headers: {}, body: Buffer.alloc(0) });
  const faultsOf = (seed: number) => {
    const weather = new Weather({ service: "dynamodb", seed, rate: 0.2 });
    return Array.from({ length: 500 }, () => weather.decide(request()));
  };

  it("is the same for the same seed, and another for another", () => {
    expect(faultsOf(1)).toEqual(faultsOf(1));
    expect(faultsOf(1)).not.toEqual(faultsOf(2));
  });

  it("has as many faults as its rate says", () => {
    const faults = faultsOf(1).filter((fault) => fault !== undefined);
    expect(faults.length / 500).toBeCloseTo(0.2, 1);
  });
});

describe("requests", () => {
  const dynamoDb = (action: string, body: object): PassingRequest => ({
    method: "POST",
    path: "/",
    headers: { "x-amz-target": `DynamoDB_20120810.${action}` },
    body: Buffer.from(JSON.stringify(body)),
  });

  it("are counted for the execution at the root, or as looks for work", () => {
    const counts = new RequestCounts();
    counts.count(dynamoDb("PutItem", { Item: { pk: { S: "E#order.1" } } }));
    counts.count(dynamoDb("GetItem", { Key: { pk: { S: "E#order.1~3" } } }));
    counts.count(dynamoDb("PutItem", { Item: { pk: { S: "E#order.2" } } }));
    counts.count(dynamoDb("Query", { IndexName: "due" }));
    counts.count(dynamoDb("BatchGetItem", { RequestItems: { t: { Keys: [{ pk: { S: "E#order.1" } }] } } }));
    counts.count(dynamoDb("BatchWriteItem", { RequestItems: {} }));
    counts.count({
      method: "PUT",
      path: "/payloads/order.1/hash?x-id=PutObject",
      headers: {},
      body: Buffer.alloc(0),
    });

    expect(counts).toMatchObject({ looks: 2, ofExecutions: 4, most: 3 });
    expect(counts.byAction).toEqual({
      PutItem: 2,
      GetItem: 1,
      Query: 1,
      BatchGetItem: 1,
      BatchWriteItem: 1,
      "S3 PUT": 1,
    });
  });
});

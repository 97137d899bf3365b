import { lambdaContext } from "./lambda-context.js";

describe("lambdaContext", () => {
  it("names the function, the request and the tenant, and has every member that Lambda's has", () => {
    const context = lambdaContext("charge", "one#2", () => 1500, "acme");

    expect(context).toMatchObject({
      callbackWaitsForEmptyEventLoop: false,
      functionName: "charge",
      functionVersion: "$LATEST",
      invokedFunctionArn: "charge",
      awsRequestId: "one#2",
      tenantId: "acme",
    });
    for (const text of [context.memoryLimitInMB, context.logGroupName, context.logStreamName])
      expect(typeof text).toBe("string");
  });

  it("asks for the remaining time each time", () => {
    let left = 10;
    const context = lambdaContext("charge", "one#1", () => left--, undefined);

    expect([context.getRemainingTimeInMillis(), context.getRemainingTimeInMillis()]).toEqual([10, 9]);
  });

  it("has no tenant where there is none", () => {
    expect("tenantId" in lambdaContext("charge", "one#1", () => 0, undefined)).toBe(false);
  });

  it("has the callbacks of old handlers, which do nothing", () => {
    const context = lambdaContext("charge", "one#1", () => 0, undefined);

    expect([context.done(), context.fail("broken"), context.succeed(1)]).toEqual([
      undefined,
      undefined,
      undefined,
    ]);
  });
});

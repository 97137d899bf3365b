/** Owns the context object that a handler gets where there is no Lambda. */

import type { LambdaContext } from "@tidemark/sdk";

export function lambdaContext(
  functionName: string,
  awsRequestId: string,
  remainingTimeMs: () => number,
  tenantId: string | undefined,
): LambdaContext {
  return {
    callbackWaitsForEmptyEventLoop: false,
    functionName,
    functionVersion: "$LATEST",
    invokedFunctionArn: functionName,
    memoryLimitInMB: "0",
    awsRequestId,
    logGroupName: "",
    logStreamName: "",
    ...(tenantId === undefined ? {} : { tenantId }),
    getRemainingTimeInMillis: remainingTimeMs,
    done() {},
    fail() {},
    succeed() {},
  };
}

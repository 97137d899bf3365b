/** Owns the shape of the context that the platform passes to an invocation. */

/** A Lambda context, member for member as `@types/aws-lambda` has it. */
export interface LambdaContext {
  callbackWaitsForEmptyEventLoop: boolean;
  functionName: string;
  functionVersion: string;
  invokedFunctionArn: string;
  memoryLimitInMB: string;
  awsRequestId: string;
  logGroupName: string;
  logStreamName: string;
  tenantId?: string | undefined;
  identity?: { cognitoIdentityId: string; cognitoIdentityPoolId: string } | undefined;
  // biome-ignore lint/suspicious/noExplicitAny: as in @types/aws-lambda, so that the two are assignable.
  clientContext?: any;
  getRemainingTimeInMillis(): number;
  done(error?: Error, result?: unknown): void;
  fail(error: Error | string): void;
  succeed(messageOrObject: unknown): void;
}

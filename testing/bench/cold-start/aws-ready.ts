/** The same, with the client that the AWS SDK loads at its first checkpoint. */

export { LambdaClient } from "@aws-sdk/client-lambda";
export { handler } from "./aws";

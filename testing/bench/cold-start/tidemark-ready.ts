/** The same, with the client that the SDK loads at its first checkpoint on the managed service. */

export { LambdaClient } from "@aws-sdk/client-lambda";
export { handler } from "./tidemark";

/** Owns the call `Invoke`: an event starts an execution, once for each name, and is answered now or at its end. */

import { executionIdOf, TidemarkError } from "@tidemark/protocol";
import {
  type DurableClient,
  ExecutionFailedError,
  type StartedExecution,
  type StartOptions,
} from "@tidemark/runtime";
import type { Duration } from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";
import { ApiError, invalid } from "./api-errors.js";
import { payloadsOf } from "./api-payloads.js";

interface InvokeRequest {
  readonly client: DurableClient;
  readonly store: ExecutionStore;
  readonly functionName: string;
  readonly qualifier: string | null;
  readonly request: Request;
  readonly timeout: Duration | undefined;
  readonly retention: Duration | undefined;
}

/** Longest synchronous invocation. Source: Lambda quotas, function timeout. */
const MAX_WAIT_MS = 15 * 60 * 1000;

/** Source: Lambda API, `Qualifier`. It is answered in a header. */
const QUALIFIER = /^[A-Za-z0-9$_-]{1,128}$/;

export async function invoke({
  client,
  store,
  functionName,
  request,
  ...options
}: InvokeRequest): Promise<Response> {
  const { headers } = request;
  const type = headers.get("X-Amz-Invocation-Type") ?? "RequestResponse";
  if (!["RequestResponse", "Event", "DryRun"].includes(type)) {
    throw invalid(`InvocationType is ${type}; RequestResponse, Event or DryRun is needed`);
  }
  if (headers.get("X-Amz-Tenant-Id") !== null) {
    throw invalid("TenantId is given; this server starts executions of no tenant");
  }
  const { qualifier } = options;
  if (qualifier !== null && !QUALIFIER.test(qualifier)) {
    throw invalid(
      `Qualifier is ${JSON.stringify(qualifier)}; 1 to 128 of the characters A-Z, a-z, 0-9, $, _ and - are needed`,
    );
  }
  const inputJson = inputOf(await request.text());
  if (type === "DryRun") return new Response(null, { status: 204 });
  const name = headers.get("X-Amz-Durable-Execution-Name");
  const { executionArn } = await start(client, functionName, {
    ...(inputJson === undefined ? {} : { inputJson }),
    ...(name === null ? {} : { name }),
    ...(options.timeout === undefined ? {} : { timeout: options.timeout }),
    ...(options.retention === undefined ? {} : { retention: options.retention }),
  });
  const answered = {
    "X-Amz-Durable-Execution-Arn": executionArn,
    "X-Amz-Executed-Version": qualifier ?? "$LATEST",
    "Content-Type": "application/json",
  };
  if (type === "Event") return new Response("", { status: 202, headers: answered });
  const executionId = executionIdOf(executionArn);
  return outcomeOf({ client, store, executionId, headers: answered, signal: request.signal });
}

async function start(
  client: DurableClient,
  functionName: string,
  options: StartOptions,
): Promise<StartedExecution> {
  try {
    return await client.start(functionName, options);
  } catch (error) {
    if (!(error instanceof TidemarkError) || error.code !== "TIDEMARK_EXECUTION_EXISTS") throw error;
    throw new ApiError("DurableExecutionAlreadyStartedException", error.message, error);
  }
}

/** As it came: another language may have numbers that JavaScript has not. */
function inputOf(text: string): string | undefined {
  if (text === "") return undefined;
  try {
    JSON.parse(text);
    return text;
  } catch (cause) {
    throw new ApiError("InvalidRequestContentException", `Could not parse request body into json: ${cause}`);
  }
}

interface Waiting extends Pick<InvokeRequest, "client" | "store"> {
  readonly executionId: string;
  readonly headers: Readonly<Record<string, string>>;
  /** Aborted when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
}

async function outcomeOf({ client, store, executionId, headers, signal }: Waiting): Promise<Response> {
  try {
    await client.result(executionId, { timeoutMs: MAX_WAIT_MS, signal });
    const { result = "null" } = await payloadsOf(store, executionId);
    return new Response(result, { headers });
  } catch (error) {
    const payload = failureOf(error);
    if (payload === undefined) throw error;
    // A function that fails is an answer, not an error of the API.
    return new Response(JSON.stringify(payload), {
      headers: { ...headers, "X-Amz-Function-Error": "Unhandled" },
    });
  }
}

function failureOf(error: unknown): object | undefined {
  if (error instanceof ExecutionFailedError) {
    const { name, message } = (error.cause ?? error) as Error;
    return { errorType: name, errorMessage: message };
  }
  if (error instanceof TidemarkError && error.code === "TIDEMARK_RESULT_TIMEOUT") {
    return { errorType: error.code, errorMessage: error.message };
  }
  return undefined;
}

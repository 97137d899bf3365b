/** Owns how a request of the REST-JSON protocol is read: which call it is, what it is about, and its body. */

import { type ErrorObject, errorObjectFrom } from "@tidemark/protocol";
import { ApiError, invalid } from "./api-errors.js";
import { wireError } from "./api-shapes.js";

type ApiCall =
  | "Invoke"
  | "CheckpointDurableExecution"
  | "GetDurableExecutionState"
  | "GetDurableExecution"
  | "GetDurableExecutionHistory"
  | "ListDurableExecutionsByFunction"
  | "StopDurableExecution"
  | "SendDurableExecutionCallbackSuccess"
  | "SendDurableExecutionCallbackFailure"
  | "SendDurableExecutionCallbackHeartbeat";

/** Longest first. An ARN has slashes, which some proxies decode. Source: Lambda API, its HTTP bindings. */
const ROUTES: readonly (readonly [method: string, path: RegExp, call: ApiCall])[] = [
  ["POST", /^\/2015-03-31\/functions\/(.+)\/invocations\/?$/, "Invoke"],
  ["GET", /^\/2025-12-01\/functions\/(.+)\/durable-executions\/?$/, "ListDurableExecutionsByFunction"],
  ["POST", /^\/2025-12-01\/durable-executions\/(.+)\/checkpoint\/?$/, "CheckpointDurableExecution"],
  ["POST", /^\/2025-12-01\/durable-executions\/(.+)\/stop\/?$/, "StopDurableExecution"],
  ["GET", /^\/2025-12-01\/durable-executions\/(.+)\/state\/?$/, "GetDurableExecutionState"],
  ["GET", /^\/2025-12-01\/durable-executions\/(.+)\/history\/?$/, "GetDurableExecutionHistory"],
  ["GET", /^\/2025-12-01\/durable-executions\/(.+)$/, "GetDurableExecution"],
  [
    "POST",
    /^\/2025-12-01\/durable-execution-callbacks\/(.+)\/succeed\/?$/,
    "SendDurableExecutionCallbackSuccess",
  ],
  [
    "POST",
    /^\/2025-12-01\/durable-execution-callbacks\/(.+)\/fail\/?$/,
    "SendDurableExecutionCallbackFailure",
  ],
  [
    "POST",
    /^\/2025-12-01\/durable-execution-callbacks\/(.+)\/heartbeat\/?$/,
    "SendDurableExecutionCallbackHeartbeat",
  ],
];

/** @throws ApiError for a path that is none of the API's calls. */
export function pathOf({ method, url }: Request): {
  readonly call: ApiCall;
  /** The function, execution or callback in the path. */
  readonly subject: string;
  readonly query: URLSearchParams;
} {
  const { pathname, searchParams: query } = new URL(url);
  for (const [routeMethod, path, call] of ROUTES) {
    const subject = method === routeMethod ? path.exec(pathname)?.[1] : undefined;
    if (subject !== undefined) return { call, subject: decoded(subject), query };
  }
  throw new ApiError("ResourceNotFoundException", `${method} ${pathname} is not a call that is served here`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`${JSON.stringify(text)} in the path is not encoded as a URI`);
  }
}

/** The JSON object in a body; an empty body is an empty object. */
export async function jsonIn(message: Request | Response): Promise<object> {
  const text = await message.text();
  if (text === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new ApiError("InvalidRequestContentException", `Could not parse request body into json: ${cause}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new ApiError("InvalidRequestContentException", "the request body is not a JSON object");
  }
  return value;
}

/** The error in a body. */
export async function errorIn(message: Request | Response): Promise<ErrorObject> {
  return errorObjectFrom(wireError(await jsonIn(message)), "error");
}

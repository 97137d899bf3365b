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

/**
 * UTF-8, for what becomes part of a store's keys. The service takes 1,024 characters; a sort key of DynamoDB has 1,024
 * bytes with what stands before the id. Source: Lambda API, `DurableExecutionArn` and `CallbackId`; DynamoDB limits.
 */
const MAX_ID_BYTES = 960;
/** UTF-8 of a text that names such an id in base 64. */
const MAX_MARKER_BYTES = 1_400;

/** The id that a path names, as the API calls it. Names of functions are only looked up. */
function idFieldOf(call: ApiCall): string | undefined {
  if (call === "Invoke" || call === "ListDurableExecutionsByFunction") return undefined;
  return call.startsWith("SendDurableExecutionCallback") ? "CallbackId" : "DurableExecutionArn";
}

function requireLength(field: string, text: string, maxBytes: number): void {
  const bytes = Buffer.byteLength(text);
  if (bytes > maxBytes) throw invalid(`${field} has ${bytes} bytes; at most ${maxBytes} are possible`);
}

/** @throws ApiError for a path that is none of the API's calls. */
export function pathOf({ method, url }: Request): {
  readonly call: ApiCall;
  /** The function, execution or callback in the path. */
  readonly subject: string;
  readonly query: URLSearchParams;
} {
  const { pathname, searchParams: query } = new URL(url);
  for (const [routeMethod, path, call] of ROUTES) {
    const encoded = method === routeMethod ? path.exec(pathname)?.[1] : undefined;
    if (encoded === undefined) continue;
    const subject = decoded(encoded);
    const field = idFieldOf(call);
    if (field !== undefined) requireLength(field, subject, MAX_ID_BYTES);
    requireLength("Marker", query.get("Marker") ?? "", MAX_MARKER_BYTES);
    return { call, subject, query };
  }
  const path = pathname.slice(0, MAX_ID_BYTES);
  throw new ApiError("ResourceNotFoundException", `${method} ${path} is not a call that is served here`);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalid(`${JSON.stringify(text.slice(0, MAX_ID_BYTES))} in the path is not encoded as a URI`);
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

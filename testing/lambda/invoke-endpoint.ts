/**
 * Owns the HTTP side of a local Lambda: the `Invoke` request as the real `LambdaClient` sends it, and its answers.
 *
 * What functions there are and how they run is somebody else's.
 */

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface InvokeRequest {
  /** As the caller wrote it, without a qualifier. */
  readonly functionName: string;
  /** JSON. */
  readonly payload: string;
  readonly requestId: string;
  /** Makes the start of an AWS durable function idempotent. */
  readonly durableExecutionName?: string;
  readonly isAsynchronous: boolean;
}

export interface InvokeOutcome {
  /** JSON. */
  readonly payload: string;
  /** The function has failed, and the payload says how. */
  readonly hasFailed: boolean;
}

/** A refusal of the service: the function has not run. */
export class Refusal extends Error {
  readonly status: number;

  constructor(status: number, name: string, message: string) {
    super(message);
    this.status = status;
    this.name = name;
  }
}

export interface LocalFunctions {
  /** @throws Refusal when it cannot be invoked: before anything has run. */
  accept(request: InvokeRequest): { readonly durableExecutionArn?: string };
  run(request: InvokeRequest): Promise<InvokeOutcome>;
  /** Answers other requests under `/2025-12-01/`, such as those of the durable API. */
  other?(method: string, path: string): unknown;
}

export interface InvokeEndpoint {
  readonly endpoint: string;
  /** Settles when no request is under way any more. */
  stop(): Promise<void>;
}

/** Source: Lambda quotas, request and response payload of asynchronous and synchronous invocations. */
const MAX_ASYNCHRONOUS_BYTES = 1024 * 1024;
const MAX_SYNCHRONOUS_BYTES = 6 * 1024 * 1024;

const INVOKE = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;

/** Listens on a free port of this machine, and nowhere else. */
export async function startInvokeEndpoint(functions: LocalFunctions): Promise<InvokeEndpoint> {
  const server = createServer((request, response) => {
    answer(functions, request, response).catch((error: unknown) => {
      // Nobody waits for how an accepted event ends.
      if (response.headersSent) return;
      const refusal = error instanceof Refusal ? error : new Refusal(500, "ServiceException", String(error));
      response.writeHead(refusal.status, { "x-amzn-errortype": refusal.name });
      response.end(JSON.stringify({ Message: refusal.message, Type: "User" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    endpoint: `http://127.0.0.1:${port}`,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeIdleConnections();
      }),
  };
}

async function answer(
  functions: LocalFunctions,
  incoming: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { pathname } = new URL(incoming.url as string, "http://localhost");
  const [, target] = INVOKE.exec(pathname) ?? [];
  const payload = await bodyOf(incoming);
  if (target === undefined) {
    const found = functions.other?.(incoming.method as string, pathname);
    if (found === undefined) throw new Refusal(404, "ResourceNotFoundException", `no ${pathname}`);
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(found));
    return;
  }
  const isAsynchronous = incoming.headers["x-amz-invocation-type"] === "Event";
  const request = invokeRequest(decodeURIComponent(target), payload, isAsynchronous, incoming);
  const { durableExecutionArn } = functions.accept(request);
  const headers = {
    "content-type": "application/json",
    "x-amzn-requestid": request.requestId,
    ...(durableExecutionArn === undefined ? {} : { "x-amz-durable-execution-arn": durableExecutionArn }),
  };
  if (isAsynchronous) {
    response.writeHead(202, headers).end();
    await functions.run(request);
    return;
  }
  const outcome = await functions.run(request);
  const error = outcome.hasFailed ? { "x-amz-function-error": "Unhandled" } : {};
  response.writeHead(200, { ...headers, "x-amz-executed-version": "$LATEST", ...error }).end(outcome.payload);
}

/** @throws Refusal. */
function invokeRequest(
  target: string,
  payload: string,
  isAsynchronous: boolean,
  { headers }: IncomingMessage,
): InvokeRequest {
  const limit = isAsynchronous ? MAX_ASYNCHRONOUS_BYTES : MAX_SYNCHRONOUS_BYTES;
  if (Buffer.byteLength(payload) > limit)
    throw new Refusal(413, "RequestTooLargeException", `the payload has more than ${limit} bytes`);
  try {
    JSON.parse(payload);
  } catch {
    throw new Refusal(400, "InvalidRequestContentException", "the payload is not JSON");
  }
  const durableExecutionName = headers["x-amz-durable-execution-name"];
  return {
    functionName: nameOf(target),
    payload,
    requestId: randomUUID(),
    isAsynchronous,
    ...(typeof durableExecutionName === "string" ? { durableExecutionName } : {}),
  };
}

/** `name`, `name:qualifier` and ARNs. */
function nameOf(target: string): string {
  const [, name] = /^(?:arn:[^:]+:lambda:[^:]*:\d*:function:)?([^:]+)(?::[^:]+)?$/.exec(target) ?? [];
  return name ?? target;
}

async function bodyOf(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return chunks.length === 0 ? "{}" : Buffer.concat(chunks).toString("utf8");
}

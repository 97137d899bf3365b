/** Owns the HTTP server of Node.js in front of an API: bodies are read up to a limit, answers are sent. */

import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { OptionNames } from "@tidemark/protocol";
import { ApiError, errorResponse } from "./api-errors.js";
import type { DurableApi } from "./api-server.js";
import { requireNames, wholeNumber } from "./options.js";

export interface ServeOptions {
  /** Default 0: one that is free. */
  readonly port?: number | undefined;
  /** Default `127.0.0.1`: this machine only. */
  readonly host?: string | undefined;
  /** Largest body of a request. Default 8 MB: the payloads of Lambda, and what is around them. */
  readonly maxRequestBytes?: number | undefined;
}

const NAMES: OptionNames<ServeOptions> = { port: true, host: true, maxRequestBytes: true };

export interface ServedApi {
  /** For `endpoint` of a `LambdaClient`, and for `AWS_ENDPOINT_URL_LAMBDA`. */
  readonly url: string;
  /** Stops to accept connections; settles when what is being answered has been. */
  close(): Promise<void>;
}

/** Of the first line and the headers. More than an id may have, so that one that is too long is told so. */
const MAX_HEADER_BYTES = 64 * 1024;

/**
 * Serves an API on a port. Plain HTTP: put TLS in front of it where others can reach it.
 *
 * @throws TidemarkError `TIDEMARK_LAMBDA_OPTIONS`; errors of Node.js, such as `EADDRINUSE`.
 * @example
 * ```ts
 * const served = await serveApi(durableApi({ store }), { port: 8080 });
 * const client = new LambdaClient({ endpoint: served.url });
 * ```
 */
export async function serveApi(
  api: Pick<DurableApi, "fetch">,
  options: ServeOptions = {},
): Promise<ServedApi> {
  requireNames("serveApi", options, NAMES);
  const { host = "127.0.0.1" } = options;
  const port = wholeNumber("port", options.port ?? 0, 0);
  const maxBytes = wholeNumber("maxRequestBytes", options.maxRequestBytes ?? 8 * 1024 * 1024, 1);
  const server = createServer({ maxHeaderSize: MAX_HEADER_BYTES }, (request, response) => {
    // A connection that breaks has nobody to tell.
    exchange(api, request, response, maxBytes).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, resolve);
  });
  return { url: urlOf(server, host), close: () => closed(server) };
}

async function exchange(
  api: Pick<DurableApi, "fetch">,
  request: IncomingMessage,
  response: ServerResponse,
  maxBytes: number,
): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => {
    if (!response.writableFinished) gone.abort(new Error("the connection was closed before the answer"));
  });
  const body = await bodyOf(request, maxBytes);
  const answer =
    body === undefined
      ? errorResponse(new ApiError("RequestTooLargeException", `the request has more than ${maxBytes} bytes`))
      : await api.fetch(requestOf(request, body, gone.signal));
  if (gone.signal.aborted) return;
  const bytes = Buffer.from(await answer.arrayBuffer());
  response.writeHead(answer.status, {
    ...Object.fromEntries(answer.headers),
    "Content-Length": bytes.length,
  });
  response.end(bytes);
}

/** Nothing when it is too large; it is then read and dropped, so that the client gets its answer. */
async function bodyOf(request: IncomingMessage, maxBytes: number): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= maxBytes) chunks.push(chunk);
  }
  return bytes > maxBytes ? undefined : Buffer.concat(chunks);
}

function requestOf(
  { method = "GET", url = "/", headers }: IncomingMessage,
  body: Buffer,
  signal: AbortSignal,
): Request {
  const given = new Headers();
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) given.set(name, Array.isArray(value) ? value.join(", ") : value);
  }
  const hasBody = method !== "GET" && method !== "HEAD";
  return new Request(new URL(url, "http://localhost"), {
    method,
    headers: given,
    signal,
    ...(hasBody ? { body } : {}),
  });
}

function urlOf(server: Server, host: string): string {
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeIdleConnections();
  });
}

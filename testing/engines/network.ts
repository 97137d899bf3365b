/**
 * Owns a real HTTP proxy that is a bad network: it loses, delays, doubles and cuts requests and answers as it is
 * told. It passes bytes on as they are, and knows nothing of what is in them.
 */

import { once, setMaxListeners } from "node:events";
import {
  Agent,
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type ServerResponse,
} from "node:http";
import { setTimeout as sleep } from "node:timers/promises";

export interface PassingRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type NetworkFault =
  /** The connection breaks before the request. */
  | { readonly kind: "lose-request" }
  /** The request is carried out, and the connection breaks before the answer. */
  | { readonly kind: "lose-answer" }
  /** The request is carried out, and the connection breaks in the middle of the answer. */
  | { readonly kind: "cut-answer" }
  /** The request is carried out so much later. */
  | { readonly kind: "delay-request"; readonly ms: number }
  /** The request is carried out, and its answer comes so much later. */
  | { readonly kind: "delay-answer"; readonly ms: number }
  /** The request is carried out twice, one after the other; the answer is that of the second. */
  | { readonly kind: "duplicate" }
  /** The request is carried out, and so much later once more. */
  | { readonly kind: "late-duplicate"; readonly ms: number }
  /** Somebody else answers; the request is carried out before, or not at all. */
  | { readonly kind: "answer"; readonly hasLanded: boolean; readonly answer: Answer };

export interface Network {
  readonly endpoint: string;
  /** Decides about each request; `undefined`: it passes. */
  decide: (request: PassingRequest) => NetworkFault | undefined;
  /** Settles when late duplicates have been carried out, too. */
  quiet(): Promise<void>;
  stop(): Promise<void>;
}

/** Longer than clients keep connections that they do not use. */
const KEEP_ALIVE_MS = 120_000;

export async function startNetwork(target: string): Promise<Network> {
  const agent = new Agent({ keepAlive: true });
  const underWay = new Set<Promise<unknown>>();
  const stopping = new AbortController();
  // One for each request that is late.
  setMaxListeners(0, stopping.signal);
  const track = (work: Promise<unknown>): void => {
    const tracked = work.catch(() => {}).finally(() => underWay.delete(tracked));
    underWay.add(tracked);
  };
  const server = createServer((incoming, outgoing) => {
    const handled = handle(incoming, outgoing, {
      decide: (request) => network.decide(request),
      forward: (request) => forward(target, agent, request),
      pause: (ms) => sleep(ms, undefined, { signal: stopping.signal }),
      track,
    });
    track(handled.catch(() => outgoing.destroy()));
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  const network: Network = {
    endpoint: "",
    decide: () => undefined,
    async quiet() {
      while (underWay.size > 0) await Promise.all(underWay);
    },
    async stop() {
      stopping.abort();
      server.close();
      server.closeAllConnections();
      await once(server, "close");
      await network.quiet();
      agent.destroy();
    },
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return Object.assign(network, { endpoint: `http://127.0.0.1:${port}` });
}

interface Handling {
  readonly decide: Network["decide"];
  readonly forward: (request: PassingRequest) => Promise<Answer>;
  readonly pause: (ms: number) => Promise<void>;
  readonly track: (work: Promise<unknown>) => void;
}

async function handle(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  { decide, forward, pause, track }: Handling,
): Promise<void> {
  const body = await bytesOf(incoming);
  const { method = "GET", url: path = "/", headers } = incoming;
  const request: PassingRequest = { method, path, headers, body };
  const fault = decide(request);
  switch (fault?.kind) {
    case undefined:
      return respond(outgoing, await forward(request));
    case "lose-request":
      outgoing.destroy();
      return;
    case "lose-answer":
      await forward(request);
      outgoing.destroy();
      return;
    case "cut-answer":
      return cut(outgoing, await forward(request));
    case "delay-request":
      await pause(fault.ms);
      return respond(outgoing, await forward(request));
    case "delay-answer": {
      const answer = await forward(request);
      await pause(fault.ms);
      return respond(outgoing, answer);
    }
    case "duplicate":
      await forward(request);
      return respond(outgoing, await forward(request));
    case "late-duplicate":
      respond(outgoing, await forward(request));
      track(pause(fault.ms).then(() => forward(request)));
      return;
    case "answer":
      if (fault.hasLanded) await forward(request);
      return respond(outgoing, fault.answer);
  }
}

function respond(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  outgoing.writeHead(status, answerHeaders(headers, body));
  outgoing.end(body);
}

function cut(outgoing: ServerResponse, { status, headers, body }: Answer): void {
  // The length says that there is more.
  outgoing.writeHead(status, { ...answerHeaders(headers, body), "content-length": body.length + 1 });
  outgoing.write(body.subarray(0, body.length / 2), () => outgoing.destroy());
}

function answerHeaders(headers: IncomingHttpHeaders, body: Buffer): IncomingHttpHeaders {
  const { "transfer-encoding": _encoding, connection: _connection, ...rest } = headers;
  return { "content-length": String(body.length), ...rest };
}

/** The host stays that of the proxy: it may be signed. */
async function forward(target: string, agent: Agent, request: PassingRequest): Promise<Answer> {
  const { method, path, body } = request;
  const {
    "transfer-encoding": _encoding,
    connection: _connection,
    expect: _expect,
    ...rest
  } = request.headers;
  const headers = { ...rest, "content-length": body.length };
  const sent = httpRequest(`${target}${path}`, { agent, method, headers });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return {
    status: response.statusCode ?? 500,
    headers: response.headers,
    body: await bytesOf(response),
  };
}

async function bytesOf(stream: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

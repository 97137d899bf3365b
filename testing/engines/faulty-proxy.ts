/**
 * Owns a real HTTP proxy in front of a local DynamoDB that counts what passes, and that loses answers, gives
 * errors or holds requests where a test says so.
 */

import { once } from "node:events";
import { createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from "node:http";

/** One request as the proxy has seen it. */
export interface SeenRequest {
  /** `PutItem`, `Query`. */
  readonly action: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** How many requests of this action there were before. */
  readonly index: number;
}

export type Fault =
  /** The request is carried out, and the connection breaks before the answer. */
  | { readonly kind: "lose-answer" }
  /** The connection breaks before the request. */
  | { readonly kind: "lose-request" }
  /** The request is not carried out; DynamoDB's error comes back. */
  | {
      readonly kind: "error";
      readonly name: string;
      readonly message?: string;
      readonly status?: number;
      /** `CancellationReasons` of a transaction. */
      readonly reasons?: readonly { readonly Code: string; readonly Message?: string }[];
    }
  /** Nothing comes back. */
  | { readonly kind: "hang" }
  /** The request is carried out, and its answer changed. */
  | {
      readonly kind: "answer";
      readonly change: (answer: Record<string, unknown>) => Record<string, unknown>;
    };

export interface Capacity {
  /** Write units of the table and of its indexes. */
  readonly units: number;
  readonly indexUnits: number;
}

export interface FaultyProxy {
  readonly endpoint: string;
  /** In the order of arrival, with those that had a fault. */
  readonly seen: SeenRequest[];
  /** Of each request that was carried out, by its place in `seen`. */
  readonly capacity: Map<SeenRequest, Capacity>;
  /** Decides about each request; `undefined`: it passes. */
  fault: (request: SeenRequest) => Fault | undefined | Promise<Fault | undefined>;
  /** Forgets what was seen, and lets everything pass. */
  reset(): void;
  stop(): Promise<void>;
}

export async function startProxy(target: string): Promise<FaultyProxy> {
  const server = createServer((incoming, outgoing) => {
    handle(proxy, target, incoming, outgoing).catch(() => outgoing.destroy());
  });
  const proxy: FaultyProxy = {
    endpoint: "",
    seen: [],
    capacity: new Map(),
    fault: () => undefined,
    reset() {
      proxy.seen.length = 0;
      proxy.capacity.clear();
      proxy.fault = () => undefined;
    },
    async stop() {
      server.close();
      server.closeAllConnections();
      await once(server, "close");
    },
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  return Object.assign(proxy, { endpoint: `http://127.0.0.1:${port}` });
}

async function handle(
  proxy: FaultyProxy,
  target: string,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const body = JSON.parse(await textOf(incoming)) as Record<string, unknown>;
  const action = String(incoming.headers["x-amz-target"]).split(".")[1] as string;
  const index = proxy.seen.filter((each) => each.action === action).length;
  const seen: SeenRequest = { action, body, index };
  proxy.seen.push(seen);
  const fault = await proxy.fault(seen);
  switch (fault?.kind) {
    case "hang":
      return;
    case "lose-request":
      outgoing.destroy();
      return;
    case "error": {
      const { name, message = "as the test says", status = 400, reasons } = fault;
      const type = `com.amazonaws.dynamodb.v20120810#${name}`;
      respond(outgoing, status, { __type: type, message, CancellationReasons: reasons });
      return;
    }
  }
  const answer = await forward(target, incoming, { ...body, ReturnConsumedCapacity: "INDEXES" });
  if (answer.status === 200) proxy.capacity.set(seen, capacityOf(answer.body));
  if (fault?.kind === "lose-answer") outgoing.destroy();
  else respond(outgoing, answer.status, fault?.kind === "answer" ? fault.change(answer.body) : answer.body);
}

function respond(outgoing: ServerResponse, status: number, body: object): void {
  outgoing.writeHead(status, { "content-type": "application/x-amz-json-1.0" });
  outgoing.end(JSON.stringify(body));
}

async function forward(
  target: string,
  incoming: IncomingMessage,
  body: object,
): Promise<{ status: number; body: Record<string, unknown> }> {
  const text = JSON.stringify(body);
  const { host: _host, "content-length": _length, ...headers } = incoming.headers;
  const request = httpRequest(target, {
    method: "POST",
    headers: { ...headers, "content-length": Buffer.byteLength(text) },
  });
  request.end(text);
  const [response] = (await once(request, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 500, body: JSON.parse(await textOf(response)) };
}

async function textOf(stream: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}

interface Consumed {
  readonly CapacityUnits?: number;
  readonly Table?: { readonly CapacityUnits?: number };
}

function capacityOf({ ConsumedCapacity }: Record<string, unknown>): Capacity {
  const consumed = (ConsumedCapacity === undefined ? [] : [ConsumedCapacity].flat()) as Consumed[];
  const units = consumed.reduce((sum, { CapacityUnits = 0 }) => sum + CapacityUnits, 0);
  const tableUnits = consumed.reduce((sum, { Table }) => sum + (Table?.CapacityUnits ?? 0), 0);
  return { units, indexUnits: units - tableUnits };
}

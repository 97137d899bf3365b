/**
 * Owns a client as a remote service is: two calls of plain JSON, without the members that a backend
 * in the same process has, and without the fields that Tidemark adds to operations.
 */

import {
  type CheckpointDurableExecutionRequest,
  type CheckpointDurableExecutionResponse,
  type DurableExecutionClient,
  DurableExecutionInvocationInputWithClient,
  type GetDurableExecutionStateRequest,
  type GetDurableExecutionStateResponse,
  type OperationUpdate,
  type WireOperation,
  type WireTimestamp,
} from "@tidemark/protocol";
import type { DurableLambdaHandler } from "@tidemark/sdk";

export interface RemoteOptions {
  /** Operations of the invocation's event; the rest are fetched. Default: all. */
  readonly firstPage?: number;
  /** Operations of each further page. */
  readonly pageSize?: number;
  /** Whether records of one virtual instant have times of their own, as over a network. Default `true`. */
  readonly hasDistinctTimes?: boolean;
  /** Told of every checkpoint before it is made; what it throws is the answer. */
  readonly onCheckpoint?: (request: CheckpointDurableExecutionRequest) => void;
}

/** Puts a remote client between a handler and the runtime that invokes it. */
export function overRemoteClient(
  options: RemoteOptions = {},
): (handler: DurableLambdaHandler) => DurableLambdaHandler {
  return (handler) => (event, context) => {
    const { durableExecutionClient } = event as DurableExecutionInvocationInputWithClient;
    const client = new RemoteClient(
      durableExecutionClient,
      event.InitialExecutionState.Operations.map((operation) => toWire(operation, options)),
      options,
    );
    const input = { ...event, InitialExecutionState: client.firstPage() };
    return handler(new DurableExecutionInvocationInputWithClient(input, client), context);
  };
}

class RemoteClient implements DurableExecutionClient {
  readonly #inner: DurableExecutionClient;
  readonly #operations: readonly WireOperation[];
  readonly #options: RemoteOptions;

  constructor(inner: DurableExecutionClient, operations: readonly WireOperation[], options: RemoteOptions) {
    this.#inner = inner;
    this.#operations = operations;
    this.#options = options;
  }

  firstPage(): { Operations: WireOperation[]; NextMarker?: string } {
    return this.#page(0, this.#options.firstPage ?? this.#operations.length);
  }

  async checkpoint(request: CheckpointDurableExecutionRequest): Promise<CheckpointDurableExecutionResponse> {
    const plain = throughJson(request);
    this.#options.onCheckpoint?.(plain);
    const Updates = (plain.Updates ?? []) as OperationUpdate[];
    const response = await this.#inner.checkpoint({ ...plain, Updates });
    const Operations = (response.NewExecutionState?.Operations ?? []).map((operation) =>
      toWire(operation, this.#options),
    );
    return { ...response, NewExecutionState: { Operations } };
  }

  async getExecutionState(
    request: GetDurableExecutionStateRequest,
  ): Promise<GetDurableExecutionStateResponse> {
    return this.#page(Number(request.Marker), this.#options.pageSize ?? 1000);
  }

  #page(from: number, count: number): { Operations: WireOperation[]; NextMarker?: string } {
    const Operations = this.#operations.slice(from, from + count);
    const next = from + count;
    return next < this.#operations.length ? { Operations, NextMarker: String(next) } : { Operations };
  }
}

/** Members of the details that only Tidemark has. */
const OWN_DETAILS = [
  "Interruptions",
  "TimeoutSeconds",
  "HeartbeatTimeoutSeconds",
  "HeartbeatDueTimestamp",
  "FunctionName",
  "TenantId",
  "InputPayload",
];

function toWire(operation: WireOperation, options: RemoteOptions): WireOperation {
  const { StartOrder, SettleOrder, ...rest } = throughJson(operation);
  if (options.hasDistinctTimes !== false) {
    if (StartOrder !== undefined) rest.StartTimestamp = later(rest.StartTimestamp, StartOrder);
    if (SettleOrder !== undefined) rest.EndTimestamp = later(rest.EndTimestamp, SettleOrder);
  }
  for (const [key, details] of Object.entries(rest)) {
    if (!key.endsWith("Details") || key === "ExecutionDetails") continue;
    const members = details as Record<string, unknown>;
    for (const own of OWN_DETAILS) delete members[own];
    const error = members.Error as { Cause?: unknown } | undefined;
    if (error !== undefined) delete error.Cause;
  }
  return rest;
}

function later(timestamp: WireTimestamp | undefined, ms: number): string {
  return new Date(new Date(timestamp ?? 0).getTime() + ms).toISOString();
}

function throughJson<T>(value: T): T {
  return JSON.parse(JSON.stringify(value)) as T;
}

/** Owns what goes into one invocation of a handler and what comes out of it. */

import type { DurableExecutionClient } from "./client.js";
import type { ErrorObject, WireOperation } from "./operation.js";

/** The event with which a wrapped handler is invoked. The first operation is the EXECUTION. */
export interface DurableExecutionInvocationInput {
  DurableExecutionArn: string;
  CheckpointToken: string;
  /** Operations that changed from outside since the previous invocation. */
  UpdatedOperationIds?: string[];
  InitialExecutionState: {
    Operations: WireOperation[];
    NextMarker?: string | undefined;
  };
}

/** How an invocation ended. */
// biome-ignore lint/style/noEnum: an enum in the AWS SDK, so a type and a value for its users.
export enum InvocationStatus {
  SUCCEEDED = "SUCCEEDED",
  FAILED = "FAILED",
  /** Suspended: the execution goes on in a later invocation. */
  PENDING = "PENDING",
}

export type DurableExecutionInvocationOutput =
  | { Status: InvocationStatus.SUCCEEDED; Result?: string }
  | { Status: InvocationStatus.FAILED; Error: ErrorObject }
  | { Status: InvocationStatus.PENDING };

/**
 * An invocation event that brings its own backend, so that a runner can drive a wrapped handler.
 *
 * The class name and string tag are part of the contract: other copies of the SDK recognise the
 * event by them.
 */
export class DurableExecutionInvocationInputWithClient implements DurableExecutionInvocationInput {
  readonly DurableExecutionArn: string;
  readonly CheckpointToken: string;
  readonly UpdatedOperationIds?: string[];
  readonly InitialExecutionState: {
    Operations: WireOperation[];
    NextMarker?: string | undefined;
  };
  readonly durableExecutionClient: DurableExecutionClient;

  constructor(params: DurableExecutionInvocationInput, durableExecutionClient: DurableExecutionClient) {
    this.DurableExecutionArn = params.DurableExecutionArn;
    this.CheckpointToken = params.CheckpointToken;
    if (params.UpdatedOperationIds !== undefined) this.UpdatedOperationIds = params.UpdatedOperationIds;
    this.InitialExecutionState = params.InitialExecutionState;
    this.durableExecutionClient = durableExecutionClient;
  }

  static isInstance(event: unknown): event is DurableExecutionInvocationInputWithClient {
    if (event instanceof DurableExecutionInvocationInputWithClient) return true;
    return (
      typeof event === "object" &&
      event !== null &&
      Object.prototype.toString.call(event) === "[object DurableExecutionInvocationInputWithClient]" &&
      "durableExecutionClient" in event
    );
  }

  get [Symbol.toStringTag](): string {
    return "DurableExecutionInvocationInputWithClient";
  }
}

/** Owns what the conformance runner needs of a runtime that lives on virtual time. */

import type { DurableLambdaHandler } from "@tidemark/sdk";

export interface ErrorFields {
  readonly ErrorType?: string | undefined;
  readonly ErrorMessage?: string | undefined;
}

/** One event, shaped as the Lambda API `GetDurableExecutionHistory` gives it. */
export interface ConformanceEvent {
  readonly EventType?: string | undefined;
  readonly EventId?: number | undefined;
  readonly Id?: string | undefined;
}

export interface ExecutionOutcome {
  readonly status: string;
  readonly result?: string | undefined;
  readonly error?: ErrorFields | undefined;
}

/** The part of `testing/kit`'s `TestRuntime` that a case is driven through. */
export interface ConformanceRuntime {
  readonly client: {
    sendCallbackSuccess(callbackId: string, payload?: string): Promise<unknown>;
    sendCallbackFailure(callbackId: string, error: ErrorFields): Promise<unknown>;
    sendCallbackHeartbeat(callbackId: string): Promise<unknown>;
  };
  register(name: string, handler: DurableLambdaHandler): void;
  start(functionName: string, input: unknown): Promise<string>;
  settle(): Promise<void>;
  advance(ms: number): Promise<void>;
  runToEnd(executionId: string): Promise<ExecutionOutcome>;
  crash(executionId: string): void;
  history(executionId: string): Promise<readonly ConformanceEvent[]>;
  close(): Promise<void>;
}

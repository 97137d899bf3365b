/**
 * Owns how a state is written as a snapshot, and read back: compact, readable JSON that says its version.
 *
 * A snapshot is derived from the entries up to one of them and from nothing else: whoever writes it, and when,
 * writes the same text. What can be derived from the rest is not in it: timers, callback ids, the tree.
 */

import { DEFAULT_SUB_TYPE, prefixOf, reversed, TYPE_CODES, TYPES } from "./entry-codec.js";
import { TidemarkError } from "./errors.js";
import { callbackId } from "./ids.js";
import type {
  CallbackDetails,
  ChainedInvokeDetails,
  ContextDetails,
  ErrorObject,
  Operation,
  OperationStatus,
  OperationType,
  StepDetails,
} from "./operation.js";
import type { ExecutionState } from "./state.js";

/** Raised with every change of the format, and of what records do to a state. */
export const SNAPSHOT_VERSION = 1;

/** The invocations at the end of a log that have recorded nothing of their own. */
export interface BarrenRun {
  /** Those that have ended and failed. */
  readonly count: number;
  /** Whether the invocation that the log ends with is one of them so far. */
  readonly isOpen: boolean;
}

const STATUS_CODES = {
  STARTED: "s",
  PENDING: "p",
  READY: "r",
  SUCCEEDED: "+",
  FAILED: "-",
  TIMED_OUT: "t",
  STOPPED: "x",
  CANCELLED: "c",
} as const satisfies Record<OperationStatus, string>;

const STATUSES = reversed(STATUS_CODES) as Record<string, OperationStatus>;

interface EncodedOperation {
  /** Operation id. */
  i: string;
  /** Type and status. */
  k: string;
  /** Parent, when it is not the id's own prefix; `0` for none. */
  p?: string | 0;
  n?: string;
  /** Subtype, when it is not the usual one. */
  s?: string;
  /** Milliseconds from the start of the execution to the start of the operation, and from there to its end. */
  a: number;
  z?: number;
  /** Start order and settle order. */
  o: number;
  q?: number;
  /** Position of the last outcome that the code had been given at the start. */
  g?: number;
  /** Result and error. */
  d?: string;
  x?: ErrorObject;
  /** Attempts that have ended, and interruptions of the one under way. */
  t?: number;
  u?: number;
  /** Milliseconds from the start of the execution until a wait ends, a retry is due, or a heartbeat is missed. */
  w?: number;
  /** Timeout and heartbeat timeout in seconds. */
  b?: [number | null, number | null];
  /** Function name, tenant and input. */
  f?: [string | null, string | null, string?];
  /** 1: the result is rebuilt from the children. */
  c?: 1;
}

interface EncodedSnapshot {
  v: number;
  /** When the execution started, the time of the last entry, and the position of the next record. */
  s: number;
  t: number;
  o: number;
  /** Barren invocations, and whether the last one is. */
  b: [number, 0 | 1];
  r: EncodedOperation[];
}

/** The state as text. It must be what the log says up to one entry, and no more. */
export function encodeSnapshot(state: ExecutionState, barren: BarrenRun): string {
  const { startedAtMs, nowMs, nextOrder, operations } = state;
  const encoded: EncodedSnapshot = {
    v: SNAPSHOT_VERSION,
    s: startedAtMs,
    t: nowMs,
    o: nextOrder,
    b: [barren.count, barren.isOpen ? 1 : 0],
    r: Array.from(operations.values(), (operation) => encodeOperation(operation, startedAtMs)),
  };
  return JSON.stringify(encoded);
}

/**
 * Begins a new state with what a snapshot says.
 *
 * @throws TidemarkError `TIDEMARK_SNAPSHOT_CORRUPT` or `TIDEMARK_SNAPSHOT_VERSION`; the state is as it was. The log
 * says the same, and can be read instead.
 */
export function decodeSnapshot(text: string, state: ExecutionState): BarrenRun {
  const encoded = parse(text, state);
  let operations: Operation[];
  try {
    operations = encoded.r.map((operation) => decodeOperation(operation, state));
  } catch (cause) {
    throw corrupt(state.executionId, cause);
  }
  state.restore({ nowMs: encoded.t, nextOrder: encoded.o }, operations);
  return { count: encoded.b[0], isOpen: encoded.b[1] === 1 };
}

function parse(text: string, { executionId, startedAtMs }: ExecutionState): EncodedSnapshot {
  let encoded: EncodedSnapshot;
  try {
    encoded = JSON.parse(text);
  } catch (cause) {
    throw corrupt(executionId, cause);
  }
  const version: unknown = encoded?.v;
  if (typeof version === "number" && version !== SNAPSHOT_VERSION) {
    throw new TidemarkError(
      "TIDEMARK_SNAPSHOT_VERSION",
      `execution ${executionId}: its snapshot has format ${version}, this version of Tidemark reads ${SNAPSHOT_VERSION}; ` +
        "the log was read instead, upgrade the process that reads it",
    );
  }
  const isWhole =
    version === SNAPSHOT_VERSION &&
    encoded.s === startedAtMs &&
    [encoded.t, encoded.o, encoded.b?.[0]].every(Number.isFinite) &&
    Array.isArray(encoded.r);
  if (!isWhole) throw corrupt(executionId);
  return encoded;
}

function corrupt(executionId: string, cause?: unknown): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_SNAPSHOT_CORRUPT",
    `execution ${executionId}: its snapshot is not readable; the log was read instead, and nothing is lost`,
    { cause },
  );
}

function encodeOperation(operation: Operation, startedAtMs: number): EncodedOperation {
  const id = operation.Id as string;
  const type = operation.Type as OperationType;
  const startMs = (operation.StartTimestamp as Date).getTime();
  const encoded: EncodedOperation = {
    i: id,
    k: TYPE_CODES[type] + STATUS_CODES[operation.Status as OperationStatus],
    a: startMs - startedAtMs,
    o: operation.StartOrder as number,
  };
  if (operation.ParentId !== prefixOf(id)) encoded.p = operation.ParentId ?? 0;
  if (operation.Name !== undefined) encoded.n = operation.Name;
  if (operation.SubType !== DEFAULT_SUB_TYPE[type]) encoded.s = operation.SubType ?? "";
  if (operation.EndTimestamp !== undefined) encoded.z = operation.EndTimestamp.getTime() - startMs;
  if (operation.SettleOrder !== undefined) encoded.q = operation.SettleOrder;
  if (operation.StartedAfter !== undefined) encoded.g = operation.StartedAfter;
  const { StepDetails, ContextDetails, CallbackDetails, ChainedInvokeDetails, WaitDetails } = operation;
  const outcome = StepDetails ?? ContextDetails ?? CallbackDetails ?? ChainedInvokeDetails;
  if (outcome?.Result !== undefined) encoded.d = outcome.Result;
  if (outcome?.Error !== undefined) encoded.x = outcome.Error;
  if (ContextDetails?.ReplayChildren === true) encoded.c = 1;
  if (StepDetails?.Attempt !== undefined) encoded.t = StepDetails.Attempt;
  if (StepDetails?.Interruptions !== undefined) encoded.u = StepDetails.Interruptions;
  const until =
    WaitDetails?.ScheduledEndTimestamp ??
    StepDetails?.NextAttemptTimestamp ??
    CallbackDetails?.HeartbeatDueTimestamp;
  if (until !== undefined) encoded.w = until.getTime() - startedAtMs;
  if (CallbackDetails !== undefined)
    encoded.b = [CallbackDetails.TimeoutSeconds ?? null, CallbackDetails.HeartbeatTimeoutSeconds ?? null];
  if (ChainedInvokeDetails !== undefined) {
    const { FunctionName = null, TenantId = null, InputPayload } = ChainedInvokeDetails;
    encoded.f =
      InputPayload === undefined ? [FunctionName, TenantId] : [FunctionName, TenantId, InputPayload];
  }
  return encoded;
}

function decodeOperation(encoded: EncodedOperation, state: ExecutionState): Operation {
  const type = TYPES[encoded.k[0] as string];
  const status = STATUSES[encoded.k[1] as string];
  if (type === undefined || status === undefined || typeof encoded.i !== "string")
    throw new Error(`${encoded.k} is no operation`);
  const startMs = state.startedAtMs + encoded.a;
  const operation: Operation = {
    Id: encoded.i,
    Type: type,
    Status: status,
    StartTimestamp: new Date(startMs),
    StartOrder: encoded.o,
  };
  const parentId = encoded.p === undefined ? prefixOf(encoded.i) : encoded.p === 0 ? undefined : encoded.p;
  if (parentId !== undefined) operation.ParentId = parentId;
  if (encoded.n !== undefined) operation.Name = encoded.n;
  const subType = encoded.s ?? DEFAULT_SUB_TYPE[type];
  if (subType !== undefined && subType !== "") operation.SubType = subType;
  if (encoded.z !== undefined) operation.EndTimestamp = new Date(startMs + encoded.z);
  if (encoded.q !== undefined) operation.SettleOrder = encoded.q;
  if (encoded.g !== undefined) operation.StartedAfter = encoded.g;
  decodeDetails(encoded, operation, state);
  return operation;
}

function decodeDetails(encoded: EncodedOperation, operation: Operation, state: ExecutionState): void {
  const until = encoded.w === undefined ? undefined : new Date(state.startedAtMs + encoded.w);
  switch (operation.Type) {
    case "STEP":
      operation.StepDetails = withOutcome<StepDetails>(encoded, {
        ...(encoded.t === undefined ? {} : { Attempt: encoded.t }),
        ...(until === undefined ? {} : { NextAttemptTimestamp: until }),
        ...(encoded.u === undefined ? {} : { Interruptions: encoded.u }),
      });
      break;
    case "CONTEXT":
      operation.ContextDetails = withOutcome<ContextDetails>(
        encoded,
        encoded.c === 1 ? { ReplayChildren: true } : {},
      );
      break;
    case "WAIT":
      operation.WaitDetails = until === undefined ? {} : { ScheduledEndTimestamp: until };
      break;
    case "CALLBACK":
      operation.CallbackDetails = withOutcome(encoded, decodeCallback(encoded, until, state));
      break;
    case "CHAINED_INVOKE": {
      const [FunctionName, TenantId, InputPayload] = encoded.f ?? [null, null];
      operation.ChainedInvokeDetails = withOutcome<ChainedInvokeDetails>(encoded, {
        ...(FunctionName === null ? {} : { FunctionName }),
        ...(TenantId === null ? {} : { TenantId }),
        ...(InputPayload === undefined ? {} : { InputPayload }),
      });
      break;
    }
  }
}

function decodeCallback(
  { i, b = [null, null] }: EncodedOperation,
  until: Date | undefined,
  { executionId, startedAtMs }: ExecutionState,
): CallbackDetails {
  return {
    CallbackId: callbackId(executionId, i, startedAtMs),
    ...(b[0] === null ? {} : { TimeoutSeconds: b[0] }),
    ...(b[1] === null ? {} : { HeartbeatTimeoutSeconds: b[1] }),
    ...(until === undefined ? {} : { HeartbeatDueTimestamp: until }),
  };
}

function withOutcome<T extends StepDetails | ContextDetails | CallbackDetails | ChainedInvokeDetails>(
  { d, x }: EncodedOperation,
  details: T,
): T {
  if (d !== undefined) details.Result = d;
  if (x !== undefined) details.Error = x;
  return details;
}

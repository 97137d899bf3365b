/**
 * Owns how an entry is written: compact, readable JSON that says its version.
 *
 * A START and the end that follows it directly become one record with two timestamps; nothing is
 * lost, decoding gives the same records back in the same order.
 */

import { TidemarkError } from "./errors.js";
import type { ErrorObject, OperationAction, OperationType } from "./operation.js";
import type { OutsideEvent } from "./outside-event.js";
import type { Barrier, LogEntry, LogRecord } from "./record.js";
import type { OperationUpdate } from "./update.js";

/** Raised with every change of the format that an older reader would misread. */
export const ENTRY_VERSION = 1;

export const TYPE_CODES = {
  STEP: "S",
  CONTEXT: "C",
  WAIT: "W",
  CALLBACK: "B",
  CHAINED_INVOKE: "I",
  EXECUTION: "X",
} as const satisfies Record<OperationType, string>;

const ACTION_CODES = {
  START: "s",
  SUCCEED: "+",
  FAIL: "-",
  RETRY: "r",
  CANCEL: "c",
} as const satisfies Record<OperationAction, string>;

export const TYPES = reversed(TYPE_CODES) as Record<string, OperationType>;
const ACTIONS = reversed(ACTION_CODES) as Record<string, OperationAction>;

/** The subtype that goes without saying. */
export const DEFAULT_SUB_TYPE: Partial<Record<OperationType, string>> = {
  STEP: "Step",
  CONTEXT: "RunInChildContext",
  WAIT: "Wait",
  CALLBACK: "Callback",
  CHAINED_INVOKE: "ChainedInvoke",
};

interface EncodedUpdate {
  /** Operation id. */
  i: string;
  /** Type and action; with a leading `s` before the action when the START is folded in. */
  k: string;
  /** Parent, when it is not the id's own prefix; `0` for none. */
  p?: string | 0;
  n?: string;
  /** Subtype, when it is not the usual one. */
  s?: string;
  d?: string;
  x?: ErrorObject;
  /** Seconds: wait, next attempt, or [timeout, heartbeat]. */
  o?: number | [number | null, number | null];
  /** Function name and tenant. */
  f?: [string, string?];
  /** 1: the result is rebuilt from the children. 2: the children are kept to be seen. */
  c?: 1 | 2;
  /** Milliseconds before the entry's time. */
  t?: number;
  /** The same for the folded START. */
  u?: number;
  /** Position of the last outcome that the code had been given. */
  a?: number;
}

interface EncodedEntry {
  v: number;
  e: number;
  n: string;
  t: number;
  b?: Barrier;
  r: (EncodedUpdate | { e: OutsideEvent })[];
}

/** The entry as text. The sequence number is not in it: it is the entry's key. */
export function encodeEntry(entry: LogEntry): string {
  const encoded: EncodedEntry = {
    v: ENTRY_VERSION,
    e: entry.epoch,
    n: entry.nonce,
    t: entry.atMs,
    r: encodeRecords(entry.records, entry.atMs),
  };
  if (entry.barrier !== undefined) encoded.b = entry.barrier;
  return JSON.stringify(encoded);
}

/** @throws TidemarkError `TIDEMARK_LOG_CORRUPT` or `TIDEMARK_LOG_VERSION`. */
export function decodeEntry(text: string, sequence: number): LogEntry {
  const encoded = parse(text, sequence);
  const records: LogRecord[] = [];
  for (const record of encoded.r) {
    if (isEvent(record)) records.push({ event: record.e });
    else if (isUpdate(record)) decodeUpdate(record, encoded.t, records);
    else throw corrupt(sequence);
  }
  const entry = { sequence, epoch: encoded.e, nonce: encoded.n, atMs: encoded.t, records };
  return encoded.b === undefined ? entry : { ...entry, barrier: encoded.b };
}

function parse(text: string, sequence: number): EncodedEntry {
  let encoded: EncodedEntry;
  try {
    encoded = JSON.parse(text);
  } catch (cause) {
    throw corrupt(sequence, cause);
  }
  const version: unknown = encoded?.v;
  if (typeof version === "number" && version !== ENTRY_VERSION) {
    throw new TidemarkError(
      "TIDEMARK_LOG_VERSION",
      `log entry ${sequence} has format ${version}, this version of Tidemark reads ${ENTRY_VERSION}; upgrade the process that reads it`,
    );
  }
  if (version !== ENTRY_VERSION || !Array.isArray(encoded.r)) throw corrupt(sequence);
  return encoded;
}

function corrupt(sequence: number, cause?: unknown): TidemarkError {
  return new TidemarkError(
    "TIDEMARK_LOG_CORRUPT",
    `log entry ${sequence} is not readable; restore the store from a backup`,
    { cause },
  );
}

function isEvent(record: unknown): record is { e: OutsideEvent } {
  const event = (record as { e?: { kind?: unknown } } | null)?.e;
  return typeof event?.kind === "string";
}

function isUpdate(record: unknown): record is EncodedUpdate {
  const { i, k } = (record ?? {}) as { i?: unknown; k?: unknown };
  if (typeof i !== "string" || typeof k !== "string") return false;
  const isFolded = k.length === 3 && k[1] === ACTION_CODES.START;
  if (k.length !== 2 && !isFolded) return false;
  return TYPES[k[0] as string] !== undefined && ACTIONS[k[k.length - 1] as string] !== undefined;
}

function encodeRecords(records: readonly LogRecord[], atMs: number): EncodedEntry["r"] {
  const encoded: EncodedEntry["r"] = [];
  for (let index = 0; index < records.length; index++) {
    const { update, event } = records[index] as LogRecord;
    if (update === undefined) {
      encoded.push({ e: event as OutsideEvent });
      continue;
    }
    const next = records[index + 1]?.update;
    if (next !== undefined && isFoldable(update, next)) {
      const folded = encodeUpdate(next, atMs);
      folded.k = `${folded.k[0]}s${folded.k[1]}`;
      if (update.AtMs !== undefined) folded.u = atMs - update.AtMs;
      encoded.push(folded);
      index += 1;
    } else {
      encoded.push(encodeUpdate(update, atMs));
    }
  }
  return encoded;
}

function isFoldable(start: OperationUpdate, end: OperationUpdate): boolean {
  return (
    start.Action === "START" &&
    end.Action !== "START" &&
    start.Id === end.Id &&
    start.Type === end.Type &&
    start.Name === end.Name &&
    start.SubType === end.SubType &&
    start.ParentId === end.ParentId &&
    (start.Type === "STEP" || start.Type === "CONTEXT") &&
    // The one record has no room for more of the START than its time.
    start.Payload === undefined &&
    start.Error === undefined &&
    start.StepOptions === undefined &&
    start.ContextOptions === undefined &&
    start.StartedAfter === undefined
  );
}

function encodeUpdate(update: OperationUpdate, atMs: number): EncodedUpdate {
  const id = update.Id as string;
  const type = update.Type as OperationType;
  const encoded: EncodedUpdate = {
    i: id,
    k: TYPE_CODES[type] + ACTION_CODES[update.Action as OperationAction],
  };
  if (update.ParentId !== prefixOf(id)) encoded.p = update.ParentId ?? 0;
  if (update.Name !== undefined) encoded.n = update.Name;
  if (update.SubType !== DEFAULT_SUB_TYPE[type]) encoded.s = update.SubType ?? "";
  if (update.Payload !== undefined) encoded.d = update.Payload;
  if (update.Error !== undefined) encoded.x = update.Error;
  if (update.AtMs !== undefined) encoded.t = atMs - update.AtMs;
  if (update.StartedAfter !== undefined) encoded.a = update.StartedAfter;
  encodeOptions(update, encoded);
  return encoded;
}

function encodeOptions(update: OperationUpdate, encoded: EncodedUpdate): void {
  const { WaitOptions, StepOptions, CallbackOptions, ContextOptions, ChainedInvokeOptions } = update;
  if (WaitOptions?.WaitSeconds !== undefined) encoded.o = WaitOptions.WaitSeconds;
  if (StepOptions?.NextAttemptDelaySeconds !== undefined) encoded.o = StepOptions.NextAttemptDelaySeconds;
  if (
    CallbackOptions?.TimeoutSeconds !== undefined ||
    CallbackOptions?.HeartbeatTimeoutSeconds !== undefined
  ) {
    encoded.o = [CallbackOptions.TimeoutSeconds ?? null, CallbackOptions.HeartbeatTimeoutSeconds ?? null];
  }
  if (ContextOptions?.ReplayChildren === true) encoded.c = 1;
  else if (ContextOptions?.KeepChildren === true) encoded.c = 2;
  if (ChainedInvokeOptions?.FunctionName !== undefined) {
    const { FunctionName, TenantId } = ChainedInvokeOptions;
    encoded.f = TenantId === undefined ? [FunctionName] : [FunctionName, TenantId];
  }
}

function decodeUpdate(encoded: EncodedUpdate, atMs: number, into: LogRecord[]): void {
  const type = TYPES[encoded.k[0] as string] as OperationType;
  const head: OperationUpdate = { Id: encoded.i, Type: type, Action: "START" };
  const parentId = encoded.p === undefined ? prefixOf(encoded.i) : encoded.p === 0 ? undefined : encoded.p;
  if (parentId !== undefined) head.ParentId = parentId;
  if (encoded.n !== undefined) head.Name = encoded.n;
  const subType = encoded.s ?? DEFAULT_SUB_TYPE[type];
  if (subType !== undefined && subType !== "") head.SubType = subType;
  if (encoded.k.length === 3) {
    into.push({ update: encoded.u === undefined ? head : { ...head, AtMs: atMs - encoded.u } });
  }
  const update: OperationUpdate = {
    ...head,
    Action: ACTIONS[encoded.k[encoded.k.length - 1] as string] as OperationAction,
  };
  if (encoded.t !== undefined) update.AtMs = atMs - encoded.t;
  if (encoded.d !== undefined) update.Payload = encoded.d;
  if (encoded.x !== undefined) update.Error = encoded.x;
  if (encoded.a !== undefined) update.StartedAfter = encoded.a;
  decodeOptions(encoded, update);
  into.push({ update });
}

function decodeOptions(encoded: EncodedUpdate, update: OperationUpdate): void {
  const { o, f, c } = encoded;
  if (Array.isArray(o)) {
    update.CallbackOptions = {};
    if (o[0] !== null) update.CallbackOptions.TimeoutSeconds = o[0];
    if (o[1] !== null) update.CallbackOptions.HeartbeatTimeoutSeconds = o[1];
  } else if (o !== undefined) {
    if (update.Type === "WAIT") update.WaitOptions = { WaitSeconds: o };
    else update.StepOptions = { NextAttemptDelaySeconds: o };
  }
  if (c === 1) update.ContextOptions = { ReplayChildren: true };
  else if (c === 2) update.ContextOptions = { KeepChildren: true };
  if (f !== undefined) {
    update.ChainedInvokeOptions =
      f[1] === undefined ? { FunctionName: f[0] } : { FunctionName: f[0], TenantId: f[1] };
  }
}

/** `3-1-2` is in `3-1`; `3` is in none. */
export function prefixOf(id: string): string | undefined {
  const at = id.lastIndexOf("-");
  return at === -1 ? undefined : id.slice(0, at);
}

export function reversed(codes: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(codes).map(([name, code]) => [code, name]));
}

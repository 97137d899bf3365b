/**
 * Owns how operations, events and executions look on the wire of the Lambda API.
 *
 * What only Tidemark has is left out. Times are ISO 8601 texts in the event of an invocation and seconds since 1970 in
 * answers, as REST-JSON has them.
 */

import {
  type ErrorObject,
  errorObjectFrom,
  type HistoryEvent,
  type OperationUpdate,
  valueText,
  type WireOperation,
} from "@tidemark/protocol";
import type { ExecutionDescription } from "@tidemark/runtime";
import { invalid } from "./api-errors.js";

type Member = Readonly<Record<string, unknown>>;

/** Members of an operation and of its details that the API has. Source: Lambda API, `Operation`. */
const OPERATION = ["Id", "ParentId", "Name", "Type", "SubType", "StartTimestamp", "EndTimestamp", "Status"];
const OPERATION_DETAILS = {
  ExecutionDetails: ["InputPayload"],
  ContextDetails: ["ReplayChildren", "Result", "Error"],
  StepDetails: ["Attempt", "NextAttemptTimestamp", "Result", "Error"],
  WaitDetails: ["ScheduledEndTimestamp"],
  CallbackDetails: ["CallbackId", "Result", "Error"],
  ChainedInvokeDetails: ["Result", "Error"],
};

/** Members of an update that the API has. Source: Lambda API, `OperationUpdate`. */
const UPDATE = ["Id", "ParentId", "Name", "Type", "SubType", "Action", "Payload", "Error"];
const UPDATE_OPTIONS = {
  ContextOptions: ["ReplayChildren"],
  StepOptions: ["NextAttemptDelaySeconds"],
  WaitOptions: ["WaitSeconds"],
  CallbackOptions: ["TimeoutSeconds", "HeartbeatTimeoutSeconds"],
  ChainedInvokeOptions: ["FunctionName", "TenantId"],
};

const ERROR = ["ErrorMessage", "ErrorType", "ErrorData", "StackTrace"];

export function wireOperation(operation: WireOperation): WireOperation {
  return picked(operation as unknown as Member, OPERATION, OPERATION_DETAILS) as unknown as WireOperation;
}

/** Types of the members of an update that are no texts. */
const TYPES: Readonly<Record<string, string>> = {
  ReplayChildren: "boolean",
  NextAttemptDelaySeconds: "number",
  WaitSeconds: "number",
  TimeoutSeconds: "number",
  HeartbeatTimeoutSeconds: "number",
};

/**
 * An update as the runtime takes it, without what the API does not have.
 *
 * @throws ApiError for members of another type: what is recorded must be readable. TidemarkError `TIDEMARK_ERROR_OBJECT`.
 */
export function wireUpdate(given: unknown, index: number): OperationUpdate {
  const where = `Updates[${index}]`;
  const update = picked(Object(given), UPDATE, UPDATE_OPTIONS);
  for (const [name, member] of Object.entries(update)) {
    if (name === "Error") errorObjectFrom(Object(given).Error, `${where}.Error`);
    else if (!Object.hasOwn(UPDATE_OPTIONS, name)) checkType(`${where}.${name}`, member, "string");
    else
      for (const [option, value] of Object.entries(member as Member))
        checkType(`${where}.${name}.${option}`, value, TYPES[option] ?? "string");
  }
  return update as unknown as OperationUpdate;
}

function checkType(field: string, value: unknown, type: string): void {
  if (typeof value !== type) throw invalid(`${field} is ${valueText(value)}; a ${type} is needed`);
}

export function wireError(error: object | undefined): ErrorObject | undefined {
  return error === undefined ? undefined : pick(error as Member, ERROR);
}

function picked(
  value: Member,
  members: readonly string[],
  nested: Readonly<Record<string, readonly string[]>>,
): Member {
  const result: Record<string, unknown> = pick(value, members);
  for (const [name, inner] of Object.entries(nested)) {
    if (value[name] !== undefined && value[name] !== null) result[name] = pick(Object(value[name]), inner);
  }
  return result;
}

/** Members that are there. Clients of some languages send `null` for what is not. */
function pick(value: Member, members: readonly string[]): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (const name of members) {
    const member = value[name];
    if (member === undefined || member === null) continue;
    result[name] = name === "Error" ? pick(Object(member), ERROR) : member;
  }
  return result;
}

/** The event as the API has it: with the id of the EXECUTION where it is about the execution itself. */
export function wireEvent(event: HistoryEvent, execution: EventContext): Member {
  const details = `${event.EventType}Details` as const;
  return {
    ...(event.EventType.startsWith("Execution") ? { Id: execution.id, Name: execution.name } : {}),
    ...event,
    [details]: wireDetails(Object(event[details]), execution.hasData),
  };
}

interface EventContext {
  readonly id: string;
  readonly name: string;
  /** Payloads are wanted. */
  readonly hasData: boolean;
}

function wireDetails(details: Member, hasData: boolean): Member {
  const result: Record<string, unknown> = { ...details };
  for (const name of ["Input", "Result", "Error"]) {
    const payload = details[name] as { Payload?: unknown } | undefined;
    if (payload === undefined) continue;
    const { Payload, ...rest } = payload;
    if (!hasData || Payload === undefined) result[name] = rest;
    else result[name] = { ...rest, Payload: name === "Error" ? wireError(Payload as ErrorObject) : Payload };
  }
  return result;
}

/** The members that a list and a single description have in common. */
export function wireExecution(execution: ExecutionDescription): Member {
  const { executionArn, executionId, name, status, startedAt, endedAt } = execution;
  return {
    DurableExecutionArn: executionArn,
    DurableExecutionName: name ?? executionId,
    FunctionArn: executionArn.slice(0, executionArn.indexOf("/durable-execution/")),
    Status: status === "PENDING" ? "RUNNING" : status,
    StartTimestamp: startedAt,
    ...(endedAt === undefined ? {} : { EndTimestamp: endedAt }),
  };
}

/** The value with times as seconds since 1970. Source: REST-JSON, timestamps in bodies. */
export function withSeconds(value: unknown): unknown {
  if (value instanceof Date) return value.getTime() / 1000;
  if (Array.isArray(value)) return value.map(withSeconds);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, withSeconds(member)]));
}

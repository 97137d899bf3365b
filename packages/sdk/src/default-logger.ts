/**
 * Owns the log lines of an execution that has no logger of its own: one JSON object per line, in
 * the fields and the order of the AWS SDK, so that queries and metric filters keep working.
 *
 * It does not know about replay: `replay-logger` decides which lines get here.
 *
 * 1. A call never throws, whatever its arguments do (invariant 14).
 * 2. Time comes from the host that the caller gives.
 */

import { Console } from "node:console";
import { formatWithOptions } from "node:util";
import { systemHost } from "./host.js";
import type { DurableLogData, DurableLogger, DurableLoggingContext } from "./logger.js";

type Level = "DEBUG" | "INFO" | "WARN" | "ERROR";

/** What plugins add to each line. */
type LogFields = Record<string, string | number | boolean>;

interface DefaultLoggerOptions {
  readonly executionArn: string;
  readonly requestId: string;
  readonly tenantId?: string | undefined;
  /** The time of a line. Default: the clock of this process. */
  readonly nowMs?: () => number;
}

const PRIORITIES: Readonly<Record<Level, number>> = { DEBUG: 0, INFO: 1, WARN: 2, ERROR: 3 };

/** One for the process, as is the environment that it comes from. */
let lowestPriority = PRIORITIES.DEBUG;

/**
 * Reads `AWS_LAMBDA_LOG_LEVEL` again, for default loggers that exist already. New ones read it
 * anyway, so this is needed only to change the level in the middle of an invocation.
 *
 * `DEBUG`, `INFO`, `WARN` and `ERROR` count, in any case; anything else lets every line through.
 *
 * @example
 * ```ts
 * process.env.AWS_LAMBDA_LOG_LEVEL = "ERROR";
 * refreshLogConfig();
 * ```
 */
export function refreshLogConfig(): void {
  lowestPriority = PRIORITIES[levelOf(process.env.AWS_LAMBDA_LOG_LEVEL?.toUpperCase()) ?? "DEBUG"];
}

/**
 * Makes the logger of one invocation. Info and debug lines go to stdout, warnings and errors to stderr.
 *
 * Fields, in order: `requestId`, `timestamp` (ISO 8601), `level`, `executionArn`, then `tenantId`,
 * `operationId`, `operationName` and `attempt` where they are known, then what `enrich` gives (it may
 * replace the fields before), then `message`.
 *
 * - One argument is the message as it is, so an object stays an object; an `Error`, at any depth of it,
 *   becomes `{ errorType, errorMessage, stackTrace }` and its own enumerable properties.
 * - More arguments are formatted like `util.format`, objects on one line; if one of them is an
 *   `Error`, the first adds `errorType`, `errorMessage` and `stackTrace` to the line.
 * - What JSON cannot hold (a cycle, a bigint) is formatted instead.
 *
 * @example
 * ```ts
 * const logger = createDefaultLogger({ executionArn: "arn:1", requestId: "r-1", nowMs: () => 0 });
 * logger.info("charged %s", "order-1", { cents: 500 });
 * // {"requestId":"r-1","timestamp":"1970-01-01T00:00:00.000Z","level":"INFO","executionArn":"arn:1",
 * //  "message":"charged order-1 { cents: 500 }"}
 * ```
 */
export function createDefaultLogger(
  options: DefaultLoggerOptions,
  enrich?: () => LogFields | undefined,
): DurableLogger {
  refreshLogConfig();
  const nowMs = options.nowMs ?? systemHost.nowMs;
  let output: Console | undefined;
  let context: DurableLoggingContext | undefined;

  const write = (level: Level, params: readonly unknown[]): void => {
    if (PRIORITIES[level] < lowestPriority) return;
    const data = attempted(() => context?.getDurableLogData()) ?? options;
    const fields = { ...baseFields(data, level, nowMs()), ...attempted(() => enrich?.()) };
    // Made for the first line only: it costs more than the rest of the logger.
    output ??= new Console({ stdout: process.stdout, stderr: process.stderr });
    output[level === "WARN" || level === "ERROR" ? "error" : "log"](lineOf(fields, params));
  };

  return {
    log: (level, ...params) => write(levelOf(level) ?? "INFO", params),
    info: (...params) => write("INFO", params),
    error: (...params) => write("ERROR", params),
    warn: (...params) => write("WARN", params),
    debug: (...params) => write("DEBUG", params),
    configureDurableLoggingContext: (durableLoggingContext) => {
      context = durableLoggingContext;
    },
  };
}

function levelOf(name: string | undefined): Level | undefined {
  return name !== undefined && Object.hasOwn(PRIORITIES, name) ? (name as Level) : undefined;
}

function baseFields(
  data: DurableLogData | DefaultLoggerOptions,
  level: Level,
  nowMs: number,
): Record<string, unknown> {
  const { requestId, executionArn, tenantId } = data;
  const { operationId, operationName, attempt } = data as Partial<DurableLogData>;
  const timestamp = new Date(nowMs).toISOString();
  const fields: Record<string, unknown> = { requestId, timestamp, level, executionArn };
  if (tenantId !== undefined) fields.tenantId = tenantId;
  if (operationId !== undefined) fields.operationId = operationId;
  if (operationName !== undefined) fields.operationName = operationName;
  if (attempt !== undefined) fields.attempt = attempt;
  return fields;
}

function lineOf(fields: Record<string, unknown>, given: readonly unknown[]): string {
  // An absent message is no argument: info(undefined, "x") logs "x".
  const params = given[0] === undefined ? given.slice(1) : given;
  try {
    return params.length === 1 ? singleLine(fields, params[0]) : formattedLine(fields, params);
  } catch (error) {
    const reason = attempted(() => String(error)) ?? "unknown";
    const message = `a log line could not be written: ${reason}`;
    return attempted(() => JSON.stringify({ ...fields, message })) ?? JSON.stringify({ message });
  }
}

function singleLine(fields: Record<string, unknown>, message: unknown): string {
  const line = attempted(() => JSON.stringify({ ...fields, message }, withErrors));
  return line ?? JSON.stringify({ ...fields, message: format([message]) });
}

/**
 * An error whose text the message has already: it is shown once, in the fields. The AWS runtime shows one that is logged
 * beside a text twice, in `message` and in `stackTrace`; lines of the code keep that, and those of the SDK need not.
 */
export class ErrorOfLine {
  readonly error: Error;

  constructor(error: Error) {
    this.error = error;
  }

  /** With its causes and its own properties, which are not in its stack. */
  fields(): Record<string, unknown> {
    return { ...describeError(this.error), stackTrace: format([this.error]).split("\n") };
  }
}

function formattedLine(fields: Record<string, unknown>, params: readonly unknown[]): string {
  const last = params.at(-1);
  if (last instanceof ErrorOfLine) {
    const line = { ...fields, message: format(params.slice(0, -1)) };
    return JSON.stringify({ ...line, ...attempted(() => last.fields()) });
  }
  const line = { ...fields, message: params.length === 0 ? "" : format(params) };
  return attempted(() => JSON.stringify({ ...line, ...errorFields(params) })) ?? JSON.stringify(line);
}

function errorFields(params: readonly unknown[]): Record<string, unknown> | undefined {
  const error = params.find((param) => param instanceof Error);
  if (error === undefined) return undefined;
  const fields = describeError(error);
  return Array.isArray(fields.stackTrace) ? fields : { ...fields, stackTrace: [] };
}

/** One line for an object, however wide: a log line is read by machines first. */
function format(params: readonly unknown[]): string {
  return formatWithOptions({ breakLength: Number.POSITIVE_INFINITY }, ...params);
}

/** `JSON.stringify` gives `{}` for an error. */
function withErrors(_key: string, value: unknown): unknown {
  return value instanceof Error ? { ...describeError(value), ...value } : value;
}

function describeError(error: Error): { errorType: string; errorMessage: string; stackTrace: unknown } {
  const stack: unknown = error.stack;
  return {
    errorType: error.constructor?.name ?? "UnknownError",
    errorMessage: error.message,
    stackTrace: typeof stack === "string" ? stack.split("\n") : stack,
  };
}

function attempted<T>(get: () => T): T | undefined {
  try {
    return get();
  } catch {
    return undefined;
  }
}

/** Writes nothing. */
export const silentLogger: DurableLogger = {
  log() {},
  error() {},
  warn() {},
  info() {},
  debug() {},
};

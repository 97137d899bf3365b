/**
 * Owns what user code gets as `context.logger`: the five methods, in front of whatever logger is
 * configured at the moment of the line.
 *
 * It does not know why a line is silent, nor which operation is running: both are asked for each line.
 *
 * 1. A line that is silent does not reach the base logger at all.
 * 2. Arguments pass unchanged, and the base's methods are called on the base.
 * 3. Nothing that a base logger does reaches user code or the engine (invariant 14). In the AWS SDK
 *    what a logger throws fails the step or the handler; here it is reported once and the code goes on.
 */

import {
  type DurableContextLogger,
  type DurableLogData,
  type DurableLogger,
  type Warn,
  warnOnConsole,
} from "./logger.js";

interface ContextLoggerOptions {
  /** The logger that is configured now. */
  readonly getBase: () => DurableLogger;
  /** True while what is logged has been logged before. */
  readonly isSilent: () => boolean;
  /** The data of the operation that is running. One function per invocation, see {@link bindLogger}. */
  readonly logData: () => DurableLogData;
  /** Default: `console.warn`. */
  readonly warn?: Warn;
}

type LevelMethod = "info" | "warn" | "error" | "debug";

const METHODS: Readonly<Record<string, LevelMethod>> = {
  INFO: "info",
  WARN: "warn",
  ERROR: "error",
  DEBUG: "debug",
};

/** Where each base logger gets the data of its lines from. A logger may outlive many invocations. */
const boundTo = new WeakMap<DurableLogger, () => DurableLogData>();

/** Base loggers whose failure was reported. */
const reported = new WeakSet<DurableLogger>();

/**
 * Makes the logger of a context, a step or a check. Its methods work when they are taken off it.
 *
 * A level method that the base lacks becomes `base.log(level, ...)`, or else `base.info(...)`; `log`
 * becomes the method of its level, and of `info` for a level that is unknown.
 *
 * @example
 * ```ts
 * const { info } = createContextLogger({
 *   getBase: () => console,
 *   isSilent: () => false,
 *   logData: () => ({ requestId: "r-1", executionArn: "arn:1" }),
 * });
 * info("charged", { cents: 500 });
 * ```
 */
export function createContextLogger(options: ContextLoggerOptions): DurableContextLogger<DurableLogger> {
  const warn = options.warn ?? warnOnConsole;
  const forward = (write: (base: DurableLogger) => unknown): void => {
    if (options.isSilent()) return;
    const base = options.getBase();
    bindLogger(base, options.logData, warn);
    guard(base, warn, () => write(base));
  };
  return {
    warn: (...params) => forward((base) => writeAt(base, "WARN", params)),
    debug: (...params) => forward((base) => writeAt(base, "DEBUG", params)),
    info: (...params) => forward((base) => writeAt(base, "INFO", params)),
    error: (...params) => forward((base) => writeAt(base, "ERROR", params)),
    log: (level, ...params) =>
      forward((base) =>
        typeof base.log === "function" ? base.log(level, ...params) : writeAt(base, level, params),
      ),
  };
}

/**
 * Gives `base` the data of its lines, if it asks for it. Does nothing when it has it already.
 *
 * Every line does this, so that a logger shared by executions that run side by side in one process
 * always says where the line comes from. Call it also when a logger is configured: the code may use
 * the logger directly from then on.
 *
 * @example
 * ```ts
 * const logData = () => ({ requestId: "r-1", executionArn: "arn:1" });
 * bindLogger(customLogger, logData);
 * ```
 */
export function bindLogger(
  base: DurableLogger,
  logData: () => DurableLogData,
  warn: Warn = warnOnConsole,
): void {
  if (typeof base.configureDurableLoggingContext !== "function" || boundTo.get(base) === logData) return;
  boundTo.set(base, logData);
  guard(base, warn, () => base.configureDurableLoggingContext?.({ getDurableLogData: logData }));
}

function writeAt(base: DurableLogger, level: string, params: readonly unknown[]): unknown {
  const method = Object.hasOwn(METHODS, level) ? (METHODS[level] as LevelMethod) : "info";
  if (typeof base[method] === "function") return base[method](...params);
  if (typeof base.log === "function") return base.log(level as "INFO", ...params);
  return base.info?.(...params);
}

function guard(base: DurableLogger, warn: Warn, act: () => unknown): void {
  const report = (error: unknown): void => {
    if (reported.has(base)) return;
    reported.add(base);
    warn("The configured logger failed; its lines may be missing. This is reported once per logger.", error);
  };
  try {
    const result = act();
    // A logger may be asynchronous, and a rejection that nobody handles would end the process.
    if (isThenable(result)) result.then(undefined, report);
  } catch (error) {
    report(error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as { then?: unknown } | null | undefined)?.then === "function";
}

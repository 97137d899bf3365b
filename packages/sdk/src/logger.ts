/**
 * Owns the shapes of logging: what a logger must have, what a log line knows about where it was
 * written, and the contexts that carry a logger into user code.
 *
 * What is written, and when, is elsewhere: `default-logger` formats, `replay-logger` decides which
 * lines pass.
 */

/** Tells a person about a problem in what merely observes, which must not stop an execution (invariant 14). */
export type Warn = (message: string, error: unknown) => void;

export function warnOnConsole(message: string, error: unknown): void {
  console.warn(message, error);
}

/**
 * Where a log line was written: the execution, and the operation whose code is running.
 *
 * Outside of any operation, `operationId` is absent. An operation without a name has no
 * `operationName`, and only steps and conditions have an `attempt` (from 1).
 *
 * @example
 * ```ts
 * const data: DurableLogData = { requestId: "r-1", executionArn: "arn:1", operationId: "3", attempt: 1 };
 * console.log(`${data.executionArn}/${data.operationId}`); // arn:1/3
 * ```
 */
export interface DurableLogData {
  requestId: string;
  executionArn: string;
  tenantId?: string;
  operationId?: string;
  operationName?: string;
  attempt?: number;
  [key: string]: unknown;
}

/**
 * The levels of `logger.log`.
 *
 * @example
 * ```ts
 * context.logger.log?.(DurableLogLevel.WARN, "the queue is nearly full");
 * context.logger.log?.("WARN", "the same");
 * ```
 */
// biome-ignore lint/style/noEnum: an enum for compatibility with the AWS SDK's declarations.
export enum DurableLogLevel {
  INFO = "INFO",
  WARN = "WARN",
  ERROR = "ERROR",
  DEBUG = "DEBUG",
}

/**
 * Given to a logger that asks for it, so that its lines can say where they were written.
 *
 * @example
 * ```ts
 * function prefix(context: DurableLoggingContext): string {
 *   const { operationName = "handler" } = context.getDurableLogData();
 *   return `[${operationName}]`;
 * }
 * ```
 */
export interface DurableLoggingContext {
  /** The data of this moment. Ask for each line; an earlier answer may be about another operation. */
  getDurableLogData: () => DurableLogData;
}

/**
 * What a logger must have to be used with `context.configureLogger({ customLogger })`. `console`,
 * pino and Powertools' `Logger` have it as they are.
 *
 * Arguments arrive exactly as user code gave them, in order, and methods are called on the logger,
 * so `this` works. A logger observes (invariant 14): what it returns is ignored, and what it throws
 * or rejects with does not reach user code; the first such error of a logger is reported on the
 * console.
 *
 * @example
 * ```ts
 * class TaggedLogger implements DurableLogger {
 *   #context: DurableLoggingContext | undefined;
 *   info(...params: unknown[]) { console.info(this.#tag(), ...params); }
 *   warn(...params: unknown[]) { console.warn(this.#tag(), ...params); }
 *   error(...params: unknown[]) { console.error(this.#tag(), ...params); }
 *   debug(...params: unknown[]) { console.debug(this.#tag(), ...params); }
 *   configureDurableLoggingContext(context: DurableLoggingContext) { this.#context = context; }
 *   #tag() { return this.#context?.getDurableLogData().operationName ?? "-"; }
 * }
 * ```
 */
export interface DurableLogger {
  /** Logs at `level`. Without this method, `context.logger.log` calls the method of the level. */
  log?(level: `${DurableLogLevel}`, ...params: unknown[]): void;
  error(...params: unknown[]): void;
  warn(...params: unknown[]): void;
  info(...params: unknown[]): void;
  debug(...params: unknown[]): void;
  /**
   * Called before the first line, and again when another execution of the same process logs through
   * the same logger. Keep the context and ask it for each line.
   */
  configureDurableLoggingContext?(durableLoggingContext: DurableLoggingContext): void;
}

/**
 * The logger of a context or a step: the five methods, nothing of the logger behind them.
 *
 * @example
 * ```ts
 * function logTotal(logger: DurableContextLogger<DurableLogger>, total: number): void {
 *   logger.info("total", { total });
 * }
 * ```
 */
export type DurableContextLogger<Logger extends DurableLogger> = Pick<
  Logger,
  "log" | "warn" | "info" | "error" | "debug"
>;

/**
 * Options of `context.configureLogger`. A member that is left out keeps what it was.
 *
 * @example
 * ```ts
 * context.configureLogger({ customLogger: console, modeAware: false });
 * ```
 */
export interface LoggerConfig<Logger extends DurableLogger> {
  /** Where the lines go. Default: JSON lines on stdout (info, debug) and stderr (warn, error). */
  customLogger?: Logger;
  /** Whether lines that were logged before are left out while the code is replayed. Default `true`. */
  modeAware?: boolean;
}

/** What every function that runs inside an operation is given. Use one of the types that extend it. */
export interface OperationContext<Logger> {
  logger: Logger;
}

/**
 * Given to the body of a step.
 *
 * @example
 * ```ts
 * async function charge({ attempt, logger }: StepContext<DurableLogger>): Promise<string> {
 *   logger.info("charging", { attempt });
 *   return attempt === 1 ? "primary" : "fallback";
 * }
 * ```
 */
export interface StepContext<Logger extends DurableLogger>
  extends OperationContext<DurableContextLogger<Logger>> {
  /** The attempt that is running, from 1. An attempt that a crash cut short is repeated under its number. */
  attempt: number;
}

/**
 * Given to the check of `waitForCondition`.
 *
 * @example
 * ```ts
 * async function check(state: string, { attempt, logger }: WaitForConditionContext<DurableLogger>) {
 *   if (attempt > 10) logger.warn("still waiting", { state });
 *   return state;
 * }
 * ```
 */
export interface WaitForConditionContext<Logger extends DurableLogger>
  extends OperationContext<DurableContextLogger<Logger>> {
  /** The check that is running, from 1: one more each time the wait strategy goes on waiting. */
  attempt: number;
}

/**
 * Given to the submitter of `waitForCallback`.
 *
 * @example
 * ```ts
 * async function submit(callbackId: string, { logger }: WaitForCallbackContext<DurableLogger>) {
 *   logger.info("sent for approval", { callbackId });
 * }
 * ```
 */
export type WaitForCallbackContext<Logger extends DurableLogger> = OperationContext<
  DurableContextLogger<Logger>
>;

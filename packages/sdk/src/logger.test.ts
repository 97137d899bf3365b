import {
  type DurableContextLogger,
  type DurableLogger,
  DurableLogLevel,
  type LoggerConfig,
  type StepContext,
  warnOnConsole,
} from "./logger.js";

/** As pino declares its methods: properties with overloads, the object first. */
interface PinoMethod {
  (fields: object, message?: string, ...params: unknown[]): void;
  (message: string, ...params: unknown[]): void;
}

interface PinoLike {
  readonly level: string;
  readonly info: PinoMethod;
  readonly warn: PinoMethod;
  readonly error: PinoMethod;
  readonly debug: PinoMethod;
}

/** As Powertools declares its methods: narrow parameters. */
class PowertoolsLike {
  info(_input: string | { message: string }, ..._extra: (Error | string)[]): void {}
  warn(_input: string, ..._extra: Error[]): void {}
  error(_input: string, ..._extra: unknown[]): void {}
  debug(_input: string): void {}
  appendKeys(_keys: Record<string, unknown>): void {}
}

class Implementing implements DurableLogger {
  log(_level: "INFO" | "WARN" | "ERROR" | "DEBUG", _message: string): void {}
  info(_message: string): void {}
  warn(..._params: [message?: string, error?: Error]): void {}
  async error(): Promise<void> {}
  debug = (_message: unknown): void => {};
}

describe("DurableLogLevel", () => {
  it("has the names of the AWS SDK as values", () => {
    expect({ ...DurableLogLevel }).toEqual({ INFO: "INFO", WARN: "WARN", ERROR: "ERROR", DEBUG: "DEBUG" });
  });
});

describe("DurableLogger", () => {
  it("accepts the loggers that people have, as they are", () => {
    function accepted<Logger extends DurableLogger>(config: LoggerConfig<Logger>): LoggerConfig<Logger> {
      return config;
    }
    const noop: PinoMethod = () => {};
    const pino: PinoLike = { level: "info", info: noop, warn: noop, error: noop, debug: noop };
    const configs = [
      accepted({ customLogger: pino }),
      accepted({ customLogger: new PowertoolsLike() }),
      accepted({ customLogger: new Implementing(), modeAware: false }),
      accepted({ customLogger: console }),
      accepted({}),
    ];
    expect(configs).toHaveLength(5);
  });

  it("gives a step the methods of the configured logger, and no more", () => {
    const logger: DurableContextLogger<PowertoolsLike & DurableLogger> = new PowertoolsLike();
    const context: StepContext<PowertoolsLike & DurableLogger> = { logger, attempt: 1 };
    // @ts-expect-error: only the five methods of logging are there.
    const { appendKeys } = context.logger;
    expect(typeof appendKeys).toBe("function");
  });
});

describe("warnOnConsole", () => {
  it("uses the console that is installed when it is called", () => {
    const warn = jest.spyOn(console, "warn").mockImplementation(() => {});
    const error = new Error("broken");
    warnOnConsole("a plugin failed", error);
    expect(warn.mock.calls).toEqual([["a plugin failed", error]]);
    warn.mockRestore();
  });
});

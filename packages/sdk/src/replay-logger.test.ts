import type { DurableLogData, DurableLogger, DurableLoggingContext } from "./logger.js";
import { bindLogger, createContextLogger } from "./replay-logger.js";

type Call = readonly [method: string, ...params: unknown[]];

const DATA: DurableLogData = { requestId: "r-1", executionArn: "arn:1" };
const logData = () => DATA;

/** Needs its `this`, as pino's and Powertools' methods do. */
class RecordingLogger implements DurableLogger {
  readonly calls: Call[] = [];
  info(...params: unknown[]): void {
    this.calls.push(["info", ...params]);
  }
  warn(...params: unknown[]): void {
    this.calls.push(["warn", ...params]);
  }
  error(...params: unknown[]): void {
    this.calls.push(["error", ...params]);
  }
  debug(...params: unknown[]): void {
    this.calls.push(["debug", ...params]);
  }
}

class RecordingLoggerWithLog extends RecordingLogger {
  log(level: string, ...params: unknown[]): void {
    this.calls.push(["log", level, ...params]);
  }
}

class AskingLogger extends RecordingLogger {
  readonly contexts: DurableLoggingContext[] = [];
  configureDurableLoggingContext(context: DurableLoggingContext): void {
    this.contexts.push(context);
  }
  override info(...params: unknown[]): void {
    super.info(this.contexts.at(-1)?.getDurableLogData().executionArn, ...params);
  }
}

function contextLogger(base: DurableLogger, isSilent = () => false) {
  return createContextLogger({ getBase: () => base, isSilent, logData });
}

describe("forwarding", () => {
  it("passes every argument as it is, in order", () => {
    const base = new RecordingLogger();
    const logger = contextLogger(base);
    const error = new Error("x");
    const fields = { orderId: 1 };
    logger.info(fields, "message %s", "a");
    logger.warn();
    logger.error(error, undefined);
    logger.debug("d", null);
    expect(base.calls).toEqual([
      ["info", fields, "message %s", "a"],
      ["warn"],
      ["error", error, undefined],
      ["debug", "d", null],
    ]);
    expect(base.calls[0]?.[1]).toBe(fields);
    expect(base.calls[2]?.[1]).toBe(error);
  });

  it("works when the methods are taken off the logger", () => {
    const base = new RecordingLoggerWithLog();
    const { info, warn, error, debug, log } = contextLogger(base);
    info("i");
    warn("w");
    error("e");
    debug("d");
    log?.("INFO", "l");
    expect(base.calls).toEqual([
      ["info", "i"],
      ["warn", "w"],
      ["error", "e"],
      ["debug", "d"],
      ["log", "INFO", "l"],
    ]);
  });

  it("has the five methods and nothing of the logger behind them", () => {
    expect(Object.keys(contextLogger(new AskingLogger())).sort()).toEqual([
      "debug",
      "error",
      "info",
      "log",
      "warn",
    ]);
  });

  it("passes log on, with a level that nobody knows too", () => {
    const base = new RecordingLoggerWithLog();
    contextLogger(base).log?.("TRACE" as "INFO", "x", 1);
    expect(base.calls).toEqual([["log", "TRACE", "x", 1]]);
  });

  it.each([
    ["INFO", "info"],
    ["WARN", "warn"],
    ["ERROR", "error"],
    ["DEBUG", "debug"],
    ["TRACE", "info"],
    ["constructor", "info"],
    [undefined, "info"],
  ])("maps log at %p to the method %s of a logger without log", (level, method) => {
    const base = new RecordingLogger();
    contextLogger(base).log?.(level as "INFO", "x", { a: 1 });
    expect(base.calls).toEqual([[method, "x", { a: 1 }]]);
  });

  it("falls back to log, and then to info, for a method that the logger lacks", () => {
    const calls: Call[] = [];
    const record =
      (method: string) =>
      (...params: unknown[]) =>
        void calls.push([method, ...params]);
    contextLogger({ log: record("log") } as unknown as DurableLogger).error("a");
    contextLogger({ info: record("info") } as unknown as DurableLogger).error("b");
    contextLogger({} as DurableLogger).error("c");
    expect(calls).toEqual([
      ["log", "ERROR", "a"],
      ["info", "b"],
    ]);
  });

  it("goes to the logger that is configured when the line is written", () => {
    const first = new RecordingLogger();
    const second = new RecordingLogger();
    let base = first;
    const logger = createContextLogger({ getBase: () => base, isSilent: () => false, logData });
    logger.info("1");
    base = second;
    logger.info("2");
    expect([first.calls, second.calls]).toEqual([[["info", "1"]], [["info", "2"]]]);
  });

  it("gives nothing back", () => {
    const base = { info: () => 7 } as unknown as DurableLogger;
    expect(contextLogger(base).info("x")).toBeUndefined();
  });
});

describe("silence", () => {
  it("drops every method while silent, and asks again for each line", () => {
    const base = new RecordingLoggerWithLog();
    let isSilent = true;
    const logger = contextLogger(base, () => isSilent);
    for (const method of ["info", "warn", "error", "debug"] as const) logger[method]("dropped");
    logger.log?.("INFO", "dropped");
    isSilent = false;
    logger.info("passes");
    isSilent = true;
    logger.info("dropped");
    expect(base.calls).toEqual([["info", "passes"]]);
  });

  it("does not touch the logger at all while silent", () => {
    const getBase = jest.fn();
    createContextLogger({ getBase, isSilent: () => true, logData }).info("x");
    expect(getBase).not.toHaveBeenCalled();
  });
});

describe("configureDurableLoggingContext", () => {
  it("is called once for a logger, before its first line, by whichever context logs first", () => {
    const base = new AskingLogger();
    const [root, child] = [contextLogger(base), contextLogger(base)];
    expect(base.contexts).toHaveLength(0);
    root.info("1");
    child.info("2");
    root.info("3");
    expect(base.contexts).toHaveLength(1);
    expect(base.calls).toEqual([
      ["info", "arn:1", "1"],
      ["info", "arn:1", "2"],
      ["info", "arn:1", "3"],
    ]);
  });

  it("gives the data of the moment at which it is asked", () => {
    const base = new AskingLogger();
    let data = DATA;
    const logger = createContextLogger({ getBase: () => base, isSilent: () => false, logData: () => data });
    logger.warn("1");
    data = { ...DATA, operationId: "3", attempt: 2 };
    expect(base.contexts[0]?.getDurableLogData()).toEqual({ ...DATA, operationId: "3", attempt: 2 });
  });

  it("follows the execution that logs when several share a logger", () => {
    const base = new AskingLogger();
    const loggers = ["arn:a", "arn:b"].map((executionArn) => {
      const data = { requestId: "r", executionArn };
      return createContextLogger({ getBase: () => base, isSilent: () => false, logData: () => data });
    });
    for (const line of ["1", "2"]) for (const logger of loggers) logger.info(line);
    expect(base.calls).toEqual([
      ["info", "arn:a", "1"],
      ["info", "arn:b", "1"],
      ["info", "arn:a", "2"],
      ["info", "arn:b", "2"],
    ]);
  });

  it("can be called when the logger is configured, and then not again for its lines", () => {
    const base = new AskingLogger();
    bindLogger(base, logData);
    bindLogger(base, logData);
    contextLogger(base).info("1");
    expect(base.contexts).toHaveLength(1);
  });

  it("does nothing for a logger without it", () => {
    const base = new RecordingLogger();
    bindLogger(base, logData);
    expect(base.calls).toEqual([]);
  });
});

describe("a logger that fails (invariant 14)", () => {
  const broken = new Error("disk full");

  function failing(base: Partial<DurableLogger>) {
    const warn = jest.fn();
    const options = { getBase: () => base as DurableLogger, isSilent: () => false, logData, warn };
    return { logger: createContextLogger(options), warn };
  }

  it("does not reach the code when it throws, and is reported once", () => {
    const { logger, warn } = failing({
      info: () => {
        throw broken;
      },
    });
    logger.info("1");
    logger.info("2");
    expect(warn.mock.calls).toEqual([[expect.stringContaining("configured logger failed"), broken]]);
  });

  it("does not end the process when it rejects, and is reported once", async () => {
    const { logger, warn } = failing({ info: () => Promise.reject(broken) });
    logger.info("1");
    logger.info("2");
    await Promise.resolve();
    await Promise.resolve();
    expect(warn.mock.calls).toEqual([[expect.stringContaining("configured logger failed"), broken]]);
  });

  it("still gets its lines when it refuses its context", () => {
    const calls: unknown[] = [];
    const { logger, warn } = failing({
      info: (...params) => void calls.push(params),
      configureDurableLoggingContext: () => {
        throw broken;
      },
    });
    logger.info("1");
    logger.info("2");
    expect(calls).toEqual([["1"], ["2"]]);
    expect(warn).toHaveBeenCalledTimes(1);
  });

  it("is reported on the console unless something else is asked for", () => {
    const warn = jest.spyOn(console, "warn").mockImplementation(() => {});
    contextLogger({
      info: () => {
        throw broken;
      },
    } as unknown as DurableLogger).info("1");
    expect(warn.mock.calls).toEqual([[expect.stringContaining("configured logger failed"), broken]]);
    warn.mockRestore();
  });
});

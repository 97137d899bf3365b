/** Loggers: what is logged when, and what a line knows. */

import type { DurableLogger, DurableLoggingContext } from "@tidemark/sdk";
import type { InteropCase, Trace } from "../interop-case";
import { defineCase, flaky } from "./define";

/** Writes each line with its operation and attempt into the trace. */
class TraceLogger implements DurableLogger {
  #context: DurableLoggingContext | undefined;
  readonly #trace: Trace;

  constructor(trace: Trace) {
    this.#trace = trace;
  }

  info(...params: unknown[]): void {
    this.#write("info", params);
  }
  warn(...params: unknown[]): void {
    this.#write("warn", params);
  }
  error(...params: unknown[]): void {
    this.#write("error", params);
  }
  debug(...params: unknown[]): void {
    this.#write("debug", params);
  }
  configureDurableLoggingContext(context: DurableLoggingContext): void {
    this.#context = context;
  }

  #write(level: string, params: unknown[]): void {
    const { operationName, attempt } = this.#context?.getDurableLogData() ?? {};
    this.#trace.push([level, ...params, operationName ?? "-", attempt ?? "-"].join(" "));
  }
}

export const logCases: readonly InteropCase[] = [
  defineCase("logger: replayed lines are left out", async (context, trace) => {
    context.configureLogger({ customLogger: new TraceLogger(trace) });
    context.logger.info("begin");
    await context.step("work", async ({ logger }) => logger.warn("working"));
    context.logger.debug("after the step");
    await context.wait("pause", { seconds: 1 });
    context.logger.error("after the wait");
    await context.step("more", async ({ logger }) => logger.info("working more"));
    context.logger.info("end");
    return "logged";
  }),

  defineCase("logger: modeAware false", async (context, trace) => {
    context.configureLogger({ customLogger: new TraceLogger(trace), modeAware: false });
    context.logger.info("begin");
    await context.wait({ seconds: 1 });
    context.logger.info("end");
    return "logged";
  }),

  defineCase("logger: attempts of a step", async (context, trace) => {
    context.configureLogger({ customLogger: new TraceLogger(trace) });
    const attempt = flaky(2, "ok", trace);
    return context.step(
      "flaky",
      async ({ logger, attempt: n }) => {
        logger.info("trying");
        return attempt(n);
      },
      { retryStrategy: (_error, n) => ({ shouldRetry: n < 4, delay: { seconds: 1 } }) },
    );
  }),

  defineCase("logger: in a child that has ended", async (context, trace) => {
    context.configureLogger({ customLogger: new TraceLogger(trace) });
    await context.runInChildContext("child", async (child) => {
      child.logger.info("in the child");
      await child.step("work", async ({ logger }) => logger.info("in the step"));
      child.logger.info("child ends");
    });
    await context.wait({ seconds: 1 });
    context.logger.info("end");
    return "logged";
  }),

  defineCase("logger: in a child that waits", async (context, trace) => {
    context.configureLogger({ customLogger: new TraceLogger(trace) });
    await context.runInChildContext("child", async (child) => {
      child.logger.info("child begins");
      await child.wait({ seconds: 1 });
      child.logger.info("child ends");
    });
    context.logger.info("end");
    return "logged";
  }),
];

/**
 * Runs the cases under the AWS test kit: `node kit-host.mjs <output file> <cases, comma separated>`.
 *
 * Which SDK the handlers and the kit itself use is decided outside, by module resolution. Time is
 * skipped, so the timers of this process are fake while it runs.
 */

import { writeFileSync } from "node:fs";
import {
  type DurableOperation,
  LocalDurableTestRunner,
  type TestResult,
  WaitingOperationStatus,
} from "@aws/durable-execution-sdk-js-testing";
import { CASES } from "./cases/index";
import {
  type CallbackSender,
  type CaseProgram,
  type InteropCase,
  type OutsideWorld,
  Trace,
} from "./interop-case";
import { type Observation, operationLines } from "./observation";

/** Taken before the kit fakes them. */
const { setTimeout: realSetTimeout, clearTimeout: realClearTimeout } = globalThis;

const CASE_LIMIT_MS = 20_000;

async function main([outputFile, only]: readonly string[]): Promise<void> {
  const names = only === undefined || only === "" ? undefined : only.split("\n");
  const observations: Record<string, Observation> = {};
  await LocalDurableTestRunner.setupTestEnvironment({ skipTime: true });
  for (const testCase of CASES) {
    if (names?.includes(testCase.name) === false) continue;
    observations[testCase.name] = await observe(testCase);
  }
  writeFileSync(outputFile as string, JSON.stringify(observations));
  await LocalDurableTestRunner.teardownTestEnvironment();
  // A case that did not end may keep timers.
  process.exit(0);
}

async function observe({ create, payload }: InteropCase): Promise<Observation> {
  const trace = new Trace();
  try {
    return await withLimit(run(create(trace), payload, trace));
  } catch (error) {
    return {
      status: "NONE",
      operations: [],
      trace: trace.lines,
      problem: String((error as Error)?.message ?? error),
    };
  }
}

async function run(program: CaseProgram, payload: unknown, trace: Trace): Promise<Observation> {
  const { handler, durableFunctions = {}, plainFunctions = {}, outside } = program;
  // The declarations of the kit are those of the AWS SDK, whatever the handler was wrapped with.
  const runner = new LocalDurableTestRunner({ handlerFunction: handler as never });
  for (const [name, fn] of Object.entries(durableFunctions))
    runner.registerDurableFunction(name, fn as never);
  for (const [name, fn] of Object.entries(plainFunctions)) runner.registerFunction(name, fn);
  const running = runner.run(payload === undefined ? {} : { payload });
  const [result] = await Promise.all([running, outside?.(worldOf(runner))]);
  return describe(result, trace);
}

/** One wait an operation: the kit does not see that a second one is fulfilled already. */
function worldOf(runner: LocalDurableTestRunner): OutsideWorld {
  const senderAt = async (name: string, status: WaitingOperationStatus): Promise<CallbackSender> => {
    const operation = runner.getOperation(name);
    await operation.waitForData(status);
    return senderOf(operation);
  };
  return {
    callback: (name) => senderAt(name, WaitingOperationStatus.STARTED),
    submission: (name) => senderAt(name, WaitingOperationStatus.SUBMITTED),
  };
}

function senderOf(operation: DurableOperation): CallbackSender {
  return {
    succeed: async (payload) => void (await operation.sendCallbackSuccess(payload)),
    fail: async (error) => void (await operation.sendCallbackFailure(error)),
    heartbeat: async () => void (await operation.sendCallbackHeartbeat()),
  };
}

function describe(result: TestResult, trace: Trace): Observation {
  const status = result.getStatus() ?? "NONE";
  return {
    status,
    ...(status === "SUCCEEDED" ? { result: result.getResult() } : errorOf(result)),
    operations: operationLines(result.getOperations().map((operation) => operation.getOperationData() ?? {})),
    events: result
      .getHistoryEvents()
      .map(({ EventType, Name }) => `${EventType}${Name === undefined ? "" : ` ${JSON.stringify(Name)}`}`),
    invocations: result.getInvocations().length,
    trace: trace.lines,
  };
}

function errorOf(result: TestResult): Pick<Observation, "error"> {
  const { errorType, errorMessage, errorData } = result.getError();
  return {
    error: {
      ...(errorType === undefined ? {} : { type: errorType }),
      ...(errorMessage === undefined ? {} : { message: errorMessage }),
      ...(errorData === undefined ? {} : { data: errorData }),
    },
  };
}

async function withLimit<T>(work: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const limit = new Promise<never>((_resolve, reject) => {
    const fail = () => reject(new Error(`did not end within ${CASE_LIMIT_MS} ms`));
    timer = realSetTimeout(fail, CASE_LIMIT_MS);
  });
  try {
    return await Promise.race([work, limit]);
  } finally {
    realClearTimeout(timer);
  }
}

process.on("unhandledRejection", (error) => console.error("unhandled rejection:", error));
main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

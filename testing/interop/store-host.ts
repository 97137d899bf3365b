/**
 * Runs the cases on our runtime: `node store-host.mjs <output file> <cases> <memory|sqlite|http>`.
 *
 * The handlers may be wrapped by either SDK; that is decided outside, by module resolution. All cases
 * run at the same time, on one worker and one store, as they would in production. With `http` the
 * handlers reach the memory store through the Lambda API, with their default clients. The AWS SDK reads
 * the clock of the process, so time is real, only faster.
 */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DurableApiOptions, durableApi, serveApi } from "@tidemark/lambda";
import {
  apply,
  ExecutionState,
  exactExecutionId,
  isRejection,
  isTerminal,
  type LogRecord,
  type Operation,
} from "@tidemark/protocol";
import { DurableClient, type FunctionToRun, Worker, type WorkerOptions } from "@tidemark/runtime";
import { type ExecutionStore, MemoryStore, wholeLog } from "@tidemark/store";
import { SqliteStore } from "@tidemark/store-sqlite";
import { CASES } from "./cases/index";
import { fastClock } from "./fast-clock";
import {
  type CallbackSender,
  type CaseProgram,
  type InteropCase,
  type OutsideWorld,
  Trace,
} from "./interop-case";
import { type Observation, operationLines } from "./observation";

/** A second of a wait takes 50 ms; the AWS SDK's pause of 20 ms before it suspends counts 0.4 s. */
const SPEED = 20;
const CASE_LIMIT_MS = 30_000;
const LOOK_AGAIN_MS = 5;

interface Runtime {
  readonly store: ExecutionStore;
  readonly client: DurableClient;
}

interface PreparedCase {
  readonly testCase: InteropCase;
  readonly program: CaseProgram;
  readonly trace: Trace;
  readonly functionName: string;
}

async function main([outputFile, only, storeName]: readonly string[]): Promise<void> {
  const names = only === undefined || only === "" ? undefined : only.split("\n");
  const directory = mkdtempSync(join(tmpdir(), "tidemark-interop-"));
  const store =
    storeName === "sqlite"
      ? await SqliteStore.open({ path: join(directory, "cases.db") })
      : new MemoryStore();
  const clock = fastClock(SPEED);
  const prepared = CASES.filter(({ name }) => names?.includes(name) !== false).map(prepare);
  const options = { store, clock, functions: functionsOf(prepared), concurrency: 500 };
  await (storeName === "http" ? serve(options) : new Worker({ ...options, drainOnSigterm: false }).start());
  const runtime = { store, client: new DurableClient({ store, clock }) };
  const entries = await Promise.all(
    prepared.map(async (each) => [each.testCase.name, await observe(runtime, each)] as const),
  );
  writeFileSync(outputFile as string, JSON.stringify(Object.fromEntries(entries)));
  rmSync(directory, { recursive: true, force: true });
  process.exit(0);
}

/** The same over HTTP: what handlers record goes through the API, also what ours would record directly. */
async function serve(options: DurableApiOptions): Promise<void> {
  const functions = Object.entries(options.functions ?? {}).map(([name, fn]) => {
    const elsewhere: FunctionToRun = typeof fn === "function" ? (event, context) => fn(event, context) : fn;
    return [name, elsewhere] as const;
  });
  const api = durableApi({ ...options, functions: Object.fromEntries(functions) });
  const { url } = await serveApi(api);
  Object.assign(process.env, {
    AWS_ENDPOINT_URL_LAMBDA: url,
    AWS_REGION: "eu-west-1",
    AWS_ACCESS_KEY_ID: "id",
    AWS_SECRET_ACCESS_KEY: "key",
  });
  await api.start();
}

function prepare(testCase: InteropCase, index: number): PreparedCase {
  const trace = new Trace();
  return { testCase, trace, program: testCase.create(trace), functionName: `case-${index}` };
}

/** Functions that handlers invoke are shared: a name means the same in every case. */
function functionsOf(prepared: readonly PreparedCase[]): WorkerOptions["functions"] {
  const functions: WorkerOptions["functions"] = {};
  for (const { program, functionName } of prepared) {
    functions[functionName] = program.handler;
    Object.assign(functions, program.durableFunctions);
    for (const [name, handler] of Object.entries(program.plainFunctions ?? {})) {
      functions[name] = { handler, durable: false };
    }
  }
  return functions;
}

async function observe(runtime: Runtime, prepared: PreparedCase): Promise<Observation> {
  const { testCase, program, trace, functionName } = prepared;
  const { payload } = testCase;
  const { executionId } = await runtime.client.start(
    functionName,
    payload === undefined ? {} : { input: payload },
  );
  try {
    const ended = untilEnd(runtime, executionId);
    await Promise.all([ended, program.outside?.(worldOf(runtime, executionId))]);
    return await describe(runtime, executionId, trace);
  } catch (error) {
    const operations = operationLines(await operationsOf(runtime.store, executionId));
    return {
      status: "NONE",
      operations,
      trace: trace.lines,
      problem: String((error as Error)?.message ?? error),
    };
  }
}

async function untilEnd({ store }: Runtime, executionId: string): Promise<void> {
  await until(async () => {
    const head = await store.head(executionId);
    return head !== undefined && isTerminal(head.status) ? true : undefined;
  });
}

async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  const deadlineMs = Date.now() + CASE_LIMIT_MS;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (Date.now() > deadlineMs) throw new Error(`did not end within ${CASE_LIMIT_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

async function describe({ store, client }: Runtime, executionId: string, trace: Trace): Promise<Observation> {
  const { status, result, error } = await client.describe(executionId);
  return {
    status,
    ...(result === undefined ? {} : { result }),
    ...(error === undefined
      ? {}
      : {
          error: {
            ...(error.ErrorType === undefined ? {} : { type: error.ErrorType }),
            ...(error.ErrorMessage === undefined ? {} : { message: error.ErrorMessage }),
            ...(error.ErrorData === undefined ? {} : { data: error.ErrorData }),
          },
        }),
    operations: operationLines(await operationsOf(store, executionId)),
    trace: trace.lines,
  };
}

/** Every operation of the log, those under contexts that have ended included. */
async function operationsOf(store: ExecutionStore, executionId: string): Promise<Operation[]> {
  const head = await store.head(executionId);
  if (head === undefined) return [];
  const state = new ExecutionState(exactExecutionId(head), head.startedAtMs);
  const seen = new Map<string, Operation>();
  for (const { records, atMs } of await wholeLog(store, executionId)) {
    const transition = apply(state, records as readonly LogRecord[], atMs);
    if (isRejection(transition)) throw new Error(transition.rejected);
    state.commit(transition);
    for (const operation of transition.operations) seen.set(operation.Id as string, operation);
  }
  return [...seen.values()];
}

function worldOf({ store, client }: Runtime, executionId: string): OutsideWorld {
  const senderOf = async (
    find: (operations: readonly Operation[]) => string | undefined,
  ): Promise<CallbackSender> => {
    const callbackId = await until(async () => find(await operationsOf(store, executionId)));
    return {
      succeed: (payload) => client.sendCallbackSuccess(callbackId, payload),
      fail: (error) => client.sendCallbackFailure(callbackId, error),
      heartbeat: () => client.sendCallbackHeartbeat(callbackId),
    };
  };
  return {
    callback: (name) =>
      senderOf((operations) => operations.find(({ Name }) => Name === name)?.CallbackDetails?.CallbackId),
    submission: (name) => senderOf((operations) => submittedCallback(operations, name)),
  };
}

/** The id of the callback in a `waitForCallback` whose submitter is done. */
function submittedCallback(operations: readonly Operation[], name: string): string | undefined {
  const context = operations.find(({ Name }) => Name === name);
  const children = operations.filter(({ ParentId }) => ParentId !== undefined && ParentId === context?.Id);
  const isSubmitted = children.some(({ Type, Status }) => Type === "STEP" && Status === "SUCCEEDED");
  return isSubmitted
    ? children.find(({ Type }) => Type === "CALLBACK")?.CallbackDetails?.CallbackId
    : undefined;
}

process.on("unhandledRejection", (error) => console.error("unhandled rejection:", error));
main(process.argv.slice(2)).catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});

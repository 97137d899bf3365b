/** The cloud runner against a store with a worker, and against the Lambda API over HTTP: both tell what the local one tells. */

import { LambdaClient } from "@aws-sdk/client-lambda";
import { durableApi, serveApi } from "@tidemark/lambda";
import { DurableClient, Worker } from "@tidemark/runtime";
import { DurableExecutionApiClient, type DurableLambdaHandler, withDurableExecution } from "@tidemark/sdk";
import { MemoryPayloadStore, MemoryStore, Payloads } from "@tidemark/store";
import {
  CloudDurableTestRunner,
  type DurableOperation,
  LocalDurableTestRunner,
  type TestResult,
  type TestResultError,
  WaitingOperationStatus,
} from "@tidemark/testing";
import { everything, fails, waitsForever } from "./handlers";

type Handlers = Readonly<Record<string, typeof everything>>;
const HANDLERS = { everything, fails, waitsForever } as unknown as Handlers;

interface Host {
  runner(functionName: string): CloudDurableTestRunner | LocalDurableTestRunner;
  close(): Promise<void>;
}

const POLL = { config: { pollInterval: 5 } };

async function localHost(): Promise<Host> {
  return {
    runner: (name) =>
      new LocalDurableTestRunner({ handlerFunction: withDurableExecution(HANDLERS[name] as never) }),
    close: async () => {},
  };
}

/** Nearly every payload is elsewhere: results of contexts, too. */
async function payloadsHost(): Promise<Host> {
  const objects = new MemoryPayloadStore({ nowMs: () => 0 });
  return storeHost(new MemoryStore({ payloads: new Payloads({ store: objects, inlineLimitBytes: 5 }) }));
}

async function storeHost(store = new MemoryStore()): Promise<Host> {
  const worker = new Worker({
    store,
    functions: wrapped(),
    drainOnSigterm: false,
    drainMs: 0,
    onThrown: () => {},
  });
  await worker.start();
  const client = new DurableClient({ store });
  return {
    runner: (functionName) => new CloudDurableTestRunner({ functionName, client, ...POLL }),
    close: async () => {
      await worker.stop();
      await store.close();
    },
  };
}

async function httpHost(): Promise<Host> {
  const store = new MemoryStore();
  let client: LambdaClient | undefined;
  const functions = wrapped(() => client as LambdaClient);
  const api = durableApi({ store, functions, drainMs: 0, onThrown: () => {} });
  await api.start();
  const served = await serveApi(api);
  client = new LambdaClient({
    endpoint: served.url,
    region: "eu-west-1",
    credentials: { accessKeyId: "id", secretAccessKey: "key" },
  });
  const runnerClient = client;
  return {
    runner: (functionName) =>
      new CloudDurableTestRunner({
        functionName,
        client: runnerClient,
        config: { pollInterval: 5, invocationType: "Event" },
      }),
    close: async () => {
      await api.stop();
      runnerClient.destroy();
      await served.close();
      await store.close();
    },
  };
}

/** The handlers as functions; over HTTP with a client of their own, which is there when they are invoked. */
function wrapped(clientOf?: () => LambdaClient): Record<string, DurableLambdaHandler> {
  return Object.fromEntries(
    Object.entries(HANDLERS).map(([name, handler]) => {
      if (clientOf === undefined) return [name, withDurableExecution(handler)];
      const function_: DurableLambdaHandler = (event, context) =>
        withDurableExecution(handler, { durableExecutionClient: new DurableExecutionApiClient(clientOf()) })(
          event,
          context,
        );
      return [name, function_];
    }),
  );
}

/** What a run tells, without times. Ids, which the managed service has hashed, are places in the order of starts. */
function story(result: TestResult): unknown {
  const ids = result.getOperations().map((operation) => operation.getId());
  const place = (id: string | undefined): number => ids.indexOf(id);
  const about = (operation: DurableOperation): unknown => ({
    parent: place(operation.getParentId()),
    name: operation.getName(),
    type: operation.getType(),
    subType: operation.getSubType(),
    status: operation.getStatus(),
    details: detailsOf(operation),
    children: operation.getChildOperations()?.map((child) => place(child.getId())),
    events: operation.getEvents()?.map(({ EventType }) => EventType),
  });
  return { status: result.getStatus(), operations: result.getOperations().map(about) };
}

function detailsOf(operation: DurableOperation): unknown {
  switch (operation.getType()) {
    case "STEP": {
      const { attempt, result, error } = operation.getStepDetails() ?? {};
      return { attempt, result, error: withoutStack(error) };
    }
    case "CONTEXT":
      // What is behind the failure of an item is not told alike.
      return JSON.parse(
        JSON.stringify(operation.getContextDetails(), (key, value) =>
          key === "Cause" || key === "stackTrace" ? undefined : value,
        ),
      );
    case "WAIT":
      return operation.getWaitDetails()?.waitSeconds;
    case "CALLBACK":
      return { ...operation.getCallbackDetails(), callbackId: undefined };
    default:
      return operation.getChainedInvokeDetails();
  }
}

/** Only a runner whose process has run the code knows where it threw. */
function withoutStack(error: TestResultError | undefined): Omit<TestResultError, "stackTrace"> | undefined {
  if (error === undefined) return undefined;
  const { stackTrace: _stackTrace, ...recorded } = error;
  return recorded;
}

async function runEverything(host: Host): Promise<{ result: TestResult; seen: unknown }> {
  const runner = host.runner("everything");
  const run = runner.run({ payload: { name: "Ada" } });
  const approval = runner.getOperation("approval");
  await approval.waitForData(WaitingOperationStatus.SUBMITTED);
  const seen = [approval.getStatus(), runner.getOperation("twice", 1).getStepDetails()?.result];
  await approval.sendCallbackHeartbeat();
  await approval.sendCallbackSuccess("granted");
  const refused = runner.getOperation("refusal");
  await refused.waitForData();
  await refused.sendCallbackFailure({ ErrorType: "Refused", ErrorMessage: "no" });
  return { result: await run, seen };
}

describe.each([
  ["a store with a worker", () => storeHost()],
  ["a store with a worker and payloads", payloadsHost],
  ["the Lambda API over HTTP", httpHost],
])("the cloud runner against %s", (_name, open) => {
  let host: Host;
  let local: Host;

  beforeAll(async () => {
    host = await open();
    local = await localHost();
  });

  afterAll(() => host.close());

  it("tells of every kind of operation what the local runner tells", async () => {
    const [there, here] = await Promise.all([runEverything(host), runEverything(local)]);

    expect(there.result.getResult()).toEqual({ approved: "granted", refused: "no", sum: 3 });
    expect(there.seen).toEqual(["STARTED", 2]);
    expect(story(there.result)).toEqual(story(here.result));
    expect(there.result.getInvocations().length).toBeGreaterThan(1);
  });

  it("gives the error of an execution that fails", async () => {
    const [there, here] = await Promise.all([host.runner("fails").run(), local.runner("fails").run()]);

    expect(there.getStatus()).toBe("FAILED");
    expect(there.getError().stackTrace).toBeUndefined();
    expect(withoutStack(there.getError())).toEqual(withoutStack(here.getError()));
    expect(() => there.getResult()).toThrow("out of stock");
  });

  it("rejects who waits for an operation that never comes, when the execution has ended", async () => {
    const runner = host.runner("fails");
    const run = runner.run();
    await expect(runner.getOperation("never").waitForData()).rejects.toMatchObject({
      code: "TIDEMARK_TEST_OPERATION",
      message: expect.stringContaining('"never" was to be STARTED, and the execution ended as FAILED'),
    });
    await run;
  });

  it("leaves an execution behind that is reset", async () => {
    const runner = host.runner("waitsForever");
    const run = runner.run();
    await expect(runner.run()).rejects.toMatchObject({ code: "TIDEMARK_TEST_RUN" });
    await runner.getOperation("forever").waitForData();
    runner.reset();
    await expect(run).rejects.toMatchObject({ code: "TIDEMARK_TEST_RUN" });
    expect(runner.getOperation("forever").getStatus()).toBeUndefined();
  });
});

it("refuses what it cannot run with", () => {
  const client = new DurableClient({ store: new MemoryStore() });
  const create = (options: object) => () =>
    new CloudDurableTestRunner({ functionName: "f", client, ...options });
  expect(create({ functionName: "" })).toThrow('functionName is ""; pass the name of a function');
  expect(create({ config: { pollInterval: 0 } })).toThrow(
    "pollInterval is 0; pass milliseconds of at least 1",
  );
});

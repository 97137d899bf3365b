/** One invocation from claim to end: each way to end, and what it leaves in the store. */

import {
  DurableExecutionClientError,
  type DurableExecutionInvocationInput,
  DurableExecutionInvocationInputWithClient,
  type DurableExecutionInvocationOutput,
  InvocationStatus,
  type OperationUpdate,
} from "@tidemark/protocol";
import type { LambdaContext } from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { defer } from "../../../testing/behaviour/rig";
import { ending, ManualExecution, starting } from "../../../testing/kit/manual-execution";
import { type DurableHandler, Invocation, type PlainHandler, type RegisteredFunction } from "./invocation.js";

let run: ManualExecution;
beforeEach(async () => {
  run = await ManualExecution.start();
});

const pending: DurableExecutionInvocationOutput = { Status: InvocationStatus.PENDING };

async function claim(
  fn: RegisteredFunction,
  {
    store = run.store,
    maxBarrenInvocations = 10,
  }: { store?: ExecutionStore; maxBarrenInvocations?: number } = {},
): Promise<Invocation> {
  const head = await run.acquire();
  const { clock } = run;
  const remainingTimeMs = () => 1234;
  return new Invocation({ store, clock, head, fn, inlineWaitMs: 0, maxBarrenInvocations, remainingTimeMs });
}

async function invoke(handler: DurableHandler, options?: { store?: ExecutionStore }): Promise<void> {
  await (await claim({ durable: true, handler }, options)).run();
}

async function invokePlain(handler: PlainHandler): Promise<void> {
  await (await claim({ durable: false, handler })).run();
}

/** Sends updates as a wrapped handler would. */
async function send(event: DurableExecutionInvocationInput, ...updates: OperationUpdate[]): Promise<void> {
  if (!DurableExecutionInvocationInputWithClient.isInstance(event)) throw new Error("no client");
  await event.durableExecutionClient.checkpoint({
    DurableExecutionArn: event.DurableExecutionArn,
    CheckpointToken: event.CheckpointToken,
    Updates: updates,
  });
}

const wait = starting("WAIT", "1", { WaitOptions: { WaitSeconds: 60 } });

let calls = 0;
beforeEach(() => {
  calls = 0;
});
const counted: DurableHandler = async () => {
  calls += 1;
  return pending;
};

/** How the invocation with this epoch ended, if it took no time. */
function end(epoch: number, error?: unknown) {
  const atMs = run.clock.nowMs();
  return { epoch, startedAtMs: atMs, endedAtMs: atMs, ...(error === undefined ? {} : { error }) };
}

describe("an invocation that suspends", () => {
  it("gives the lease back until the next timer", async () => {
    await invoke(async (event) => {
      await send(event, wait);
      return pending;
    });

    const { owner, ...head } = await run.head();
    expect(owner).toBeUndefined();
    expect(head).toMatchObject({
      status: "PENDING",
      epoch: 1,
      dueAtMs: run.startMs + 60_000,
      lastInvocation: end(1),
    });
  });

  it("without a timer is looked at when the execution times out", async () => {
    await invoke(async () => pending);

    expect((await run.head()).dueAtMs).toBe(run.startMs + 86_400_000);
  });

  it("is due at once when something has come that it has not seen", async () => {
    await invoke(async (event) => {
      await send(event, starting("CALLBACK", "1"));
      await run.post({ kind: "callback_succeeded", id: "1" });
      return pending;
    });

    expect(await run.head()).toMatchObject({ status: "PENDING", dueAtMs: run.startMs, inboxCount: 1 });
  });

  it("records nothing more", async () => {
    const after = defer();
    let late: Promise<void> | undefined;
    await invoke(async (event) => {
      late = after.promise.then(() => send(event, wait));
      return pending;
    });
    after.resolve();

    await expect(late).rejects.toMatchObject({ code: "TIDEMARK_SUPERSEDED" });
    expect(await run.log()).toEqual([]);
  });

  it("when nothing is new does not call the handler, and keeps how the last one ended", async () => {
    await invoke(async (event) => {
      await send(event, wait);
      return pending;
    });
    const last = await run.head();
    await run.post({ kind: "invoke_settled", id: "9", outcome: "SUCCEEDED" });
    await invoke(async () => {
      throw new Error("called");
    });

    expect(await run.head()).toEqual({ ...last, epoch: 2, inboxCount: 1, invokedAtMs: run.startMs });
    expect(await run.log()).toHaveLength(1);
  });
});

describe("an invocation that ends the execution", () => {
  it("as SUCCEEDED, with the result", async () => {
    await invoke(async () => {
      await run.advance(5000);
      return { Status: InvocationStatus.SUCCEEDED, Result: '{"n":1}' };
    });

    expect(await run.head()).toMatchObject({
      status: "SUCCEEDED",
      result: '{"n":1}',
      endedAtMs: run.startMs + 5000,
      expiresAtMs: run.startMs + 6000,
      lastInvocation: { epoch: 1, startedAtMs: run.startMs, endedAtMs: run.startMs + 5000 },
    });
  });

  it("as SUCCEEDED, with the large result that it has checkpointed", async () => {
    await invoke(async (event) => {
      await send(event, ending("EXECUTION", run.executionId, { Payload: '"large"' }));
      return { Status: InvocationStatus.SUCCEEDED, Result: "" };
    });

    expect((await run.head()).result).toBe('"large"');
  });

  it("as SUCCEEDED, without a result", async () => {
    await invoke(async () => ({ Status: InvocationStatus.SUCCEEDED }));
    const head = await run.head();

    expect([head.status, "result" in head]).toEqual(["SUCCEEDED", false]);
  });

  it("as FAILED, with the error of the invocation and the execution", async () => {
    const error = { ErrorType: "RangeError", ErrorMessage: "limit" };
    await invoke(async () => ({ Status: InvocationStatus.FAILED, Error: error }));

    expect(await run.head()).toMatchObject({ status: "FAILED", error, lastInvocation: end(1, error) });
  });
});

describe("an invocation that fails", () => {
  it.each<[string, DurableHandler, object]>([
    [
      "because the handler rejects",
      () => Promise.reject(new RangeError("limit")),
      { ErrorType: "RangeError", ErrorMessage: "limit" },
    ],
    [
      "because the handler throws",
      () => {
        throw new RangeError("limit");
      },
      { ErrorType: "RangeError", ErrorMessage: "limit" },
    ],
    [
      "because of a client's error",
      () => Promise.reject(new DurableExecutionClientError("throttled")),
      { ErrorType: "TIDEMARK_CLIENT", ErrorMessage: "throttled" },
    ],
    [
      "because it gives no output of an invocation",
      async () => "done" as unknown as DurableExecutionInvocationOutput,
      { ErrorType: "TIDEMARK_OUTPUT", ErrorMessage: expect.stringMatching(/^function main returned no/) },
    ],
  ])("%s is due again after a second", async (_name, handler, error) => {
    await invoke(handler);

    expect(await run.head()).toMatchObject({
      status: "PENDING",
      dueAtMs: run.startMs + 1000,
      lastInvocation: end(1, error),
    });
  });

  it("is not due later than the execution's timeout", async () => {
    run = await ManualExecution.start({ timeoutAtMs: run.startMs + 400 });
    await invoke(() => Promise.reject(new Error("broken")));

    expect((await run.head()).dueAtMs).toBe(run.startMs + 400);
  });

  it("because the store cannot be written leaves the lease to run out, and says so", async () => {
    const store = storeWith(run.store, { finish: () => Promise.reject(new Error("disk full")) });

    await expect(invoke(async () => ({ Status: InvocationStatus.SUCCEEDED }), { store })).rejects.toThrow(
      "disk full",
    );
    expect(await run.head()).toMatchObject({ status: "RUNNING", dueAtMs: run.startMs + 30_000 });
  });
});

describe("an invocation that is superseded", () => {
  it("ends quietly when the handler says so", async () => {
    await invoke(async (event) => {
      await run.loseLease();
      await run.open((head) => new Successor(head.epoch));
      await send(event, wait);
      return pending;
    });

    expect(await run.head()).toMatchObject({ status: "RUNNING", epoch: 2 });
    expect(await run.log()).toEqual(["1: "]);
  });

  it.each<[string, () => Promise<DurableExecutionInvocationOutput>]>([
    ["suspends", async () => pending],
    ["succeeds", async () => ({ Status: InvocationStatus.SUCCEEDED })],
    ["fails", async () => ({ Status: InvocationStatus.FAILED, Error: {} })],
    ["throws", () => Promise.reject(new Error("zombie"))],
  ])("changes nothing when the handler %s", async (_name, finish) => {
    await invoke(async () => {
      await run.loseLease();
      await run.acquire();
      return finish();
    });
    const { lastInvocation, ...head } = await run.head();

    expect(lastInvocation).toBeUndefined();
    expect(head).toMatchObject({ status: "RUNNING", epoch: 2, dueAtMs: run.startMs + 60_000 });
  });

  it("between claim and opening calls no handler", async () => {
    const invocation = await claim({ durable: true, handler: counted });
    await run.loseLease();
    await run.acquire();
    await invocation.run();

    expect(calls).toBe(0);
    expect([(await run.head()).status, await run.log()]).toEqual(["RUNNING", []]);
  });

  it("because the execution has been stopped meanwhile calls no handler", async () => {
    const invocation = await claim({ durable: true, handler: counted });
    const { executionId } = run;
    await run.store.finish({ executionId, epoch: undefined, status: "STOPPED", endedAtMs: run.startMs });
    await invocation.run();

    expect([calls, (await run.head()).status, await run.log()]).toEqual([0, "STOPPED", []]);
  });

  it("because the execution has been removed calls no handler", async () => {
    const store = storeWith(run.store, { load: async () => undefined });
    await invoke(counted, { store });

    expect(calls).toBe(0);
  });
});

/** Whoever takes over: writes the next entry with its own epoch. */
class Successor {
  readonly #epoch: number;

  constructor(epoch: number) {
    this.#epoch = epoch;
  }

  async open(): Promise<void> {
    const entry = { sequence: 1, epoch: this.#epoch, nonce: "successor", atMs: run.startMs, records: [] };
    await run.store.append(run.executionId, entry);
  }
}

describe("an invocation that is abandoned", () => {
  const stopped = { ErrorType: "TIDEMARK_WORKER_STOPPED", ErrorMessage: "the worker stopped" };

  it("ends at once and is due at once; what the handler does then is not recorded", async () => {
    const gate = defer();
    let late: Promise<void> | undefined;
    const handler: DurableHandler = async (event) => {
      late = gate.promise.then(() => send(event, wait));
      await late;
      return { Status: InvocationStatus.SUCCEEDED };
    };
    const invocation = await claim({ durable: true, handler });
    const ended = invocation.run();
    await run.clock.quiet();
    invocation.abandon(stopped);
    await ended;
    const head = await run.head();
    expect(head).toMatchObject({
      status: "PENDING",
      dueAtMs: run.startMs,
      lastInvocation: end(1, stopped),
    });
    gate.resolve();

    await expect(late).rejects.toMatchObject({ code: "TIDEMARK_SUPERSEDED" });
    expect([await run.head(), await run.log()]).toEqual([head, []]);
  });

  it("before it has called the handler does not call it", async () => {
    const invocation = await claim({ durable: true, handler: counted });
    invocation.abandon(stopped);
    await invocation.run();

    expect(calls).toBe(0);
  });
});

describe("the execution's timeout", () => {
  const timedOut = {
    status: "TIMED_OUT",
    error: { ErrorType: "TIDEMARK_EXECUTION_TIMEOUT", ErrorMessage: "the execution timed out after 5 s" },
  };
  beforeEach(async () => {
    run = await ManualExecution.start({ timeoutAtMs: run.startMs + 5000 });
  });

  it("before the invocation begins calls no handler and writes no barrier", async () => {
    await run.advance(5000);
    await invoke(counted);

    expect(calls).toBe(0);
    expect([await run.head(), await run.log()]).toMatchObject([
      { ...timedOut, endedAtMs: run.startMs + 5000 },
      [],
    ]);
  });

  it("while the handler runs ends the execution on time, and nothing more is recorded", async () => {
    const gate = defer();
    let late: Promise<void> | undefined;
    const ended = invoke(async (event) => {
      late = gate.promise.then(() => send(event, wait));
      await late;
      return pending;
    });
    await run.advance(4999);
    expect((await run.head()).status).toBe("RUNNING");
    await run.advance(1);
    await ended;
    gate.resolve();

    await expect(late).rejects.toMatchObject({ code: "TIDEMARK_SUPERSEDED" });
    expect([await run.head(), await run.log()]).toMatchObject([
      { ...timedOut, endedAtMs: run.startMs + 5000 },
      [],
    ]);
  });

  it("sets no timer that outlives the invocation", async () => {
    await invoke(async () => pending);

    expect(run.clock.nextTimerMs).toBeUndefined();
  });

  it("that is further away than a timer reaches sets none", async () => {
    run = await ManualExecution.start({ timeoutAtMs: run.startMs + 2 ** 31 });
    let armed: number | undefined;
    await invoke(async () => {
      armed = run.clock.nextTimerMs;
      return pending;
    });

    expect(armed).toBeUndefined();
  });
});

describe("what the handler is given", () => {
  it("is the event of an invocation, with its own backend", async () => {
    run = await ManualExecution.start({ input: '{"n":1}' });
    await invoke(async (event) => {
      await send(event, wait);
      return pending;
    });
    await run.advance(60_000);
    let seen: DurableExecutionInvocationInput | undefined;
    await invoke(async (event) => {
      seen = event;
      return pending;
    });

    expect(DurableExecutionInvocationInputWithClient.isInstance(seen)).toBe(true);
    expect(seen).toMatchObject({
      DurableExecutionArn: "arn:tidemark:durable:local:0:function:main/durable-execution/main.one/main.one",
      CheckpointToken: "main.one.2.3",
      UpdatedOperationIds: ["1"],
      InitialExecutionState: {
        Operations: [
          { Type: "EXECUTION", ExecutionDetails: { InputPayload: '{"n":1}' } },
          { Id: "1", Type: "WAIT", Status: "SUCCEEDED" },
        ],
      },
    });
  });

  it("is a context that names the function, the invocation and the tenant", async () => {
    run = await ManualExecution.start({ tenantId: "acme" });
    let context: LambdaContext | undefined;
    await invoke(async (_event, given) => {
      context = given;
      return pending;
    });

    expect(context).toMatchObject({ functionName: "main", awsRequestId: "main.one#1", tenantId: "acme" });
    expect(context?.getRemainingTimeInMillis()).toBe(1234);
  });
});

describe("a plain function", () => {
  it.each([
    ["the input", '{"n":1}', { n: 1 }],
    ["{} for none", undefined, {}],
    ["null for null", "null", null],
  ])("is given %s and a context", async (_name, input, expected) => {
    run = await ManualExecution.start({ input });
    const seen: unknown[] = [];
    await invokePlain((event, context) => void seen.push(event, context.awsRequestId));

    expect(seen).toEqual([expected, "main.one#1"]);
  });

  it.each([
    ["a value", () => [1], "[1]"],
    ["a promise", async () => "later", '"later"'],
    ["what looks like an output", () => ({ Status: "PENDING" }), '{"Status":"PENDING"}'],
    ["nothing", () => undefined, undefined],
  ])("that returns %s succeeds with it", async (_name, handler, result) => {
    await invokePlain(handler);
    const head = await run.head();

    expect([head.status, head.result]).toEqual(["SUCCEEDED", result]);
  });

  it("that throws fails the execution, and does not run again", async () => {
    await invokePlain(() => {
      throw new RangeError("limit");
    });

    const error = { ErrorType: "RangeError", ErrorMessage: "limit" };
    expect(await run.head()).toMatchObject({ status: "FAILED", error, lastInvocation: end(1, error) });
  });

  it("whose input is no JSON fails with what is wrong", async () => {
    run = await ManualExecution.start({ input: "plain text" });
    await invokePlain(() => {
      calls += 1;
    });

    expect(calls).toBe(0);
    expect(await run.head()).toMatchObject({ status: "FAILED", error: { ErrorType: "SyntaxError" } });
  });

  it("runs again when its process died", async () => {
    const handler: PlainHandler = () => "done";
    void (await claim({ durable: false, handler: () => new Promise(() => {}) })).run();
    await run.clock.quiet();
    await run.loseLease();
    await (await claim({ durable: false, handler })).run();

    expect(await run.head()).toMatchObject({ status: "SUCCEEDED", result: '"done"', epoch: 2 });
    expect(await run.log()).toEqual(["1 barrier: "]);
  });
});

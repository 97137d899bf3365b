/** Chained invokes: the other execution is started once its START is durable, and by the next invocation if need be. */

import type { OperationUpdate } from "@tidemark/protocol";
import { type ExecutionStore, settleKey } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { ManualExecution, starting } from "../../../testing/kit/manual-execution";
import { WORKER_STOPPED } from "./barren.js";
import { Session } from "./session.js";

let run: ManualExecution;
beforeEach(async () => {
  run = await ManualExecution.start();
});

async function openSession(store: ExecutionStore = run.store): Promise<Session> {
  const { session } = await run.open(
    (head) => new Session({ store, clock: run.clock, head, inlineWaitMs: 0 }),
  );
  return session;
}

async function send(session: Session, updates: OperationUpdate[]): Promise<void> {
  await session.checkpoint({
    DurableExecutionArn: undefined,
    CheckpointToken: session.token,
    Updates: updates,
  });
}

describe("a chained invoke", () => {
  const invoke = starting("CHAINED_INVOKE", "1", {
    Payload: '{"n":2}',
    ChainedInvokeOptions: { FunctionName: "child", TenantId: "acme" },
  });

  it("starts an execution with the caller's deadline and retention", async () => {
    await run.store.registerFunctions(["child"]);
    const session = await openSession();
    await run.advance(3000);
    await send(session, [invoke]);

    expect(await run.store.head("main.one~1")).toMatchObject({
      functionName: "child",
      parent: { executionId: "main.one", operationId: "1" },
      input: '{"n":2}',
      tenantId: "acme",
      startedAtMs: run.startMs + 3000,
      timeoutAtMs: run.startMs + 86_400_000,
      retentionMs: 1000,
      status: "PENDING",
    });
  });

  it("is one of thousands that are started with as many requests at a time as a store can answer", async () => {
    await run.store.registerFunctions(["child"]);
    let underWay = 0;
    let most = 0;
    const store = storeWith(run.store, {
      async start(execution) {
        underWay += 1;
        most = Math.max(most, underWay);
        const started = await run.store.start(execution);
        underWay -= 1;
        return started;
      },
    });
    const session = await openSession(store);
    const ids = Array.from({ length: 2000 }, (_, index) => String(index + 1));
    await send(
      session,
      ids.map((Id) => ({ ...invoke, Id })),
    );

    expect(most).toBe(32);
    expect(await run.store.head("main.one~2000")).toMatchObject({ status: "PENDING" });
  });

  it("of a name that no function can have fails, without asking the store for it", async () => {
    const hasFunction = jest.fn(async () => false);
    const session = await openSession(storeWith(run.store, { hasFunction }));
    const FunctionName = "an input that was taken for a name ".repeat(100);
    await send(session, [{ ...invoke, ChainedInvokeOptions: { FunctionName } }]);

    const { inbox = [] } = (await run.store.load("main.one")) ?? {};
    expect(inbox.map(({ event }) => event)).toEqual([
      {
        kind: "invoke_settled",
        id: "1",
        outcome: "FAILED",
        error: {
          ErrorType: "TIDEMARK_UNKNOWN_FUNCTION",
          ErrorMessage: expect.stringMatching(/^no worker has registered function .{150,300}; register it/),
        },
      },
    ]);
    expect(hasFunction).not.toHaveBeenCalled();
  });

  it("starts nothing before it is recorded", async () => {
    await run.store.registerFunctions(["child"]);
    const session = await openSession(
      storeWith(run.store, { append: () => Promise.reject(new Error("disk full")) }),
    );
    await send(session, [invoke]).catch(() => {});

    expect(await run.store.head("main.one~1")).toBeUndefined();
  });

  it("of an unknown function is settled through the inbox, and wakes the caller", async () => {
    const session = await openSession();
    await send(session, [invoke]);
    const { head, inbox } = await run.load();

    expect(head.inboxCount).toBe(1);
    expect(inbox).toMatchObject([
      {
        key: settleKey("1"),
        event: {
          kind: "invoke_settled",
          outcome: "FAILED",
          error: { ErrorType: "TIDEMARK_UNKNOWN_FUNCTION" },
        },
      },
    ]);
  });
});

describe("chained invokes without an outcome", () => {
  const invoke = starting("CHAINED_INVOKE", "1", { ChainedInvokeOptions: { FunctionName: "child" } });
  const child = "main.one~1";
  beforeEach(() => run.store.registerFunctions(["child"]));

  /** The process dies when the START is durable, and before the child is started. */
  async function dieBeforeTheStart(): Promise<void> {
    const store = storeWith(run.store, { start: () => Promise.reject(new Error("killed")) });
    await send(await openSession(store), [invoke]).catch(() => {});
    expect([await run.log(), await run.store.head(child)]).toEqual([["1: START 1"], undefined]);
  }

  it.each<[string, () => Promise<unknown>]>([
    ["died", () => run.loseLease()],
    ["threw", () => run.giveBack({ ErrorType: "Error", ErrorMessage: "broken" })],
    [
      "was handed over",
      () => run.giveBack({ ErrorType: WORKER_STOPPED, ErrorMessage: "the worker stopped" }),
    ],
  ])("are started by the next invocation when the one before %s", async (_name, end) => {
    await dieBeforeTheStart();
    await end();
    await openSession();

    expect(await run.store.head(child)).toMatchObject({ status: "PENDING", functionName: "child" });
  });

  it("are left alone when they have been started", async () => {
    await send(await openSession(), [invoke]);
    const before = await run.store.head(child);
    await run.loseLease();
    await openSession();

    expect(await run.store.head(child)).toBe(before);
  });
});

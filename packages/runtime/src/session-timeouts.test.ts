/** What time and others bring about: timeouts compete for the callback's inbox key (invariant 7), heartbeats move them. */

import type { OperationUpdate } from "@tidemark/protocol";
import { type ExecutionStore, settleKey } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { ManualExecution, starting } from "../../../testing/kit/manual-execution";
import { Session } from "./session.js";

let run: ManualExecution;
beforeEach(async () => {
  run = await ManualExecution.start();
});

async function open(store: ExecutionStore = run.store): Promise<Session> {
  const { session } = await run.open(
    (head) => new Session({ store, clock: run.clock, head, inlineWaitMs: 0 }),
  );
  return session;
}

async function send(session: Session, ...updates: OperationUpdate[]): Promise<void> {
  await session.checkpoint({
    DurableExecutionArn: undefined,
    CheckpointToken: session.token,
    Updates: updates,
  });
}

function callback(Id: string, TimeoutSeconds?: number, HeartbeatTimeoutSeconds?: number): OperationUpdate {
  return starting("CALLBACK", Id, { CallbackOptions: { TimeoutSeconds, HeartbeatTimeoutSeconds } });
}

function wait(Id: string, WaitSeconds: number): OperationUpdate {
  return starting("WAIT", Id, { WaitOptions: { WaitSeconds } });
}

/** Why the callback that was created first has failed. */
async function errorTypeOf(session: Session): Promise<string | undefined> {
  const { Operations } = await session.getExecutionState();
  return Operations?.[1]?.CallbackDetails?.Error?.ErrorType;
}

/** The newest entry, in short. */
async function newest(): Promise<string | undefined> {
  return (await run.log()).at(-1);
}

const answered = { kind: "callback_succeeded", id: "1" } as const;

describe("a timeout", () => {
  it("that comes first takes the callback's key, so that later answers are told", async () => {
    const session = await open();
    await send(session, callback("1", 10));
    await run.advance(10_000);
    await send(session);

    expect(await newest()).toBe("2: callback_timed_out 1");
    expect((await run.load()).inbox).toEqual([
      {
        key: settleKey("1"),
        event: { kind: "callback_timed_out", id: "1", reason: "timeout" },
        atMs: run.startMs + 10_000,
      },
    ]);
    expect((await run.head()).inboxCount).toBe(0);
  });

  it("is not due a millisecond before", async () => {
    const session = await open();
    await send(session, callback("1", 10));
    await run.advance(9999);
    await send(session);

    expect(await run.log()).toHaveLength(1);
  });

  it("gives way to an answer that is in the inbox already, told of or not", async () => {
    const session = await open();
    await send(session, callback("1", 10));
    await run.post(answered);
    await run.advance(10_000);
    await send(session);

    expect(await newest()).toBe("2: callback_succeeded 1");
  });

  it("gives way to an answer that comes between the look at the inbox and the claim", async () => {
    const session = await open(
      storeWith(run.store, {
        post: async (request) => {
          await run.post(answered);
          return run.store.post(request);
        },
      }),
    );
    await send(session, callback("1", 10));
    await run.advance(10_000);
    await send(session);

    expect(await newest()).toBe("2: callback_succeeded 1");
  });

  it("that an invocation has claimed before it died is recorded by the next, once", async () => {
    const dying = await open(
      storeWith(run.store, {
        append: async (executionId, entry) =>
          entry.sequence === 1 ? run.store.append(executionId, entry) : new Promise(() => {}),
      }),
    );
    await send(dying, callback("1", 10));
    await run.advance(10_000);
    void send(dying);
    await run.clock.quiet();
    expect([(await run.load()).inbox.length, await run.log()]).toEqual([1, ["1: START 1"]]);
    await run.loseLease();
    await open();

    expect(await newest()).toBe("2 barrier: callback_timed_out 1");
  });

  it("of a callback with two deadlines is the earlier one, when both have passed", async () => {
    await send(await open(), callback("1", 10, 5));
    await run.loseLease();
    const session = await open();

    expect(await newest()).toBe("2 barrier: callback_timed_out 1");
    expect(await errorTypeOf(session)).toBe("Callback.Heartbeat");
  });

  it("stands in the log where it was due, between waits and answers of that time", async () => {
    await send(await open(), wait("2", 12), callback("1", 10), callback("3"), wait("4", 5));
    await run.advance(7000);
    await run.post({ kind: "callback_failed", id: "3", error: {} });
    await run.loseLease();
    await open();

    expect(await newest()).toBe(
      "2 barrier: wait_elapsed 4, callback_failed 3, callback_timed_out 1, wait_elapsed 2",
    );
  });
});

describe("a heartbeat", () => {
  it("that came in time keeps the callback open, though nobody was told of it", async () => {
    const session = await open();
    await send(session, callback("1", undefined, 10));
    await run.advance(6000);
    await run.beat("1");
    await run.advance(4000);
    await send(session);

    expect(await newest()).toBe("2: callback_heartbeat 1");
    expect(session.nextDueMs).toBe(run.startMs + 16_000);
  });

  it("that came in time keeps the callback open when a wait is due at the same time", async () => {
    const session = await open();
    await send(session, wait("2", 10), callback("1", undefined, 10));
    await run.advance(6000);
    await run.beat("1");
    await run.advance(4000);
    await send(session);

    expect(await newest()).toBe("2: callback_heartbeat 1, wait_elapsed 2");
  });

  it("whose own deadline has passed is recorded, and then the timeout", async () => {
    await send(await open(), callback("1", undefined, 10));
    await run.advance(6000);
    await run.beat("1");
    await run.loseLease();
    await open();

    expect(await newest()).toBe("2 barrier: callback_heartbeat 1, callback_timed_out 1");
  });

  it("is alive up to its own deadline, and not at it", async () => {
    await send(await open(), callback("1", undefined, 30));
    await run.advance(10_000);
    await run.beat("1");
    await run.advance(29_999);
    await run.clock.quiet();
    const session = await open();
    expect(await newest()).toBe("2 barrier: callback_heartbeat 1");
    await run.advance(1);
    await send(session);

    expect(await newest()).toBe("3: callback_timed_out 1");
  });

  it("does not stop the callback's whole timeout", async () => {
    const session = await open();
    await send(session, callback("1", 10, 8));
    await run.advance(6000);
    await run.beat("1");
    await run.advance(4000);
    await send(session);

    expect(await newest()).toBe("2: callback_heartbeat 1, callback_timed_out 1");
    expect(await errorTypeOf(session)).toBe("Callback.Timeout");
  });

  it.each<[string, OperationUpdate]>([
    ["without a heartbeat timeout", callback("1")],
    ["that nobody has created", callback("9")],
  ])("of a callback %s is left out", async (_name, update) => {
    const session = await open();
    await send(session, update);
    await run.beat("1");
    session.inboxChanged();
    await send(session);

    expect(await run.log()).toHaveLength(1);
  });

  it("that the log has taken in is left out", async () => {
    const session = await open();
    await send(session, callback("1", undefined, 10));
    await run.advance(1000);
    await run.beat("1");
    session.inboxChanged();
    await send(session);
    session.inboxChanged();
    await send(session);

    expect(await run.log()).toEqual(["1: START 1", "2: callback_heartbeat 1"]);
  });
});

describe("what is due next", () => {
  it("is the next timer, and nothing when only others can bring it about", async () => {
    const session = await open();
    expect(session.nextDueMs).toBeUndefined();
    await send(session, callback("1"));
    expect(session.nextDueMs).toBeUndefined();
    await send(session, wait("2", 20), callback("3", 10));

    expect(session.nextDueMs).toBe(run.startMs + 10_000);
  });
});

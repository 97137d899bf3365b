/** How an invocation opens: its barrier, what was interrupted, and when it does not begin at all. */

import type { InvocationEnd, OperationUpdate, WireOperation } from "@tidemark/protocol";
import { DurableClient } from "@tidemark/runtime";
import type { ExecutionStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { ending, ManualExecution, starting } from "../../../testing/kit/manual-execution";
import { WORKER_STOPPED } from "./barren.js";
import { Session } from "./session.js";

let run: ManualExecution;
beforeEach(async () => {
  run = await ManualExecution.start();
});

function open(
  mayInvoke?: (barrenCount: number, previous: InvocationEnd) => boolean,
  store: ExecutionStore = run.store,
) {
  return run.open((head) => new Session({ store, clock: run.clock, head, inlineWaitMs: 0 }), mayInvoke);
}

/** The first invocation, with these updates as its first entry. */
async function record(...updates: OperationUpdate[]): Promise<Session> {
  const { session } = await open();
  await session.checkpoint({
    DurableExecutionArn: undefined,
    CheckpointToken: session.token,
    Updates: updates,
  });
  return session;
}

async function operationsOf(session: Session): Promise<WireOperation[]> {
  return (await session.getExecutionState()).Operations ?? [];
}

const wait = starting("WAIT", "1", { WaitOptions: { WaitSeconds: 60 } });
const step = starting("STEP", "2");
const failed = { ErrorType: "Error", ErrorMessage: "broken" };
const handedOver = { ErrorType: WORKER_STOPPED, ErrorMessage: "the worker stopped" };

describe("the first invocation", () => {
  it("is ready, and writes nothing", async () => {
    const { session, opened } = await open();

    expect(opened).toEqual({ kind: "ready" });
    expect([session.token, session.updatedIds, await run.log()]).toEqual(["main.one.1.1", [], []]);
  });
});

describe("the barrier", () => {
  it("takes in what happened, and tells how the invocation before ended", async () => {
    await record(wait, starting("CALLBACK", "2"));
    const previous = await run.giveBack();
    await run.post({ kind: "callback_succeeded", id: "2" });
    await run.advance(60_000);

    const { session, opened } = await open();

    expect(opened).toEqual({ kind: "ready" });
    expect(session.updatedIds).toEqual(["2", "1"]);
    expect(await run.log()).toEqual([
      "1: START 1, START 2",
      "2 barrier: callback_succeeded 2, wait_elapsed 1",
    ]);
    expect((await run.entries())[1]).toMatchObject({
      epoch: 2,
      atMs: run.clock.nowMs(),
      barrier: { previous },
    });
    expect(previous.error).toBeUndefined();
  });

  it("tells of a process that died when it did not say how it ended", async () => {
    await run.advance(1000);
    await record(step);
    await run.loseLease();

    await open();

    expect((await run.entries())[1]?.barrier).toEqual({
      previous: {
        epoch: 1,
        startedAtMs: run.startMs + 1000,
        endedAtMs: run.clock.nowMs(),
        error: {
          ErrorType: "Runtime.ExitError",
          ErrorMessage: "the process ended or lost its lease during the invocation",
        },
      },
    });
  });

  it("leaves out what the log has taken in already", async () => {
    const session = await record(starting("CALLBACK", "1"), { ...wait, Id: "2" });
    await run.post({ kind: "callback_succeeded", id: "1" });
    session.inboxChanged();
    await session.checkpoint({ DurableExecutionArn: undefined, CheckpointToken: session.token });
    await run.giveBack();
    await run.advance(60_000);
    await open();

    expect(await run.log()).toEqual([
      "1: START 1, START 2",
      "2: callback_succeeded 1",
      "3 barrier: wait_elapsed 2",
    ]);
  });

  it("that somebody else wrote first means that the invocation is superseded", async () => {
    await record(step);
    await run.loseLease();
    const store = storeWith(run.store, {
      append: async (executionId, entry) => {
        await run.store.append(executionId, { ...entry, nonce: "foreign" });
        return run.store.append(executionId, entry);
      },
    });

    const { session, opened } = await open(undefined, store);

    expect(opened).toEqual({ kind: "superseded" });
    await expect(
      session.checkpoint({ DurableExecutionArn: undefined, CheckpointToken: session.token }),
    ).rejects.toMatchObject({ code: "TIDEMARK_SUPERSEDED" });
  });
});

describe("steps that were under way", () => {
  it.each([
    ["threw", failed, "2 barrier: step_interrupted 2"],
    ["handed over", handedOver, "2 barrier: "],
  ])("when the invocation %s", async (_name, error, entry) => {
    await record(step, ending("STEP", "3"));
    await run.giveBack(error);
    await open();

    expect((await run.log())[1]).toBe(entry);
  });

  it("count as interrupted when the process died, before anything else that happened", async () => {
    await record(step, starting("STEP", "3"), starting("WAIT", "4", { WaitOptions: { WaitSeconds: 5 } }));
    await run.loseLease();
    const { session } = await open();

    expect((await run.log())[1]).toBe("2 barrier: step_interrupted 2, step_interrupted 3, wait_elapsed 4");
    expect((await operationsOf(session)).map(({ StepDetails }) => StepDetails?.Interruptions)).toEqual([
      undefined,
      1,
      1,
      undefined,
    ]);
  });

  it("do not when the invocation has suspended", async () => {
    await record(step, wait);
    await run.giveBack();
    await run.advance(60_000);
    await open();

    expect((await run.log())[1]).toBe("2 barrier: wait_elapsed 1");
  });

  it("do not below a context that has ended", async () => {
    await record(
      starting("CONTEXT", "1"),
      starting("STEP", "1-1", { ParentId: "1" }),
      ending("CONTEXT", "1", { ContextOptions: { ReplayChildren: true } }),
    );
    await run.loseLease();
    await open();

    expect((await run.log())[1]).toBe("2 barrier: ");
  });
});

describe("nothing new", () => {
  it("after an orderly end writes nothing", async () => {
    await record(wait);
    await run.giveBack();

    const { session, opened } = await open();

    expect(opened).toEqual({ kind: "nothing-new", previous: expect.objectContaining({ epoch: 1 }) });
    expect(session.nextDueMs).toBe(run.startMs + 60_000);
    expect(await run.log()).toHaveLength(1);
  });

  it("is a heartbeat alone: it moves the deadline, and stays in the inbox", async () => {
    await record(starting("CALLBACK", "1", { CallbackOptions: { HeartbeatTimeoutSeconds: 10 } }));
    await run.giveBack();
    await run.advance(4000);
    await run.beat("1");

    const { session, opened } = await open();

    expect(opened).toEqual({ kind: "nothing-new", previous: expect.objectContaining({ epoch: 1 }) });
    expect(session.nextDueMs).toBe(run.startMs + 14_000);
    expect([await run.log(), (await run.load()).inbox.length]).toEqual([["1: START 1"], 1]);
  });

  it("is not a heartbeat beside something else: both are recorded", async () => {
    await record(starting("CALLBACK", "1", { CallbackOptions: { HeartbeatTimeoutSeconds: 100 } }), {
      ...wait,
      Id: "2",
    });
    await run.giveBack();
    await run.advance(50_000);
    await run.beat("1");
    await run.advance(10_000);
    await open();

    expect((await run.log())[1]).toBe("2 barrier: callback_heartbeat 1, wait_elapsed 2");
  });
});

describe("invocations that failed and recorded nothing", () => {
  const counts: number[] = [];
  beforeEach(() => {
    counts.length = 0;
  });
  const note = (count: number): boolean => counts.push(count) > 0;

  it("are counted from the first, and the caller decides", async () => {
    await open();
    await run.giveBack(failed);
    await open(note);
    await run.giveBack(failed);
    await open(note);
    const previous = await run.giveBack(failed);
    const before = await run.log();

    const { opened } = await open(() => false);

    expect(counts).toEqual([1, 2]);
    expect(opened).toEqual({ kind: "barren", count: 3, previous });
    expect(await run.log()).toEqual(before);
  });

  it("count from the last progress: an update, or an event that was taken in", async () => {
    await record(wait);
    await run.giveBack(failed);
    await open(note);
    await run.giveBack(failed);
    await open(note);
    await run.giveBack(failed);
    await run.advance(60_000);
    await open(note);
    await run.giveBack(failed);
    await open(note);

    expect(counts).toEqual([0, 1, 0]);
    expect((await run.log()).at(-2)).toBe("4 barrier: wait_elapsed 1");
  });

  it("are not asked about when something has happened", async () => {
    await record(starting("CALLBACK", "1"));
    await run.giveBack(failed);
    await run.post({ kind: "callback_succeeded", id: "1" });

    const { opened } = await open(() => false);

    expect(opened).toEqual({ kind: "ready" });
  });

  it("count interrupted steps as nothing recorded", async () => {
    await record(step);
    await run.loseLease();
    await open(note);
    await run.loseLease();
    await open(note);

    expect(counts).toEqual([0, 1]);
  });

  it("are forgotten when somebody stops and resumes the execution", async () => {
    await open();
    await run.giveBack(failed);
    await open();
    await run.giveBack(failed);
    const client = new DurableClient({ store: run.store, clock: run.clock });
    await client.stop(run.executionId);
    await client.resume(run.executionId);
    await open(note);

    expect(counts).toEqual([0]);
  });

  it("do not include one that was handed over", async () => {
    await open();
    await run.giveBack(failed);
    await open();
    await run.giveBack(handedOver);
    await open(note);

    expect(counts).toEqual([0]);
  });

  it("do not include those that were handed over before one that failed", async () => {
    await open();
    for (let deployment = 0; deployment < 9; deployment++) {
      await run.giveBack(handedOver);
      await open();
    }
    await run.giveBack(failed);
    await open(note);

    expect(counts).toEqual([1]);
  });
});

describe("a hand-over between invocations that failed", () => {
  it("neither counts nor begins the count anew", async () => {
    const counts: number[] = [];
    await open();
    for (const error of [failed, handedOver, handedOver, failed]) {
      await run.giveBack(error);
      await open((count) => counts.push(count) > 0);
    }

    expect(counts).toEqual([1, 0, 0, 2]);
  });
});

describe("a log that does not fit", () => {
  it("says which entry, why and what to do", async () => {
    await run.store.append(run.executionId, {
      sequence: 1,
      epoch: 1,
      nonce: "n",
      atMs: run.startMs,
      records: [{ update: ending("STEP", "1") }, { update: ending("STEP", "1") }],
    });

    await expect(open()).rejects.toMatchObject({
      code: "TIDEMARK_LOG_CORRUPT",
      message:
        "execution main.one, log entry 1: operation 1 has ended as SUCCEEDED; restore the store from a backup",
    });
  });
});

/** When snapshots are made, and that an execution goes on from one as it would from its log. */

import type { OperationUpdate, TidemarkError, WireOperation } from "@tidemark/protocol";
import { DurableClient, type WorkerOptions } from "@tidemark/runtime";
import { type DurableContext, withDurableExecution } from "@tidemark/sdk";
import { type ExecutionStore, type LoadedExecution, wholeLog } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { Fleet } from "../../../testing/kit/fleet";
import { ending, ManualExecution, starting } from "../../../testing/kit/manual-execution";
import { WORKER_STOPPED } from "./barren.js";
import { fenceOff } from "./fence.js";
import { Session } from "./session.js";

let run: ManualExecution;
let reported: TidemarkError[];
beforeEach(async () => {
  run = await ManualExecution.start();
  reported = [];
});

function open(snapshotAfterBytes: number, store: ExecutionStore = run.store) {
  const report = (error: TidemarkError) => reported.push(error);
  return run.open(
    (head) => new Session({ store, clock: run.clock, head, inlineWaitMs: 0, snapshotAfterBytes, report }),
    () => true,
    store,
  );
}

function send(session: Session, ...Updates: OperationUpdate[]) {
  return session.checkpoint({ DurableExecutionArn: undefined, CheckpointToken: session.token, Updates });
}

/** Records the updates, an entry for each, and ends the invocation as one that suspends does. */
async function recorded(snapshotAfterBytes: number, ...updates: OperationUpdate[]): Promise<void> {
  const { session } = await open(snapshotAfterBytes);
  for (const update of updates) await send(session, update);
  await run.giveBack();
  session.snapshots.save();
  await session.snapshots.saving;
}

async function kept(): Promise<{ snapshot: number | undefined; entries: number[] }> {
  const { snapshot, entries } = await run.load();
  return { snapshot: snapshot?.sequence, entries: entries.map(({ sequence }) => sequence) };
}

async function operationsOf(session: Session): Promise<WireOperation[]> {
  return (await session.getExecutionState()).Operations ?? [];
}

const large = "x".repeat(1000);
const context = starting("CONTEXT", "1");
const steps = ["1-1", "1-2", "1-3"].map((Id) => ending("STEP", Id, { ParentId: "1", Payload: large }));
const ended = ending("CONTEXT", "1", { Payload: "1" });

describe("a snapshot", () => {
  it("is made at the end of an invocation when little of what was recorded is live", async () => {
    await recorded(2000, context, ...steps, ended);

    expect(await kept()).toEqual({ snapshot: 5, entries: [] });
    expect((await wholeLog(run.store, run.executionId)).map(({ sequence }) => sequence)).toEqual([
      1, 2, 3, 4, 5,
    ]);
  });

  it.each([
    ["too little has been recorded", 4000, [context, ...steps, ended]],
    ["more than half of it is live", 2000, [context, ...steps]],
    ["they are turned off", Number.POSITIVE_INFINITY, [context, ...steps, ended]],
  ])("is not made when %s", async (_why, afterBytes, updates) => {
    await recorded(afterBytes, ...updates);

    expect((await kept()).snapshot).toBeUndefined();
    expect(reported).toEqual([]);
  });

  it("is made when the log is read, if the invocation that wrote it could not", async () => {
    const { session } = await open(2000);
    for (const update of [context, ...steps, ended]) await send(session, update);
    await run.loseLease();

    const { session: next } = await open(2000);
    await next.snapshots.saving;

    expect(await kept()).toEqual({ snapshot: 5, entries: [6] });
    expect((await run.entries()).map(({ barrier }) => barrier !== undefined)).toEqual([true]);
  });

  it("stands for the log: the next invocation has the same operations, and goes on after them", async () => {
    const wait = starting("WAIT", "2", { WaitOptions: { WaitSeconds: 60 } });
    await recorded(0, context, ...steps, ended, wait);
    await run.advance(60_000);

    const { session, opened } = await open(0);

    expect(opened).toEqual({ kind: "ready" });
    expect([session.token, session.updatedIds]).toEqual(["main.one.2.8", ["2"]]);
    expect(await operationsOf(session)).toMatchObject([
      { Type: "EXECUTION" },
      { Id: "1", Status: "SUCCEEDED", StartOrder: 1, SettleOrder: 5, ContextDetails: { Result: "1" } },
      { Id: "2", Status: "SUCCEEDED", StartOrder: 6, SettleOrder: 7 },
    ]);
    await send(session, ending("STEP", "3"));
    expect(await run.log()).toEqual(["7 barrier: wait_elapsed 2", "8: SUCCEED 3"]);
  });

  it.each([0, Number.POSITIVE_INFINITY])(
    "knows the barren invocations that the log ends with (%s)",
    async (afterBytes) => {
      const counts: number[] = [];
      const failed = { ErrorType: "Error", ErrorMessage: "broken" };
      await recorded(afterBytes, starting("STEP", "1"));
      for (const error of [failed, failed, { ...failed, ErrorType: WORKER_STOPPED }, failed, failed]) {
        const { session } = await run.open(
          (head) =>
            new Session({
              store: run.store,
              clock: run.clock,
              head,
              inlineWaitMs: 0,
              snapshotAfterBytes: afterBytes,
            }),
          (count) => counts.push(count) > 0,
        );
        await session.snapshots.saving;
        await run.giveBack(error);
      }

      expect((await kept()).snapshot === undefined).toBe(afterBytes > 0);
      // One has nothing to do, one begins anew, and one was handed over, which is passed over.
      expect(counts).toEqual([0, 1, 0, 2]);
    },
  );

  it("is not made of a state that is ahead of the log", async () => {
    const callback = starting("CALLBACK", "1", { CallbackOptions: { HeartbeatTimeoutSeconds: 60 } });
    await recorded(Number.POSITIVE_INFINITY, callback);
    await run.advance(10_000);
    await run.beat("1");

    const { session, opened } = await open(1);
    session.snapshots.save();
    await session.snapshots.saving;

    expect(opened).toEqual({ kind: "nothing-new", previous: expect.objectContaining({ epoch: 1 }) });
    expect((await kept()).snapshot).toBeUndefined();
  });

  it("that cannot be saved is reported, and nothing else happens", async () => {
    const cause = new Error("the disk is full");
    const store = storeWith(run.store, { saveSnapshot: () => Promise.reject(cause) });
    const { session } = await open(0, store);
    await send(session, context);
    session.snapshots.save();
    await session.snapshots.saving;

    expect(reported).toMatchObject([
      { code: "TIDEMARK_SNAPSHOT_FAILED", message: expect.stringContaining("the disk is full"), cause },
    ]);
    await send(session, ended);
    expect(await run.log()).toEqual(["1: START 1", "2: SUCCEED 1"]);
  });

  it.each([
    ["damaged", undefined, "TIDEMARK_SNAPSHOT_CORRUPT"],
    ["no snapshot", "{}", "TIDEMARK_SNAPSHOT_CORRUPT"],
    ["of a newer format", '{"v":2}', "TIDEMARK_SNAPSHOT_VERSION"],
  ])("that is %s is reported, and the log is read instead", async (_what, text, code) => {
    await recorded(0, context, ...steps, ended);
    const damagedLoad = async (executionId: string): Promise<LoadedExecution | undefined> => {
      const loaded = await run.store.load(executionId);
      return loaded?.snapshot && { ...loaded, snapshot: { ...loaded.snapshot, text } };
    };
    const { session } = await open(0, storeWith(run.store, { load: damagedLoad }));

    expect(reported).toMatchObject([{ code }]);
    expect(session.token).toBe("main.one.2.6");
    expect(await operationsOf(session)).toMatchObject([
      { Type: "EXECUTION" },
      { Id: "1", Status: "SUCCEEDED" },
    ]);
  });
});

describe("a fence behind a snapshot", () => {
  it("is not set in another execution that has taken the id meanwhile", async () => {
    await recorded(0, context, ended);
    const { epoch } = await run.acquire();
    const { startMs, executionId, clock } = run;
    const entries: ExecutionStore["entries"] = async (id, after, limit) => {
      const end = { executionId: id, epoch, endedAtMs: startMs, status: "SUCCEEDED" as const };
      await run.store.finish(end);
      await run.store.purge(id);
      await run.store.start({ ...execution, executionId: id });
      return run.store.entries(id, after, limit);
    };
    const { functionName, startedAtMs, timeoutAtMs, retentionMs } = await run.head();
    const execution = { functionName, startedAtMs, timeoutAtMs, retentionMs };
    const store = storeWith(run.store, { entries });

    expect(await fenceOff(store, executionId, { nowMs: clock.nowMs(), heldBy: epoch })).toBe("superseded");
    expect(await run.log()).toEqual([]);
  });
});

describe("a worker", () => {
  let fleet: Fleet;
  beforeEach(() => {
    fleet = new Fleet();
  });
  afterEach(() => fleet.close());

  /** Rounds of work that is over, each followed by a wait. */
  const rounds: WorkerOptions["functions"] = {
    main: withDurableExecution(async (_input: unknown, durable: DurableContext) => {
      const seen: string[] = [];
      for (let round = 0; round < 4; round++) {
        const name = await durable.runInChildContext(`round ${round}`, async (child) => {
          for (let step = 0; step < 5; step++) await child.step(async () => large);
          return `done ${round}`;
        });
        seen.push(name);
        await durable.wait({ seconds: 60 });
      }
      return seen;
    }),
  };

  it("keeps what it loads small, and the history whole", async () => {
    await fleet.worker(rounds, { snapshotAfterBytes: 4000 });
    const id = await fleet.begin();
    const loaded: number[] = [];
    for (let round = 0; round < 3; round++) {
      loaded.push(JSON.stringify(await fleet.store.load(id)).length);
      await fleet.advance(60_000);
    }
    await fleet.advance(60_000);

    expect(await fleet.client.result(id)).toEqual(["done 0", "done 1", "done 2", "done 3"]);
    expect(Math.max(...loaded)).toBeLessThan(3000);
    const { snapshot, entries } = (await fleet.store.load(id)) ?? {};
    expect(snapshot?.sequence).toBeGreaterThan(15);
    expect(entries?.length).toBeLessThan(10);
    const history = await fleet.client.history(id);
    expect(history.filter(({ EventType }) => EventType === "StepSucceeded")).toHaveLength(20);
    expect(fleet.errors).toEqual([]);
  });

  it("gives up nothing when every load begins with a snapshot: stopping and resuming goes on", async () => {
    const client = new DurableClient({ store: fleet.store, clock: fleet.clock });
    await fleet.worker(rounds, { snapshotAfterBytes: 0 });
    const id = await fleet.begin();
    await fleet.advance(60_000);

    expect(await client.stop(id)).toBe(true);
    expect(await client.resume(id)).toBe(true);
    await fleet.advance(240_000);

    expect(await fleet.client.result(id)).toEqual(["done 0", "done 1", "done 2", "done 3"]);
    expect(fleet.errors).toEqual([]);
  });

  it("refuses a threshold that is none", () => {
    for (const snapshotAfterBytes of [-1, 1.5, Number.NaN]) {
      expect(() => fleet.create(rounds, { snapshotAfterBytes })).toThrow(
        expect.objectContaining({ code: "TIDEMARK_WORKER_CONFIG" }),
      );
    }
  });
});

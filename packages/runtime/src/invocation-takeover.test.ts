/** Invocations that end before their barrier: what they leave to the ones before and after them. */

import { type DurableExecutionInvocationInputWithClient, InvocationStatus } from "@tidemark/protocol";
import type { ExecutionStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { defer } from "../../../testing/behaviour/rig";
import { ending, ManualExecution, starting } from "../../../testing/kit/manual-execution";
import { WORKER_STOPPED } from "./barren.js";
import { type DurableHandler, Invocation } from "./invocation.js";
import { Session } from "./session.js";

const TIMEOUT_MS = 60_000;
const stopped = { ErrorType: WORKER_STOPPED, ErrorMessage: "the worker stopped" };
const failed = { ErrorType: "Error", ErrorMessage: "broken" };

let run: ManualExecution;
let calls = 0;
beforeEach(async () => {
  calls = 0;
  run = await ManualExecution.start();
  run = await ManualExecution.start({ timeoutAtMs: run.startMs + TIMEOUT_MS });
});

const counted: DurableHandler = async () => {
  calls += 1;
  return { Status: InvocationStatus.PENDING };
};

async function claim(store: ExecutionStore = run.store): Promise<Invocation> {
  const head = await run.acquire();
  const { clock } = run;
  const fn = { durable: true, handler: counted } as const;
  const limits = { inlineWaitMs: 0, maxBarrenInvocations: 2, remainingTimeMs: () => 1234 };
  return new Invocation({ store, clock, head, fn, ...limits });
}

async function openSession(): Promise<Session> {
  const { session } = await run.open(
    (head) => new Session({ store: run.store, clock: run.clock, head, inlineWaitMs: 0 }),
  );
  return session;
}

function record(session: Session, id: string): Promise<unknown> {
  const Updates = [starting("STEP", id)];
  return session.checkpoint({ DurableExecutionArn: undefined, CheckpointToken: session.token, Updates });
}

const superseded = { code: "TIDEMARK_SUPERSEDED" };

describe("an older invocation that still lives", () => {
  it("records nothing more once a newer one has found the execution timed out", async () => {
    const zombie = await openSession();
    await record(zombie, "1");
    await run.advance(TIMEOUT_MS);
    await (await claim()).run();

    await expect(record(zombie, "2")).rejects.toMatchObject(superseded);
    expect([(await run.head()).status, await run.log()]).toEqual(["TIMED_OUT", ["1: START 1", "2: "]]);
  });

  it("records nothing more once a newer one has stopped the execution as barren", async () => {
    await openSession();
    await run.giveBack(failed);
    const zombie = await openSession();
    await run.loseLease();
    await (await claim()).run();

    await expect(record(zombie, "1")).rejects.toMatchObject(superseded);
    expect(await run.head()).toMatchObject({ status: "STOPPED", error: { ErrorType: "TIDEMARK_BARREN" } });
    expect([calls, await run.log()]).toEqual([0, ["1 barrier: ", "2: "]]);
  });

  it("that finds the execution timed out does not fence off the newer one", async () => {
    await openSession();
    await run.giveBack(failed);
    const zombie = await claim();
    await run.advance(TIMEOUT_MS);
    const newer = await openSession();
    await zombie.run();

    await record(newer, "1");
    expect([(await run.head()).status, await run.log()]).toEqual(["RUNNING", ["1 barrier: ", "2: START 1"]]);
  });
});

describe("an invocation that is abandoned before its barrier", () => {
  /** A store in which something happens while the log is read. */
  function reading(act: () => void): ExecutionStore {
    return storeWith(run.store, {
      load: async (executionId) => {
        const loaded = await run.store.load(executionId);
        act();
        return loaded;
      },
    });
  }

  it("is due at once, calls nothing and writes nothing", async () => {
    await openSession();
    await run.giveBack(failed);
    const invocation: Invocation = await claim(reading(() => invocation.abandon(stopped)));
    await invocation.run();

    expect(await run.head()).toMatchObject({ status: "PENDING", dueAtMs: run.startMs, epoch: 2 });
    expect([calls, await run.log()]).toEqual([0, []]);
  });

  it("hides neither a crash nor a failure before it", async () => {
    const first = await openSession();
    await record(first, "1");
    await run.loseLease();
    const second: Invocation = await claim(reading(() => second.abandon(stopped)));
    await second.run();
    await openSession();

    expect((await run.entries())[1]).toMatchObject({
      barrier: { previous: { epoch: 1, error: { ErrorType: "Runtime.ExitError" } } },
      records: [{ event: { kind: "step_interrupted", id: "1" } }],
    });
  });

  it("the first of all has handed over: its successor counts no failure", async () => {
    const invocation = await claim();
    invocation.abandon(stopped);
    await invocation.run();

    expect(await run.head()).toMatchObject({
      dueAtMs: run.startMs,
      lastInvocation: { epoch: 1, error: stopped },
    });
    expect(calls).toBe(0);
  });
});

describe("a checkpoint that is under way when its invocation is abandoned", () => {
  it("is recorded, and not told to the code", async () => {
    const gate = defer();
    const store = storeWith(run.store, {
      append: async (...request) => {
        await gate.promise;
        return run.store.append(...request);
      },
    });
    const session = new Session({ store, clock: run.clock, head: await run.acquire(), inlineWaitMs: 0 });
    const sent = session.checkpoint({
      DurableExecutionArn: undefined,
      CheckpointToken: session.token,
      Updates: [ending("STEP", "1")],
    });
    await run.clock.quiet();
    session.close();
    gate.resolve();

    await expect(sent).rejects.toMatchObject(superseded);
    expect(await run.log()).toEqual(["1: SUCCEED 1"]);
  });
});

describe("an entry that is on its way when the execution times out", () => {
  it("arrives too late, also when it is of the first invocation", async () => {
    const sent = defer();
    let arrive = async (): Promise<unknown> => undefined;
    const store = storeWith(run.store, {
      append: (executionId, entry) => {
        if (entry.records.length === 0) return run.store.append(executionId, entry);
        arrive = () => run.store.append(executionId, entry);
        sent.resolve();
        return new Promise(() => {});
      },
    });
    const head = await run.acquire();
    const handler: DurableHandler = async (event) => {
      const { durableExecutionClient: session } = event as DurableExecutionInvocationInputWithClient;
      const Updates = [starting("STEP", "1")];
      await session.checkpoint({
        DurableExecutionArn: undefined,
        CheckpointToken: event.CheckpointToken,
        Updates,
      });
      return { Status: InvocationStatus.PENDING };
    };
    const fn = { durable: true, handler } as const;
    const limits = { inlineWaitMs: 0, maxBarrenInvocations: 2, remainingTimeMs: () => 1234 };
    const ended = new Invocation({ store, clock: run.clock, head, fn, ...limits }).run();
    await sent.promise;
    await run.advance(TIMEOUT_MS);
    await ended;

    expect(await arrive()).toMatchObject({ appended: false });
    expect([(await run.head()).status, await run.log()]).toEqual(["TIMED_OUT", ["1: "]]);
  });
});

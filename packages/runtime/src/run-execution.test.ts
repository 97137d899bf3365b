import {
  type DurableExecutionHandler,
  type DurableInstrumentationPlugin,
  withDurableExecution,
} from "@tidemark/sdk";
import { MemoryStore } from "@tidemark/store";
import { storeWith, VirtualClock } from "@tidemark/testing";
import { DurableClient, registeredFunction, runExecution } from "./index";

const memory = (): MemoryStore => new MemoryStore();

/** Runs `main`, whose one step takes as long as the test says. */
async function running(deadlineInMs: number, renew?: (store: MemoryStore) => MemoryStore["renew"]) {
  const clock = new VirtualClock();
  const inner = memory();
  const renewals: number[] = [];
  const store = storeWith(inner, {
    renew: async (id, epoch, untilMs) => {
      renewals.push(untilMs - startMs);
      return (renew?.(inner) ?? inner.renew.bind(inner))(id, epoch, untilMs);
    },
  });
  const startMs = clock.nowMs();
  await store.registerFunctions(["main"]);
  const { executionId } = await new DurableClient({ store, clock }).start("main");
  let finish = (): void => {};
  const work = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const errors: unknown[] = [];
  const run = (): Promise<boolean> =>
    runExecution({
      store,
      clock,
      executionId,
      fn: registeredFunction(
        "main",
        withDurableExecution(async (_event, context) => context.step(() => work)),
      ),
      deadlineMs: startMs + deadlineInMs,
      handOverMs: 1000,
      onError: (error) => errors.push(error),
    });
  const advanceTo = (ms: number): Promise<void> => clock.advanceTo(startMs + ms);
  const head = async () => store.head(executionId);
  return { run, advanceTo, finish, head, renewals, errors, startMs };
}

describe("runExecution", () => {
  it("renews the lease at a third of it, up to a second after the deadline, and not after the end", async () => {
    const { run, advanceTo, finish, renewals, head, startMs } = await running(60_000);
    const ran = run();
    await advanceTo(1);
    expect((await head())?.dueAtMs).toBe(startMs + 30_000);
    await advanceTo(50_000);
    expect(renewals).toEqual([40_000, 50_000, 60_000, 61_000]);
    finish();
    expect(await ran).toBe(true);
    await advanceTo(200_000);
    expect(renewals).toHaveLength(4);
    expect((await head())?.status).toBe("SUCCEEDED");
  });

  it("takes a lease to a second after the deadline when that is sooner", async () => {
    const { run, advanceTo, head, renewals, startMs } = await running(10_000);
    const ran = run();
    await advanceTo(8_999);
    expect((await head())?.dueAtMs).toBe(startMs + 11_000);
    await advanceTo(9_000);
    expect(await ran).toBe(true);
    expect(await head()).toMatchObject({ status: "PENDING", dueAtMs: startMs + 9_000 });
    expect(renewals).toEqual([]);
  });

  it("runs nothing when somebody else does, when it has ended, and when time is up", async () => {
    const { run, advanceTo, finish, head } = await running(10_000);
    const ran = run();
    await advanceTo(1);
    expect(await run()).toBe(false);
    finish();
    await ran;
    expect(await run()).toBe(false);
    expect((await head())?.epoch).toBe(1);

    const late = await running(10_000);
    await late.advanceTo(9_000);
    expect(await late.run()).toBe(false);
    expect((await late.head())?.epoch).toBe(0);
  });

  it("does not wait past the hand-over for a snapshot that is not saved", async () => {
    const clock = new VirtualClock();
    const store = storeWith(memory(), { saveSnapshot: () => new Promise(() => {}) });
    await store.registerFunctions(["main"]);
    const { executionId } = await new DurableClient({ store, clock }).start("main");
    const ran = runExecution({
      store,
      clock,
      executionId,
      fn: registeredFunction(
        "main",
        withDurableExecution(async (_event, context) => context.wait({ hours: 1 })),
      ),
      deadlineMs: clock.nowMs() + 10_000,
      handOverMs: 1000,
      snapshotAfterBytes: 0,
    });
    await clock.advanceTo(clock.nowMs() + 9_000);

    expect(await ran).toBe(true);
    expect(await store.head(executionId)).toMatchObject({ status: "PENDING", epoch: 1 });
    expect((await store.head(executionId))?.lastInvocation).not.toHaveProperty("error");
  });

  it("gives the lease back after a failure also when the reporter throws", async () => {
    const clock = new VirtualClock();
    const store = memory();
    await store.registerFunctions(["main"]);
    const { executionId } = await new DurableClient({ store, clock }).start("main");
    const log = jest.spyOn(console, "error").mockImplementation(() => {});
    const hasRun = await runExecution({
      store,
      clock,
      executionId,
      fn: registeredFunction("main", async (_event, _context) => Promise.reject(new Error("broken"))),
      deadlineMs: clock.nowMs() + 10_000,
      handOverMs: 1000,
      onError: () => {
        throw new Error("reporter");
      },
    });
    const [logged] = log.mock.calls;
    log.mockRestore();

    expect(hasRun).toBe(true);
    expect(logged?.slice(0, 2)).toEqual(["[tidemark] onError threw", new Error("reporter")]);
    expect(await store.head(executionId)).toMatchObject({ status: "PENDING", dueAtMs: clock.nowMs() + 1000 });
  });

  it("ends quietly when the lease has gone to another, and reports a renewal that fails", async () => {
    const lost = await running(60_000, () => async () => false);
    const ran = lost.run();
    await lost.advanceTo(10_000);
    expect(await ran).toBe(true);

    const failing = await running(60_000, () => async () => Promise.reject(new Error("no network")));
    const goesOn = failing.run();
    await failing.advanceTo(10_000);
    failing.finish();
    expect(await goesOn).toBe(true);
    expect(failing.errors).toEqual([new Error("no network")]);
    expect((await failing.head())?.status).toBe("SUCCEEDED");
  });
});

describe("runExecution with time to drain", () => {
  /** Runs a handler from now on for ten seconds, as often as it is due; nothing begins from the fifth to the ninth. */
  async function drained(handler: DurableExecutionHandler, plugins: DurableInstrumentationPlugin[] = []) {
    const clock = new VirtualClock();
    const store = memory();
    const startMs = clock.nowMs();
    await store.registerFunctions(["main"]);
    const client = new DurableClient({ store, clock });
    const { executionId } = await client.start("main");
    const fn = registeredFunction("main", withDurableExecution(handler, { plugins }));
    const at = (): number => clock.nowMs() - startMs;
    const runFor = async (ms: number): Promise<boolean> => {
      const deadlineMs = clock.nowMs() + 10_000;
      const ran = runExecution({
        store,
        clock,
        executionId,
        fn,
        deadlineMs,
        handOverMs: 1000,
        drainMs: 4000,
        inlineWaitMs: 3000,
      });
      await clock.advanceTo(clock.nowMs() + ms);
      return ran;
    };
    const sleep = (ms: number) => new Promise<void>((resolve) => clock.setTimer(resolve, ms));
    return { at, runFor, sleep, head: async () => store.head(executionId), client, executionId };
  }

  it("leaves retries and checks that come due in it to the next invocation, which begins them at once", async () => {
    const began: string[] = [];
    const rig = await drained(async (_event, context) => {
      const long = context.step("long", () => rig.sleep(7000));
      const retried = context.step(
        "retried",
        async ({ attempt }) => {
          began.push(`attempt ${attempt} at ${rig.at()}`);
          if (attempt === 1) throw new Error("busy");
        },
        { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 6 } }) },
      );
      const checked = context.waitForCondition<number>(
        "checked",
        async (checks) => {
          began.push(`check ${checks} at ${rig.at()}`);
          return checks + 1;
        },
        {
          initialState: 1,
          waitStrategy: (checks) =>
            checks < 3 ? { shouldContinue: true, delay: { seconds: 6 } } : { shouldContinue: false },
        },
      );
      await Promise.all([long, retried, checked]);
    });

    expect(await rig.runFor(7000)).toBe(true);
    expect(await rig.head()).toMatchObject({
      status: "PENDING",
      lastInvocation: { error: { ErrorType: "TIDEMARK_DEADLINE" } },
    });
    expect(await rig.runFor(1)).toBe(true);
    expect((await rig.head())?.status).toBe("SUCCEEDED");
    expect(began).toEqual(["attempt 1 at 0", "check 1 at 0", "attempt 2 at 7000", "check 2 at 7000"]);
  });

  it("sleeps for no wait while something is held back: the next invocation begins that", async () => {
    const rig = await drained(async (_event, context) => {
      const began = context
        .step("long", () => rig.sleep(6000))
        .then(() => context.step("held", async () => rig.at()));
      return (await Promise.all([began, context.wait({ seconds: 8 })]))[0];
    });

    await rig.runFor(6000);
    const head = await rig.head();
    expect([head?.status, head?.lastInvocation?.error?.ErrorType]).toEqual(["PENDING", "TIDEMARK_DEADLINE"]);
    await rig.runFor(2000);
    expect(await rig.head()).toMatchObject({ status: "SUCCEEDED", result: "6000" });
  });

  it("tells plugins of the start of what is held back once: when the next invocation begins it", async () => {
    const told: string[] = [];
    const plugin: DurableInstrumentationPlugin = {
      async onOperationStart({ name, isReplay }) {
        told.push(`${name} at ${rig.at()}${isReplay ? " replayed" : ""}`);
      },
    };
    const rig = await drained(
      async (_event, context) => {
        await context.step("long", () => rig.sleep(7000));
        const checked = context.waitForCondition<number>("checked", async (checks) => checks + 1, {
          initialState: 1,
          waitStrategy: () => ({ shouldContinue: false }),
        });
        await Promise.all([context.step("held", async () => {}), checked]);
      },
      [plugin],
    );

    await rig.runFor(7000);
    expect(told).toEqual(["long at 0"]);
    await rig.runFor(1);
    expect((await rig.head())?.status).toBe("SUCCEEDED");
    expect(told).toEqual(["long at 0", "checked at 7000", "held at 7000"]);
  });

  it("goes on with waits and ends as always when nothing wants to begin", async () => {
    const rig = await drained(async (_event, context) => {
      await context.step("long", () => rig.sleep(7000));
      await context.wait({ hours: 1 });
    });

    await rig.runFor(7000);
    const head = await rig.head();
    expect([
      head?.status,
      head?.lastInvocation?.error,
      (head?.dueAtMs ?? 0) - (head?.startedAtMs ?? 0),
    ]).toEqual(["PENDING", undefined, 3_607_000]);
  });
});

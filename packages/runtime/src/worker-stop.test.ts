/** How a worker starts, stops and hands over. */

import { type DurableExecutionHandler, withDurableExecution } from "@tidemark/sdk";
import type { ExecutionStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { defer } from "../../../testing/behaviour/rig";
import { Fleet } from "../../../testing/kit/fleet";
import { Worker } from "./worker.js";

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet();
});
afterEach(async () => {
  await fleet.close();
  jest.restoreAllMocks();
});

const wrap = (handler: DurableExecutionHandler) => ({ main: withDurableExecution(handler) });
const done = wrap(async () => "done");
const stepped = wrap((_event, context) => context.step(async () => "stepped"));
const endless = wrap((_event, context) => context.step(() => new Promise(() => {})));

/** A store that counts who listens to it. */
function countingListeners(): { store: ExecutionStore; listeners: () => number } {
  let listeners = 0;
  const store = storeWith(fleet.store, {
    onChange: (listener) => {
      listeners += 1;
      const stop = fleet.store.onChange(listener);
      return () => {
        listeners -= 1;
        stop();
      };
    },
  });
  return { store, listeners: () => listeners };
}

describe("start", () => {
  it("makes the functions known", async () => {
    await fleet.worker(done);

    expect([await fleet.store.hasFunction("main"), await fleet.store.hasFunction("other")]).toEqual([
      true,
      false,
    ]);
  });

  it("a second time does nothing", async () => {
    const { store, listeners } = countingListeners();
    const worker = await fleet.worker(done, { store });
    await worker.start();
    expect(listeners()).toBe(1);
    await worker.stop();

    expect(listeners()).toBe(0);
  });

  it("after a stop goes on", async () => {
    const worker = await fleet.worker(done);
    await worker.stop();
    const id = await fleet.begin();
    expect((await fleet.client.describe(id)).status).toBe("PENDING");
    await worker.start();
    await fleet.settle();

    expect((await fleet.client.describe(id)).status).toBe("SUCCEEDED");
  });

  it("that the store refuses can be repeated", async () => {
    let isBroken = true;
    const store = storeWith(fleet.store, {
      registerFunctions: (names) =>
        isBroken ? Promise.reject(new Error("locked")) : fleet.store.registerFunctions(names),
    });
    const worker = fleet.create(done, { store });
    await expect(worker.start()).rejects.toThrow("locked");
    isBroken = false;
    await worker.start();

    expect(await fleet.store.hasFunction("main")).toBe(true);
  });

  it("that is overtaken by a stop leaves no listener", async () => {
    const { store, listeners } = countingListeners();
    const worker = fleet.create(done, { store });
    const started = worker.start();
    await worker.stop();
    await started;

    expect(listeners()).toBe(0);
  });

  it("that follows a stop and another start listens once", async () => {
    const { store, listeners } = countingListeners();
    const worker = fleet.create(done, { store });
    const first = worker.start();
    await worker.stop();
    await Promise.all([first, worker.start(), worker.start()]);

    expect(listeners()).toBe(1);
  });

  it("while it drains waits for the end of that", async () => {
    const gate = defer();
    const worker = await fleet.worker(wrap((_event, context) => context.step(() => gate.promise)));
    const id = await fleet.begin();
    const stopped = worker.stop();
    const started = worker.start();
    const next = await fleet.begin();
    expect((await fleet.client.describe(next)).status).toBe("PENDING");
    gate.resolve();
    await Promise.all([stopped, started]);
    await fleet.settle();

    expect((await fleet.client.describe(id)).status).toBe("SUCCEEDED");
    expect((await fleet.client.describe(next)).status).toBe("SUCCEEDED");
  });
});

describe("stop", () => {
  it("of a worker that was not started, or has stopped, does nothing", async () => {
    const worker = fleet.create(done);
    await worker.stop();
    await worker.start();
    await worker.stop();
    await worker.stop();

    expect(fleet.clock.nextTimerMs).toBeUndefined();
  });

  it("a second time waits for the same end as the first", async () => {
    const gate = defer();
    const worker = await fleet.worker(wrap((_event, context) => context.step(() => gate.promise)));
    await fleet.begin();
    const order: string[] = [];
    const first = worker.stop().then(() => order.push("first"));
    const second = worker.stop().then(() => order.push("second"));
    await fleet.settle();
    order.push("drained");
    gate.resolve();
    await Promise.all([first, second]);

    expect(order[0]).toBe("drained");
  });

  it("waits 10 seconds by default, and then gives back what runs, with the reason", async () => {
    const { store, clock } = fleet;
    const worker = new Worker({ store, clock, functions: endless, drainOnSigterm: false });
    await worker.start();
    const id = await fleet.begin();
    const stopped = worker.stop();
    await fleet.advance(9999);
    expect((await fleet.client.describe(id)).status).toBe("RUNNING");
    await fleet.advance(1);
    await stopped;

    expect(await fleet.store.head(id)).toMatchObject({
      status: "PENDING",
      dueAtMs: fleet.startMs + 10_000,
      lastInvocation: {
        epoch: 1,
        error: { ErrorType: "TIDEMARK_WORKER_STOPPED", ErrorMessage: "the worker stopped" },
      },
    });
  });

  it("renews leases while it drains", async () => {
    const gate = defer<string>();
    const worker = await fleet.worker(
      wrap((_event, context) => context.step(() => gate.promise)),
      { drainMs: 300_000 },
    );
    await fleet.worker(done);
    const id = await fleet.begin();
    const stopped = worker.stop();
    await fleet.advance(200_000);
    gate.resolve("drained");
    await fleet.settle();
    await stopped;

    expect(await fleet.client.describe(id)).toMatchObject({ result: "drained", invocations: 1 });
  });

  it("hands over at once to a worker that runs beside it", async () => {
    const worker = await fleet.worker(endless);
    const id = await fleet.begin();
    await fleet.worker(stepped);
    await fleet.settle();
    const stopped = worker.stop();
    await fleet.advance(1000);
    await stopped;
    await fleet.advance(100);

    expect(await fleet.client.describe(id)).toMatchObject({ status: "SUCCEEDED", result: "stepped" });
  });

  it("hands over what is being claimed when the time to drain is over", async () => {
    const gate = defer();
    const store = storeWith(fleet.store, {
      acquire: async (request) => {
        const head = await fleet.store.acquire(request);
        await gate.promise;
        return head;
      },
    });
    const worker = await fleet.worker(endless, { store });
    const id = await fleet.begin();
    let hasStopped = false;
    void worker.stop().then(() => {
      hasStopped = true;
    });
    fleet.leaveOpen();
    await fleet.advance(1000);
    gate.resolve();
    await fleet.advance(20_000);

    expect([hasStopped, (await fleet.client.describe(id)).status]).toEqual([true, "PENDING"]);
  });

  it("settles also when the store does not answer, and says what it could not give back", async () => {
    const store = storeWith(fleet.store, { acquire: () => new Promise(() => {}) });
    const worker = await fleet.worker(done, { store });
    const id = await fleet.begin();
    fleet.leaveOpen();
    const stopped = worker.stop();
    await fleet.advance(11_000);
    await stopped;

    expect(fleet.errors).toEqual([
      expect.objectContaining({
        code: "TIDEMARK_WORKER_STOPPED",
        message: expect.stringContaining(`not given back: ${id}; `),
      }),
    ]);
    expect(fleet.clock.nextTimerMs).toBeUndefined();
  });

  it("claims nothing that a look under way finds afterwards", async () => {
    const gate = defer();
    const store = storeWith(fleet.store, {
      due: async (...request) => {
        await gate.promise;
        return fleet.store.due(...request);
      },
    });
    const worker = await fleet.worker(done, { store });
    const { executionId } = await fleet.client.start("main");
    const stopped = worker.stop();
    await fleet.settle();
    gate.resolve();
    await stopped;
    await fleet.advance(60_000);

    expect((await fleet.client.describe(executionId)).status).toBe("PENDING");
  });
});

describe("whenIdle", () => {
  it("settles when what runs has ended, and at once when nothing does", async () => {
    const gate = defer();
    const worker = await fleet.worker(wrap((_event, context) => context.step(() => gate.promise)));
    await worker.whenIdle();
    const id = await fleet.begin();
    let isIdle = false;
    const idle = worker.whenIdle().then(() => {
      isIdle = true;
    });
    await fleet.advance(5000);
    expect(isIdle).toBe(false);
    gate.resolve();
    await idle;

    expect((await fleet.client.describe(id)).status).toBe("SUCCEEDED");
  });
});

describe("SIGTERM", () => {
  const kills: unknown[][] = [];
  beforeEach(() => {
    kills.length = 0;
    jest.spyOn(process, "kill").mockImplementation((...args) => {
      kills.push(args);
      return true;
    });
  });

  it("drains the worker, and then ends the process", async () => {
    await fleet.worker(endless, { drainOnSigterm: true });
    const id = await fleet.begin();
    process.emit("SIGTERM");
    await fleet.advance(999);
    expect([kills, (await fleet.client.describe(id)).status]).toEqual([[], "RUNNING"]);
    await fleet.advance(1);

    expect(kills).toEqual([[process.pid, "SIGTERM"]]);
    expect((await fleet.client.describe(id)).status).toBe("PENDING");
  });

  it("is listened to by default, from start to stop", async () => {
    const before = process.listenerCount("SIGTERM");
    const worker = new Worker({ store: fleet.store, clock: fleet.clock, functions: done });
    expect(process.listenerCount("SIGTERM")).toBe(before);
    await worker.start();
    expect(process.listenerCount("SIGTERM")).toBe(before + 1);
    await worker.stop();

    expect(process.listenerCount("SIGTERM")).toBe(before);
  });

  it("is left alone when drainOnSigterm is false", async () => {
    const before = process.listenerCount("SIGTERM");
    await fleet.worker(done, { drainOnSigterm: false });

    expect(process.listenerCount("SIGTERM")).toBe(before);
  });

  it("ends the process when every worker in it has drained", async () => {
    await fleet.worker(endless, { drainOnSigterm: true });
    await fleet.worker({ other: done.main }, { drainOnSigterm: true });
    await fleet.begin();
    process.emit("SIGTERM");
    await fleet.advance(999);
    expect(kills).toEqual([]);
    await fleet.advance(1);

    expect(kills).toEqual([[process.pid, "SIGTERM"]]);
  });

  it("waits for a worker that is being stopped already", async () => {
    const worker = await fleet.worker(endless, { drainOnSigterm: true });
    await fleet.worker({ other: done.main }, { drainOnSigterm: true });
    await fleet.begin();
    void worker.stop();
    process.emit("SIGTERM");
    await fleet.advance(999);
    expect(kills).toEqual([]);
    await fleet.advance(1);

    expect(kills).toEqual([[process.pid, "SIGTERM"]]);
  });

  it("a second time ends the process at once", async () => {
    const before = process.listenerCount("SIGTERM");
    await fleet.worker(endless, { drainOnSigterm: true });
    await fleet.begin();
    process.emit("SIGTERM");

    expect(process.listenerCount("SIGTERM")).toBe(before);
  });
});

/** A worker's options, claims, leases and reports. How it starts and stops is in worker-stop.test.ts. */

import { type DurableExecutionHandler, withDurableExecution } from "@tidemark/sdk";
import { type ExecutionStore, MemoryStore, settleKey } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { defer } from "../../../testing/behaviour/rig";
import { Fleet } from "../../../testing/kit/fleet";
import type { DurableHandler } from "./invocation.js";
import { Worker, type WorkerOptions } from "./worker.js";

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

function create(options: object): () => Worker {
  return () => new Worker({ store: fleet.store, functions: done, ...options } as WorkerOptions);
}

describe("an option that cannot work", () => {
  it.each([
    [{ concurrency: -3 }, "concurrency is -3; pass a whole number of at least 1"],
    [{ concurrency: "5" }, 'concurrency is "5"; pass a whole number of at least 1'],
    [{ leaseMs: 0 }, "leaseMs is 0; pass a whole number of at least 1"],
    [{ leaseMs: 99.5 }, "leaseMs is 99.5; pass a whole number of at least 1"],
  ])("%p is named, with its value and what to do", (options, message) => {
    expect(create(options)).toThrow(expect.objectContaining({ code: "TIDEMARK_WORKER_CONFIG", message }));
  });

  it.each([
    [Number.NaN, "concurrency is NaN; "],
    [Number.POSITIVE_INFINITY, "concurrency is Infinity; "],
    [5n, "concurrency is 5n; "],
  ])("is named as it is: %p", (concurrency, message) => {
    expect(create({ concurrency })).toThrow(
      expect.objectContaining({ code: "TIDEMARK_WORKER_CONFIG", message: expect.stringContaining(message) }),
    );
  });

  it.each([
    [{ inlineWaitMs: -1 }],
    [{ inlineWaitMs: Number.NaN }],
    [{ maxBarrenInvocations: 0 }],
    [{ maxBarrenInvocations: Number.NaN }],
    [{ maxBarrenInvocations: 2.5 }],
    [{ drainMs: -1 }],
    [{ drainMs: "10s" }],
  ])("%p is refused", (options) => {
    expect(create(options)).toThrow(expect.objectContaining({ code: "TIDEMARK_WORKER_CONFIG" }));
  });

  it("may be 0 where that means none", () => {
    const message = "drainMs is -1; pass a whole number of at least 0";
    expect(create({ drainMs: -1 })).toThrow(expect.objectContaining({ message }));
    expect(create({ drainMs: 0, inlineWaitMs: 0 })).not.toThrow();
  });

  it("is not the smallest that can", () => {
    expect(create({ concurrency: 1, leaseMs: 1, inlineWaitMs: 0, maxBarrenInvocations: 1 })).not.toThrow();
  });
});

describe("a function", () => {
  it("may have a name of 140 of the characters A-Z, a-z, 0-9, _ . : $ and -", () => {
    const name = "Az09_.:$-".padEnd(140, "n");

    expect(create({ functions: { [name]: done.main } })).not.toThrow();
    expect(create({ functions: { [`${name}n`]: done.main } })).toThrow(
      expect.objectContaining({
        code: "TIDEMARK_FUNCTION_NAME",
        message: `functions: "${name}n" is not a function name; use 1 to 140 of the characters A-Z, a-z, 0-9, _ . : $ and -`,
      }),
    );
  });

  it.each([[undefined], [null], [{ handler: "main", durable: false }]])("is not %p", (main) => {
    expect(create({ functions: { main } })).toThrow(
      expect.objectContaining({
        code: "TIDEMARK_HANDLER",
        message: "functions.main is not a function; pass a wrapped handler",
      }),
    );
  });
});

describe("a worker", () => {
  it("has an id of its own, under which it takes its leases", async () => {
    const gate = defer();
    const worker = await fleet.worker(wrap((_event, context) => context.step(() => gate.promise)));
    const other = fleet.create(done);
    const id = await fleet.begin();

    expect((await fleet.store.head(id))?.owner).toBe(worker.id);
    expect(other.id).not.toBe(worker.id);
    gate.resolve();
  });

  it("asks for its own functions only, and for no more than fit", async () => {
    const asked: unknown[][] = [];
    const store = storeWith(fleet.store, {
      due: (...request) => {
        asked.push(request.slice(1));
        return fleet.store.due(...request);
      },
    });
    await fleet.worker({ ...done, other: done.main }, { store, concurrency: 3 });
    await fleet.settle();

    expect(asked).toEqual([[3, ["main", "other"]]]);
  });

  it("asks once for an execution that it then runs to its end, and again for what found no room", async () => {
    let looks = 0;
    const store = storeWith(fleet.store, {
      due: (...request) => {
        looks += 1;
        return fleet.store.due(...request);
      },
    });
    await fleet.worker(done, { store, concurrency: 2 });
    await fleet.settle();
    expect(looks).toBe(1);
    const id = await fleet.begin();
    expect((await fleet.client.describe(id)).status).toBe("SUCCEEDED");
    expect(looks).toBe(2);

    const started = await Promise.all(Array.from({ length: 7 }, () => fleet.client.start("main")));
    await fleet.settle();
    const ended = await Promise.all(started.map(({ executionId }) => fleet.client.describe(executionId)));
    expect(ended.map(({ status }) => status)).toEqual(Array(7).fill("SUCCEEDED"));
  });

  it("finds work within a minute when nobody tells it", async () => {
    const store = storeWith(fleet.store, { onChange: () => () => {} });
    await fleet.worker(done, { store });
    await fleet.settle();
    const id = await fleet.begin();
    await fleet.advance(59_999);
    expect((await fleet.client.describe(id)).status).toBe("PENDING");
    await fleet.advance(1);

    expect((await fleet.client.describe(id)).status).toBe("SUCCEEDED");
  });

  it("leaves what another worker has claimed first", async () => {
    const store = storeWith(fleet.store, {
      acquire: async (request) => {
        await fleet.store.acquire({ ...request, owner: "another" });
        return fleet.store.acquire(request);
      },
    });
    await fleet.worker(done, { store });
    const id = await fleet.begin();

    expect(await fleet.store.head(id)).toMatchObject({ status: "RUNNING", owner: "another", epoch: 1 });
    expect(fleet.errors).toEqual([]);
  });

  it("lets its invocations look at their inboxes when another process has written", async () => {
    let tell = (_executionId: string): void => {};
    const store = storeWith(fleet.store, {
      onChange: (listener) => {
        tell = listener;
        return () => {};
      },
    });
    const gate = defer();
    const answers: string[] = [];
    await fleet.worker(
      wrap(async (_event, context) => {
        const body = context.step(() => gate.promise);
        const [answer] = await context.createCallback();
        answers.push(await answer);
        await body;
      }),
      { store },
    );
    const { executionId } = await fleet.client.start("main");
    tell("");
    await fleet.advance(1000);
    const event = { kind: "callback_succeeded", id: "2", result: "yes" } as const;
    const nowMs = fleet.clock.nowMs();
    await fleet.store.post({ executionId, key: settleKey("2"), event, nowMs, mode: "once", wake: true });
    tell("");
    await fleet.settle();

    expect(answers).toEqual(["yes"]);
    gate.resolve();
  });
});

describe("a lease", () => {
  const long = (gate: Promise<unknown>) => wrap((_event, context) => context.step(() => gate));

  it("is renewed at a third of its length, for its whole length", async () => {
    const renewals: [number, number][] = [];
    const store = storeWith(fleet.store, {
      renew: (executionId, epoch, leaseUntilMs) => {
        renewals.push([fleet.elapsedMs(), leaseUntilMs - fleet.startMs]);
        return fleet.store.renew(executionId, epoch, leaseUntilMs);
      },
    });
    const gate = defer();
    await fleet.worker(long(gate.promise), { store, leaseMs: 900 });
    await fleet.begin();
    await fleet.advance(650);
    gate.resolve();
    await fleet.advance(2000);

    expect(renewals).toEqual([
      [300, 1200],
      [600, 1500],
    ]);
  });

  it("survives one renewal that fails, which is reported", async () => {
    const gate = defer<string>();
    let calls = 0;
    const store = storeWith(fleet.store, {
      renew: (...lease) =>
        calls++ === 0 ? Promise.reject(new Error("locked")) : fleet.store.renew(...lease),
    });
    await fleet.worker(long(gate.promise), { store });
    await fleet.worker(done);
    const id = await fleet.begin();
    await fleet.advance(60_000);
    gate.resolve("kept");
    await fleet.settle();

    expect(fleet.errors).toEqual([new Error("locked")]);
    expect(await fleet.client.describe(id)).toMatchObject({ result: "kept", invocations: 1 });
  });

  it("that cannot be renewed goes to another worker, once it has run out", async () => {
    const store = storeWith(fleet.store, { renew: () => Promise.reject(new Error("locked")) });
    await fleet.worker(long(new Promise(() => {})), { store });
    const id = await fleet.begin();
    await fleet.worker(stepped);
    await fleet.advance(29_999);
    expect((await fleet.client.describe(id)).invocations).toBe(1);
    await fleet.advance(1);

    expect(await fleet.client.describe(id)).toMatchObject({ result: "stepped", invocations: 2 });
  });

  it("that has gone frees its place at the next renewal, quietly", async () => {
    const started: unknown[] = [];
    await fleet.worker(
      wrap((event, context) => {
        started.push(event);
        return context.step(() => new Promise(() => {}));
      }),
      { concurrency: 1 },
    );
    const id = await fleet.begin("first");
    await fleet.begin("second");
    await fleet.advance(1000);
    await fleet.client.stop(id);
    await fleet.advance(8999);
    expect(started).toEqual(["first"]);
    await fleet.advance(1);

    expect(started).toEqual(["first", "second"]);
    expect(fleet.errors).toEqual([]);
    expect((await fleet.client.describe(id)).status).toBe("STOPPED");
  });
});

describe("what the worker can report to nobody else", () => {
  /** A store that cannot do this until it is mended. */
  function broken(method: "due" | "acquire"): {
    store: ExecutionStore;
    mend: () => void;
    calls: () => number;
  } {
    let isBroken = true;
    let calls = 0;
    const inner = new MemoryStore();
    const fail = (...request: never[]): Promise<never> => {
      calls += 1;
      // A worker that goes round in circles must not hang the test.
      if (calls > 50) return new Promise(() => {});
      if (isBroken) return Promise.reject(new Error("store is gone"));
      return (inner[method] as (...all: never[]) => Promise<never>)(...request);
    };
    const mend = () => {
      isBroken = false;
    };
    return { store: storeWith(inner, { [method]: fail }), mend, calls: () => calls };
  }

  async function startIn(store: ExecutionStore): Promise<void> {
    const times = { startedAtMs: fleet.startMs, timeoutAtMs: fleet.startMs + 86_400_000, retentionMs: 1000 };
    await store.start({ executionId: "one", functionName: "main", ...times });
  }

  it("is a store that cannot be read: it looks again after a second", async () => {
    const { store, mend, calls } = broken("due");
    await startIn(store);
    await fleet.worker(done, { store });
    await fleet.advance(2999);
    expect([calls(), fleet.errors]).toEqual([3, Array.from({ length: 3 }, () => new Error("store is gone"))]);
    mend();
    await fleet.advance(1);

    expect((await store.head("one"))?.status).toBe("SUCCEEDED");
  });

  it("is a store that cannot be written: it looks again after a second", async () => {
    const { store, mend, calls } = broken("acquire");
    await startIn(store);
    await fleet.worker(done, { store });
    fleet.leaveOpen();
    await fleet.advance(2999);
    expect(calls()).toBe(3);
    mend();
    await fleet.advance(1);

    expect((await store.head("one"))?.status).toBe("SUCCEEDED");
  });

  it("goes to console.error unless told otherwise", async () => {
    const log = jest.spyOn(console, "error").mockImplementation();
    const { store, mend } = broken("due");
    const worker = new Worker({ store, functions: done, clock: fleet.clock, drainOnSigterm: false });
    await worker.start();
    await fleet.settle();
    mend();
    await worker.stop();

    expect(log.mock.calls).toEqual([["[tidemark]", new Error("store is gone")]]);
  });

  it("may make the reporter throw: the worker goes on", async () => {
    const log = jest.spyOn(console, "error").mockImplementation();
    const { store, mend } = broken("due");
    await startIn(store);
    const onError = () => {
      throw new Error("reporter");
    };
    await fleet.worker(done, { store, onError });
    await fleet.settle();
    mend();
    await fleet.advance(1000);

    expect(log.mock.calls).toEqual([
      ["[tidemark] onError threw", new Error("reporter"), "for", new Error("store is gone")],
    ]);
    expect((await store.head("one"))?.status).toBe("SUCCEEDED");
  });
});

describe("removing what has outlived its retention", () => {
  it("happens at the start and then once a minute, however often it looks", async () => {
    const purges: [number, number][] = [];
    const store = storeWith(fleet.store, {
      purgeExpired: (nowMs, limit) => {
        purges.push([nowMs - fleet.startMs, limit]);
        return fleet.store.purgeExpired(nowMs, limit);
      },
    });
    await fleet.worker(done, { store });
    for (let count = 0; count < 15; count++) {
      await fleet.begin();
      await fleet.advance(10_000);
    }

    expect(purges).toEqual([
      [0, 100],
      [60_000, 100],
      [120_000, 100],
    ]);
  });

  it("ends with the portion that is being removed when the worker is stopped", async () => {
    const portions: ((count: number) => void)[] = [];
    const store = storeWith(fleet.store, {
      purgeExpired: () => new Promise<number>((resolve) => portions.push(resolve)),
    });
    const worker = await fleet.worker(done, { store });
    await fleet.begin();
    await worker.stop();
    for (const end of portions) end(100);
    await fleet.settle();

    expect(portions).toHaveLength(1);
  });

  it("that fails is reported, and keeps nobody from running", async () => {
    const store = storeWith(fleet.store, { purgeExpired: () => Promise.reject(new Error("locked")) });
    await fleet.worker(done, { store });
    const id = await fleet.begin();

    expect(fleet.errors).toEqual([new Error("locked")]);
    expect((await fleet.client.describe(id)).status).toBe("SUCCEEDED");
  });
});

describe("an execution whose invocations fail without recording anything", () => {
  const startsAtSeconds: number[] = [];
  const failing: DurableHandler = async (_event, _context) => {
    startsAtSeconds.push(fleet.elapsedMs() / 1000);
    throw new RangeError("broken deployment");
  };
  beforeEach(() => {
    startsAtSeconds.length = 0;
  });

  it("is tried again with delays that double from a second up to 5 minutes", async () => {
    await fleet.worker({ main: failing }, { maxBarrenInvocations: 13 });
    const id = await fleet.begin();
    await fleet.advance(3_600_000);

    const delays = startsAtSeconds.slice(1).map((at, index) => at - (startsAtSeconds[index] as number));
    expect(delays).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    expect((await fleet.client.describe(id)).status).toBe("STOPPED");
  });

  it("is stopped after 10 of them by default, with what failed last and what to do", async () => {
    await fleet.worker({ main: failing });
    const id = await fleet.begin();
    await fleet.advance(3_600_000);

    expect(startsAtSeconds).toHaveLength(10);
    expect((await fleet.client.describe(id)).error).toEqual({
      ErrorType: "TIDEMARK_BARREN",
      ErrorMessage: `10 invocations in a row failed without recording anything (last: broken deployment); mend the cause, then call client.resume("${id}")`,
    });
  });

  it("is stopped after the first when the limit is 1", async () => {
    await fleet.worker({ main: failing }, { maxBarrenInvocations: 1 });
    const id = await fleet.begin();
    await fleet.advance(10_000);

    expect([startsAtSeconds.length, (await fleet.client.describe(id)).status]).toEqual([1, "STOPPED"]);
  });
});

/** Workers: what they run, hand over, renew, limit and remove. */

import { DurableClient, Worker, type WorkerOptions } from "@tidemark/runtime";
import { type DurableExecutionHandler, retryPresets, withDurableExecution } from "@tidemark/sdk";
import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import { VirtualClock } from "@tidemark/testing";
import { createRig, defer } from "./rig";

const never = new Promise<never>(() => {});

class Fleet {
  readonly clock = new VirtualClock();
  readonly store = new MemoryStore();
  readonly client = new DurableClient({ store: this.store, clock: this.clock });
  readonly errors: unknown[] = [];
  readonly #workers: Worker[] = [];

  async worker(
    functions: Record<string, DurableExecutionHandler>,
    options: Partial<WorkerOptions> = {},
  ): Promise<Worker> {
    const wrapped = Object.entries(functions).map(([name, handler]) => [name, withDurableExecution(handler)]);
    const worker = new Worker({
      store: this.store,
      clock: this.clock,
      functions: Object.fromEntries(wrapped),
      drainOnSigterm: false,
      drainMs: 1000,
      onError: (error) => this.errors.push(error),
      ...options,
    });
    this.#workers.push(worker);
    await worker.start();
    return worker;
  }

  advance(ms: number): Promise<void> {
    return this.clock.advanceTo(this.clock.nowMs() + ms);
  }

  async stop(worker: Worker): Promise<void> {
    const stopped = worker.stop();
    await this.advance(2000);
    await stopped;
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) await this.stop(worker);
  }
}

let fleet: Fleet;
beforeEach(() => {
  fleet = new Fleet();
});
afterEach(() => fleet.close());

async function statusOf(executionId: string): Promise<string> {
  return (await fleet.client.describe(executionId)).status;
}

describe("a worker that crashes", () => {
  it("is replaced when its lease has run out: a barrier tells how, and the recorded work is not repeated", async () => {
    const rig = await createRig();
    const bodies: string[] = [];
    const id = await rig.begin(async (_event, context) => {
      await context.step("first", async () => void bodies.push("first"));
      await context.step("second", async () => {
        bodies.push("second");
        return bodies.length === 2 ? never : undefined;
      });
      return "done";
    });
    rig.runtime.crash(id);
    await rig.runtime.advance(29_000);
    expect(bodies).toEqual(["first", "second"]);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "done" });
    expect(bodies).toEqual(["first", "second", "second"]);
    expect(await rig.invocationErrors(id)).toEqual(["Runtime.ExitError", undefined]);
    const loaded = await rig.runtime.store.load(id);
    expect(loaded?.entries.map(({ epoch, barrier }) => [epoch, barrier?.previous.error?.ErrorType])).toEqual([
      [1, undefined],
      [2, "Runtime.ExitError"],
      [2, undefined],
    ]);
  });

  it("does not lose its lease while it runs, however long", async () => {
    const gate = defer<string>();
    await fleet.worker({ main: async (_event, context) => context.step(() => gate.promise) });
    await fleet.worker({ main: async () => "taken over" });
    const { executionId } = await fleet.client.start("main");
    await fleet.advance(3_600_000);
    gate.resolve("kept");
    await fleet.advance(1000);

    expect(await fleet.client.describe(executionId)).toMatchObject({
      status: "SUCCEEDED",
      result: "kept",
      invocations: 1,
    });
  });
});

describe("a worker that stops", () => {
  it("lets what runs end, and claims nothing new", async () => {
    const gate = defer<string>();
    const worker = await fleet.worker({ main: async (_event, context) => context.step(() => gate.promise) });
    const first = await fleet.client.start("main");
    await fleet.advance(10);
    const stopped = worker.stop();
    const second = await fleet.client.start("main");
    gate.resolve("ended");
    await fleet.advance(500);
    await stopped;

    expect(await statusOf(first.executionId)).toBe("SUCCEEDED");
    expect(await statusOf(second.executionId)).toBe("PENDING");
  });

  it("hands the rest over after drainMs, at once and not after the lease", async () => {
    let runs = 0;
    const main: DurableExecutionHandler = async (_event, context) =>
      context.step(async () => (++runs === 1 ? never : "by the other"));
    const worker = await fleet.worker({ main });
    const { executionId } = await fleet.client.start("main");
    await fleet.advance(10);
    await fleet.stop(worker);
    expect(await statusOf(executionId)).toBe("PENDING");
    await fleet.worker({ main });
    await fleet.advance(10);

    expect(await fleet.client.describe(executionId)).toMatchObject({
      status: "SUCCEEDED",
      result: "by the other",
    });
  });

  // worker.ts `stop` gives the lease back with an error, which counts like a crash: three deployments fail a long step,
  // and ten stop an execution, though nothing was wrong with either.
  it("does not count against the step that it interrupts", async () => {
    const gate = defer<string>();
    const main: DurableExecutionHandler = async (_event, context) =>
      context.step("long", () => gate.promise, { retryStrategy: retryPresets.noRetry });
    const { executionId } = await (async () => {
      const worker = await fleet.worker({ main });
      const started = await fleet.client.start("main");
      await fleet.advance(5000);
      await fleet.stop(worker);
      return started;
    })();
    for (let deployment = 0; deployment < 4; deployment++) {
      const worker = await fleet.worker({ main });
      await fleet.advance(5000);
      await fleet.stop(worker);
    }
    await fleet.worker({ main });
    gate.resolve("finished");
    await fleet.advance(60_000);

    expect(await fleet.client.describe(executionId)).toMatchObject({
      status: "SUCCEEDED",
      result: "finished",
    });
  });

  it("leaves no timer and no listener", async () => {
    let listeners = 0;
    const store: ExecutionStore = new Proxy(fleet.store, {
      get(target, property) {
        const member = Reflect.get(target, property, target);
        if (property !== "onChange") return typeof member === "function" ? member.bind(target) : member;
        return (listener: (executionId: string) => void) => {
          listeners += 1;
          const stop = target.onChange(listener);
          return () => {
            listeners -= 1;
            stop();
          };
        };
      },
    });
    const worker = await fleet.worker({ main: async () => 1 }, { store });
    await fleet.client.start("main");
    await fleet.advance(10);
    await worker.stop();

    expect([listeners, fleet.clock.nextTimerMs]).toEqual([0, undefined]);
  });
});

describe("concurrency", () => {
  it("limits how many executions run at a time, and all run", async () => {
    const gates = Array.from({ length: 10 }, () => defer());
    let running = 0;
    let most = 0;
    await fleet.worker(
      {
        main: async (index: number, context) =>
          context.step(async () => {
            most = Math.max(most, ++running);
            await gates[index]?.promise;
            running -= 1;
          }),
      },
      { concurrency: 3 },
    );
    const started = await Promise.all(gates.map((_, input) => fleet.client.start("main", { input })));
    for (const gate of gates) {
      await fleet.advance(10);
      gate.resolve();
    }
    await fleet.advance(100);

    expect(most).toBe(3);
    expect(await Promise.all(started.map(({ executionId }) => statusOf(executionId)))).toEqual(
      gates.map(() => "SUCCEEDED"),
    );
  });

  it("is not taken by executions that wait", async () => {
    await fleet.worker({ main: async (_event, context) => context.wait({ days: 1 }) }, { concurrency: 1 });
    const started = await Promise.all([1, 2, 3].map(() => fleet.client.start("main")));
    await fleet.advance(10);

    const described = await Promise.all(started.map(({ executionId }) => fleet.client.describe(executionId)));
    expect(described.map(({ status, invocations }) => [status, invocations])).toEqual([
      ["PENDING", 1],
      ["PENDING", 1],
      ["PENDING", 1],
    ]);
  });
});

describe("functions that a worker does not have", () => {
  it("are left to the worker that has them", async () => {
    await fleet.worker({ first: async () => "first" });
    await fleet.store.registerFunctions(["second"]);
    const { executionId } = await fleet.client.start("second");
    await fleet.advance(600_000);
    await fleet.worker({ second: async () => "second" });
    await fleet.advance(60_000);

    expect(await fleet.client.describe(executionId)).toMatchObject({ status: "SUCCEEDED", result: "second" });
  });
});

describe("execution timeouts", () => {
  it("end an execution that is suspended, on time", async () => {
    await fleet.worker({ main: async (_event, context) => context.wait({ days: 1 }) });
    const { executionId } = await fleet.client.start("main", { timeout: { minutes: 5 } });
    await fleet.advance(299_000);
    expect(await statusOf(executionId)).toBe("PENDING");
    await fleet.advance(1000);

    expect(await fleet.client.describe(executionId)).toMatchObject({
      status: "TIMED_OUT",
      error: { ErrorType: "TIDEMARK_EXECUTION_TIMEOUT", ErrorMessage: "the execution timed out after 300 s" },
    });
  });

  it("end an execution whose code runs, and what the code does afterwards is not recorded", async () => {
    const gate = defer<string>();
    const after: string[] = [];
    await fleet.worker({
      main: async (_event, context) => {
        await context.step("long", () => gate.promise);
        after.push("code after the timeout");
      },
    });
    const { executionId } = await fleet.client.start("main", { timeout: { minutes: 5 } });
    await fleet.advance(300_000);
    gate.resolve("too late");
    await fleet.advance(1000);

    expect(await statusOf(executionId)).toBe("TIMED_OUT");
    expect(after).toEqual([]);
    expect(fleet.errors).toEqual([]);
    expect((await fleet.client.history(executionId)).map(({ EventType }) => EventType)).toEqual([
      "ExecutionStarted",
      "StepStarted",
      "ExecutionTimedOut",
    ]);
  });

  it("end an execution that nobody has claimed in time", async () => {
    await fleet.store.registerFunctions(["main"]);
    const { executionId } = await fleet.client.start("main", { timeout: { minutes: 5 } });
    await fleet.advance(400_000);
    await fleet.worker({ main: async () => "too late" });
    await fleet.advance(10);

    expect(await statusOf(executionId)).toBe("TIMED_OUT");
  });
});

describe("retention", () => {
  it("keeps an execution for as long as asked after its end, and then removes it", async () => {
    await fleet.worker({ main: async (_event, context) => context.wait({ minutes: 10 }) });
    const { executionId } = await fleet.client.start("main", { retention: { hours: 1 } });
    await fleet.advance(600_000 + 3_500_000);
    expect(await statusOf(executionId)).toBe("SUCCEEDED");
    await fleet.advance(200_000);

    await expect(fleet.client.describe(executionId)).rejects.toMatchObject({
      code: "TIDEMARK_EXECUTION_NOT_FOUND",
    });
  });

  it("is 14 days by default", async () => {
    await fleet.worker({ main: async () => 1 });
    const { executionId } = await fleet.client.start("main");
    await fleet.advance(10);

    const head = await fleet.store.head(executionId);
    expect((head?.expiresAtMs ?? 0) - (head?.endedAtMs ?? 0)).toBe(14 * 86_400_000);
  });

  it("keeps up with more than 100 ends a minute", async () => {
    await fleet.worker({ main: async () => 1 });
    await Promise.all(
      Array.from({ length: 300 }, () => fleet.client.start("main", { retention: { seconds: 1 } })),
    );
    await fleet.advance(125_000);

    expect((await fleet.client.list({ limit: 1000 })).executions).toEqual([]);
  });
});

describe("options that cannot work", () => {
  it.each([
    [{ concurrency: 0 }, "concurrency is 0; pass a whole number of at least 1"],
    [{ concurrency: 1.5 }, "concurrency is 1.5"],
    [{ leaseMs: -1 }, "leaseMs is -1"],
  ])("%p", (options, message) => {
    expect(() => new Worker({ store: fleet.store, functions: {}, ...options })).toThrow(
      expect.objectContaining({ code: "TIDEMARK_WORKER_CONFIG", message: expect.stringContaining(message) }),
    );
  });

  it.each([
    ["a function that is none", { main: 5 }, "TIDEMARK_HANDLER"],
    ["a plain function that is none", { main: { durable: false } }, "TIDEMARK_HANDLER"],
    ["a name with a space", { "my function": async () => {} }, "TIDEMARK_FUNCTION_NAME"],
    ["an empty name", { "": async () => {} }, "TIDEMARK_FUNCTION_NAME"],
  ])("%s", (_name, functions, code) => {
    expect(() => new Worker({ store: fleet.store, functions: functions as never })).toThrow(
      expect.objectContaining({ code }),
    );
  });
});

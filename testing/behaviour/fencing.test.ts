/** Two invocations of one execution: only the newest writes, and the other ends quietly (invariants 2 and 3). */

import { DurableClient, Worker } from "@tidemark/runtime";
import { type DurableExecutionHandler, StepSemantics, withDurableExecution } from "@tidemark/sdk";
import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import { VirtualClock } from "@tidemark/testing";
import { defer } from "./rig";

const LEASE_MS = 30_000;

interface Pair {
  readonly clock: VirtualClock;
  readonly client: DurableClient;
  readonly errors: unknown[];
  /** Starts a worker; one that is frozen does not renew its leases. */
  worker(handler: DurableExecutionHandler, options?: { frozen?: boolean }): Promise<Worker>;
  advance(ms: number): Promise<void>;
}

const opened: { worker: Worker; clock: VirtualClock }[] = [];

afterEach(async () => {
  for (const { worker, clock } of opened.splice(0)) {
    const stopped = worker.stop();
    await clock.advanceTo(clock.nowMs() + 60_000);
    await stopped;
  }
});

function createPair(): Pair {
  const clock = new VirtualClock();
  const store = new MemoryStore();
  const errors: unknown[] = [];
  return {
    clock,
    client: new DurableClient({ store, clock }),
    errors,
    async worker(handler, { frozen = false } = {}) {
      const worker = new Worker({
        store: frozen ? withoutRenewal(store) : store,
        clock,
        functions: { main: withDurableExecution(handler) },
        leaseMs: LEASE_MS,
        drainMs: 1,
        drainOnSigterm: false,
        onError: (error) => errors.push(error),
      });
      await worker.start();
      opened.push({ worker, clock });
      return worker;
    },
    advance: (ms) => clock.advanceTo(clock.nowMs() + ms),
  };
}

/** A process that hangs: what it does arrives, but it renews nothing. */
function withoutRenewal(store: MemoryStore): ExecutionStore {
  return new Proxy(store, {
    get(target, property) {
      if (property === "renew") return () => new Promise(() => {});
      const member = Reflect.get(target, property, target);
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
}

describe("an invocation whose lease was taken over", () => {
  it("records nothing more, fails nothing, and reports no error", async () => {
    const pair = createPair();
    const gates = { zombie: defer<string>(), successor: defer<string>() };
    await pair.worker(async (_event, context) => context.step("work", () => gates.zombie.promise), {
      frozen: true,
    });
    const { executionId } = await pair.client.start("main");
    await pair.advance(1000);
    await pair.worker(async (_event, context) => context.step("work", () => gates.successor.promise));
    await pair.advance(LEASE_MS);
    expect((await pair.client.describe(executionId)).invocations).toBe(2);

    gates.zombie.resolve("zombie");
    await pair.advance(1000);
    expect(await pair.client.describe(executionId)).toMatchObject({ status: "RUNNING", invocations: 2 });
    gates.successor.resolve("successor");
    await pair.advance(1000);

    expect(await pair.client.describe(executionId)).toMatchObject({
      status: "SUCCEEDED",
      result: "successor",
    });
    expect(pair.errors).toEqual([]);
    expect((await pair.client.history(executionId)).map(({ EventType }) => EventType)).toEqual([
      "ExecutionStarted",
      "StepStarted",
      "InvocationCompleted",
      "StepSucceeded",
      "InvocationCompleted",
      "ExecutionSucceeded",
    ]);
  });

  it.each<[string, DurableExecutionHandler]>([
    ["that throws", async () => Promise.reject(new Error("zombie"))],
    ["that returns", async () => "zombie"],
    ["that suspends", async (_event, context) => context.wait({ seconds: 5 })],
  ])("%s does not end the execution", async (_name, end) => {
    const pair = createPair();
    const gates = { zombie: defer(), successor: defer<string>() };
    await pair.worker(
      async (event, context) => {
        await gates.zombie.promise;
        return end(event, context);
      },
      { frozen: true },
    );
    const { executionId } = await pair.client.start("main");
    await pair.advance(1000);
    await pair.worker(async () => gates.successor.promise);
    await pair.advance(LEASE_MS);

    gates.zombie.resolve();
    await pair.advance(10_000);
    expect(await pair.client.describe(executionId)).toMatchObject({ status: "RUNNING" });
    gates.successor.resolve("successor");
    await pair.advance(1000);

    expect(await pair.client.describe(executionId)).toMatchObject({
      status: "SUCCEEDED",
      result: "successor",
    });
    expect(pair.errors).toEqual([]);
  });

  it("runs no body of a step that is at most once", async () => {
    const pair = createPair();
    const wake = defer();
    const bodies: string[] = [];
    const charge =
      (who: string, before: Promise<void>): DurableExecutionHandler =>
      async (_event, context) => {
        await before;
        return context.step("charge", async () => void bodies.push(who), {
          semantics: StepSemantics.AtMostOncePerRetry,
        });
      };
    await pair.worker(charge("zombie", wake.promise), { frozen: true });
    const { executionId } = await pair.client.start("main");
    await pair.advance(1000);
    await pair.worker(charge("successor", Promise.resolve()));
    await pair.advance(LEASE_MS);
    wake.resolve();
    await pair.advance(1000);

    expect(await pair.client.describe(executionId)).toMatchObject({ status: "SUCCEEDED" });
    expect(bodies).toEqual(["successor"]);
  });
});

describe("many workers on one store", () => {
  it("run each execution once", async () => {
    const pair = createPair();
    const runs: number[] = [];
    for (let worker = 0; worker < 4; worker++) {
      await pair.worker(async (event, context) => {
        await context.step(async () => void runs.push(event));
        await context.wait({ seconds: 5 });
        return event;
      });
    }
    const started = await Promise.all(
      Array.from({ length: 50 }, (_, input) => pair.client.start("main", { input })),
    );
    await pair.advance(10_000);

    const ended = await Promise.all(started.map(({ executionId }) => pair.client.describe(executionId)));
    expect(ended.map(({ status, result, invocations }) => [status, result, invocations])).toEqual(
      started.map((_, input) => ["SUCCEEDED", input, 2]),
    );
    expect(runs.sort((a, b) => a - b)).toEqual(started.map((_, input) => input));
  });
});

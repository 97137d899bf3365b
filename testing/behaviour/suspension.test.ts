/** When an invocation goes on and when it gives its compute back (design section 6). */

import { DurableClient, Worker } from "@tidemark/runtime";
import { type DurableContext, retryPresets, withDurableExecution } from "@tidemark/sdk";
import { MemoryStore } from "@tidemark/store";
import { VirtualClock } from "@tidemark/testing";
import { createRig, defer } from "./rig";

describe("native gaps between operations", () => {
  it("of microtasks are waited for, while another branch waits", async () => {
    const rig = await createRig();
    const bodies: string[] = [];
    const id = await rig.begin(async (_event, context) => {
      const batch = await context.parallel([
        async (branch) => branch.wait("long", { seconds: 60 }),
        async (branch) => {
          await branch.step("before", async () => void bodies.push("before"));
          for (let tick = 0; tick < 200; tick++) await null;
          await branch.step("after", async () => void bodies.push("after"));
          return "stepped";
        },
      ]);
      return batch.getResults();
    });
    expect(bodies).toEqual(["before", "after"]);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["stepped"] });
    expect(bodies).toEqual(["before", "after"]);
    expect(await rig.invocationErrors(id)).toEqual([undefined, undefined]);
  });

  it("that outlast the invocation are neither lost nor repeated in the log", async () => {
    const rig = await createRig();
    const gaps = [defer(), defer()];
    const bodies: string[] = [];
    let gap = 0;
    const id = await rig.begin(async (_event, context) => {
      const batch = await context.parallel([
        async (branch) => branch.wait("long", { seconds: 60 }),
        async (branch) => {
          await branch.step("before", async () => void bodies.push("before"));
          await gaps[gap++]?.promise;
          await branch.step("after", async () => void bodies.push("after"));
          return "stepped";
        },
      ]);
      return batch.getResults();
    });
    expect(await rig.ending(id)).toEqual({ status: "PENDING" });

    // The code of the invocation that has suspended goes on, and does nothing.
    gaps[0]?.resolve();
    await rig.runtime.settle();
    expect(bodies).toEqual(["before"]);
    await rig.runtime.advance(60_000);
    gaps[1]?.resolve();

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["stepped"] });
    expect(bodies).toEqual(["before", "after"]);
  });

  it("without anything that could wake a later invocation keep this one", async () => {
    const rig = await createRig();
    const gap = defer();
    const id = await rig.begin(async (_event, context) => {
      await context.step("before", async () => {});
      await gap.promise;
      return context.step("after", async () => "done");
    });
    await rig.runtime.advance(120_000);
    expect(await rig.ending(id)).toEqual({ status: "RUNNING" });
    gap.resolve();

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "done" });
    expect(await rig.invocationErrors(id)).toEqual([undefined]);
  });

  // engine.ts `#record` keeps a settled operation without a delivery when the code has not asked for it yet in this
  // invocation; when it does, nobody tells it. The execution hangs, its lease renewed for ever.
  it("before an operation that settles meanwhile in a running invocation do not lose its outcome", async () => {
    const rig = await createRig();
    const gate = defer<string>();
    const gap = defer();
    let runs = 0;
    const id = await rig.begin(async (_event, context) => {
      runs += 1;
      const run = runs;
      const batch = await context.parallel([
        async (branch) => {
          if (run > 1) await gap.promise;
          await branch.wait("ten", { seconds: 10 });
          return "waited";
        },
        async (branch) => {
          await branch.wait("five", { seconds: 5 });
          return branch.step("long", () => gate.promise);
        },
      ]);
      return batch.getResults();
    });
    await rig.runtime.advance(12_000);
    gate.resolve("stepped");
    await rig.runtime.settle();
    gap.resolve();
    await rig.runtime.advance(120_000);

    expect(await rig.ending(id)).toEqual({ status: "SUCCEEDED", result: ["waited", "stepped"] });
  });
});

describe("a step body that outlives the waits beside it", () => {
  it("keeps the invocation, and the waits are settled in it at their time", async () => {
    const rig = await createRig();
    const gate = defer<string>();
    const seen: [string, number][] = [];
    const startMs = rig.runtime.clock.nowMs();
    const id = await rig.begin(async (_event, context) => {
      const batch = await context.parallel([
        async (branch) => branch.step("body", () => gate.promise),
        async (branch) => {
          for (const seconds of [3, 4]) {
            await branch.wait({ seconds });
            seen.push([`waited ${seconds}`, rig.runtime.clock.nowMs() - startMs]);
          }
          return "waited";
        },
      ]);
      return batch.getResults();
    });
    await rig.runtime.advance(10_000);
    expect(seen).toEqual([
      ["waited 3", 3000],
      ["waited 4", 7000],
    ]);
    gate.resolve("body");

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["body", "waited"] });
    expect(await rig.invocationErrors(id)).toEqual([undefined]);
  });

  it("keeps the invocation, and retries and callbacks are taken in", async () => {
    const rig = await createRig();
    const gate = defer<string>();
    const ids: string[] = [];
    const attempts: number[] = [];
    const id = await rig.begin(async (_event, context) => {
      const batch = await context.parallel([
        async (branch) => branch.step("body", () => gate.promise),
        async (branch) =>
          branch.step(
            async ({ attempt }) => {
              attempts.push(attempt);
              if (attempt < 3) throw new Error("again");
              return "third";
            },
            { retryStrategy: retryPresets.linear },
          ),
        async (branch) => branch.waitForCallback(async (callbackId) => void ids.push(callbackId)),
      ]);
      return batch.getResults();
    });
    await rig.runtime.advance(5000);
    expect(attempts).toEqual([1, 2, 3]);
    await rig.runtime.client.sendCallbackSuccess(ids[0] as string, "called");
    await rig.runtime.settle();
    expect((await rig.events(id)).filter((event) => event.includes("CallbackSucceeded"))).toHaveLength(1);
    gate.resolve("body");

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["body", "third", "called"] });
    expect(await rig.invocationErrors(id)).toEqual([undefined]);
  });

  // Heartbeats wake nobody, so the session does not know of news and claims the timeout without reading the inbox:
  // runtime/src/session.ts `#news` passes an empty inbox to `#claimTimeout`.
  it("keeps the invocation, and a heartbeat that came in time moves the callback's deadline", async () => {
    const rig = await createRig();
    const gate = defer<string>();
    const ids: string[] = [];
    const id = await rig.begin(async (_event, context) => {
      const batch = await context.parallel([
        async (branch) => branch.step("body", () => gate.promise),
        async (branch) =>
          branch.waitForCallback(async (callbackId) => void ids.push(callbackId), {
            heartbeatTimeout: { seconds: 10 },
          }),
      ]);
      return batch.getResults();
    });
    await rig.runtime.advance(6000);
    await rig.runtime.client.sendCallbackHeartbeat(ids[0] as string);
    await rig.runtime.advance(6000);
    await rig.runtime.client.sendCallbackSuccess(ids[0] as string, "called");
    gate.resolve("body");

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["body", "called"] });
  });
});

describe("a step body that never ends", () => {
  it("ends with the execution's timeout", async () => {
    const rig = await createRig();
    rig.deploy("main", async (_event, context) => context.step(() => new Promise<never>(() => {})));
    await rig.runtime.start("main", {});
    const { executionId } = await rig.runtime.client.start("main", { timeout: { minutes: 3 } });

    await rig.runtime.advance(200_000);

    expect(await rig.ending(executionId)).toEqual({
      status: "TIMED_OUT",
      error: { ErrorType: "TIDEMARK_EXECUTION_TIMEOUT", ErrorMessage: "the execution timed out after 180 s" },
    });
  });
});

describe("operations that are not awaited when the handler ends", () => {
  it.each<[string, (context: DurableContext) => unknown]>([
    ["a wait", (context) => context.wait({ days: 300 })],
    ["a callback", (context) => context.createCallback()],
    ["a step body", (context) => context.step(() => new Promise(() => {}))],
    ["a child context", (context) => context.runInChildContext((child) => child.wait({ days: 300 }))],
    ["a step between attempts", (context) => context.step(() => Promise.reject(new Error("again")))],
  ])("%s: the execution ends with the handler", async (_name, start) => {
    const rig = await createRig();
    const startMs = rig.runtime.clock.nowMs();

    const ending = await rig.run(async (_event, context) => {
      start(context);
      return "done";
    });

    expect(ending).toEqual({ status: "SUCCEEDED", result: "done" });
    expect(rig.runtime.clock.nowMs()).toBe(startMs);
  });

  it("a step that was asked for has begun, in the order of the calls", async () => {
    const rig = await createRig();
    const bodies: string[] = [];
    await rig.run(async (_event, context) => {
      context.step("a", async () => void bodies.push("a"));
      context.step("b", async () => void bodies.push("b"));
    });

    expect(bodies).toEqual(["a", "b"]);
  });
});

describe("what arrives while the invocation gives its lease back", () => {
  it("wakes the next invocation: a callback that completes during the suspension is not stranded", async () => {
    const inner = new MemoryStore();
    const ids: string[] = [];
    let client: DurableClient | undefined;
    const store = new Proxy(inner, {
      get(target, property) {
        const member = Reflect.get(target, property, target);
        if (property !== "suspend") return typeof member === "function" ? member.bind(target) : member;
        return async (...args: Parameters<MemoryStore["suspend"]>) => {
          const callbackId = ids.shift();
          if (callbackId !== undefined) await client?.sendCallbackSuccess(callbackId, "just in time");
          return target.suspend(...args);
        };
      },
    });
    const rig = await createRig({ store });
    client = rig.runtime.client;
    const id = await rig.begin(async (_event, context) =>
      context.waitForCallback(async (callbackId) => void ids.push(callbackId)),
    );

    expect(await rig.ending(id)).toEqual({ status: "SUCCEEDED", result: "just in time" });
  });

  it("a timer that becomes due during the suspension is not stranded", async () => {
    const inner = new MemoryStore();
    const clock = new VirtualClock();
    let late = true;
    const store = new Proxy(inner, {
      get(target, property) {
        const member = Reflect.get(target, property, target);
        if (property !== "suspend") return typeof member === "function" ? member.bind(target) : member;
        return async (...args: Parameters<MemoryStore["suspend"]>) => {
          if (late) {
            late = false;
            clock.setTimer(() => {}, 5000);
            void clock.advanceTo(clock.nowMs() + 5000);
            for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
          }
          return target.suspend(...args);
        };
      },
    });
    const rig = await createRig({ store, clock });
    const id = await rig.begin(async (_event, context) => {
      await context.wait({ seconds: 1 });
      return "woken";
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "woken" });
  });
});

describe("waits that are slept in process", () => {
  async function runInline(
    inlineWaitMs: number,
  ): Promise<{ invocations: number; result: unknown; elapsedMs: number }> {
    const store = new MemoryStore();
    const clock = new VirtualClock();
    const handler = withDurableExecution(async (_event, context) => {
      await context.wait({ seconds: 2 });
      await context.step(
        async ({ attempt }) => {
          if (attempt < 2) throw new Error("again");
        },
        { retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 2 } }) },
      );
      await context.wait({ seconds: 60 });
      return "done";
    });
    const worker = new Worker({ store, clock, functions: { handler }, inlineWaitMs, drainOnSigterm: false });
    await worker.start();
    const client = new DurableClient({ store, clock });
    const { executionId } = await client.start("handler");
    const startMs = clock.nowMs();
    await clock.advanceTo(startMs + 70_000);
    const { invocations, result, endedAt } = await client.describe(executionId);
    const stopped = worker.stop();
    await clock.advanceTo(clock.nowMs() + 20_000);
    await stopped;
    return { invocations, result, elapsedMs: (endedAt?.getTime() ?? 0) - startMs };
  }

  it("none by default: each is an invocation of its own", async () => {
    expect(await runInline(0)).toEqual({ invocations: 4, result: "done", elapsedMs: 64_000 });
  });

  it("those within inlineWaitMs, and only those", async () => {
    expect(await runInline(2000)).toEqual({ invocations: 2, result: "done", elapsedMs: 64_000 });
  });

  it("all of them when the threshold is high", async () => {
    expect(await runInline(100_000)).toEqual({ invocations: 1, result: "done", elapsedMs: 64_000 });
  });
});

import { DurableClient } from "@tidemark/runtime";
import { MemoryStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { LambdaWorld, LOST } from "../../../testing/lambda/lambda-world";
import { type WakeUp, wakingStore } from "./index";

describe("wakingStore", () => {
  it("wakes what is started, once it is there", async () => {
    const store = new MemoryStore();
    await store.registerFunctions(["main"]);
    const woken: unknown[] = [];
    const invoke = async ({ functionName, executionId }: WakeUp) => {
      woken.push([functionName, (await store.head(executionId))?.status]);
    };
    const client = new DurableClient({ store: wakingStore(store, { invoke }) });
    await client.start("main", { name: "one" });
    // It has not run: its wake-up may have been lost.
    await client.start("main", { name: "one" });

    expect(woken).toEqual([
      ["main", "PENDING"],
      ["main", "PENDING"],
    ]);
  });

  it("wakes what is resumed, and nothing for what was not stopped", async () => {
    const world = new LambdaWorld();
    world.deploy("main", async (_event, context) => context.wait({ seconds: 60 }));
    await world.call("main", {}, 60_000, "r1");

    expect(await world.client.resume("main.r1")).toBe(false);
    await world.client.stop("main.r1");
    expect(world.wakeUps).toEqual([]);
    expect(await world.client.resume("main.r1")).toBe(true);
    expect(world.wakeUps).toEqual([{ functionName: "main", executionId: "main.r1" }]);
  });

  it("wakes the caller of an execution that is stopped from outside", async () => {
    const world = new LambdaWorld();
    world.deploy("child", async (_event, context) => context.wait({ hours: 1 }));
    world.deploy("main", async (_event, context) =>
      context.invoke("child", {}).catch((error: Error) => (error.cause as { code?: string }).code),
    );
    await world.wake();
    await world.call("main", {}, 60_000, "r1");
    await world.advance(0);
    const { executions } = await world.client.list({ functionName: "child" });
    for (const { executionId } of executions) await world.client.stop(executionId);
    await world.advance(0);

    expect(await world.client.result("main.r1")).toBe("TIDEMARK_STOPPED");
  });

  it("does not wake for a heartbeat, nor for a callback that has an outcome", async () => {
    const world = new LambdaWorld();
    let id = "";
    world.deploy("main", async (_event, context) => {
      const [answer, callbackId] = await context.createCallback({ heartbeatTimeout: { minutes: 5 } });
      id = callbackId;
      return answer;
    });
    await world.call("main", {}, 60_000, "r1");
    world.delivery = LOST;
    await world.client.sendCallbackHeartbeat(id);
    expect(world.wakeUps).toEqual([]);
    await world.client.sendCallbackSuccess(id, "one");
    await expect(world.client.sendCallbackSuccess(id, "two")).rejects.toThrow("outcome");
    expect(world.wakeUps).toHaveLength(1);
  });

  it.each([
    ["rejects", () => Promise.reject(new Error("no network"))],
    [
      "throws",
      () => {
        throw new Error("no network");
      },
    ],
  ])("keeps the write when the wake-up %s", async (_name, invoke) => {
    const store = new MemoryStore();
    await store.registerFunctions(["main"]);
    const errors: unknown[] = [];
    const waking = wakingStore(store, { invoke, onError: (error) => errors.push(error) });
    const { created } = await new DurableClient({ store: waking }).start("main");

    expect([created, errors]).toEqual([true, [new Error("no network")]]);
  });

  it("keeps a completion when the execution cannot be looked at afterwards", async () => {
    const world = new LambdaWorld();
    let id = "";
    world.deploy("main", async (_event, context) => {
      const [answer, callbackId] = await context.createCallback();
      id = callbackId;
      return answer;
    });
    await world.call("main", {}, 60_000, "r1");
    const errors: unknown[] = [];
    let isPosted = false;
    const store = storeWith(world.store, {
      post: async (request) => {
        isPosted = true;
        return world.store.post(request);
      },
      head: async (executionId) => {
        if (isPosted) throw new Error("no network");
        return world.store.head(executionId);
      },
    });
    const waking = wakingStore(store, { invoke: world.invoke, onError: (error) => errors.push(error) });
    await new DurableClient({ store: waking, clock: world.clock }).sendCallbackSuccess(id, "one");

    expect([world.wakeUps, errors]).toEqual([[], [new Error("no network")]]);
    await world.wake();
    expect(await world.client.result("main.r1")).toBe("one");
  });

  it("is the store in everything else", async () => {
    const store = new MemoryStore();
    const waking = wakingStore(store, { invoke: async () => {} });
    await waking.registerFunctions(["main"]);

    expect([waking.manifest, await store.hasFunction("main"), waking instanceof MemoryStore]).toEqual([
      store.manifest,
      true,
      true,
    ]);
  });
});

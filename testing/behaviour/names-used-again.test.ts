/**
 * A name that is used again after a purge, while something of its first execution is still on its way: the second one
 * is as if the first had never been (invariants 2, 3, 7 and 8).
 */

import { type ExecutionHead, exactExecutionId } from "@tidemark/protocol";
import { DurableClient, Worker } from "@tidemark/runtime";
import { type DurableContext, type DurableExecutionHandler, withDurableExecution } from "@tidemark/sdk";
import {
  type ExecutionStore,
  MemoryPayloadStore,
  MemoryStore,
  Payloads,
  type StoredPayload,
} from "@tidemark/store";
import { storeWith, VirtualClock } from "@tidemark/testing";
import { defer } from "./rig";

/** Above the inline limit of these tests. */
const LARGE = "large ".repeat(50);

interface Place {
  readonly clock: VirtualClock;
  readonly store: MemoryStore;
  readonly objects: MemoryPayloadStore;
  readonly client: DurableClient;
  /** A process that has `main`, and perhaps `child`. */
  worker(main: DurableExecutionHandler, options?: WorkerSetup): Promise<Worker>;
  settle(): Promise<void>;
}

interface WorkerSetup {
  readonly child?: DurableExecutionHandler;
  /** Stands between the process and its store. */
  readonly around?: (store: ExecutionStore) => ExecutionStore;
}

const opened: { readonly worker: Worker; readonly clock: VirtualClock }[] = [];

afterEach(async () => {
  for (const { worker, clock } of opened.splice(0)) {
    const stopped = worker.stop();
    await clock.advanceTo(clock.nowMs() + 60_000);
    await stopped;
  }
});

function place(): Place {
  const clock = new VirtualClock();
  const objects = new MemoryPayloadStore({ nowMs: () => clock.nowMs() });
  const store = new MemoryStore({ payloads: new Payloads({ store: objects, inlineLimitBytes: 100 }) });
  return {
    clock,
    store,
    objects,
    client: new DurableClient({ store, clock }),
    async worker(main, { child, around = (inner: ExecutionStore): ExecutionStore => inner } = {}) {
      const functions = { main: withDurableExecution(main) };
      const worker = new Worker({
        store: around(store),
        clock,
        functions: child === undefined ? functions : { ...functions, child: withDurableExecution(child) },
        drainMs: 1,
        drainOnSigterm: false,
        onError: () => {},
      });
      await worker.start();
      opened.push({ worker, clock });
      return worker;
    },
    settle: () => clock.advanceTo(clock.nowMs()),
  };
}

/** Stops `main.nightly`, removes it, and starts the name again. */
async function startAgain({ client, settle }: Place): Promise<void> {
  await client.stop("main.nightly");
  await client.purge("main.nightly");
  await client.start("main", { name: "nightly" });
  await settle();
}

describe("a process that stood still while its execution was removed, and the name was used again", () => {
  it("records nothing in the second one, and begins no further step", async () => {
    const here = place();
    const [first, second] = [defer(), defer()];
    const bodies: string[] = [];
    const handler =
      (who: string, gate: Promise<void>) =>
      async (_event: unknown, context: DurableContext): Promise<string[]> => {
        const one = await context.step(async () => {
          bodies.push(`${who} one`);
          await gate;
          return who;
        });
        const two = await context.step(async () => {
          bodies.push(`${who} two`);
          return who;
        });
        return [one, two];
      };
    await here.worker(handler("zombie", first.promise));
    await here.client.start("main", { name: "nightly" });
    await here.settle();
    await here.worker(handler("second", second.promise));
    await startAgain(here);

    first.resolve();
    await here.settle();
    second.resolve();
    await here.settle();

    expect(await here.client.result("main.nightly")).toEqual(["second", "second"]);
    expect(bodies).toEqual(["zombie one", "second one", "second two"]);
  });

  it("neither renews the lease of the second one, nor suspends it, nor ends it", async () => {
    const here = place();
    const { store, clock, client } = here;
    await store.registerFunctions(["main"]);
    const claim = async () => {
      await client.start("main", { name: "nightly" });
      const nowMs = clock.nowMs();
      const lease = { executionId: "main.nightly", owner: "test", nowMs, leaseUntilMs: nowMs + 30_000 };
      return store.acquire(lease);
    };
    const zombie = defer();
    await here.worker(async () => zombie.promise, {
      // It is slow to end, and whoever has the second one has not recorded anything yet.
      around: (inner) => delaying(inner, "finish", zombie.promise),
    });
    await client.start("main", { name: "nightly" });
    await here.settle();
    await client.stop("main.nightly");
    await client.purge("main.nightly");
    await claim();
    const before = await store.head("main.nightly");

    zombie.resolve();
    await clock.advanceTo(clock.nowMs() + 11_000);

    expect(await store.head("main.nightly")).toEqual(before);
  });
});

/** Calls of this method arrive late. */
function delaying(store: ExecutionStore, method: keyof ExecutionStore, until: Promise<void>): ExecutionStore {
  return new Proxy(store, {
    get(target, property) {
      const member: unknown = Reflect.get(target, property, target);
      if (typeof member !== "function") return member;
      if (property !== method) return member.bind(target);
      return (...args: unknown[]) => until.then(() => member.apply(target, args));
    },
  });
}

describe("a callback of an execution that is gone", () => {
  const waits: DurableExecutionHandler = async (_event, context) => {
    const [answer] = await context.createCallback();
    return answer;
  };

  it("is not one of the next execution of the name, even when both began in the same millisecond", async () => {
    const here = place();
    const { client } = here;
    await here.worker(waits);
    await client.start("main", { name: "nightly" });
    await here.settle();
    const callbackId = await callbackIdOf(here);
    await startAgain(here);

    await expect(client.sendCallbackSuccess(callbackId, "late")).rejects.toMatchObject({
      code: "TIDEMARK_CALLBACK_NOT_FOUND",
    });
    expect(await callbackIdOf(here)).not.toBe(callbackId);
  });

  it("is not completed in the next one when its completion arrives late", async () => {
    const here = place();
    await here.worker(waits);
    await here.client.start("main", { name: "nightly" });
    await here.settle();
    const callbackId = await callbackIdOf(here);
    const arrives = defer();
    const slow = new DurableClient({
      store: delaying(here.store, "post", arrives.promise),
      clock: here.clock,
    });
    const late = slow.sendCallbackSuccess(callbackId, "late");
    await startAgain(here);

    arrives.resolve();

    await expect(late).rejects.toMatchObject({ code: "TIDEMARK_CALLBACK_NOT_FOUND" });
    expect((await here.store.load("main.nightly"))?.inbox).toEqual([]);
  });

  async function callbackIdOf({ client }: Place): Promise<string> {
    const events = await client.history("main.nightly");
    const started = events.find(({ EventType }) => EventType === "CallbackStarted");
    return started?.CallbackStartedDetails?.CallbackId as string;
  }
});

describe("an execution that was invoked by one that is gone", () => {
  it("is not taken for one that the next execution of the name invokes", async () => {
    const here = place();
    const { client } = here;
    const gates = [defer(), defer()];
    let runs = 0;
    await here.worker(async (_event, context) => context.invoke("child", {}), {
      child: async (_event, context) => {
        const run = runs++;
        return context.step(async () => {
          await gates[run]?.promise;
          return `run ${run}`;
        });
      },
    });
    await client.start("main", { name: "nightly" });
    await here.settle();
    await startAgain(here);

    gates[0]?.resolve();
    await here.settle();
    expect((await client.describe("main.nightly")).status).toBe("PENDING");
    gates[1]?.resolve();
    await here.settle();

    expect(await client.result("main.nightly")).toBe("run 1");
  });
});

describe("an invocation that stood still while what it invokes ran for another one, ended and was removed", () => {
  it.each([
    ["its caller goes on", false],
    ["its caller is gone, too", true],
  ])("does not start it again: %s", async (_which, isCallerGone) => {
    const here = place();
    const { clock, client, store } = here;
    const thaws = defer();
    const bodies: string[] = [];
    const main: DurableExecutionHandler = async (_event, context) => {
      const result = await context.invoke("child", {});
      await context.wait({ hours: 1 });
      return result;
    };
    const child: DurableExecutionHandler = async (_event, context) =>
      context.step(async () => bodies.push("child"));
    const frozen = await here.worker(main, { around: (inner) => freezing(inner, thaws.promise) });
    await client.start("main", { name: "nightly" });
    await here.settle();
    const { entries = [], head } = (await store.load("main.nightly")) ?? {};
    expect([entries.length, bodies]).toEqual([1, []]);
    await here.worker(main, { child });
    await clock.advanceTo(clock.nowMs() + 60_000);
    expect(bodies).toEqual(["child"]);
    const childId = `${exactExecutionId(head as ExecutionHead)}~1`;
    expect(await client.purge(childId)).toBe(true);
    if (isCallerGone) {
      await client.stop("main.nightly");
      expect(await client.purge("main.nightly")).toBe(true);
    }

    thaws.resolve();
    await clock.advanceTo(clock.nowMs() + 7_200_000);

    expect(bodies).toEqual(["child"]);
    expect(await store.head(childId)).toBeUndefined();
    if (!isCallerGone) expect(await client.result("main.nightly")).toBe(1);
    await frozen.whenIdle();
  });

  /** It has what it has appended, but no answer to that, and renews nothing. */
  function freezing(store: ExecutionStore, until: Promise<void>): ExecutionStore {
    return storeWith(store, {
      append: async (...request) => {
        const answer = await store.append(...request);
        await until;
        return answer;
      },
      renew: async (...request) => {
        await until;
        return store.renew(...request);
      },
    });
  }
});

describe("payloads of an execution that is gone", () => {
  const large: DurableExecutionHandler = async (_event, context) => context.step(async () => LARGE);

  it("are removed without those of the next execution of the name, which has equal ones", async () => {
    const here = place();
    const { client, objects } = here;
    await here.worker(large);
    await client.start("main", { name: "nightly" });
    await here.settle();
    const [listed, goesOn] = [defer(), defer()];
    const list = objects.list.bind(objects);
    // The purge has seen what there is, and takes its time.
    objects.list = async function* (prefix) {
      const found: StoredPayload[] = [];
      for await (const object of list(prefix)) found.push(object);
      listed.resolve();
      await goesOn.promise;
      yield* found;
    };
    const purged = client.purge("main.nightly");
    await listed.promise;
    await client.start("main", { name: "nightly" });
    await here.settle();

    goesOn.resolve();

    expect(await purged).toBe(true);
    expect(await client.result("main.nightly")).toBe(LARGE);
  });

  it("and an input that is the same text is not removed either", async () => {
    const here = place();
    const { client } = here;
    await here.worker(async (event) => event);
    await client.start("main", { name: "nightly", input: LARGE });
    await here.settle();
    await client.purge("main.nightly");
    await client.start("main", { name: "nightly", input: LARGE });
    await here.settle();

    expect(await client.result("main.nightly")).toBe(LARGE);
    expect(await client.start("main", { name: "nightly", input: LARGE })).toMatchObject({ created: false });
  });
});

describe("a client that waits for the result of an execution that is removed", () => {
  it("is told so, and not given the result of the next one", async () => {
    const here = place();
    const gate = defer();
    await here.worker(async (_event, context) => context.step(async () => gate.promise));
    const { client } = here;
    await client.start("main", { name: "nightly" });
    await here.settle();
    const result = client.result("main.nightly");
    const told = expect(result).rejects.toMatchObject({ code: "TIDEMARK_EXECUTION_NOT_FOUND" });
    await here.settle();
    const { store } = here;
    const startedAtMs = here.clock.nowMs();
    const next = { executionId: "main.nightly", incarnation: "next", functionName: "main" };
    // All in one turn: the client looks when it is over.
    const stop = { executionId: "main.nightly", epoch: undefined, status: "FAILED", endedAtMs: 0 } as const;
    await Promise.all([
      store.finish(stop),
      store.purge("main.nightly"),
      store.start({ ...next, startedAtMs, timeoutAtMs: startedAtMs + 60_000, retentionMs: 1000 }),
    ]);
    gate.resolve();
    await here.settle();

    await told;
  });
});

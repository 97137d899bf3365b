/** One call to the store fails, or its answer is lost, or it never comes back: for each call of a whole order, once. */

import { StepSemantics } from "@tidemark/sdk";
import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import { storeWith } from "@tidemark/testing";
import { LambdaWorld } from "../../../testing/lambda/lambda-world";

type Fault = "fails" | "loses its answer" | "hangs";

/** Calls that handlers, waker and client make. */
const METHODS = [
  "acquire",
  "append",
  "due",
  "finish",
  "hasFunction",
  "head",
  "load",
  "post",
  "purgeExpired",
  "registerFunctions",
  "renew",
  "start",
  "suspend",
] as const satisfies readonly (keyof ExecutionStore)[];

/** A store whose call with this number, from 1, meets the fault; counts all of them. */
function faulty(memory: MemoryStore, fault: Fault, number: number) {
  let calls = 0;
  const changes = METHODS.map((method) => {
    const call = memory[method].bind(memory) as (...args: unknown[]) => Promise<unknown>;
    const changed = async (...args: unknown[]): Promise<unknown> => {
      calls += 1;
      if (calls !== number) return call(...args);
      if (fault === "hangs") return new Promise(() => {});
      if (fault === "loses its answer") await call(...args);
      throw new Error(`call ${number}, ${method}, ${fault}`);
    };
    return [method, changed] as const;
  });
  return { store: storeWith(memory, Object.fromEntries(changes)), calls: () => calls };
}

interface Order {
  /** Attempts whose body has run. */
  readonly charged: number[];
  callbackId: string | undefined;
}

/** New sandboxes, in place of those that hang. */
function deploy(world: LambdaWorld, order: Order): void {
  world.deploy("ship", async (event, context) => {
    await context.wait({ seconds: 30 });
    return context.step(async () => `shipped ${event.id}`);
  });
  world.deploy("order", async (event, context) => {
    const charge = async ({ attempt }: { attempt: number }): Promise<void> => {
      order.charged.push(attempt);
    };
    await context.step("charge", charge, {
      semantics: StepSemantics.AtMostOncePerRetry,
      retryStrategy: () => ({ shouldRetry: true, delay: { seconds: 1 } }),
    });
    const answer = context.waitForCallback<string>(async (id) => {
      order.callbackId = id;
    });
    const [approvedBy, shipped] = await Promise.all([answer, context.invoke<object, string>("ship", event)]);
    return { approvedBy, shipped };
  });
}

/** An order with all kinds of wake-ups, as Lambda and people would drive it. Gives the attempts that have charged. */
async function runOrder(store: ExecutionStore): Promise<readonly number[]> {
  const world = new LambdaWorld(store);
  const order: Order = { charged: [], callbackId: undefined };
  let isAnswered = false;
  for (let minute = 0; minute < 9; minute++) {
    deploy(world, order);
    void world.wake().catch(() => {});
    await world.advance(1000);
    // Lambda tries an event again that has failed or timed out, with the id of its request.
    const answer = (): void => {
      isAnswered = true;
    };
    if (!isAnswered) void world.call("order", { id: 7 }, 58_000, "r1").then(answer, () => {});
    await world.advance(29_000);
    const { callbackId } = order;
    if (callbackId !== undefined) void world.client.sendCallbackSuccess(callbackId, "Ada").catch(() => {});
    await world.advance(30_000);
  }
  return order.charged;
}

describe.each<Fault>(["fails", "loses its answer", "hangs"])("when one call to the store %s", (fault) => {
  it("the order ends with its result, and nothing is charged twice in one attempt", async () => {
    const problems: unknown[] = [];
    let number = 0;
    let calls = 0;
    do {
      number += 1;
      const memory = new MemoryStore();
      // The waker has run since the functions were deployed.
      await memory.registerFunctions(["order", "ship"]);
      const injected = faulty(memory, fault, number);
      const charged = await runOrder(injected.store);
      calls = injected.calls();
      const head = await memory.head("order.r1");
      const isRight = head?.result === '{"approvedBy":"Ada","shipped":"shipped 7"}';
      if (!isRight || new Set(charged).size < charged.length) problems.push([number, head, charged]);
    } while (number < calls);

    expect(problems).toEqual([]);
    expect(number).toBeGreaterThan(40);
  }, 60_000);
});

/** The whole way on each store's real engine: callback, wait, chained invoke, a killed sandbox and doubled wake-ups. */

import { type StoreSource, storeSource } from "../../../testing/engines/stores";
import { LambdaWorld, ONCE, TWICE } from "../../../testing/lambda/lambda-world";

describe.each(["memory", "sqlite", "dynamodb"])("on %s", (name) => {
  let source: StoreSource;

  beforeAll(async () => {
    source = await storeSource(name);
  }, 60_000);

  afterAll(() => source.close(), 60_000);

  it.each(Object.entries({ once: ONCE, twice: TWICE }))(
    "runs to the end with wake-ups that are delivered %s",
    async (_name, delivery) => {
      const world = new LambdaWorld(await source.open());
      world.delivery = delivery;
      const bodies: string[] = [];
      let callbackId = "";
      world.deploy("charge", async (event, context) => {
        await context.wait({ seconds: 60 });
        return context.step(async () => {
          bodies.push("charge");
          return event.amount;
        });
      });
      world.deploy("order", async (event, context) => {
        const approval = await context.waitForCallback("approval", async (id) => {
          callbackId = id;
        });
        const charged = await context.invoke<object, number>("charge", event);
        await context.step(async () => {
          bodies.push("ship");
          if (bodies.length === 2) await new Promise(() => {});
        });
        return { approval, charged };
      });
      await world.wake();
      await world.call("order", { amount: 12 }, 60_000, "r1");
      await world.client.sendCallbackSuccess(callbackId, "yes");
      await world.advance(0);
      await world.advance(60_000);
      await world.wake({ functions: ["charge"] });
      world.kill("order.r1");
      await world.advance(61_000);
      await world.wake();

      expect(await world.client.result("order.r1")).toEqual({ approval: "yes", charged: 12 });
      expect(bodies).toEqual(["charge", "ship", "ship"]);
      expect(world.failures).toEqual([]);
      expect(world.errors).toEqual([]);
    },
  );

  it("runs a context with a result over 256 KB again only where there is no payload store", async () => {
    const store = await source.open();
    const world = new LambdaWorld(store);
    const ran: string[] = [];
    world.deploy("order", async (_event, context) => {
      const texts = await context.map(["a", "b"], async (item, name) => {
        ran.push(name);
        const letter = await item.step(async () => name);
        return letter.repeat(300_000);
      });
      await context.wait({ seconds: 60 });
      return texts.getResults().map((text) => [text.length, text.at(-1)]);
    });
    await world.call("order", {}, 60_000, "r2");
    await world.advance(61_000);
    await world.wake();

    expect(await world.client.result("order.r2")).toEqual([
      [300_000, "a"],
      [300_000, "b"],
    ]);
    expect(ran).toEqual(["a", "b", ...(store.payloads === undefined ? ["a", "b"] : [])]);
    expect(world.errors).toEqual([]);
  });
});

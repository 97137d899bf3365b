/** Chained invokes: the other function is started once, and its outcome is delivered once. */

import { createRig } from "./rig";

describe("invoke", () => {
  it("delivers a child's result once, also when the parent was replaced before and after", async () => {
    const rig = await createRig();
    let children = 0;
    rig.deploy("child", async (event, context) => {
      await context.step(async () => {
        children += 1;
      });
      await context.wait({ seconds: 60 });
      return event * 2;
    });
    const id = await rig.begin(async (_event, context) => {
      const doubled = await context.invoke<number, number>("child", 21);
      await context.wait({ seconds: 1 });
      return doubled;
    });
    rig.runtime.crash(id);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 42 });
    expect(children).toBe(1);
    expect((await rig.events(id)).filter((event) => event.startsWith("ChainedInvoke"))).toEqual([
      "ChainedInvokeStarted 1",
      "ChainedInvokeSucceeded 1",
    ]);
  });

  it.each<[string, (input: unknown) => unknown, unknown]>([
    ["a value", (input) => [input], [{ n: 1 }]],
    ["a promise", async (input) => input, { n: 1 }],
    ["nothing", () => undefined, undefined],
  ])("of a plain function that returns %s", async (_name, plain, expected) => {
    const rig = await createRig();
    rig.runtime.register("plain", plain, { durable: false });
    const { live, replayed } = await rig.twice((context) => context.invoke("plain", { n: 1 }));

    expect([live, replayed]).toEqual([expected, expected]);
  });

  it.each<[string, () => unknown, string]>([
    [
      "throws",
      () => {
        throw new TypeError("plain");
      },
      "plain",
    ],
    ["rejects", async () => Promise.reject(new TypeError("plain")), "plain"],
    ["returns what JSON cannot hold", () => 1n, "Do not know how to serialize a BigInt"],
  ])(
    "of a plain function that %s fails with its error, and does not run it again",
    async (_name, plain, message) => {
      const rig = await createRig();
      let runs = 0;
      rig.runtime.register(
        "plain",
        () => {
          runs += 1;
          return plain();
        },
        { durable: false },
      );

      const ending = await rig.run(async (_event, context) =>
        context.invoke("plain", {}).catch((error: Error) => [error.name, error.message]),
      );

      expect(ending.result).toEqual(["InvokeError", message]);
      expect(runs).toBe(1);
    },
  );

  it("of an unknown function fails, and says what to do", async () => {
    const rig = await createRig();
    const ending = await rig.run(async (_event, context) =>
      context.invoke("nobody", {}).catch((error: Error) => [error.name, error.message]),
    );

    expect(ending.result).toEqual([
      "InvokeError",
      expect.stringMatching(/^no worker has registered function "nobody"; register it, or correct the name/),
    ]);
  });

  it("of a child that is stopped fails with what was said", async () => {
    const rig = await createRig();
    rig.deploy("child", async (_event, context) => context.wait({ days: 1 }));
    const id = await rig.begin(async (_event, context) =>
      context.invoke("child", {}).catch((error: Error) => [error.name, error.message]),
    );
    await rig.runtime.client.stop(`${id}~1`, { ErrorMessage: "not needed" });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: ["InvokeError", "not needed"] });
  });
});

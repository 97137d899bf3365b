/** The client: starting, waiting, stopping, resuming and listing, with what can go wrong. */

import { DurableClient } from "@tidemark/runtime";
import { type ExecutionStore, MemoryStore } from "@tidemark/store";
import { createRig } from "./rig";

const code = (expected: string, message: string | RegExp = "") =>
  expect.objectContaining({
    code: expected,
    message: typeof message === "string" ? expect.stringContaining(message) : expect.stringMatching(message),
  });

describe("start", () => {
  it("with a name is idempotent, also when many start it at once", async () => {
    const rig = await createRig();
    let runs = 0;
    rig.deploy("main", async (event, context) => context.step(async () => [++runs, event]));
    await rig.runtime.start("main", "warm up");
    await rig.runtime.settle();
    runs = 0;
    const { client } = rig.runtime;
    const started = await Promise.all(
      Array.from({ length: 5 }, () => client.start("main", { name: "order-1", input: { n: 1 } })),
    );
    await rig.runtime.settle();
    const again = await client.start("main", { name: "order-1", input: { n: 1 } });

    expect(started.map(({ executionId }) => executionId)).toEqual(started.map(() => "main.order-1"));
    expect(started.filter(({ created }) => created)).toHaveLength(1);
    const { executionArn } = await client.describe("main.order-1");
    expect(again).toEqual({ executionId: "main.order-1", executionArn, created: false });
    expect(await client.result("main.order-1")).toEqual([1, { n: 1 }]);
    expect(runs).toBe(1);
  });

  it.each<[string, string, object, string, string]>([
    [
      "an unknown function",
      "nobody",
      {},
      "TIDEMARK_UNKNOWN_FUNCTION",
      'no worker has registered function "nobody"',
    ],
    [
      "the same name with another input",
      "main",
      { name: "taken", input: 2 },
      "TIDEMARK_EXECUTION_EXISTS",
      "was started with another input",
    ],
    ["a name with a space", "main", { name: "a b" }, "TIDEMARK_EXECUTION_NAME", 'name "a b"'],
    ["an empty name", "main", { name: "" }, "TIDEMARK_EXECUTION_NAME", 'name ""'],
    [
      "a name that is too long",
      "main",
      { name: "n".repeat(65) },
      "TIDEMARK_EXECUTION_NAME",
      "1 to 64 of the characters",
    ],
    ["a name that is no text", "main", { name: 5 }, "TIDEMARK_EXECUTION_NAME", "name 5"],
    ["a BigInt", "main", { input: 1n }, "TIDEMARK_INPUT", "pass plain data"],
    ["a timeout of nothing", "main", { timeout: { seconds: 0 } }, "TIDEMARK_DURATION", "timeout is"],
    [
      "a timeout of a fraction",
      "main",
      { timeout: { hours: 0.5 } },
      "TIDEMARK_DURATION",
      "hours must be a whole number",
    ],
    ["a retention that is no duration", "main", { retention: 5 }, "TIDEMARK_DURATION", "retention is 5"],
  ])("refuses %s, and starts nothing", async (_name, functionName, options, expected, message) => {
    const rig = await createRig();
    rig.deploy("main", async () => 1);
    await rig.runtime.start("main", {});
    await rig.runtime.client.start("main", { name: "taken", input: 1 });

    await expect(rig.runtime.client.start(functionName, options)).rejects.toEqual(code(expected, message));
    expect((await rig.runtime.client.list()).executions).toHaveLength(2);
  });
});

describe("result", () => {
  it("is told of the end without looking again", async () => {
    const rig = await createRig();
    let reads = 0;
    const store: ExecutionStore = new Proxy(rig.runtime.store, {
      get(target, property) {
        const member = Reflect.get(target, property, target);
        if (property === "head") reads += 1;
        return typeof member === "function" ? member.bind(target) : member;
      },
    });
    const client = new DurableClient({ store, clock: rig.runtime.clock });
    const id = await rig.begin(async (_event, context) => {
      await context.wait({ hours: 1 });
      return "ended";
    });
    const result = client.result(id);
    await rig.runtime.advance(3_600_000);

    expect(await result).toBe("ended");
    expect(reads).toBeLessThan(5);
  });

  it("rejects with the execution's error, and its causes", async () => {
    const rig = await createRig();
    const id = await rig.begin(async () => {
      throw new TypeError("outer", { cause: new RangeError("inner") });
    });

    await expect(rig.runtime.client.result(id)).rejects.toMatchObject({
      name: "ExecutionFailedError",
      code: "TIDEMARK_EXECUTION_FAILED",
      executionId: id,
      status: "FAILED",
      message: `execution ${id} ended as FAILED: outer`,
      cause: { name: "TypeError", message: "outer", cause: { name: "RangeError", message: "inner" } },
    });
  });

  it("gives up after timeoutMs, and can wait again", async () => {
    const rig = await createRig();
    const id = await rig.begin(async (_event, context) => {
      await context.wait({ seconds: 10 });
      return "ended";
    });
    const impatient = expect(rig.runtime.client.result(id, { timeoutMs: 3000 })).rejects.toEqual(
      code("TIDEMARK_RESULT_TIMEOUT", "is PENDING after 3000 ms (invocation 1); wait again"),
    );
    await rig.runtime.advance(3000);
    await impatient;
    const patient = rig.runtime.client.result(id);
    await rig.runtime.advance(7000);

    expect(await patient).toBe("ended");
  });

  // client.ts `result` subscribes before it reads the head, and does not unsubscribe when that rejects.
  it("leaves no listener behind when the execution does not exist", async () => {
    let listeners = 0;
    const store: ExecutionStore = new Proxy(new MemoryStore(), {
      get(target, property) {
        const member = Reflect.get(target, property, target);
        if (property !== "onChange") return typeof member === "function" ? member.bind(target) : member;
        return () => {
          listeners += 1;
          return () => {
            listeners -= 1;
          };
        };
      },
    });

    await expect(new DurableClient({ store }).result("nobody")).rejects.toEqual(
      code("TIDEMARK_EXECUTION_NOT_FOUND"),
    );
    expect(listeners).toBe(0);
  });
});

describe("stop and resume", () => {
  it("stop where it is, and go on from there without repeating what was recorded", async () => {
    const rig = await createRig();
    const bodies: string[] = [];
    const id = await rig.begin(async (_event, context) => {
      await context.step("before", async () => void bodies.push("before"));
      await context.wait({ seconds: 10 });
      await context.step("after", async () => void bodies.push("after"));
      return "done";
    });
    const { client } = rig.runtime;

    expect(await client.stop(id, { ErrorMessage: "by hand" })).toBe(true);
    expect(await client.stop(id)).toBe(false);
    await rig.runtime.advance(60_000);
    expect(await rig.ending(id)).toEqual({
      status: "STOPPED",
      error: { ErrorType: "TIDEMARK_STOPPED", ErrorMessage: "by hand" },
    });
    expect(await client.resume(id)).toBe(true);
    expect(await client.resume(id)).toBe(false);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "done" });
    expect(bodies).toEqual(["before", "after"]);
  });

  it("stop an execution whose code runs: what the code does afterwards is not recorded", async () => {
    const rig = await createRig();
    let finish = (): void => {};
    const after: string[] = [];
    const id = await rig.begin(async (_event, context) => {
      await context.step(
        () =>
          new Promise<void>((resolve) => {
            finish = resolve;
          }),
      );
      after.push("code after the stop");
    });
    await rig.runtime.client.stop(id);
    finish();
    await rig.runtime.advance(60_000);

    expect((await rig.ending(id)).status).toBe("STOPPED");
    expect(after).toEqual([]);
    expect(rig.errors).toEqual([]);
  });

  it("do nothing to an execution that has ended", async () => {
    const rig = await createRig();
    const id = await rig.begin(async () => "done");

    expect(await rig.runtime.client.stop(id)).toBe(false);
    expect(await rig.runtime.client.resume(id)).toBe(false);
    expect(await rig.ending(id)).toEqual({ status: "SUCCEEDED", result: "done" });
  });

  it.each(["stop", "resume", "describe", "history", "result"] as const)(
    "%s of an unknown execution says so",
    async (method) => {
      const rig = await createRig();

      await expect(rig.runtime.client[method]("nobody")).rejects.toEqual(
        code("TIDEMARK_EXECUTION_NOT_FOUND", "execution nobody does not exist in this store"),
      );
    },
  );

  // `post` refuses the result of a child while its parent is STOPPED, and the child has ended: nobody posts it again
  // when the parent goes on. Session.open would have to look at the heads of open invokes (store/src/head.ts
  // `childOutcome`), or a STOPPED execution has to take inbox events.
  it("do not lose the result of a child that ends in between", async () => {
    const rig = await createRig();
    rig.deploy("slow", async (_event, context) => {
      await context.wait({ seconds: 10 });
      return "child";
    });
    const id = await rig.begin(async (_event, context) => context.invoke("slow", {}));
    await rig.runtime.client.stop(id);
    await rig.runtime.advance(20_000);
    await rig.runtime.client.resume(id);
    await rig.runtime.advance(60_000);

    expect(await rig.ending(id)).toEqual({ status: "SUCCEEDED", result: "child" });
  });
});

describe("list", () => {
  it("pages through everything once, by function and status", async () => {
    const rig = await createRig();
    rig.deploy("main", async (event) => {
      if (event % 2 === 1) throw new Error("odd");
    });
    rig.deploy("other", async () => {});
    await rig.runtime.start("other", {});
    for (let input = 0; input < 10; input++) {
      await rig.runtime.client.start("main", { input });
      await rig.runtime.advance(1);
    }
    await rig.runtime.settle();
    const inputs: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = await rig.runtime.client.list({
        functionName: "main",
        status: "FAILED",
        limit: 2,
        oldestFirst: true,
        ...(cursor === undefined ? {} : { cursor }),
      });
      inputs.push(...page.executions.map(({ input }) => input));
      cursor = page.cursor;
    } while (cursor !== undefined);

    expect(inputs).toEqual([1, 3, 5, 7, 9]);
  });

  it.each([0, -1, 1.5, 1001, "10"])("refuses a limit of %p", async (limit) => {
    const rig = await createRig();

    await expect(rig.runtime.client.list({ limit: limit as number })).rejects.toEqual(
      code("TIDEMARK_LIST_LIMIT"),
    );
  });

  // client.ts `describe` parses every input and result; a chained invoke with a payloadSerdes has any text for an input.
  it("shows executions whose input is not JSON", async () => {
    const rig = await createRig({ maxBarrenInvocations: 2 });
    rig.deploy("child", async (event) => event);
    const payloadSerdes = { serialize: async () => "plain text", deserialize: async () => undefined };
    await rig.run(async (_event, context) => context.invoke("child", {}, { payloadSerdes }).catch(() => {}));

    expect((await rig.runtime.client.list()).executions).toHaveLength(2);
  });
});

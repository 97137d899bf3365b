/** Invocations that fail again and again without recording anything (design section 9). */

import type { DurableLambdaHandler } from "@tidemark/sdk";
import { createTestRuntime } from "../kit/test-runtime";
import { createRig, type Rig } from "./rig";

/** Registers a bare handler, as a platform would invoke it, and starts it. */
async function startBare(rig: Rig, handler: () => unknown): Promise<string> {
  const bare = (_event: unknown, _context: unknown): unknown => handler();
  rig.runtime.register("bare", bare as DurableLambdaHandler);
  return rig.runtime.start("bare", {});
}

describe("an invocation that throws", () => {
  it("is tried again after a second, and goes on where the log ends", async () => {
    const rig = await createRig();
    const startMs = rig.runtime.clock.nowMs();
    let runs = 0;
    const bodies: number[] = [];
    const id = await rig.begin(async (_event, context) => {
      await context.step(async () => void bodies.push(++runs));
      if (runs === 1) {
        runs += 1;
        await context.step(async () => 1, {
          serdes: { serialize: () => Promise.reject(new Error("disk")), deserialize: async () => undefined },
        });
      }
      return "done";
    });
    expect(await rig.ending(id)).toEqual({ status: "PENDING" });

    expect(await rig.end(id)).toMatchObject({ status: "SUCCEEDED" });
    expect(bodies).toEqual([1]);
    expect(rig.runtime.clock.nowMs() - startMs).toBeGreaterThanOrEqual(1000);
  });

  it("backs off between attempts, and runs as often as the limit says", async () => {
    const rig = await createRig({ maxBarrenInvocations: 10 });
    const startMs = rig.runtime.clock.nowMs();
    const atSeconds: number[] = [];
    const id = await startBare(rig, () => {
      atSeconds.push(Math.round((rig.runtime.clock.nowMs() - startMs) / 1000));
      throw new Error("broken deployment");
    });

    const { status, error } = await rig.end(id);

    expect(status).toBe("STOPPED");
    expect(error?.ErrorMessage).toMatch(
      /^10 invocations in a row failed .*\(last: broken deployment\); mend the cause/,
    );
    expect(atSeconds).toHaveLength(10);
    expect(atSeconds.slice(0, 5)).toEqual([0, 1, 3, 7, 15]);
    expect(await rig.invocationErrors(id)).toEqual(Array.from({ length: 10 }, () => "Error"));
  });

  it("runs again when its cause has gone before the limit", async () => {
    const rig = await createRig({ maxBarrenInvocations: 10 });
    let runs = 0;
    const id = await startBare(rig, () => {
      if (++runs < 5) throw new Error("the database is down");
      return { Status: "SUCCEEDED", Result: '"recovered"' };
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "recovered" });
  });

  it("stops the execution in the end, and can be resumed", async () => {
    const rig = await createRig({ maxBarrenInvocations: 4 });
    let isBroken = true;
    const id = await startBare(rig, () => {
      if (isBroken) throw new Error("broken deployment");
      return { Status: "SUCCEEDED", Result: "7" };
    });
    const { status, error } = await rig.end(id);
    expect([status, error?.ErrorType]).toEqual(["STOPPED", "TIDEMARK_BARREN"]);
    expect(error?.ErrorMessage).toContain(`client.resume("${id}")`);
    isBroken = false;

    expect(await rig.runtime.client.resume(id)).toBe(true);

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 7 });
  });
});

describe("a handler that gives no output of an invocation", () => {
  it("with an unknown status: says what to do", async () => {
    const rig = await createRig({ maxBarrenInvocations: 2 });
    const id = await startBare(rig, () => ({ Status: "WHATEVER" }));

    expect((await rig.end(id)).error?.ErrorMessage).toContain(
      "function bare returned no invocation output; wrap it with withDurableExecution, or register it with { durable: false }",
    );
  });

  it.each([
    ["undefined", undefined],
    ["null", null],
    ["a text", "plain result"],
    ["a number", 5],
    ["an object", { total: 3 }],
    ["an array", [1]],
  ])("%s: says what to do", async (_name, output) => {
    const rig = await createRig({ maxBarrenInvocations: 2 });
    const id = await startBare(rig, () => output);

    expect((await rig.end(id)).error?.ErrorMessage).toContain(
      "function bare returned no invocation output; wrap it with withDurableExecution, or register it with { durable: false }",
    );
  });
});

describe("a look that finds nothing new", () => {
  it("after a heartbeat is not taken for a crash", async () => {
    const rig = await createRig();
    const ids: string[] = [];
    const id = await rig.begin(async (_event, context) =>
      context.waitForCallback(async (callbackId) => void ids.push(callbackId), {
        heartbeatTimeout: { seconds: 10 },
      }),
    );
    for (let beat = 0; beat < 4; beat++) {
      await rig.runtime.advance(6000);
      await rig.runtime.client.sendCallbackHeartbeat(ids[0] as string);
    }
    await rig.runtime.client.sendCallbackSuccess(ids[0] as string, "called");

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "called" });
    expect((await rig.invocationErrors(id)).filter((error) => error !== undefined)).toEqual([]);
  });

  it("after the end of a child that nobody waits for is not taken for a crash", async () => {
    const rig = await createRig();
    rig.deploy("slow", async (_event, context) => context.wait({ seconds: 10 }));
    const id = await rig.begin(async (_event, context) => {
      await context.parallel([async (branch) => branch.invoke("slow", {}), async () => "fast"], {
        completionConfig: { minSuccessful: 1 },
      });
      await context.wait({ seconds: 60 });
      return "done";
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: "done" });
    expect((await rig.invocationErrors(id)).filter((error) => error !== undefined)).toEqual([]);
  });
});

describe("an invocation that fails", () => {
  it("is reported, with advice for a handler that is not wrapped", async () => {
    const errors: unknown[] = [];
    const runtime = await createTestRuntime({
      maxBarrenInvocations: 2,
      onError: (error) => errors.push(error),
    });
    const work = (context: { step(): unknown }): unknown => context.step();
    // What it does with its context is elsewhere, so that nobody can tell before it runs.
    runtime.register("raw", (async (_event: unknown, context: never) => work(context)) as never);
    const id = await runtime.start("raw", undefined);
    await runtime.settle();

    expect(errors[0]).toMatchObject({
      code: "TIDEMARK_INVOCATION_FAILED",
      message: expect.stringMatching(
        new RegExp(
          `function raw, execution ${id}: .*TypeError: .*is it wrapped with withDurableExecution\\?`,
        ),
      ),
      cause: expect.any(TypeError),
    });
    await runtime.close();
  });
});

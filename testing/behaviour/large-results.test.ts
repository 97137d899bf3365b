/** Results over 256 KB, which are rebuilt: nothing hangs, and code sees what it saw live. */

import { type BatchResult, NestingType } from "@tidemark/sdk";
import { createRig, defer } from "./rig";

const LARGE = "x".repeat(200_000);
const HUGE = "h".repeat(300_000);

function short(batch: BatchResult<string>): unknown {
  return {
    items: batch.all.map(({ index, status, result }) => [index, status, result?.length]),
    reason: batch.completionReason,
    status: batch.status,
    counts: [batch.totalCount, batch.successCount, batch.failureCount, batch.startedCount],
  };
}

describe.each([NestingType.NESTED, NestingType.FLAT])("a %s map over 256 KB", (nesting) => {
  it("with an item in flight between completed ones: replays the same, with the custom summary", async () => {
    const rig = await createRig();
    const never = new Promise<string>(() => {});
    const seen: unknown[] = [];
    const id = await rig.begin(async (_event, context) => {
      const batch = await context.map(
        "large",
        ["a", "stuck", "c"],
        async (item, name) => item.step(name, () => (name === "stuck" ? never : Promise.resolve(LARGE))),
        {
          nesting,
          completionConfig: { minSuccessful: 2 },
          summaryGenerator: (result) => `${result.successCount} large results`,
        },
      );
      seen.push(short(batch));
      await context.wait("later", { seconds: 5 });
      return batch.getResults().map((text) => text.length);
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: [200_000, 200_000] });
    const expected = {
      items: [
        [0, "SUCCEEDED", 200_000],
        [1, "STARTED", undefined],
        [2, "SUCCEEDED", 200_000],
      ],
      reason: "MIN_SUCCESSFUL_REACHED",
      status: "SUCCEEDED",
      counts: [3, 2, 0, 1],
    };
    expect(seen).toEqual([expected, expected]);
    const [batch] = await rig.operations(id);
    expect(batch?.ContextDetails?.ReplayChildren).toBe(true);
    expect(JSON.parse(batch?.ContextDetails?.Result as string)).toEqual({
      type: "MapResult",
      totalCount: 3,
      successCount: 2,
      failureCount: 0,
      startedCount: 1,
      completionReason: "MIN_SUCCESSFUL_REACHED",
      status: "SUCCEEDED",
      itemStatuses: "S-S",
      summary: "2 large results",
    });
  });

  it("with failed items: the errors are rebuilt too", async () => {
    const rig = await createRig();
    const { live, replayed } = await rig.twice(async (context) => {
      const batch = await context.map(
        [1, 2, 3],
        async (item, number) => {
          if (number === 2) throw new RangeError("the second");
          return item.step(async () => LARGE);
        },
        { nesting, completionConfig: { toleratedFailureCount: 1 } },
      );
      return [short(batch), batch.getErrors().map((error) => [error.name, error.message])];
    });

    expect(live).toMatchObject([
      { reason: "ALL_COMPLETED", status: "FAILED", counts: [3, 2, 1, 0] },
      [["ChildContextError", "the second"]],
    ]);
    expect(replayed).toEqual(live);
  });

  it("that ends while items wait: nothing of them is recorded afterwards", async () => {
    const rig = await createRig();
    const id = await rig.begin(async (_event, context) => {
      const batch = await context.map(
        [0, 20],
        async (item, seconds) => {
          if (seconds > 0) await item.wait("long", { seconds });
          return item.step("body", async () => HUGE);
        },
        { nesting, completionConfig: { minSuccessful: 1 } },
      );
      await context.wait("much later", { seconds: 60 });
      return batch.getResults().length;
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 1 });
    expect((await rig.events(id)).filter((event) => event.includes("long"))).toHaveLength(1);
  });

  it("inside a child context over 256 KB", async () => {
    const rig = await createRig();
    const { live, replayed } = await rig.twice(async (context) => {
      const results = await context.runInChildContext("outer", async (outer) => {
        const batch = await outer.map([1, 2], async (item) => item.step(async () => LARGE), { nesting });
        return batch.getResults();
      });
      return results.map((text) => text.length);
    });

    expect(live).toEqual([200_000, 200_000]);
    expect(replayed).toEqual(live);
  });
});

describe("a child context over 256 KB", () => {
  it("runs its code again over its recorded steps, whose bodies do not run again", async () => {
    const rig = await createRig();
    let bodies = 0;
    let runs = 0;
    const id = await rig.begin(async (_event, context) => {
      const result = await context.runInChildContext(
        "large",
        async (child) => {
          runs += 1;
          return child.step("make", async () => {
            bodies += 1;
            return HUGE;
          });
        },
        { summaryGenerator: (text) => `${text.length} characters` },
      );
      await context.wait("later", { seconds: 1 });
      return result.length;
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 300_000 });
    expect([bodies, runs]).toEqual([1, 2]);
    const [context] = await rig.operations(id);
    expect(context?.ContextDetails).toEqual({ ReplayChildren: true, Result: "300000 characters" });
  });

  it("counts UTF-8 bytes, not characters", async () => {
    const rig = await createRig();
    const id = await rig.begin(async (_event, context) => {
      await context.runInChildContext("just fits", async () => "x".repeat(256 * 1024 - 2));
      await context.runInChildContext("one more", async () => "x".repeat(256 * 1024 - 1));
      await context.runInChildContext("wide", async () => "€".repeat(100_000));
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
    const operations = await rig.operations(id);
    expect(operations.map(({ ContextDetails }) => ContextDetails?.ReplayChildren === true)).toEqual([
      false,
      true,
      true,
    ]);
  });

  it("that is under way in a rebuilt context stays parked", async () => {
    const rig = await createRig();
    const gate = defer<string>();
    let late = 0;
    const id = await rig.begin(async (_event, context) => {
      const result = await context.runInChildContext("outer", async (outer) => {
        outer
          .runInChildContext("left behind", (inner) => inner.step("slow", () => gate.promise))
          .then(() => {
            late += 1;
          });
        return outer.step("fast", async () => HUGE);
      });
      await context.wait("later", { seconds: 1 });
      return result.length;
    });
    gate.resolve("late");

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 300_000 });
    expect(late).toBe(0);
  });
});

describe("a map whose items are over 256 KB each", () => {
  // batch.ts `#measured` counts the payloads that are read whole; an item that is rebuilt has none.
  it("has the custom summary in its record", async () => {
    const rig = await createRig();
    const id = await rig.begin(async (_event, context) => {
      await context.map([1, 2], async () => HUGE, { summaryGenerator: () => "two huge texts" });
    });

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
    const [batch] = await rig.operations(id);
    expect(JSON.parse(batch?.ContextDetails?.Result as string)).toMatchObject({ summary: "two huge texts" });
  });
});

describe("a payload over 256 KB", () => {
  it.each<[string, (payload: string) => unknown]>([
    ["text", (payload) => JSON.parse(payload) as unknown],
    ["parsed by a deserializer", (payload) => (JSON.parse(payload) as { text: string }).text],
  ])("of a step, an input, an invoke and the handler's result is kept: %s", async (_name, read) => {
    const rig = await createRig();
    rig.deploy("echo", async (event) => event);
    const input = _name === "text" ? HUGE : { text: HUGE };
    const ending = await rig.run(async (event, context) => {
      const stepped = await context.step(async () => event);
      const invoked = await context.invoke("call", "echo", stepped);
      return JSON.stringify(invoked);
    }, input);

    expect(ending.status).toBe("SUCCEEDED");
    expect(read(ending.result as string)).toBe(HUGE);
  });

  // The context of waitForCallback is rebuilt from the raw text of the callback; its serdes is not applied:
  // wait-for-callback.ts `handOverAndWait` gives text, and child.ts `#whenRebuilt` takes what the code returned.
  it("of waitForCallback is read by its deserializer, live and replayed", async () => {
    const rig = await createRig();
    const ids: string[] = [];
    const seen: unknown[] = [];
    const id = await rig.begin(async (_event, context) => {
      const value = await context.waitForCallback<{ text: string }>(
        async (callbackId) => void ids.push(callbackId),
        {
          serdes: { deserialize: async (text) => JSON.parse(text as string) },
        },
      );
      seen.push(typeof value);
      await context.wait({ seconds: 1 });
    });
    await rig.runtime.client.sendCallbackSuccess(ids[0] as string, JSON.stringify({ text: HUGE }));

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED" });
    expect(seen).toEqual(["object", "object"]);
  });
});

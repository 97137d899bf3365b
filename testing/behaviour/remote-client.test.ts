/** A backend that is reached by the two calls alone, as AWS's managed service: batches, pages, faults. */

import type { CheckpointDurableExecutionRequest } from "@tidemark/protocol";
import { type DurableContext, NestingType, retryPresets } from "@tidemark/sdk";
import { overRemoteClient } from "./remote";
import { createRig } from "./rig";

describe("checkpoints of many updates", () => {
  async function requestsOf(branches: number, payload: string): Promise<CheckpointDurableExecutionRequest[]> {
    const requests: CheckpointDurableExecutionRequest[] = [];
    const rig = await createRig({
      around: overRemoteClient({ onCheckpoint: (request) => requests.push(request) }),
    });
    const ending = await rig.run(async (_event, context) => {
      const batch = await context.map(
        Array.from({ length: branches }, (_, index) => index),
        async (item) => item.step(async () => payload),
      );
      return batch.successCount;
    });
    expect(ending).toEqual({ status: "SUCCEEDED", result: branches });
    return requests;
  }

  it("have at most 250 updates each, parents before children, each id once or as a start with an end", async () => {
    const requests = await requestsOf(300, "small");

    const sizes = requests.map(({ Updates }) => Updates?.length ?? 0);
    expect(Math.max(...sizes)).toBe(250);
    expect(sizes.reduce((sum, size) => sum + size)).toBe(4 * 300 + 2);
    const started = new Set<string>();
    for (const { Updates = [] } of requests) {
      const actions = new Map<string, string[]>();
      for (const { Id = "", ParentId, Action = "" } of Updates) {
        if (ParentId !== undefined) expect(started).toContain(ParentId);
        started.add(Id);
        actions.set(Id, [...(actions.get(Id) ?? []), Action]);
      }
      for (const [id, of] of actions)
        expect([id, ["START", "SUCCEED", "START SUCCEED"]]).toEqual([
          id,
          expect.arrayContaining([of.join(" ")]),
        ]);
    }
  });

  it("have at most 750 KB each", async () => {
    const requests = await requestsOf(10, "x".repeat(200_000));

    const bytes = requests.map(({ Updates }) => Buffer.byteLength(JSON.stringify(Updates)));
    expect(Math.max(...bytes)).toBeLessThanOrEqual(750 * 1024);
    expect(bytes.filter((size) => size > 300_000).length).toBeGreaterThanOrEqual(4);
  });

  it("send a single update that is larger, alone", async () => {
    const requests: CheckpointDurableExecutionRequest[] = [];
    const rig = await createRig({
      around: overRemoteClient({ onCheckpoint: (request) => requests.push(request) }),
    });

    const ending = await rig.run(
      async (_event, context) => (await context.step("large", async () => "x".repeat(1_000_000))).length,
    );

    expect(ending).toEqual({ status: "SUCCEEDED", result: 1_000_000 });
    expect(requests.map(({ Updates }) => Updates?.map(({ Id, Action }) => `${Id} ${Action}`))).toEqual([
      ["c4ca4238a0b92382 START"],
      ["c4ca4238a0b92382 SUCCEED"],
    ]);
  });

  it("carry no field that the API does not have", async () => {
    const requests: CheckpointDurableExecutionRequest[] = [];
    const rig = await createRig({
      around: overRemoteClient({ onCheckpoint: (request) => requests.push(request) }),
    });

    await rig.run(async (_event, context) =>
      context
        .step(
          async () => {
            throw new Error("outer", { cause: new Error("inner") });
          },
          { retryStrategy: retryPresets.noRetry },
        )
        .catch(() => {}),
    );

    const updates = requests.flatMap(({ Updates = [] }) => Updates);
    expect(updates).toEqual([
      { Id: "c4ca4238a0b92382", Type: "STEP", SubType: "Step", Action: "START" },
      {
        Id: "c4ca4238a0b92382",
        Type: "STEP",
        SubType: "Step",
        Action: "FAIL",
        Error: { ErrorType: "Error", ErrorMessage: "outer" },
      },
    ]);
  });

  it("have ids that the API takes, however deep their operations are", async () => {
    const ids: (string | undefined)[] = [];
    const rig = await createRig({
      around: overRemoteClient({
        onCheckpoint: ({ Updates = [] }) => ids.push(...Updates.map(({ Id }) => Id)),
      }),
    });
    const nested = async (context: DurableContext, depth: number): Promise<number> =>
      depth === 0
        ? context.step(async () => 1)
        : context.runInChildContext(async (inner) => nested(inner, depth - 1));

    const ending = await rig.run(async (_event, context) => nested(context, 40));

    expect(ending).toEqual({ status: "SUCCEEDED", result: 1 });
    expect(new Set(ids).size).toBe(41);
    expect(ids.filter((id) => !/^[0-9a-f]{16}$/.test(id ?? ""))).toEqual([]);
  });

  it("use each token once, the newest", async () => {
    const tokens: (string | undefined)[] = [];
    const rig = await createRig({
      around: overRemoteClient({ onCheckpoint: ({ CheckpointToken }) => tokens.push(CheckpointToken) }),
    });

    await rig.run(async (_event, context) => {
      for (let step = 0; step < 3; step++) await context.step(async () => step);
      await context.wait({ seconds: 1 });
    });

    expect(new Set(tokens).size).toBe(tokens.length);
  });
});

describe("states of many pages", () => {
  it.each([
    ["only the EXECUTION on the first page", 1, 1000],
    ["one operation a page", 1, 1],
    ["a few on each", 3, 2],
  ])(
    "%s: the replay is right, and repeats neither bodies nor log lines",
    async (_name, firstPage, pageSize) => {
      const rig = await createRig({ around: overRemoteClient({ firstPage, pageSize }) });
      const bodies: number[] = [];
      const lines: string[] = [];
      const customLogger = { ...console, info: (line: string) => void lines.push(line) };
      const input = { text: "i".repeat(5_900_000) };

      const ending = await rig.run(async (event, context) => {
        context.configureLogger({ customLogger });
        context.logger.info("begins");
        const results: number[] = [];
        for (let step = 0; step < 7; step++) {
          results.push(
            await context.step(`step ${step}`, async () => {
              bodies.push(step);
              return step;
            }),
          );
        }
        await context.wait({ seconds: 1 });
        context.logger.info("ends");
        return [event.text.length, ...results];
      }, input);

      expect(ending).toEqual({ status: "SUCCEEDED", result: [5_900_000, 0, 1, 2, 3, 4, 5, 6] });
      expect(bodies).toEqual([0, 1, 2, 3, 4, 5, 6]);
      expect(lines).toEqual(["begins", "ends"]);
    },
  );
});

describe("every kind of operation", () => {
  it("has the same result over a remote client as in process", async () => {
    const results: unknown[] = [];
    for (const around of [undefined, overRemoteClient()]) {
      const rig = await createRig(around === undefined ? {} : { around });
      const ids: string[] = [];
      rig.deploy("double", async (event) => event * 2);
      const id = await rig.begin(async (_event, context) => {
        const stepped = await context.step("step", async () => 1);
        const child = await context.runInChildContext("child", async (inner) => inner.step(async () => 2));
        const nested = await context.map([1, 2], async (item, n) => item.step(async () => n));
        const flat = await context.map([3, 4], async (item, n) => item.step(async () => n), {
          nesting: NestingType.FLAT,
        });
        const invoked = await context.invoke<number, number>("double", 21);
        const retried = await context.step(
          async ({ attempt }) => {
            if (attempt < 2) throw new Error("again");
            return attempt;
          },
          { retryStrategy: retryPresets.linear },
        );
        const polled = await context.waitForCondition(async (n: number) => n + 1, {
          initialState: 0,
          waitStrategy: (n) =>
            n < 3 ? { shouldContinue: true, delay: { seconds: 1 } } : { shouldContinue: false },
        });
        const race = await context.promise.race([context.step(async () => "won")]);
        const called = await context.waitForCallback(async (callbackId) => void ids.push(callbackId));
        return [
          stepped,
          child,
          nested.getResults(),
          flat.getResults(),
          invoked,
          retried,
          polled,
          race,
          called,
        ];
      });
      await rig.runtime.advance(30_000);
      await rig.runtime.client.sendCallbackSuccess(ids[0] as string, "called");
      results.push(await rig.end(id));
    }

    expect(results[0]).toEqual({
      status: "SUCCEEDED",
      result: [1, 2, [1, 2], [3, 4], 42, 2, 3, "won", "called"],
    });
    expect(results[1]).toEqual(results[0]);
  });
});

describe("operations that ended in the same millisecond", () => {
  beforeEach(() => jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask"] }));
  afterEach(() => jest.useRealTimers());

  // deliveries.ts `byOrder` puts what lies deeper first, also when it is no descendant: the replay waits for an
  // operation that the code asks for only after the one that is held back, and after 10 s the execution FAILS.
  it("are replayed as far as the code has asked for them", async () => {
    const rig = await createRig({ around: overRemoteClient({ hasDistinctTimes: false }) });
    const id = await rig.begin(async (_event, context) => {
      await context.step("first", async () => 1);
      return context.runInChildContext("child", async (child) => {
        await child.step("inner", async () => 2);
        await child.wait({ seconds: 5 });
        return "done";
      });
    });
    await rig.runtime.advance(5000);

    expect(await rig.ending(id)).toEqual({ status: "SUCCEEDED", result: "done" });
  });
});

describe("a handler's result over 6 MB", () => {
  const LARGE = "x".repeat(7 * 1024 * 1024);

  it("goes into the log when nothing was recorded before", async () => {
    const rig = await createRig({ around: overRemoteClient() });

    expect(await rig.run(async () => LARGE)).toEqual({ status: "SUCCEEDED", result: LARGE });
  });

  // with-durable-execution.ts `#recordResult` sends the token of the invocation's event, which is stale after the
  // first checkpoint; the refusal fails the execution.
  it("goes into the log with the newest token", async () => {
    const rig = await createRig({ around: overRemoteClient() });

    const ending = await rig.run(async (_event, context) => {
      await context.step(async () => 1);
      return LARGE;
    });

    expect(ending.status).toBe("SUCCEEDED");
    expect(ending.result === LARGE).toBe(true);
  });

  // with-durable-execution.ts `#succeeded` catches faults of the client together with those of JSON.
  it("that cannot be recorded now is for the next invocation", async () => {
    let faults = 1;
    const onCheckpoint = (): void => {
      if (faults-- > 0) throw Object.assign(new Error("throttled"), { $metadata: { httpStatusCode: 503 } });
    };
    const rig = await createRig({ around: overRemoteClient({ onCheckpoint }) });

    const ending = await rig.run(async () => LARGE);

    expect(ending.status).toBe("SUCCEEDED");
  });
});

describe("a checkpoint that the backend refuses", () => {
  const fault = (status: number, message = "refused", name = "ServiceException") =>
    Object.assign(new Error(message), { name, $metadata: { httpStatusCode: status } });

  it.each([
    ["429", fault(429)],
    ["500", fault(500)],
    ["503", fault(503)],
    ["400 for the token", fault(400, "Invalid checkpoint token")],
    ["400 for the token, as AWS's SDKs spell it", fault(400, "Invalid Checkpoint Token: stale")],
    ["an error of the network", new Error("ECONNRESET")],
  ])("%s: the invocation is tried again", async (_name, error) => {
    let faults = 1;
    const onCheckpoint = (): void => {
      if (faults-- > 0) throw error;
    };
    const rig = await createRig({ around: overRemoteClient({ onCheckpoint }) });
    let bodies = 0;
    const id = await rig.begin(async (_event, context) => context.step(async () => ++bodies));

    expect(await rig.end(id)).toEqual({ status: "SUCCEEDED", result: 2 });
    expect(await rig.invocationErrors(id)).toEqual([error.name, undefined]);
  });

  it.each([
    ["400", fault(400)],
    ["403", fault(403)],
    ["404", fault(404)],
    ["a key of the customer's that cannot be used", fault(502, "refused", "KMSDisabledException")],
  ])("%s: the execution fails", async (_name, error) => {
    const rig = await createRig({
      around: overRemoteClient({
        onCheckpoint: () => {
          throw error;
        },
      }),
    });

    expect(await rig.run(async (_event, context) => context.step(async () => 1))).toEqual({
      status: "FAILED",
      error: { ErrorType: error.name, ErrorMessage: "refused" },
    });
  });
});

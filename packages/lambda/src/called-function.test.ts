/** Calls of Lambda functions that know nothing of executions, through crashes and refusals, on virtual time. */

import { executionIdOf, TidemarkError } from "@tidemark/protocol";
import type { DurableLambdaHandler } from "@tidemark/sdk";
import { LambdaWorld } from "../../../testing/lambda/lambda-world";
import { type Call, calledDurableFunction, calledFunction, type RemoteExecution } from "./called-function";

const CALL = expect.stringMatching(/^main\.r1!\w+~1$/);

/** A world in which `main` invokes `charge`, and tells what it got. */
function worldWith(charge: DurableLambdaHandler): LambdaWorld {
  const world = new LambdaWorld();
  world.deploy(
    "main",
    async (event, context) => {
      try {
        return { charged: await context.invoke<unknown, unknown>("charge", event) };
      } catch (error) {
        const { name, cause } = error as Error & { cause: Error & { code?: string } };
        return { name, cause: cause.code ?? cause.name, message: cause.message };
      }
    },
    { functions: { charge } },
  );
  return world;
}

/** Runs it, with the waker, for so long. */
async function outcomeAfter(world: LambdaWorld, minutes: number): Promise<unknown> {
  await world.call("main", { amount: 12 }, 60_000, "r1");
  for (let minute = 0; minute < minutes; minute++) {
    await world.advance(60_000);
    await world.wake({
      functions: ["main", "charge"],
      invoke: ({ executionId }) => world.invoke({ functionName: "main", executionId }),
    });
  }
  expect(world.failures).toEqual([]);
  const { status, result } = await world.client.describe("main.r1");
  return status === "SUCCEEDED" ? result : status;
}

const refused = (code: string) => new TidemarkError(code, "because");

describe("a plain function", () => {
  it("gets the input, and its response is the result; its execution runs in the caller's Lambda function", async () => {
    const calls: [payload: string, executionId: string][] = [];
    const call: Call = async (payload, executionId) => {
      calls.push([payload, executionIdOf(executionId)]);
      return { kind: "returned", payload: '{"receipt":7}' };
    };
    const world = worldWith(calledFunction(call, {}));

    await outcomeAfter(world, 0);
    // If it has suspended, it goes on without the waker.
    await world.advance(0);
    expect(await world.client.result("main.r1")).toEqual({ charged: { receipt: 7 } });
    expect(calls).toEqual([['{"amount":12}', CALL]]);
    expect(new Set(world.wakeUps.map(({ functionName }) => functionName))).toEqual(new Set(["main"]));
    expect((await world.client.describe(calls[0]?.[1] ?? "")).functionName).toBe("charge");
  });

  it.each([
    ["", undefined],
    ["not JSON", "not JSON"],
  ])("may respond %j", async (payload, charged) => {
    const world = worldWith(calledFunction(async () => ({ kind: "returned", payload }), {}));

    expect(await outcomeAfter(world, 1)).toEqual(charged === undefined ? {} : { charged });
  });

  it("fails with its own error, and is not called again", async () => {
    let calls = 0;
    const call: Call = async () => {
      calls += 1;
      return { kind: "failed", errorType: "ValueError", errorMessage: "too much" };
    };

    expect(await outcomeAfter(worldWith(calledFunction(call, {})), 2)).toEqual({
      name: "InvokeError",
      cause: "ValueError",
      message: "too much",
    });
    expect(calls).toBe(1);
  });

  it.each(["TIDEMARK_LAMBDA_THROTTLED", "TIDEMARK_LAMBDA_ACCESS", "TIDEMARK_LAMBDA_FUNCTION"])(
    "that Lambda refuses with %s is called when that is mended",
    async (code) => {
      let isMended = false;
      const world = worldWith(
        calledFunction(async () => {
          if (!isMended) throw refused(code);
          return { kind: "returned", payload: "1" };
        }, {}),
      );

      expect(await outcomeAfter(world, 60)).toBe("PENDING");
      isMended = true;
      expect(await outcomeAfter(world, 10)).toEqual({ charged: 1 });
    },
  );

  it("that Lambda refuses for good fails at once", async () => {
    const call = async () => Promise.reject(refused("TIDEMARK_LAMBDA_PAYLOAD"));

    expect(await outcomeAfter(worldWith(calledFunction(call, { isIdempotent: true })), 1)).toMatchObject({
      cause: "TIDEMARK_LAMBDA_PAYLOAD",
    });
  });

  it.each([
    [false, { name: "InvokeError", cause: "TIDEMARK_LAMBDA_OUTCOME", message: "because" }, 1],
    [true, { charged: 2 }, 2],
  ])(
    "whose answer was lost is called again only if it is idempotent: %s",
    async (isIdempotent, outcome, count) => {
      let calls = 0;
      const call: Call = async () => {
        calls += 1;
        if (calls === 1) throw refused("TIDEMARK_LAMBDA_OUTCOME");
        return { kind: "returned", payload: String(calls) };
      };

      expect(await outcomeAfter(worldWith(calledFunction(call, { isIdempotent })), 2)).toEqual(outcome);
      expect(calls).toBe(count);
    },
  );

  it.each([
    [false, { name: "InvokeError", cause: "TIDEMARK_STEP_INTERRUPTED", message: expect.any(String) }, 1],
    [true, { charged: 2 }, 2],
  ])(
    "whose caller died before the outcome was recorded is called again only if it is idempotent: %s",
    async (isIdempotent, outcome, count) => {
      let calls = 0;
      const world = worldWith(
        calledFunction(
          async (_payload, executionId) => {
            calls += 1;
            if (calls === 1) {
              // Long enough for an at-least-once START to be sent on its own.
              await new Promise<void>((resolve) => world.clock.setTimer(resolve, 2000));
              world.kill(executionIdOf(executionId));
            }
            return { kind: "returned", payload: String(calls) };
          },
          { isIdempotent },
        ),
      );

      expect(await outcomeAfter(world, 4)).toEqual(outcome);
      expect(calls).toBe(count);
    },
  );
});

describe("an AWS durable function", () => {
  const running: RemoteExecution = { status: "RUNNING" };

  it("is started under one name, also when its caller died, and looked at until it has ended", async () => {
    const started: unknown[] = [];
    const looks: RemoteExecution[] = [running, running, { status: "SUCCEEDED", result: '"done"' }];
    const world = worldWith(
      calledDurableFunction({
        async start(payload, executionId) {
          started.push([payload, executionId]);
          if (started.length === 1) world.kill(executionIdOf(executionId));
          return "arn:aws:lambda:one";
        },
        look: async (arn) => (arn === "arn:aws:lambda:one" ? looks.shift() : undefined) as RemoteExecution,
      }),
    );

    expect(await outcomeAfter(world, 5)).toEqual({ charged: "done" });
    expect([started.length, started[1], looks]).toEqual([2, started[0], []]);
  });

  it.each([
    [
      { status: "FAILED", error: { errorType: "RangeError", errorMessage: "too much" } },
      { name: "InvokeError", cause: "RangeError", message: "too much" },
    ],
    [
      { status: "STOPPED" },
      {
        name: "InvokeError",
        cause: "Lambda.STOPPED",
        message: "AWS durable execution arn:aws:lambda:one ended as STOPPED",
      },
    ],
  ] as const)("that ended as %j fails the invoke", async (end, outcome) => {
    const remote = { start: async () => "arn:aws:lambda:one", look: async () => end };

    expect(await outcomeAfter(worldWith(calledDurableFunction(remote)), 1)).toEqual(outcome);
  });

  it("that cannot be looked at goes on, and is looked at again", async () => {
    let looks = 0;
    const world = worldWith(
      calledDurableFunction({
        start: async () => "arn:aws:lambda:one",
        look: async () => {
          looks += 1;
          if (looks < 3) throw new Error("not allowed");
          return { status: "SUCCEEDED" };
        },
      }),
    );
    const log = jest.spyOn(process.stderr, "write").mockImplementation(() => true);

    expect(await outcomeAfter(world, 4)).toEqual({});
    expect(log.mock.calls.map(([line]) => String(line))).toEqual([
      expect.stringContaining("arn:aws:lambda:one cannot be looked at: not allowed"),
      expect.stringContaining("arn:aws:lambda:one cannot be looked at: not allowed"),
    ]);
    log.mockRestore();
  });
});

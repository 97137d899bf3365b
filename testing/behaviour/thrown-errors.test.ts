/** Where the stack of an error can be seen: in the log of the process, in the result of a test run, and in no record. */

import type { ThrownError } from "@tidemark/protocol";
import { DurableClient, Worker, type WorkerOptions } from "@tidemark/runtime";
import { type DurableContext, NestingType, type RetryDecision, withDurableExecution } from "@tidemark/sdk";
import { MemoryStore } from "@tidemark/store";
import { LocalDurableTestRunner, VirtualClock } from "@tidemark/testing";
import { overRemoteClient } from "./remote";
import { createRig } from "./rig";

interface Line {
  readonly text: string;
  /** The function at the top of the stack. */
  readonly thrownBy: string | undefined;
  readonly operation: string | undefined;
  readonly attempt: number | undefined;
}

/** What is written to stderr during a test. */
let written: string[];

beforeEach(() => {
  written = [];
  jest.spyOn(process.stderr, "write").mockImplementation((chunk) => {
    written.push(String(chunk));
    return true;
  });
});

afterEach(() => {
  jest.restoreAllMocks();
});

/** The lines of the default logger. */
function lines(): Line[] {
  return written.map((line) => {
    const { level, message, stackTrace, operationName, attempt } = JSON.parse(line);
    const thrownBy = / at (?:async )?(\w+) \(.*thrown-errors\.test\.ts/.exec(stackTrace.join("\n"))?.[1];
    return { text: `${level} ${message}`, thrownBy, operation: operationName, attempt };
  });
}

function chargeCard(): never {
  throw new RangeError("no card");
}

const once = { retryStrategy: (): RetryDecision => ({ shouldRetry: false }) };
const thrice = {
  retryStrategy: (_error: Error, attempt: number): RetryDecision => ({
    shouldRetry: attempt < 3,
    delay: { seconds: 0 },
  }),
};

/** Runs a handler in a worker, and gives what was logged and what was recorded. */
async function run(
  operate: (context: DurableContext) => Promise<unknown>,
  options: Partial<WorkerOptions> = {},
): Promise<{ status: string; records: string }> {
  const store = new MemoryStore();
  const handler = withDurableExecution((_event: unknown, context) => operate(context));
  const clock = new VirtualClock();
  const worker = new Worker({
    store,
    clock,
    drainOnSigterm: false,
    ...options,
    functions: { ...options.functions, handler },
  });
  await worker.start();
  const client = new DurableClient({ store, clock });
  const { executionId } = await client.start("handler");
  await clock.advanceTo(clock.nowMs() + 2_000);
  await worker.stop();
  const { status } = await client.describe(executionId);
  const records = JSON.stringify([
    await client.exportHistory(executionId),
    await client.history(executionId),
  ]);
  return { status, records };
}

describe("what a handler throws is logged with its stack", () => {
  it("by the handler itself, as an error", async () => {
    const { status, records } = await run(async () => chargeCard());

    expect(lines()).toEqual([
      {
        text: "ERROR the execution failed: RangeError: no card",
        thrownBy: "chargeCard",
        operation: undefined,
        attempt: undefined,
      },
    ]);
    expect(status).toBe("FAILED");
    expect(records).toContain("no card");
    expect(records).not.toMatch(/chargeCard|StackTrace|test\.ts/);
  });

  it("by a step, as a warning for each attempt; the error of the execution has the stack of the last", async () => {
    const { records } = await run((context) =>
      context.runInChildContext("payment", (child) => child.step("charge", async () => chargeCard(), thrice)),
    );

    const attempt = { thrownBy: "chargeCard", operation: "charge" };
    expect(lines()).toEqual([
      {
        text: 'WARN Step "charge" failed in attempt 1 and is tried again in 0 s: RangeError: no card',
        ...attempt,
        attempt: 1,
      },
      {
        text: 'WARN Step "charge" failed in attempt 2 and is tried again in 0 s: RangeError: no card',
        ...attempt,
        attempt: 2,
      },
      { text: 'WARN Step "charge" failed in attempt 3: RangeError: no card', ...attempt, attempt: 3 },
      {
        text: "ERROR the execution failed: ChildContextError: no card",
        thrownBy: "chargeCard",
        operation: undefined,
        attempt: undefined,
      },
    ]);
    expect(records).not.toMatch(/chargeCard|StackTrace|test\.ts/);
  });

  it.each<[string, string, (context: DurableContext) => Promise<unknown>]>([
    [
      "a child context",
      'WARN RunInChildContext "c" failed: RangeError: no card',
      (context) => context.runInChildContext("c", async () => chargeCard()),
    ],
    [
      "an item of a map",
      'WARN MapIteration "map-item-0" failed: RangeError: no card',
      (context) => context.map("m", [1], async () => chargeCard()),
    ],
    [
      "a condition",
      'WARN WaitForCondition "w" failed in attempt 1: RangeError: no card',
      (context) =>
        context.waitForCondition("w", async () => chargeCard(), {
          initialState: 0,
          waitStrategy: () => ({ shouldContinue: false }),
        }),
    ],
    [
      "a submitter",
      "WARN Step 1-2 failed in attempt 1: RangeError: no card",
      (context) => context.waitForCallback("w", async () => chargeCard(), once),
    ],
    [
      "a result that cannot be recorded",
      'WARN Step "s" has a result that cannot be recorded: ',
      (context) => context.step("s", async () => 1n, once),
    ],
  ])("by %s, though the handler catches it", async (_name, text, operate) => {
    const { status } = await run((context) => operate(context).then(String, () => "caught"));

    expect(lines().map((line) => line.text.slice(0, text.length))).toEqual([text]);
    expect(status).toBe("SUCCEEDED");
  });

  it("by an item without a record, when it fails and not when it is replayed", async () => {
    await run(async (context) => {
      const both = [async () => chargeCard(), (branch: DurableContext) => branch.wait({ seconds: 1 })];
      const batch = await context.map("m", both, (branch, fn) => fn(branch), {
        nesting: NestingType.FLAT,
        completionConfig: { toleratedFailureCount: 1 },
      });
      batch.throwIfError();
    });

    expect(lines()).toMatchObject([
      { text: 'WARN context "map-item-0" failed: RangeError: no card', thrownBy: "chargeCard" },
      // The result of the batch is read from its record, so that its errors have no stack: the line above has it.
      {
        text: "ERROR the execution failed: ChildContextError: no card",
        thrownBy: undefined,
      },
    ]);
  });

  it("once, when the code is replayed after it", async () => {
    await run(async (context) => {
      await context.step("charge", async () => chargeCard(), once).catch(() => {});
      await context.wait({ seconds: 1 });
    });
    expect(lines().map(({ text }) => text)).toEqual([
      'WARN Step "charge" failed in attempt 1: RangeError: no card',
    ]);
  });

  it("by a plain function, too, in a line as those of the default logger", async () => {
    await run((context) => context.invoke("charge", "plain", {}).catch(() => {}), {
      functions: { plain: { handler: () => chargeCard(), durable: false } },
    });

    expect(written.map((line) => JSON.parse(line))).toEqual([
      {
        requestId: expect.any(String),
        timestamp: expect.any(String),
        level: "ERROR",
        executionArn: expect.stringContaining("function:plain"),
        message: "the execution failed: RangeError: no card",
        errorType: "RangeError",
        errorMessage: "no card",
        stackTrace: expect.arrayContaining([
          expect.stringMatching(/at chargeCard .*thrown-errors\.test\.ts/),
        ]),
      },
    ]);
  });

  it("once, with its causes and its properties", async () => {
    class PaymentError extends Error {
      readonly orderId = "o-1";
    }
    await run((context) =>
      context.step(
        "charge",
        async () => {
          try {
            chargeCard();
          } catch (cause) {
            throw new PaymentError("not paid", { cause });
          }
        },
        once,
      ),
    );

    const [line = ""] = written;
    const { message, stackTrace, errorType } = JSON.parse(line);
    expect([message, errorType]).toEqual([
      'Step "charge" failed in attempt 1: Error: not paid',
      "PaymentError",
    ]);
    expect(stackTrace[0]).toContain("not paid");
    expect(stackTrace.join("\n")).toMatch(/orderId: 'o-1'.*\[cause\]: RangeError: no card.* at chargeCard /s);
    expect(line.match(/ at chargeCard /g)).toHaveLength(1);
  });

  it("to nobody but onThrown, where it is given, and what that throws changes nothing", async () => {
    const told: ThrownError[] = [];
    const warnings = jest.spyOn(console, "warn").mockImplementation(() => {});
    const { status } = await run(
      (context) =>
        context.runInChildContext("payment", (child) => child.step("charge", async () => chargeCard(), once)),
      {
        onThrown: (thrown) => {
          told.push(thrown);
          throw new Error("a reporter that fails");
        },
      },
    );

    const executionArn = expect.stringContaining("function:handler");
    const origin = expect.objectContaining({ stack: expect.stringContaining("at chargeCard (") });
    const error = (name: string): unknown => expect.objectContaining({ name, message: "no card" });
    expect(told).toEqual([
      {
        executionArn,
        operationId: "1-1",
        operationName: "charge",
        attempt: 1,
        message: 'Step "charge" failed in attempt 1: RangeError: no card',
        error: error("RangeError"),
        origin,
      },
      {
        executionArn,
        operationId: "1",
        operationName: "payment",
        message: 'RunInChildContext "payment" failed: StepError: no card',
        error: error("StepError"),
        origin,
      },
      {
        executionArn,
        message: "the execution failed: ChildContextError: no card",
        error: error("ChildContextError"),
        origin,
      },
    ]);
    expect(warnings).toHaveBeenCalledTimes(3);
    expect(status).toBe("FAILED");
    expect(written).toEqual([]);
  });

  it("and not by a logger that the code has configured, as in the AWS SDK", async () => {
    const calls: unknown[][] = [];
    const log = (...line: unknown[]): void => void calls.push(line);
    await run(async (context) => {
      context.configureLogger({ customLogger: { info: log, warn: log, error: log, debug: log } });
      await context.step("charge", async () => chargeCard(), once);
    });

    expect(calls).toEqual([]);
    expect(lines().map(({ operation }) => operation)).toEqual(["charge", undefined]);
  });
});

it("nothing is logged on a backend that is reached by the two calls alone, as in the AWS SDK", async () => {
  const rig = await createRig({ around: overRemoteClient() });
  const ending = await rig.run((_event, context) => context.step("charge", async () => chargeCard(), once));

  expect(ending).toMatchObject({
    status: "FAILED",
    error: { ErrorType: "StepError", ErrorMessage: "no card" },
  });
  expect(written).toEqual([]);
});

it("an error that code catches has the same stack live and on replay: none of its own", async () => {
  const rig = await createRig();
  const { live, replayed } = await rig.twice((context) =>
    context.step("charge", async () => chargeCard(), once).catch((error: Error) => error.cause),
  );
  expect((live as Error).stack).toBe("RangeError: no card");
  expect((replayed as Error).stack).toBe("RangeError: no card");
});

describe("a test run tells the stack", () => {
  const top = [expect.stringMatching(/^RangeError: no card/), expect.stringContaining("at chargeCard (")];

  it("of a handler that throws", async () => {
    const handlerFunction = withDurableExecution(async () => chargeCard());
    const result = await new LocalDurableTestRunner({ handlerFunction }).run();

    expect(result.getError().stackTrace?.slice(0, 2)).toEqual(top);
    expect(() => result.getResult()).toThrow(
      expect.objectContaining({ stack: expect.stringContaining("chargeCard") }),
    );
  });

  it("of a step whose last attempt ends the execution", async () => {
    const handlerFunction = withDurableExecution((_event: unknown, context) =>
      context.runInChildContext("payment", (child) => child.step("charge", async () => chargeCard(), thrice)),
    );
    const runner = new LocalDurableTestRunner({ handlerFunction });
    const result = await runner.run();

    expect(result.getError()).toMatchObject({ errorType: "ChildContextError", errorMessage: "no card" });
    expect(result.getError().stackTrace?.slice(0, 2)).toEqual(top);
    const step = runner.getOperation("charge").getStepDetails();
    expect(step?.error?.stackTrace?.slice(0, 2)).toEqual(top);
    const context = runner.getOperation("payment").getContextDetails();
    expect(context?.error?.stackTrace?.slice(0, 2)).toEqual(top);
    expect(JSON.stringify(result.getHistoryEvents())).not.toContain("chargeCard");
  });

  it("not where nothing was thrown", async () => {
    const handlerFunction = withDurableExecution(async (_event: unknown, context) => {
      await context.step("charge", async () => chargeCard(), once).catch(() => {});
      await context.waitForCallback("approval", async () => {}, { timeout: { seconds: 1 } });
    });
    const result = await new LocalDurableTestRunner({ handlerFunction }).run();

    expect(result.getError().errorMessage).toContain("timed out");
    expect(result.getError().stackTrace?.[0]).not.toContain("no card");
  });
});

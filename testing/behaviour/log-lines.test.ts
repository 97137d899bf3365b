/** Log lines are written once (aws-semantics section 5, test 15), with the operation they belong to. */

import {
  type DurableContext,
  type DurableLogger,
  type DurableLoggingContext,
  NestingType,
  retryPresets,
  type WaitForConditionContext,
} from "@tidemark/sdk";
import { createRig } from "./rig";

class Lines implements DurableLogger {
  readonly lines: string[] = [];
  readonly operations: (string | undefined)[] = [];
  #context: DurableLoggingContext | undefined;
  info(line: string): void {
    this.lines.push(line);
    this.operations.push(this.#context?.getDurableLogData().operationId);
  }
  warn(): void {}
  error(): void {}
  debug(): void {}
  configureDurableLoggingContext(context: DurableLoggingContext): void {
    this.#context = context;
  }
}

async function linesOf(
  operate: (context: DurableContext) => PromiseLike<unknown>,
  modeAware = true,
): Promise<Lines> {
  const rig = await createRig();
  const customLogger = new Lines();
  const ending = await rig.run(async (_event, context) => {
    context.configureLogger({ customLogger, modeAware });
    await operate(context);
  });
  expect(ending).toEqual({ status: "SUCCEEDED" });
  return customLogger;
}

describe("log lines", () => {
  it("around waits are written once", async () => {
    const { lines } = await linesOf(async (context) => {
      context.logger.info("before");
      await context.wait({ seconds: 1 });
      context.logger.info("between");
      await context.wait({ seconds: 1 });
      context.logger.info("after");
    });

    expect(lines).toEqual(["before", "between", "after"]);
  });

  it.each([NestingType.NESTED, NestingType.FLAT])(
    "of children in flight at a suspension are written once: %s",
    async (nesting) => {
      const { lines } = await linesOf((context) =>
        context.map(
          [1, 2],
          async (item, n) => {
            item.logger.info(`${n} begins`);
            await item.step(async () => n);
            item.logger.info(`${n} waits`);
            await item.wait({ seconds: 10 * n });
            item.logger.info(`${n} ends`);
          },
          { nesting },
        ),
      );

      expect(lines).toEqual(["1 begins", "2 begins", "1 waits", "2 waits", "1 ends", "2 ends"]);
    },
  );

  it("of virtual contexts are written once", async () => {
    const { lines } = await linesOf(async (context) => {
      await context.runInChildContext(
        "virtual",
        async (child) => {
          child.logger.info("begins");
          await child.wait({ seconds: 1 });
          child.logger.info("ends");
        },
        { virtualContext: true },
      );
      await context.wait({ seconds: 1 });
      context.logger.info("after");
    });

    expect(lines).toEqual(["begins", "ends", "after"]);
  });

  it("of a rebuilt context are written once", async () => {
    const { lines } = await linesOf(async (context) => {
      await context.runInChildContext(async (child) => {
        child.logger.info("large");
        return child.step(async () => "x".repeat(300_000));
      });
      await context.wait({ seconds: 1 });
      context.logger.info("after");
    });

    expect(lines).toEqual(["large", "after"]);
  });

  it("of steps are written for each attempt, retries included", async () => {
    const { lines } = await linesOf(async (context) => {
      context.logger.info("root");
      await context.step(
        async ({ attempt, logger }) => {
          logger.info(`attempt ${attempt}`);
          if (attempt < 3) throw new Error("again");
        },
        { retryStrategy: retryPresets.linear },
      );
      await context.wait({ seconds: 1 });
      context.logger.info("end");
    });

    expect(lines).toEqual(["root", "attempt 1", "attempt 2", "attempt 3", "end"]);
  });

  it("are repeated by a logger that is not mode-aware", async () => {
    const { lines } = await linesOf(async (context) => {
      context.logger.info("before");
      await context.wait({ seconds: 1 });
      context.logger.info("after");
    }, false);

    expect(lines).toEqual(["before", "before", "after"]);
  });

  // engine.ts `#takeTurn` ends the replay at the first turn in which nothing is left to deliver, though the code has
  // not come to the operations that the log has under way.
  it("between a native gap and a recorded operation are written once", async () => {
    const { lines } = await linesOf(async (context) => {
      for (let turn = 0; turn < 5; turn++) await new Promise(setImmediate);
      context.logger.info("after the gap");
      await context.step(
        async ({ attempt }) => {
          if (attempt < 3) throw new Error("again");
        },
        { retryStrategy: retryPresets.linear },
      );
    });

    expect(lines).toEqual(["after the gap"]);
  });

  it("say which operation they belong to", async () => {
    const { lines, operations } = await linesOf(async (context) => {
      context.logger.info("root");
      await context.step("s", async ({ logger }) => logger.info("step"));
      await context.runInChildContext("c", async (child) => {
        child.logger.info("child");
        await child.step(async ({ logger }) => logger.info("inner step"));
        const check = async (state: number, { logger }: WaitForConditionContext<DurableLogger>) => {
          logger.info("check");
          return state;
        };
        await child.waitForCondition(check, {
          initialState: 1,
          waitStrategy: () => ({ shouldContinue: false }),
        });
      });
      await context.runInChildContext("v", async (child) => child.logger.info("virtual"), {
        virtualContext: true,
      });
      context.logger.info("root again");
    });

    expect(lines.map((line, index) => [line, operations[index]])).toEqual([
      ["root", undefined],
      ["step", "1"],
      ["child", "2"],
      ["inner step", "2-1"],
      ["check", "2-2"],
      ["virtual", "3"],
      ["root again", undefined],
    ]);
  });

  it("go on when the logger throws or rejects", async () => {
    const rig = await createRig();
    const warned = jest.spyOn(console, "warn").mockImplementation(() => {});
    const broken = {
      info: () => Promise.reject(new Error("rejects")),
      warn: () => {
        throw new Error("throws");
      },
      error() {},
      debug() {},
    };
    const ending = await rig.run(async (_event, context) => {
      context.configureLogger({ customLogger: broken });
      context.logger.info("a");
      context.logger.warn("b");
      return context.step(async ({ logger }) => {
        logger.info("c");
        return "done";
      });
    });
    const warnings = warned.mock.calls.length;
    warned.mockRestore();

    expect(ending).toEqual({ status: "SUCCEEDED", result: "done" });
    expect(warnings).toBe(1);
  });
});

import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import { LambdaWorld, LOST } from "../../../testing/lambda/lambda-world";
import type { ScheduleReport } from "../../../testing/lambda/schedule-program";
import { type DueWakeUp, exactSchedule, wakeUpEvent } from "./index";

const workspaceDirectory = resolve(__dirname, "../../..");
const ROLE = "arn:aws:iam::123456789012:role/wake-up";

describe("exactSchedule", () => {
  let report: ScheduleReport;

  beforeAll(() => {
    const program = join(workspaceDirectory, "testing/lambda/schedule-program.ts");
    const output = execFileSync(process.execPath, ["--import", "tsx", program], {
      cwd: workspaceDirectory,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    report = JSON.parse(output);
  }, 30_000);

  it("asks for one wake-up, not before the time, that is forgotten afterwards", () => {
    expect(report.sent[0]).toEqual({
      Name: expect.stringMatching(/^tidemark-[A-Za-z0-9_-]{43}$/),
      ClientToken: expect.stringMatching(/^tidemark-[A-Za-z0-9_-]{43}$/),
      GroupName: "default",
      ScheduleExpression: "at(2026-11-21T12:01:31)",
      ScheduleExpressionTimezone: "UTC",
      FlexibleTimeWindow: { Mode: "OFF" },
      ActionAfterCompletion: "DELETE",
      Target: {
        Arn: "arn:aws:lambda:eu-west-1:123456789012:function:order",
        RoleArn: ROLE,
        Input: JSON.stringify(wakeUpEvent("order.one")),
        RetryPolicy: { MaximumEventAgeInSeconds: 60, MaximumRetryAttempts: 2 },
      },
    });
  });

  it("gives the same execution and second the same name, and each other one its own", () => {
    const [first, again, other, soon] = report.sent as { Name: string; ScheduleExpression: string }[];
    expect(again).toEqual(first);
    expect(new Set([first?.Name, other?.Name, soon?.Name]).size).toBe(3);
    expect(soon?.ScheduleExpression).toBe("at(2026-11-21T12:00:02)");
  });

  it("leaves what is due much later to the waker", () => {
    expect(report.sent).toHaveLength(4);
  });

  it("takes a conflict for what it is: somebody has asked for the same before", () => {
    expect(report.errors.ConflictException).toEqual({});
  });

  it.each([
    [
      "AccessDeniedException",
      `allow scheduler:CreateSchedule on schedule/default/* and iam:PassRole on ${ROLE}`,
    ],
    ["ResourceNotFoundException", "create the schedule group default"],
    ["ValidationException", "correct roleArn or target"],
    ["ServiceQuotaExceededException", "raise the quota"],
    ["InternalServerException", "the waker wakes it"],
    ["CredentialsProviderError", "the credentials are missing"],
  ])("says what %s means", (name, advice) => {
    const { code, message } = report.errors[name] ?? {};
    expect(code).toBe("TIDEMARK_LAMBDA_SCHEDULE");
    expect(message).toContain("execution order.one");
    expect(message).toContain(`${name}: because`);
    expect(message).toContain(advice);
  });

  it("says so when the AWS SDK cannot be loaded", async () => {
    jest.doMock("@aws-sdk/client-scheduler", () => {
      throw new Error("Cannot find module");
    });
    const schedule = exactSchedule({ roleArn: ROLE, target: () => "arn:aws:lambda" });
    await expect(
      schedule({ functionName: "order", executionId: "order.one", nowMs: 0, dueAtMs: 1 }),
    ).rejects.toMatchObject({ code: "TIDEMARK_LAMBDA_SCHEDULE" });
  });

  it.each([[{ roleArn: "wake-up" }], [{ target: undefined as never }], [{ withinMs: -1 }]])(
    "refuses %j",
    (options) => {
      const create = () => exactSchedule({ roleArn: ROLE, target: () => "arn:aws:lambda", ...options });
      expect(create).toThrow(expect.objectContaining({ code: "TIDEMARK_LAMBDA_OPTIONS" }));
    },
  );
});

describe("a Lambda function with a schedule", () => {
  /** What was asked for; fires on virtual time. */
  function scheduling(world: LambdaWorld): DueWakeUp[] {
    const asked: DueWakeUp[] = [];
    world.deploy(
      "main",
      async (_event, context) => {
        await context.wait({ seconds: 90 });
        return "rested";
      },
      {
        schedule: async (wakeUp) => {
          asked.push(wakeUp);
          world.clock.setTimer(() => world.deliver(wakeUp), wakeUp.dueAtMs - wakeUp.nowMs);
        },
      },
    );
    return asked;
  }

  it("asks once for each suspension, and goes on without the waker", async () => {
    const world = new LambdaWorld();
    const asked = scheduling(world);
    const startMs = world.clock.nowMs();
    await world.call("main", {}, 60_000, "r1");
    await world.advance(90_000);

    expect(asked).toEqual([
      { functionName: "main", executionId: "main.r1", nowMs: startMs, dueAtMs: startMs + 90_000 },
    ]);
    expect(await world.client.result("main.r1")).toBe("rested");
    expect([world.failures, world.errors]).toEqual([[], []]);
  });

  it("asks for nothing when a wake-up found nothing to do", async () => {
    const world = new LambdaWorld();
    const asked = scheduling(world);
    await world.call("main", {}, 60_000, "r1");
    await world.call("main", wakeUpEvent("main.r1"));

    expect(asked).toHaveLength(1);
  });

  it("reports a schedule that cannot be made, and the waker makes up for it", async () => {
    const world = new LambdaWorld();
    world.delivery = LOST;
    world.deploy("main", async (_event, context) => context.wait({ seconds: 90 }), {
      schedule: async () => {
        throw new Error("no network");
      },
    });

    expect(await world.call("main", {}, 60_000, "r1")).toEqual({ executionId: "main.r1", status: "PENDING" });
    expect(world.errors).toEqual([new Error("no network")]);
    await world.advance(90_000);
    expect(await world.wake()).toMatchObject({ woken: 1 });
  });
});

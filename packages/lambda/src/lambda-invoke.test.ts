import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import type { InvokeReport } from "../../../testing/lambda/invoke-program";
import { lambdaInvoke, wakeUpEvent } from "./index";

const workspaceDirectory = resolve(__dirname, "../../..");

describe("lambdaInvoke", () => {
  let report: InvokeReport;

  beforeAll(() => {
    const program = join(workspaceDirectory, "testing/lambda/invoke-program.ts");
    const output = execFileSync(process.execPath, ["--import", "tsx", program], {
      cwd: workspaceDirectory,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    report = JSON.parse(output);
  }, 30_000);

  it("invokes the function that the target names, asynchronously, with the wake-up event", () => {
    const Payload = JSON.stringify(wakeUpEvent("order.one"));
    expect(report.sent).toEqual([
      { FunctionName: "order", InvocationType: "Event", Payload },
      { FunctionName: "order:live", InvocationType: "Event", Payload },
    ]);
  });

  it.each([
    ["AccessDeniedException", "TIDEMARK_LAMBDA_ACCESS", "allow lambda:InvokeFunction on function order"],
    ["ResourceNotFoundException", "TIDEMARK_LAMBDA_FUNCTION", "correct the name or target"],
    ["ValidationException", "TIDEMARK_LAMBDA_FUNCTION", "correct the name or target"],
    ["TooManyRequestsException", "TIDEMARK_LAMBDA_THROTTLED", "raise the concurrency quota"],
    ["RecursiveInvocationException", "TIDEMARK_LAMBDA_RECURSION", "RecursiveLoop"],
    ["ServiceException", "TIDEMARK_LAMBDA_INVOKE", "it is tried again"],
  ])("says what %s means", (name, code, advice) => {
    const { code: given, message } = report.errors[name] ?? { code: "", message: "" };
    expect(given).toBe(code);
    expect(message).toContain("execution order.one");
    expect(message).toContain("lambda:InvokeFunction on function order");
    expect(message).toContain(`${name}: because`);
    expect(message).toContain(advice);
  });

  it("says what a client of its own lacks", () => {
    const what = "execution order.one was not woken, lambda:InvokeFunction on function order failed: ";
    expect(report.unconfigured).toEqual({
      region: {
        code: "TIDEMARK_LAMBDA_CLIENT",
        message: `${what}Error: Region is missing; the client has no region: set AWS_REGION, or pass a client with one`,
      },
      credentials: {
        code: "TIDEMARK_LAMBDA_ACCESS",
        message: `${what}CredentialsProviderError: Could not load credentials from any providers; the credentials are missing, expired or not valid: give this process those of a role that may do this`,
      },
    });
  });

  it("refuses a target that is no name", () => {
    expect(report.noTarget).toBe(
      'target("order") is ""; give the name or ARN of the Lambda function that runs it',
    );
  });

  it("says so when the AWS SDK cannot be loaded", async () => {
    jest.doMock("@aws-sdk/client-lambda", () => {
      throw new Error("Cannot find module");
    });

    await expect(lambdaInvoke()({ functionName: "order", executionId: "order.one" })).rejects.toMatchObject({
      code: "TIDEMARK_LAMBDA_CLIENT",
    });
  });
});

import { execFileSync } from "node:child_process";
import { join, resolve } from "node:path";
import type { CallReport } from "../../../testing/lambda/call-program";

const workspaceDirectory = resolve(__dirname, "../../..");

describe("calls of Lambda functions with the real client", () => {
  let report: CallReport;

  beforeAll(() => {
    const program = join(workspaceDirectory, "testing/lambda/call-program.ts");
    const output = execFileSync(process.execPath, ["--import", "tsx", program], {
      cwd: workspaceDirectory,
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
    report = JSON.parse(output);
  }, 60_000);

  const requestsOf = (functionName: string) =>
    report.requests.filter((request) => request.functionName === functionName);

  it("give the response of a function", () => {
    expect(report.outcomes.echo).toEqual({ result: { n: 1 } });
    expect(requestsOf("echo")[0]).toEqual({
      functionName: "echo",
      payload: '{"n":1}',
      isAsynchronous: false,
    });
  });

  it("give the error of a function, of whatever language", () => {
    expect(report.outcomes.python).toEqual({ error: "ValueError", message: "too much" });
  });

  it("are made once when the answer is an error of the service, and say that the outcome is not known", () => {
    expect(report.outcomes.broken).toEqual({
      error: "TIDEMARK_LAMBDA_OUTCOME",
      message: expect.stringContaining("function broken was called for arn:tidemark:durable"),
    });
    expect(requestsOf("broken")).toHaveLength(1);
  });

  it("are made again when there was no such function", () => {
    expect(report.outcomes.late).toEqual({ result: { n: 1 } });
    expect(requestsOf("late")).toHaveLength(2);
  });

  it("fail at once where the client has no region, as nothing was called", () => {
    expect(report.outcomes.nowhere).toEqual({
      error: "TIDEMARK_LAMBDA_CLIENT",
      message: expect.stringContaining(
        "did not call it, lambda:InvokeFunction on function echo failed: Error: ",
      ),
    });
  });

  it("fail with what Lambda will never take", () => {
    expect(report.outcomes.large).toEqual({
      error: "TIDEMARK_LAMBDA_PAYLOAD",
      message: expect.stringContaining("RequestTooLargeException"),
    });
  });

  it("start an AWS durable function under a name of its own, and give the result of its execution", () => {
    expect(report.outcomes.report).toEqual({ result: { pages: 3 } });
    expect(requestsOf("report")).toEqual([
      {
        functionName: "report",
        payload: '{"n":1}',
        isAsynchronous: true,
        durableExecutionName: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      },
    ]);
  });

  it("end when a function cannot be running any more, and are not made again", () => {
    expect(report.outcomes.hangs).toEqual({
      error: "TIDEMARK_LAMBDA_OUTCOME",
      message: expect.stringContaining("function hangs was called for arn:tidemark:durable"),
    });
    expect(report.outcomes.hangsDurable).toEqual({
      error: "TIDEMARK_LAMBDA_INVOKE",
      message: expect.stringContaining(
        "lambda:InvokeFunction on function hangs-durable failed: TimeoutError",
      ),
    });
    expect([requestsOf("hangs").length, requestsOf("hangs-durable").length]).toEqual([1, 1]);
  });

  it("say so when a function is no AWS durable function", () => {
    expect(report.outcomes.notDurable).toEqual({
      error: "TIDEMARK_LAMBDA_PAYLOAD",
      message:
        "function echo is no AWS durable function, and has been invoked as what it is; use plainLambda",
    });
  });
});

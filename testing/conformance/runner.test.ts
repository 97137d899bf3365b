import { createTestRuntime } from "../kit/test-runtime";
import { type ConformanceCase, parseCase } from "./cases";
import { describeFailure } from "./report";
import { type CaseReport, runCase } from "./runner";

/** The case 2-1 in short, with one line exchanged. */
function waitCase(change: { readonly from?: string; readonly to?: string } = {}): ConformanceCase {
  const text = `
description: Wait basic
Input:
ExpectedResult:
  ExecutionStatus: SUCCEEDED
ExpectedExecutionHistory:
  - { EventType: WaitStarted, EventId: 2, Id: "\${ID1}", WaitStartedDetails: { Duration: 2 } }
  - { EventType: InvocationCompleted, EventId: 3 }
  - { EventType: WaitSucceeded, EventId: 4, Id: "\${ID1}", WaitSucceededDetails: { Duration: 2 } }
  - { EventType: InvocationCompleted, EventId: 5 }
`;
  return parseCase(
    "2-1",
    "wait",
    change.from === undefined ? text : text.replace(change.from, change.to ?? ""),
  );
}

function run(testCase: ConformanceCase): Promise<CaseReport> {
  return runCase(testCase, createTestRuntime);
}

describe("running a case", () => {
  it("passes a case whose history and outcome are ours", async () => {
    expect(await run(waitCase())).toMatchObject({ id: "2-1", passed: true, problems: [] });
  });

  it.each<[string, string, string, string]>([
    ["another outcome", "SUCCEEDED", "FAILED", "the execution is SUCCEEDED; expected FAILED"],
    ["another duration", "Duration: 2", "Duration: 3", "WaitStartedDetails.Duration is 2; expected 3"],
    [
      "another event",
      "InvocationCompleted",
      "StepStarted",
      "EventType is InvocationCompleted; expected StepStarted",
    ],
    [
      "a missing log",
      "Input:",
      "Input:\nExpectedLogs: [{ match: { message: x } }]",
      "is there 0 times; expected 1",
    ],
    ["a key that it does not know", "Input:", "Input:\nSurprise: 1", "the case says Surprise"],
  ])("fails a case with %s, and says so", async (_name, from, to, problem) => {
    const report = await run(waitCase({ from, to }));
    expect(report.passed).toBe(false);
    expect(describeFailure(report)).toContain(problem);
  });

  it("fails a case without a handler", async () => {
    const report = await run({ ...waitCase(), id: "2-999" });
    expect(report).toMatchObject({ passed: false, problems: ["no handler is written for this case"] });
  });

  it("leaves an execution alone whose end the case does not ask for", async () => {
    const report = await run({ ...waitCase(), id: "2-5", expectedResult: undefined, expectedHistory: [] });
    expect(report.rows.map(({ actual }) => actual?.EventType)).toEqual([
      "ExecutionStarted",
      "WaitStarted",
      "InvocationCompleted",
    ]);
  });
});

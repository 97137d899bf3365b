import { MAX_DURATION_SECONDS, MAX_NAME_LENGTH } from "./limits.js";
import type { Operation, OperationAction, OperationType } from "./operation.js";
import type { OperationUpdate } from "./update.js";
import { invalidUpdate } from "./validate-update.js";

function update(
  Type: OperationType,
  Action: OperationAction,
  more: Partial<OperationUpdate> = {},
): OperationUpdate {
  return { Id: "1", Type, Action, ...more };
}

const step = (Action: OperationAction, more: Partial<OperationUpdate> = {}) => update("STEP", Action, more);

function problemOf(wrong: OperationUpdate, operations: readonly Operation[] = []): string | undefined {
  const find = (id: string) => operations.find(({ Id }) => Id === id);
  return invalidUpdate(wrong, find(wrong.Id as string), find);
}

describe("what an update must say", () => {
  const longest = MAX_DURATION_SECONDS;

  it.each([
    ["an id", step("START", { Id: undefined }), "without Id"],
    ["an id that is not empty", step("START", { Id: "" }), "without Id"],
    ["a known kind", update("NOTHING" as OperationType, "START"), "NOTHING has no action START"],
    [
      "no word of JavaScript",
      update("constructor" as OperationType, "START"),
      "constructor has no action START",
    ],
    [
      "a name of bounded length",
      step("START", { Name: "n".repeat(MAX_NAME_LENGTH + 1) }),
      "has 257 characters",
    ],
    ["the seconds of a wait", update("WAIT", "START", { WaitOptions: {} }), "WaitSeconds is missing"],
    ["a wait of a second at least", update("WAIT", "START", { WaitOptions: { WaitSeconds: 0 } }), "is 0;"],
    ["whole seconds", update("WAIT", "START", { WaitOptions: { WaitSeconds: 1.5 } }), "is 1.5;"],
    [
      "a wait of a year at most",
      update("WAIT", "START", { WaitOptions: { WaitSeconds: longest + 1 } }),
      `to ${longest}`,
    ],
    ["a position in the log", update("CONTEXT", "START", { StartedAfter: -1 }), "StartedAfter is -1;"],
    [
      "a delay that is not negative",
      step("RETRY", { StepOptions: { NextAttemptDelaySeconds: -1 } }),
      "is -1;",
    ],
    [
      "a callback's timeout",
      update("CALLBACK", "START", { CallbackOptions: { TimeoutSeconds: 0 } }),
      "TimeoutSeconds is 0",
    ],
    [
      "a callback's heartbeat",
      update("CALLBACK", "START", { CallbackOptions: { HeartbeatTimeoutSeconds: Number.NaN } }),
      "HeartbeatTimeoutSeconds is NaN",
    ],
    [
      "the function of an invoke",
      update("CHAINED_INVOKE", "START", { ChainedInvokeOptions: undefined }),
      "FunctionName is missing",
    ],
    ["a parent that is there", step("START", { ParentId: "9" }), "parent 9 is not a context"],
  ] as [string, OperationUpdate, string][])("is %s", (_, wrong, problem) => {
    expect(problemOf(wrong)).toContain(problem);
  });

  it("may be at the limits", () => {
    const name = "n".repeat(MAX_NAME_LENGTH);
    const waitOptions = { WaitOptions: { WaitSeconds: longest } };

    expect(problemOf(update("WAIT", "START", { Name: name, ...waitOptions }))).toBeUndefined();
  });

  it("names no parent that is not a context", () => {
    const parent: Operation = { Id: "1", Type: "STEP", Status: "STARTED", StartTimestamp: new Date(0) };

    expect(problemOf(step("START", { Id: "1-1", ParentId: "1" }), [parent])).toContain(
      "parent 1 is not a context",
    );
  });
});

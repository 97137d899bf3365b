import { type Operation, OperationStatus } from "@tidemark/protocol";
import { operationInfo } from "./operation-info.js";

const STARTED_AT = new Date(1_000);
const ENDED_AT = new Date(2_000);
const ERROR = { ErrorType: "RangeError", ErrorMessage: "boom" };

function operation(members: Partial<Operation>): Operation {
  return { Id: "3-1", Type: "STEP", Status: "STARTED", StartTimestamp: STARTED_AT, ...members };
}

it("carries over what the record says", () => {
  const record = operation({
    ParentId: "3",
    Name: "charge",
    SubType: "Step",
    Status: "SUCCEEDED",
    EndTimestamp: ENDED_AT,
    StepDetails: { Attempt: 1, Result: '"task-a"' },
  });
  expect(operationInfo(record, false)).toEqual({
    id: "3-1",
    name: "charge",
    type: "STEP",
    subType: "Step",
    parentId: "3",
    status: "SUCCEEDED",
    startTimestamp: STARTED_AT,
    endTimestamp: ENDED_AT,
    result: '"task-a"',
    attempt: 1,
    isReplay: false,
  });
});

it("leaves out every member that does not apply, rather than setting it to undefined", () => {
  const record = operation({ Type: "WAIT", Name: undefined, ParentId: undefined, WaitDetails: {} });
  const info = operationInfo(record, true);
  expect(Object.keys(info).sort()).toEqual(["id", "isReplay", "startTimestamp", "status", "type"]);
  expect(info.isReplay).toBe(true);
});

it("survives a record with nothing in it", () => {
  const record: Operation = { Id: undefined, Type: undefined, Status: undefined, StartTimestamp: undefined };
  expect(operationInfo(record, false)).toEqual({ id: "", type: "", isReplay: false });
});

describe("attempt", () => {
  it.each<[Operation["Status"], number | undefined, number]>([
    ["STARTED", undefined, 1],
    ["STARTED", 0, 1],
    ["STARTED", 2, 3],
    ["PENDING", 2, 2],
    ["READY", 2, 2],
    ["SUCCEEDED", 1, 1],
    ["SUCCEEDED", 0, 1],
    ["SUCCEEDED", undefined, 1],
    ["FAILED", 3, 3],
  ])("of a step that is %s with %p ended attempts is %d", (Status, Attempt, expected) => {
    expect(operationInfo(operation({ Status, StepDetails: { Attempt } }), false).attempt).toBe(expected);
  });

  it("belongs to steps only", () => {
    expect(operationInfo(operation({ Type: "CONTEXT", ContextDetails: {} }), false)).not.toHaveProperty(
      "attempt",
    );
  });
});

describe("result and error", () => {
  const outcome = { Result: "1", Error: ERROR };
  const records: readonly [string, Partial<Operation>][] = [
    ["STEP", { Type: "STEP", StepDetails: outcome }],
    ["CONTEXT", { Type: "CONTEXT", ContextDetails: outcome }],
    ["CALLBACK", { Type: "CALLBACK", CallbackDetails: outcome }],
    ["CHAINED_INVOKE", { Type: "CHAINED_INVOKE", ChainedInvokeDetails: outcome }],
  ];

  it.each(records)("of a %s are told apart by the status", (_type, members) => {
    const told = Object.values(OperationStatus).map((Status) => {
      const { result, error } = operationInfo(operation({ ...members, Status }), false);
      return [Status, result, error?.message];
    });
    expect(told).toEqual([
      ["CANCELLED", undefined, "boom"],
      ["FAILED", undefined, "boom"],
      ["PENDING", undefined, "boom"],
      ["READY", undefined, "boom"],
      ["STARTED", undefined, undefined],
      ["STOPPED", undefined, "boom"],
      ["SUCCEEDED", "1", undefined],
      ["TIMED_OUT", undefined, "boom"],
    ]);
  });

  it("gives a real error", () => {
    const { error } = operationInfo(operation({ Status: "FAILED", StepDetails: { Error: ERROR } }), false);
    expect(error).toBeInstanceOf(Error);
  });

  it("gives no error for a failure that recorded none", () => {
    expect(operationInfo(operation({ Status: "FAILED", StepDetails: {} }), false)).not.toHaveProperty(
      "error",
    );
  });
});

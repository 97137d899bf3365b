import type { Operation } from "@tidemark/protocol";
import { isRebuilt, recordedDeliveries } from "./deliveries.js";

const at = (ms: number) => new Date(ms);
const operation = (Id: string, more: Partial<Operation> = {}): Operation => ({
  Id,
  Type: "STEP",
  Status: "SUCCEEDED",
  StartTimestamp: at(0),
  ...more,
});

function deliver(operations: Operation[], updatedIds: string[] = []): string[] {
  const byId = new Map(operations.map((one) => [one.Id as string, one]));
  return recordedDeliveries(byId, new Set(updatedIds)).map(
    ({ operationId, kind, isNew }) => `${operationId} ${kind}${isNew ? " new" : ""}`,
  );
}

describe("the deliveries of a log that says positions", () => {
  it("follow the positions, whatever the order of the state", () => {
    expect(
      deliver([
        operation("e", { Type: "EXECUTION", Status: "STARTED" }),
        operation("1", { SettleOrder: 9 }),
        operation("2", { SettleOrder: 3 }),
        operation("3", { Status: "STARTED", StartOrder: 1 }),
        operation("4", { Type: "CALLBACK", StartOrder: 2, SettleOrder: 7 }),
        operation("5", { Type: "CALLBACK", Status: "STARTED", StartOrder: 5 }),
      ]),
    ).toEqual(["4 start", "2 settle", "5 start", "4 settle", "1 settle"]);
  });

  it("say what has come since the last invocation", () => {
    expect(deliver([operation("1", { SettleOrder: 1 }), operation("2", { SettleOrder: 2 })], ["2"])).toEqual([
      "1 settle",
      "2 settle new",
    ]);
  });

  it("leave out what lies under a context that has ended, unless it is rebuilt", () => {
    const under = (context: Partial<Operation>) =>
      deliver([
        operation("1", { Type: "CONTEXT", SettleOrder: 5, ...context }),
        operation("1-1", { ParentId: "1", SettleOrder: 2 }),
        operation("1-2", { ParentId: "1", Type: "CALLBACK", Status: "STARTED", StartOrder: 3 }),
        operation("1-1-1", { ParentId: "1-1", SettleOrder: 1 }),
      ]);

    expect(under({})).toEqual(["1 settle"]);
    expect(under({ Status: "FAILED", ContextDetails: { ReplayChildren: true } })).toEqual(["1 settle"]);
    expect(under({ Status: "STARTED" })).toEqual(["1-1 settle", "1-2 start"]);
    expect(under({ ContextDetails: { ReplayChildren: true } })).toEqual([
      "1-1 settle",
      "1-2 start",
      "1 settle",
    ]);
  });
});

describe("the deliveries of a log that says times alone", () => {
  it("follow the time of the end", () => {
    expect(
      deliver([
        operation("1", { EndTimestamp: at(30) }),
        operation("2", { EndTimestamp: at(10) }),
        operation("3", { Type: "CALLBACK", StartTimestamp: at(5), EndTimestamp: at(20) }),
      ]),
    ).toEqual(["3 start", "2 settle", "3 settle", "1 settle"]);
  });

  it("put what is new after everything else", () => {
    expect(
      deliver([operation("1", { EndTimestamp: at(10) }), operation("2", { EndTimestamp: at(20) })], ["1"]),
    ).toEqual(["2 settle", "1 settle new"]);
  });

  it("put, within a millisecond, children before their context and an id before its outcome", () => {
    expect(
      deliver([
        operation("1", { Type: "CONTEXT", EndTimestamp: at(5), ContextDetails: { ReplayChildren: true } }),
        operation("1-1", { ParentId: "1", EndTimestamp: at(5) }),
        operation("2", { Type: "CALLBACK", StartTimestamp: at(5), EndTimestamp: at(5) }),
      ]),
    ).toEqual(["1-1 settle", "1 settle", "2 start", "2 settle"]);
  });

  // Depth says nothing about operations that are not each other's descendants. A later operation in a context must
  // not come before an earlier one at the root: the code asks for it only afterwards.
  it("keep, within a millisecond, the order of the state between operations of different contexts", () => {
    expect(
      deliver([
        operation("1", { EndTimestamp: at(5) }),
        operation("2", { Type: "CONTEXT", Status: "STARTED", StartTimestamp: at(5) }),
        operation("2-1", { ParentId: "2", StartTimestamp: at(5), EndTimestamp: at(5) }),
      ]),
    ).toEqual(["1 settle", "2-1 settle"]);
  });
});

describe("isRebuilt", () => {
  it.each([
    ["a context that succeeded and keeps its children", "SUCCEEDED", true, true],
    ["one that failed", "FAILED", true, false],
    ["one that is under way", "STARTED", true, false],
    ["one that is recorded whole", "SUCCEEDED", undefined, false],
  ] as const)("%s", (_name, Status, ReplayChildren, expected) => {
    expect(isRebuilt(operation("1", { Type: "CONTEXT", Status, ContextDetails: { ReplayChildren } }))).toBe(
      expected,
    );
  });
});

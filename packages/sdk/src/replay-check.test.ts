import type { Operation } from "@tidemark/protocol";
import { missingOperation, replayMismatch } from "./replay-check.js";

const recorded: Operation = {
  Id: "3-1",
  Type: "STEP",
  SubType: "Step",
  Name: "charge",
  Status: "SUCCEEDED",
  StartTimestamp: new Date(0),
};
const asked = { type: "STEP", subType: "Step", name: "charge" };

describe("replayMismatch", () => {
  it("says where an operation is whose id does not", () => {
    expect(
      replayMismatch({ ...recorded, Id: "c4ca4238a0b92382" }, { ...asked, name: "other" }, "3-1"),
    ).toMatchObject({
      message: expect.stringMatching(/^operation 3-1 \(c4ca4238a0b92382\): the log has /),
    });
  });

  it("finds none for the same operation", () => {
    expect(replayMismatch(recorded, asked)).toBeUndefined();
  });

  it("finds none where the log does not say the sub-type", () => {
    const { SubType: _subType, ...without } = recorded;

    expect(replayMismatch(without, { ...asked, subType: "WaitForCondition" })).toBeUndefined();
  });

  it.each([
    ["type", { type: "WAIT", subType: "Step" }, 'WAIT (Step) "charge"'],
    ["sub-type", { subType: "WaitForCondition" }, 'STEP (WaitForCondition) "charge"'],
    ["name", { name: "refund" }, 'STEP (Step) "refund"'],
    ["missing name", { name: undefined }, "STEP (Step) without a name"],
  ])("names both for another %s", (_name, change, described) => {
    expect(replayMismatch(recorded, { ...asked, ...change })).toMatchObject({
      code: "TIDEMARK_NON_DETERMINISTIC",
      message:
        `operation 3-1: the log has STEP (Step) "charge", the code asks for ${described}; ` +
        "run the code version that started this execution, or keep its operations in the same order",
    });
  });

  it("takes a name of null for none", () => {
    const unnamed = { ...recorded, Name: null as unknown as undefined };

    expect(replayMismatch(unnamed, { ...asked, name: undefined })).toBeUndefined();
  });
});

describe("missingOperation", () => {
  it.each([
    [true, "the handler has ended without it"],
    [false, "the code has not asked for it"],
  ])("says whether the handler has ended (%p)", (hasHandlerEnded, seen) => {
    expect(missingOperation(recorded, hasHandlerEnded)).toMatchObject({
      code: "TIDEMARK_NON_DETERMINISTIC",
      message:
        `operation 3-1: the log has STEP (Step) "charge" next, and ${seen}; ` +
        "run the code version that started this execution, or keep its operations in the same order",
    });
  });
});

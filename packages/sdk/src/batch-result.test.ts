import { BatchItemStatus, RecordedBatchResult, summarize, summaryStatuses } from "./batch-result.js";
import { BatchCompletionError, ChildContextError } from "./errors.js";

const { SUCCEEDED, FAILED, STARTED } = BatchItemStatus;
const first = new ChildContextError("first");
const second = new ChildContextError("second");

const mixed = new RecordedBatchResult<string | undefined>(
  [
    { index: 0, status: SUCCEEDED, result: "a" },
    { index: 1, status: STARTED },
    { index: 2, status: FAILED, error: first },
    { index: 3, status: SUCCEEDED },
    { index: 4, status: FAILED, error: second },
  ],
  "FAILURE_TOLERANCE_EXCEEDED",
);

describe("the result of a batch", () => {
  it("counts its items", () => {
    expect(mixed).toMatchObject({ totalCount: 5, successCount: 2, failureCount: 2, startedCount: 1 });
    expect([mixed.status, mixed.hasFailure, mixed.completionReason]).toEqual([
      "FAILED",
      true,
      "FAILURE_TOLERANCE_EXCEEDED",
    ]);
  });

  it("has its items and its reason in JSON, and no counts, as in the AWS SDK", () => {
    const items = [{ index: 0, status: SUCCEEDED, result: "a" }];
    expect(JSON.parse(JSON.stringify(new RecordedBatchResult(items, "ALL_COMPLETED")))).toEqual({
      all: items,
      completionReason: "ALL_COMPLETED",
    });
  });

  it("lists results, errors and items under way by index; results that are undefined count but are not listed", () => {
    expect(mixed.getResults()).toEqual(["a"]);
    expect(mixed.getErrors()).toEqual([first, second]);
    expect(
      [mixed.succeeded(), mixed.failed(), mixed.started()].map((items) => items.map(({ index }) => index)),
    ).toEqual([[0], [2, 4], [1]]);
  });

  it("throws the failed item's error with the lowest index", () => {
    expect(() => mixed.throwIfError()).toThrow(first);
  });

  it("throws a BatchCompletionError when a predicate failed it without a failed item", () => {
    const batch = new RecordedBatchResult(
      [{ index: 0, status: SUCCEEDED, result: 1 }],
      "CUSTOM_COMPLETION_FAILED",
    );

    expect(batch.status).toBe("FAILED");
    expect(() => batch.throwIfError()).toThrow(BatchCompletionError);
  });

  it.each([
    ["ALL_COMPLETED", false, "SUCCEEDED"],
    ["ALL_COMPLETED", true, "FAILED"],
    ["MIN_SUCCESSFUL_REACHED", true, "FAILED"],
    ["CUSTOM_COMPLETION_SUCCEEDED", true, "SUCCEEDED"],
    ["CUSTOM_COMPLETION_FAILED", false, "FAILED"],
  ] as const)("that ended as %s with a failure (%p) is %s", (reason, hasFailure, status) => {
    const items = hasFailure ? [{ index: 0, status: FAILED, error: first }] : [];

    expect(new RecordedBatchResult(items, reason).status).toBe(status);
  });

  it("throws nothing when nothing failed", () => {
    expect(() => new RecordedBatchResult([], "ALL_COMPLETED").throwIfError()).not.toThrow();
  });
});

describe("the summary of a batch", () => {
  it("has one letter for each started item, which come back as statuses", () => {
    const summary = summarize("MapResult", mixed, "for people");

    expect(summary).toEqual({
      type: "MapResult",
      totalCount: 5,
      successCount: 2,
      failureCount: 2,
      startedCount: 1,
      completionReason: "FAILURE_TOLERANCE_EXCEEDED",
      status: "FAILED",
      itemStatuses: "S-FSF",
      summary: "for people",
    });
    expect(summaryStatuses(summary)).toEqual(mixed.all.map(({ status }) => status));
  });

  it("leaves out what the user did not give", () => {
    expect(
      summarize("ParallelResult", new RecordedBatchResult([], "ALL_COMPLETED"), undefined),
    ).not.toHaveProperty("summary");
  });
});

import { failedFigure, figureOf, median, type Row } from "./figures";

const row: Row = {
  title: "steps",
  measurement: "steps",
  unit: "ms",
  ours: "tidemark",
  peer: { series: "aws", title: "AWS" },
  bar: { of: "ratio", kind: "at most", value: 0.5 },
};

describe("a figure of the benchmark", () => {
  it("is a median, and its ratio the median of the ratios of samples taken together", () => {
    // The second round was disturbed as a whole; the third on our side alone.
    const samples = { tidemark: [1, 20, 9], aws: [4, 80, 4] };

    expect(figureOf(row, samples)).toEqual({
      title: "steps",
      unit: "ms",
      ours: 9,
      peer: { title: "AWS", figure: 4, ratio: 0.25 },
      bar: row.bar,
      passed: true,
    });
  });

  it("fails a bar that the ratio misses, and one that the figure misses", () => {
    const samples = { tidemark: [3, 3, 3], aws: [4, 4, 4] };
    const atLeast: Row = { ...row, bar: { of: "figure", kind: "at least", value: 3.1 } };

    expect(figureOf(row, samples).passed).toBe(false);
    expect(figureOf(atLeast, samples).passed).toBe(false);
  });

  it("meets no bar when it is not a number", () => {
    expect(figureOf(row, { tidemark: [Number.NaN], aws: [1] }).passed).toBe(false);
  });

  it("has no verdict without a bar", () => {
    const stated: Row = { title: "memory", measurement: "memory", unit: "MB", ours: "tidemark" };

    expect(figureOf(stated, { tidemark: [2] })).toEqual({ title: "memory", unit: "MB", ours: 2 });
  });

  it("fails its bar when the measurement failed", () => {
    expect(failedFigure(row)).toEqual({
      title: "steps",
      unit: "ms",
      ours: Number.NaN,
      bar: row.bar,
      passed: false,
    });
  });

  it("cannot be read from samples that are missing", () => {
    expect(() => figureOf(row, { tidemark: [1] })).toThrow("no samples of aws");
  });
});

describe("the median", () => {
  it("is the middle value, or the mean of the two", () => {
    expect(median([3, 1, 2])).toBe(2);
    expect(median([4, 1, 2, 3])).toBe(2.5);
  });
});

/** Owns how figures are shown. */

import type { Bar, Figure } from "./figures";

const HEADINGS = ["workload", "tidemark", "peer", "", "ratio", "bar", ""];

/** Text in columns, readable on a terminal and as Markdown. */
export function tableOf(figures: readonly Figure[]): string {
  const rows = figures.map(cellsOf);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, column) => cell.padEnd(widths[column] as number)).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [line(HEADINGS), rule, ...rows.map(line)].join("\n");
}

function cellsOf({ title, unit, ours, peer, bar, passed }: Figure): string[] {
  return [
    title,
    amount(ours, unit),
    peer === undefined ? "" : amount(peer.figure, unit),
    peer?.title ?? "",
    peer === undefined ? "" : `${digits(peer.ratio)} ×`,
    bar === undefined ? "" : barText(bar, unit),
    passed === undefined ? "" : passed ? "PASS" : "FAIL",
  ];
}

function barText({ of, kind, value }: Bar, unit: string): string {
  return `${kind} ${of === "ratio" ? `${value} ×` : amount(value, unit)}`;
}

function amount(value: number, unit: string): string {
  return `${digits(value)} ${unit}`;
}

/** Three digits are as many as mean something here. */
function digits(value: number): string {
  return value >= 100 ? Math.round(value).toLocaleString("en-US") : String(Number(value.toPrecision(3)));
}

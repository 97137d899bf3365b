/** Owns how a failing case is shown: the expected and the actual events side by side. */

import { shown } from "./matcher";
import type { CaseReport } from "./runner";

const COLUMN_WIDTH = 64;

/** Several lines that say what is wrong with a case, and where. */
export function describeFailure(report: CaseReport): string {
  const lines = [`${report.id} ${report.description}`];
  for (const problem of report.problems) lines.push(`  ! ${problem}`);
  if (report.rows.length > 0) lines.push(`    ${column("expected")} | actual`);
  for (const { expected, actual, problems } of report.rows) {
    const mark = problems.length === 0 ? " " : "!";
    lines.push(`  ${mark} ${column(eventText(expected))} | ${eventText(actual)}`);
    for (const problem of problems) lines.push(`      ^ ${problem}`);
  }
  return lines.join("\n");
}

/** One event on one line: its number and type, then what tells it from others. */
function eventText(event: object | undefined): string {
  if (event === undefined) return "-";
  const { EventId, EventType, SubType, Id, ParentId, Name } = event as Readonly<Record<string, unknown>>;
  const parts = [`${EventId ?? "?"} ${EventType}`, SubType, labelled("id", Id)];
  return [...parts, labelled("in", ParentId), labelled("name", Name), detailsText(event)]
    .filter((part) => part !== undefined && part !== "")
    .join(" ");
}

function labelled(label: string, value: unknown): string | undefined {
  return value === undefined ? undefined : `${label}=${shown(value)}`;
}

function detailsText(event: object): string {
  const details = Object.entries(event).find(([key]) => key.endsWith("Details"))?.[1];
  const text = details === undefined ? "" : JSON.stringify(details);
  return text === "{}" || text === '"*"' ? "" : shown(text);
}

function column(text: string): string {
  return text.length > COLUMN_WIDTH ? `${text.slice(0, COLUMN_WIDTH - 3)}...` : text.padEnd(COLUMN_WIDTH);
}

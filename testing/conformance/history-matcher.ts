/**
 * Owns how the expected history and result of a case are compared with what we have.
 *
 * AWS's own matcher ignores events that a case does not list (cases 8-11 and 9-11 say so). This one
 * is stricter, as far as all cases allow:
 *
 * 1. Our events are numbered from 1 without gaps, their timestamps never go back, and the first is
 *    ExecutionStarted.
 * 2. A listed event is our event of that number. Without a number it is the next event of its type.
 * 3. A listed event with an id and without a parent has no parent in ours.
 * 4. Ids that a case gives different names are different.
 * 5. Between listed events only InvocationCompleted may be left out.
 * 6. A list that ends with the end of an invocation or of the execution is complete: after it only
 *    the end of the execution may follow. Any other list is a beginning.
 * 7. An execution that has ended says so in its last event.
 */

import type { HistoryEvent } from "@tidemark/protocol";
import type { ExecutionOutcome } from "../kit/test-runtime";
import type { ExpectedResult, YamlMap } from "./cases";
import { matchValue, parsedJson, shown } from "./matcher";
import { Variables } from "./variables";

/** One line of the comparison. */
export interface HistoryRow {
  readonly expected?: YamlMap | undefined;
  readonly actual?: HistoryEvent | undefined;
  readonly problems: readonly string[];
}

const END_OF_EXECUTION: Readonly<Record<string, string>> = {
  SUCCEEDED: "ExecutionSucceeded",
  FAILED: "ExecutionFailed",
  TIMED_OUT: "ExecutionTimedOut",
  STOPPED: "ExecutionStopped",
};
const ENDS_OF_EXECUTION = new Set(Object.values(END_OF_EXECUTION));

/** Compares event by event, in our order. Binds the variables. */
export function matchHistory(
  expected: readonly YamlMap[],
  actual: readonly HistoryEvent[],
  variables: Variables,
): HistoryRow[] {
  const rows: HistoryRow[] = actual.map((event, index) => ({
    actual: event,
    problems: numberingProblems(event, actual[index - 1], index),
  }));
  const ids = new Map<unknown, string>();
  let lastMatched = 0;
  for (const listed of expected) {
    const index = positionOf(listed, actual, lastMatched);
    const event = actual[index];
    if (event === undefined) {
      rows.push({ expected: listed, problems: ["we have no such event"] });
      continue;
    }
    const problems = [...matchEvent(listed, event, variables), ...idProblems(listed, event, ids)];
    rows[index] = {
      expected: listed,
      actual: event,
      problems: [...(rows[index]?.problems ?? []), ...problems],
    };
    lastMatched = Math.max(lastMatched, index);
  }
  return rows.map((row, index) => withUnlisted(row, index, lastMatched, isComplete(expected)));
}

function numberingProblems(event: HistoryEvent, previous: HistoryEvent | undefined, index: number): string[] {
  const problems: string[] = [];
  if (event.EventId !== index + 1) problems.push(`EventId is ${event.EventId}; expected ${index + 1}`);
  if (index === 0 && event.EventType !== "ExecutionStarted")
    problems.push("the first is not ExecutionStarted");
  if (previous !== undefined && event.EventTimestamp < previous.EventTimestamp) {
    problems.push("EventTimestamp is before that of the event before");
  }
  return problems;
}

function positionOf(listed: YamlMap, actual: readonly HistoryEvent[], lastMatched: number): number {
  if (typeof listed.EventId === "number") return listed.EventId - 1;
  const index = actual.findIndex(
    (event, position) => position > lastMatched && event.EventType === listed.EventType,
  );
  return index === -1 ? actual.length : index;
}

function matchEvent(listed: YamlMap, event: HistoryEvent, variables: Variables): string[] {
  if (event.EventType !== listed.EventType) {
    return [`EventType is ${event.EventType}; expected ${shown(listed.EventType)}`];
  }
  const problems = matchValue(listed, event, variables, { members: "subset" });
  const { ParentId } = event;
  if ("Id" in listed && !("ParentId" in listed) && ParentId !== undefined) {
    problems.push(`ParentId is ${shown(ParentId)}; expected none`);
  }
  return problems;
}

function idProblems(listed: YamlMap, event: HistoryEvent, ids: Map<unknown, string>): string[] {
  const name = typeof listed.Id === "string" ? Variables.nameIn(listed.Id) : undefined;
  if (name === undefined || event.Id === undefined) return [];
  const other = ids.get(event.Id) ?? name;
  ids.set(event.Id, other);
  return other === name ? [] : [`Id ${event.Id} is that of \${${other}} already`];
}

function isComplete(expected: readonly YamlMap[]): boolean {
  const last = expected.at(-1)?.EventType;
  return last === "InvocationCompleted" || (typeof last === "string" && ENDS_OF_EXECUTION.has(last));
}

function withUnlisted(row: HistoryRow, index: number, lastMatched: number, complete: boolean): HistoryRow {
  if (row.expected !== undefined || index === 0) return row;
  const type = row.actual?.EventType ?? "";
  const isAfter = index > lastMatched;
  const isAllowed = isAfter ? !complete || ENDS_OF_EXECUTION.has(type) : type === "InvocationCompleted";
  return isAllowed ? row : { ...row, problems: [...row.problems, "is not listed"] };
}

/** Compares how the execution ended. */
export function matchOutcome(
  expected: ExpectedResult,
  outcome: ExecutionOutcome,
  history: readonly HistoryEvent[],
  variables: Variables,
): string[] {
  const problems: string[] = [];
  if (outcome.status !== expected.ExecutionStatus) {
    const reason = outcome.error === undefined ? "" : `, with ${shown(outcome.error)}`;
    problems.push(`the execution is ${outcome.status}; expected ${expected.ExecutionStatus}${reason}`);
  }
  const end = END_OF_EXECUTION[outcome.status];
  const last = history.at(-1)?.EventType;
  if (end !== undefined && last !== end) problems.push(`the last event is ${last}; expected ${end}`);
  if (expected.Result !== undefined)
    problems.push(...matchResult(expected.Result, outcome.result, variables));
  if (expected.Error !== undefined) {
    problems.push(...matchValue(expected.Error, outcome.error, variables, { members: "subset" }, "Error"));
  }
  return problems;
}

/** The case gives a result as a value, or (5-16) as its JSON text. */
function matchResult(
  expected: NonNullable<ExpectedResult["Result"]> | null,
  text: string | undefined,
  variables: Variables,
): string[] {
  const parsed = text === undefined ? { value: undefined } : (parsedJson(text) ?? { value: text });
  const problems = matchValue(expected, parsed.value, variables, { members: "all" }, "Result");
  if (problems.length === 0 || typeof expected !== "string") return problems;
  const asText = parsedJson(expected);
  if (asText === undefined) return problems;
  const textProblems = matchValue(expected, text, variables, { members: "all" }, "Result.Payload");
  return textProblems.length === 0 ? [] : problems;
}

// biome-ignore-all lint/suspicious/noTemplateCurlyInString: it is how the cases write variables.

import type { HistoryEvent } from "@tidemark/protocol";
import { parseCase, type YamlMap, type YamlValue } from "./cases";
import { matchHistory, matchOutcome } from "./history-matcher";
import { matchLogs, recordsOf } from "./log-matcher";
import { matchValue } from "./matcher";
import { Variables } from "./variables";

const SUBSET = { members: "subset" } as const;

function problems(expected: YamlValue, actual: unknown, variables = new Variables(), path = ""): string[] {
  return matchValue(expected, actual, variables, SUBSET, path);
}

describe("matching a value", () => {
  it.each<[string, YamlValue, unknown]>([
    ["* and any value", "*", { any: ["thing"] }],
    ["equal texts", "abc", "abc"],
    ["equal numbers", 2, 2],
    ["equal booleans", false, false],
    ["null and nothing", null, undefined],
    ["a pattern and a part of a text", "/(?i)BRANCH/", "ParallelBranch"],
    ["a pattern in braces and a number", "${/^[0-5]$/}", 3],
    ["a pattern and a boolean", "/.*/", false],
    ["an object and one that has more", { a: { b: 1 } }, { a: { b: 1, c: 2 }, d: 3 }],
    ["an empty object and any object", {}, { a: 1 }],
    ["equal lists", ["a", 1], ["a", 1]],
  ])("takes %s", (_name, expected, actual) => {
    expect(problems(expected, actual)).toEqual([]);
  });

  it.each<[string, YamlValue, unknown, string]>([
    ["* and nothing", "*", undefined, "the value is missing; expected *"],
    ["a number and its text", 2, "2", "the value is 2; expected 2"],
    ["a text and its number", "2", 2, "the value is 2; expected 2"],
    ["null and a value", null, 0, "the value is 0; expected null"],
    ["a pattern and another text", "/^arn:/", "warn:", "the value is warn:; expected /^arn:/"],
    ["a pattern and an object", "/.*/", {}, "the value is {}; expected /.*/"],
    ["an object and nothing", {}, undefined, "the value is missing; expected {}"],
    ["an object and a list", {}, [], "the value is []; expected {}"],
    ["a list and a longer one", ["a"], ["a", "b"], 'the value is ["a","b"]; expected ["a"]'],
    ["an object without a member", { a: { b: "*" } }, { a: {} }, "a.b is missing; expected *"],
  ])("refuses %s", (_name, expected, actual, problem) => {
    expect(problems(expected, actual)).toEqual([problem]);
  });

  it("compares payloads as JSON", () => {
    const path = "Result.Payload";
    expect(problems('{"status": "approved"}', '{"status":"approved"}', undefined, path)).toEqual([]);
    expect(problems({ status: "approved" }, '{"status":"approved"}', undefined, path)).toEqual([]);
    expect(problems(42, "42", undefined, path)).toEqual([]);
    expect(problems("wrapped:X", "wrapped:X", undefined, path)).toEqual([]);
    expect(problems('"a"', "a", undefined, path)).toHaveLength(1);
    expect(problems('{"a":1}', '{"a":1,"b":2}', undefined, path)).toHaveLength(1);
    expect(problems({ a: 1 }, '{"a":1,"b":2}', undefined, path)).toEqual([
      "Result.Payload$.b is not expected",
    ]);
  });

  it("takes everything else than payloads as it is written", () => {
    expect(problems('{"a": 1}', '{"a":1}', undefined, "result")).toHaveLength(1);
  });
});

describe("variables", () => {
  it("keep the value they have seen first", () => {
    const variables = new Variables();
    expect(problems("${ID}", "1-1", variables)).toEqual([]);
    expect(problems("${ID}", "1-1", variables)).toEqual([]);
    expect(problems("${ID}", "1-2", variables)).toEqual(["the value is 1-2; expected 1-1"]);
  });

  it("are not bound to nothing", () => {
    const variables = new Variables();
    expect(problems("${NAME}", undefined, variables)).toEqual(["the value is missing; expected ${NAME}"]);
    expect(variables.has("NAME")).toBe(false);
  });

  it("are text within a text and within a pattern", () => {
    const variables = new Variables([["X", "a.c"]]);
    expect(problems('"${X}"', '"a.c"', variables)).toEqual([]);
    expect(problems("/^<${X}>$/", "<a.c>", variables)).toEqual([]);
    expect(problems("/^<${X}>$/", "<abc>", variables)).toHaveLength(1);
  });

  it("are generated from the seed alone", () => {
    const first = Variables.define({ A: "${GEN_STR:8}", B: "${GEN_STR:8}", C: "fixed" }, "seed");
    const again = Variables.define({ A: "${GEN_STR:8}", B: "${GEN_STR:8}", C: "fixed" }, "seed");
    expect(first.get("A")).toMatch(/^[a-z]{8}$/);
    expect(first.get("A")).not.toBe(first.get("B"));
    expect(first.get("C")).toBe("fixed");
    expect([again.get("A"), again.get("B")]).toEqual([first.get("A"), first.get("B")]);
  });

  it("are replaced at any depth of an input", () => {
    const variables = new Variables([["X", "x"]]);
    expect(variables.resolve({ list: ["${X}", 1], none: null })).toEqual({ list: ["x", 1], none: null });
    expect(() => variables.resolve("${Y}")).toThrow("${Y} has no value here");
  });
});

function event(EventId: number, EventType: string, fields: object = {}): HistoryEvent {
  return {
    EventId,
    EventType,
    EventTimestamp: new Date(0),
    [`${EventType}Details`]: {},
    ...fields,
  } as HistoryEvent;
}

const OURS = [
  event(1, "ExecutionStarted"),
  event(2, "StepStarted", { Id: "1", SubType: "Step", Name: "greet" }),
  event(3, "StepSucceeded", { Id: "1", SubType: "Step", Name: "greet" }),
  event(4, "InvocationCompleted"),
  event(5, "ExecutionSucceeded"),
];
const LISTED: readonly YamlMap[] = [
  { EventType: "StepStarted", EventId: 2, Id: "${ID1}", StepStartedDetails: {} },
  { EventType: "StepSucceeded", EventId: 3, Id: "${ID1}", StepSucceededDetails: {} },
  { EventType: "InvocationCompleted", EventId: 4 },
];

function historyProblems(
  listed: readonly YamlMap[],
  ours: readonly HistoryEvent[] = OURS,
  variables = new Variables(),
): string[] {
  return matchHistory(listed, ours, variables).flatMap((row) => row.problems);
}

describe("matching a history", () => {
  it("takes the listed events at their numbers, and the end of the execution after them", () => {
    const variables = new Variables();
    expect(historyProblems(LISTED, OURS, variables)).toEqual([]);
    expect(variables.get("ID1")).toBe("1");
  });

  it("takes a list without numbers in order", () => {
    expect(historyProblems(LISTED.map(({ EventId: _number, ...listed }) => listed as YamlMap))).toEqual([]);
  });

  it("refuses an event at another number", () => {
    const ours = [...OURS.slice(0, 3), event(4, "WaitStarted", { Id: "2" }), event(5, "InvocationCompleted")];
    expect(historyProblems(LISTED, ours)).toEqual([
      "EventType is WaitStarted; expected InvocationCompleted",
      "is not listed",
    ]);
  });

  it("refuses a missing event", () => {
    expect(historyProblems(LISTED, OURS.slice(0, 3))).toEqual(["we have no such event"]);
  });

  it("refuses an event that a complete list leaves out, and takes it after a beginning", () => {
    const ours = [...OURS.slice(0, 4), event(5, "StepStarted", { Id: "2" }), event(6, "InvocationCompleted")];
    expect(historyProblems(LISTED, ours)).toEqual(["is not listed", "is not listed"]);
    expect(historyProblems(LISTED.slice(0, 1), ours)).toEqual([]);
  });

  it("takes an end of an invocation that the list leaves out", () => {
    const last = { EventType: "ExecutionSucceeded", EventId: 5, ExecutionSucceededDetails: "*" };
    expect(historyProblems([...LISTED.slice(0, 2), last])).toEqual([]);
  });

  it("refuses a step that the list leaves out", () => {
    const last = { EventType: "ExecutionSucceeded", EventId: 5, ExecutionSucceededDetails: "*" };
    expect(historyProblems([...LISTED.slice(0, 1), last])).toEqual(["is not listed"]);
  });

  it("refuses a parent where the case has none, and another one than the case's", () => {
    const ours = OURS.map((ourEvent) =>
      ourEvent.EventId === 3 ? ({ ...ourEvent, ParentId: "9" } as HistoryEvent) : ourEvent,
    );
    expect(historyProblems(LISTED, ours)).toEqual(["ParentId is 9; expected none"]);
    const withParent = LISTED.map((listed) => ("Id" in listed ? { ...listed, ParentId: "${ID1}" } : listed));
    expect(historyProblems(withParent, ours)).toEqual([
      "ParentId is missing; expected ${ID1}",
      "ParentId is 9; expected 1",
    ]);
  });

  it("refuses one id under two names", () => {
    const listed = LISTED.map((item) => (item.EventId === 3 ? { ...item, Id: "${ID2}" } : item));
    expect(historyProblems(listed)).toEqual(["Id 1 is that of ${ID1} already"]);
  });

  it("refuses numbers with gaps, times that go back and another beginning", () => {
    const ours = [
      event(1, "InvocationCompleted", { EventTimestamp: new Date(2000) }),
      event(3, "ExecutionSucceeded", { EventTimestamp: new Date(1000) }),
    ];
    expect(historyProblems([], ours)).toEqual([
      "the first is not ExecutionStarted",
      "EventId is 3; expected 2",
      "EventTimestamp is before that of the event before",
    ]);
  });
});

describe("matching an outcome", () => {
  function outcomeProblems(Result: YamlValue | undefined, result: string | undefined): string[] {
    const expected = { ExecutionStatus: "SUCCEEDED", ...(Result !== undefined && { Result }) };
    return matchOutcome(expected, { status: "SUCCEEDED", result }, OURS, new Variables([["X", "x"]]));
  }

  it.each<[string, YamlValue | undefined, string | undefined]>([
    ["no result in the case", undefined, '"anything"'],
    ["a text", "Hello, ${X}!", '"Hello, x!"'],
    ["a JSON text", '"HELLO"', '"HELLO"'],
    ["a value", { count: 2, tags: ["a"] }, '{"tags":["a"],"count":2}'],
    ["null and the JSON text null", null, "null"],
    ["null and no result", null, undefined],
  ])("takes %s", (_name, expected, actual) => {
    expect(outcomeProblems(expected, actual)).toEqual([]);
  });

  it("refuses another result, and one with more members", () => {
    expect(outcomeProblems("a", '"b"')).toEqual(["Result is b; expected a"]);
    expect(outcomeProblems({ a: 1 }, '{"a":1,"b":2}')).toEqual(["Result.b is not expected"]);
  });

  it("refuses another status, and a history without the end", () => {
    const expected = { ExecutionStatus: "SUCCEEDED" };
    const failed = { status: "FAILED", error: { ErrorType: "StepError" } };
    expect(matchOutcome(expected, failed, OURS, new Variables())).toEqual([
      'the execution is FAILED; expected SUCCEEDED, with {"ErrorType":"StepError"}',
      "the last event is ExecutionSucceeded; expected ExecutionFailed",
    ]);
  });
});

describe("matching logs", () => {
  const records = recordsOf([
    '{"hook":"start","first":true}',
    "plain text",
    '{"message":"in between"}',
    "",
    '{"hook":"end"}',
  ]);
  const variables = new Variables();

  it("takes JSON lines as they are and other lines as messages", () => {
    expect(records).toEqual([
      { message: '{"hook":"start","first":true}', hook: "start", first: true },
      { message: "plain text" },
      { message: "in between" },
      { message: '{"hook":"end"}', hook: "end" },
    ]);
  });

  it("counts the records whose listed fields all match", () => {
    expect(matchLogs([{ match: { hook: "start", first: true }, count: 1 }], records, variables)).toEqual([]);
    expect(matchLogs([{ match: { hook: "start", first: false }, count: 0 }], records, variables)).toEqual([]);
    expect(matchLogs([{ match: { hook: "/.*/" }, min_count: 2 }], records, variables)).toEqual([]);
    expect(matchLogs([{ match: { hook: "end" }, count: 2 }], records, variables)).toEqual([
      'the log {"hook":"end"} is there 1 times; expected 2',
    ]);
    expect(matchLogs([{ match: { error: "/.*/" } }], records, variables)).toEqual([
      'the log {"error":"/.*/"} is there 0 times; expected 1',
    ]);
  });

  it("checks the order of records", () => {
    const between = { match: { message: "in between" }, count: 1 };
    expect(
      matchLogs([{ ...between, after: [{ hook: "start" }], before: [{ hook: "end" }] }], records, variables),
    ).toEqual([]);
    expect(
      matchLogs([{ ...between, after: [{ hook: "end" }], before: [{ hook: "start" }] }], records, variables),
    ).toEqual([
      'the log {"message":"in between"} is not after {"hook":"end"}',
      'the log {"message":"in between"} is not before {"hook":"start"}',
    ]);
  });
});

describe("reading a case", () => {
  it("keeps the keys that it does not know", () => {
    const testCase = parseCase("1-99", "step", "description: new\nInput:\nSurprise: 1\n");
    expect(testCase.unknownKeys).toEqual(["Surprise"]);
    expect(testCase.input).toBeNull();
    expect(testCase.expectedResult).toBeUndefined();
  });
});

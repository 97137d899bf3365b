import { apply, isRejection, takeDueEvents } from "./apply.js";
import { callbackId } from "./ids.js";
import type { Operation, OperationAction, OperationType } from "./operation.js";
import type { OutsideEvent } from "./outside-event.js";
import type { LogRecord } from "./record.js";
import { ExecutionState } from "./state.js";
import type { OperationUpdate } from "./update.js";

const T0 = 1_732_000_000_000;

function newState(): ExecutionState {
  return new ExecutionState("e1", T0);
}

function update(
  Type: OperationType,
  Action: OperationAction,
  more: Partial<OperationUpdate> = {},
): LogRecord {
  const options: Partial<OperationUpdate> =
    Type === "WAIT" ? { WaitOptions: { WaitSeconds: 10 } } : Type === "CHAINED_INVOKE" ? INVOKE : {};
  return { update: { Id: "1", Type, Action, ...options, ...more } };
}

const INVOKE = { ChainedInvokeOptions: { FunctionName: "ship" } };
const step = (Action: OperationAction, more: Partial<OperationUpdate> = {}) => update("STEP", Action, more);
const context = (Action: OperationAction, more: Partial<OperationUpdate> = {}) =>
  update("CONTEXT", Action, more);
const happened = (event: OutsideEvent): LogRecord => ({ event });

/** Applies and commits; the records must be allowed. Gives the operations that changed. */
function record(
  state: ExecutionState,
  records: readonly LogRecord[],
  nowMs = state.nowMs,
): readonly Operation[] {
  const transition = apply(state, records, nowMs);
  if (isRejection(transition)) throw new Error(transition.rejected);
  state.commit(transition);
  return transition.operations;
}

/** Why the records are not allowed. */
function rejection(state: ExecutionState, ...records: LogRecord[]): string | undefined {
  const transition = apply(state, records, state.nowMs);
  return isRejection(transition) ? transition.rejected : undefined;
}

function dueBy(state: ExecutionState, nowMs: number): OutsideEvent[] {
  return takeDueEvents(state, nowMs).map(({ event }) => event);
}

const at = (ms: number) => new Date(ms);

/** A step in each of the states that it can be in. */
const STEP_STATES: Record<string, LogRecord[]> = {
  "not there": [],
  STARTED: [step("START")],
  PENDING: [step("RETRY")],
  READY: [step("RETRY"), happened({ kind: "retry_ready", id: "1" })],
  SUCCEEDED: [step("SUCCEED")],
  FAILED: [step("FAIL")],
};

describe("apply: a step", () => {
  it.each([
    ["not there", { START: "STARTED", SUCCEED: "SUCCEEDED", FAIL: "FAILED", RETRY: "PENDING" }],
    ["STARTED", { START: "cannot start", SUCCEED: "SUCCEEDED", FAIL: "FAILED", RETRY: "PENDING" }],
    ["PENDING", { START: "cannot start", SUCCEED: "not due", FAIL: "not due", RETRY: "not due" }],
    ["READY", { START: "STARTED", SUCCEED: "SUCCEEDED", FAIL: "FAILED", RETRY: "PENDING" }],
    ["SUCCEEDED", { START: "ended", SUCCEED: "ended", FAIL: "ended", RETRY: "ended" }],
    ["FAILED", { START: "ended", SUCCEED: "ended", FAIL: "ended", RETRY: "ended" }],
  ] as const)("that is %s goes where it may (invariant 5)", (status, expected) => {
    for (const [action, outcome] of Object.entries(expected)) {
      const state = newState();
      record(state, STEP_STATES[status] as LogRecord[]);
      const before = state.operations.get("1");

      const transition = apply(state, [step(action as OperationAction)], state.nowMs);

      if (isRejection(transition))
        expect([action, transition.rejected]).toEqual([action, expect.stringContaining(outcome)]);
      else expect([action, transition.operations[0]?.Status]).toEqual([action, outcome]);
      // Applying changes nothing; committing does.
      expect(state.operations.get("1")).toBe(before);
    }
  });

  it("counts attempts, and keeps what the last one left", () => {
    const state = newState();
    record(state, [step("START", { Name: "charge", SubType: "Step" })]);
    record(state, [
      step("RETRY", {
        Payload: "7",
        Error: { ErrorMessage: "busy" },
        StepOptions: { NextAttemptDelaySeconds: 30 },
      }),
    ]);

    expect(state.operations.get("1")?.StepDetails).toEqual({
      Attempt: 1,
      NextAttemptTimestamp: at(T0 + 30_000),
      Result: "7",
      Error: { ErrorMessage: "busy" },
    });

    record(state, dueBy(state, T0 + 30_000).map(happened), T0 + 30_000);
    expect(state.operations.get("1")?.Status).toBe("READY");
    record(state, [step("START")]);
    expect(state.operations.get("1")?.StepDetails).toEqual({ Attempt: 1, Result: "7" });
    record(state, [step("SUCCEED", { Payload: "8" })]);

    expect(state.operations.get("1")).toEqual({
      Id: "1",
      Type: "STEP",
      Name: "charge",
      SubType: "Step",
      Status: "SUCCEEDED",
      StartTimestamp: at(T0),
      EndTimestamp: at(T0 + 30_000),
      StartOrder: 1,
      SettleOrder: 5,
      StepDetails: { Attempt: 2, Result: "8" },
    });
  });

  it("waits a second for the next attempt unless it says otherwise, and none if it says 0", () => {
    for (const [options, delayMs] of [
      [undefined, 1_000],
      [{ NextAttemptDelaySeconds: 0 }, 0],
    ] as const) {
      const state = newState();
      record(state, [step("RETRY", options === undefined ? {} : { StepOptions: options })]);
      expect(state.nextDueMs()).toBe(T0 + delayMs);
    }
  });

  it("counts how often the process died in an attempt, and forgets it with the attempt", () => {
    const state = newState();
    record(state, [step("START")]);
    record(state, [
      happened({ kind: "step_interrupted", id: "1" }),
      happened({ kind: "step_interrupted", id: "1" }),
    ]);
    expect(state.operations.get("1")).toMatchObject({
      Status: "STARTED",
      StepDetails: { Attempt: 0, Interruptions: 2 },
    });

    record(state, [step("RETRY")]);

    expect(state.operations.get("1")?.StepDetails).not.toHaveProperty("Interruptions");
    expect(state.operations.get("1")?.StepDetails?.Attempt).toBe(1);
  });

  it("is among the started ones exactly while an attempt is under way", () => {
    const state = newState();
    const started: string[][] = [];
    const records = [
      step("START"),
      step("RETRY"),
      happened({ kind: "retry_ready", id: "1" }),
      step("START"),
      step("FAIL"),
    ];
    for (const each of records) {
      record(state, [each]);
      started.push([...state.startedSteps]);
    }

    expect(started).toEqual([["1"], [], [], ["1"], []]);
  });
});

describe("apply: the other kinds", () => {
  const kinds: OperationType[] = ["STEP", "CONTEXT", "WAIT", "CALLBACK", "CHAINED_INVOKE", "EXECUTION"];
  const actions: OperationAction[] = ["START", "SUCCEED", "FAIL", "RETRY", "CANCEL"];

  it.each(kinds)("%s takes only its own actions", (type) => {
    const state = newState();
    const allowed = actions.filter((action) => rejection(state, update(type, action)) === undefined);

    expect(allowed).toEqual(
      {
        STEP: ["START", "SUCCEED", "FAIL", "RETRY"],
        CONTEXT: ["START", "SUCCEED", "FAIL"],
        WAIT: ["START"],
        CALLBACK: ["START"],
        CHAINED_INVOKE: ["START"],
        EXECUTION: ["SUCCEED", "FAIL"],
      }[type],
    );
  });

  it.each(["CONTEXT", "WAIT", "CALLBACK", "CHAINED_INVOKE"] as const)("%s starts once", (type) => {
    const state = newState();
    record(state, [update(type, "START")]);

    expect(rejection(state, update(type, "START"))).toContain("has been started");
    expect(state.operations.get("1")).toMatchObject({
      Type: type,
      Status: "STARTED",
      StartTimestamp: at(T0),
    });
  });

  it("refuses the id of an operation of another kind", () => {
    for (const type of kinds.filter((each) => each !== "WAIT")) {
      const state = newState();
      record(state, [update("WAIT", "START")]);
      const action = type === "EXECUTION" ? "SUCCEED" : "START";
      expect(rejection(state, update(type, action))).toBe(`operation 1 is a WAIT, not a ${type}`);
    }
  });

  it("refuses a second end of the execution (invariant 5)", () => {
    const state = newState();
    record(state, [update("EXECUTION", "SUCCEED", { Payload: "1" })]);

    expect(rejection(state, update("EXECUTION", "FAIL"))).toContain("has ended as SUCCEEDED");
  });

  it("settles a context with its result or its error", () => {
    const state = newState();
    record(state, [context("START"), context("SUCCEED", { Payload: "1" })]);
    record(state, [context("FAIL", { Id: "2", Error: { ErrorType: "E" } })]);

    expect(state.operations.get("1")).toMatchObject({ Status: "SUCCEEDED", ContextDetails: { Result: "1" } });
    expect(state.operations.get("2")).toMatchObject({
      Status: "FAILED",
      ContextDetails: { Error: { ErrorType: "E" } },
    });
  });

  it("records what an invoke asked for, and its outcome", () => {
    const state = newState();
    record(state, [
      update("CHAINED_INVOKE", "START", {
        Payload: '"in"',
        ChainedInvokeOptions: { FunctionName: "ship", TenantId: "t" },
      }),
    ]);
    expect([...state.openInvokes]).toEqual(["1"]);

    record(state, [
      happened({ kind: "invoke_settled", id: "1", outcome: "TIMED_OUT", error: { ErrorType: "T" } }),
    ]);

    expect([...state.openInvokes]).toEqual([]);
    expect(state.operations.get("1")).toMatchObject({
      Status: "TIMED_OUT",
      ChainedInvokeDetails: {
        FunctionName: "ship",
        TenantId: "t",
        InputPayload: '"in"',
        Error: { ErrorType: "T" },
      },
    });
  });

  it("refuses all records together when one is not allowed", () => {
    const state = newState();

    expect(
      rejection(state, step("SUCCEED", { Id: "1" }), step("START", { Id: "2" }), step("START", { Id: "2" })),
    ).toContain("step 2 cannot start: it is STARTED");
    expect(state.operations.size).toBe(0);
    expect(state.nextOrder).toBe(1);
  });
});

describe("apply: nothing after the end of an ancestor (invariant 10)", () => {
  /** A context 1 with a step 1-1 and a context 1-2, which has a step 1-2-1. */
  function nested(): ExecutionState {
    const state = newState();
    record(state, [
      context("START"),
      step("START", { Id: "1-1", ParentId: "1" }),
      context("START", { Id: "1-2", ParentId: "1" }),
      step("START", { Id: "1-2-1", ParentId: "1-2" }),
      update("CALLBACK", "START", { Id: "1-2-2", ParentId: "1-2", CallbackOptions: { TimeoutSeconds: 5 } }),
    ]);
    return state;
  }

  it("drops the descendants of a context that has ended", () => {
    const state = nested();

    record(state, [context("SUCCEED")]);

    expect([...state.operations.keys()]).toEqual(["1"]);
    expect(state.startedSteps.size).toBe(0);
    expect(state.nextDueMs()).toBeUndefined();
    expect(rejection(state, step("SUCCEED", { Id: "1-1", ParentId: "1" }))).toContain("parent 1 has ended");
    expect(rejection(state, step("START", { Id: "1-2-3", ParentId: "1-2" }))).toContain(
      "parent 1-2 is not a context",
    );
  });

  it("keeps those of a context that is rebuilt from them, and they change no more", () => {
    const state = nested();

    record(state, [context("SUCCEED", { ContextOptions: { ReplayChildren: true } })]);

    expect([...state.operations.keys()]).toEqual(["1", "1-1", "1-2", "1-2-1", "1-2-2"]);
    expect(state.operations.get("1")?.ContextDetails?.ReplayChildren).toBe(true);
    expect(state.nextDueMs()).toBeUndefined();
    expect(rejection(state, step("SUCCEED", { Id: "1-1" }))).toContain("parent 1 has ended");
    expect(rejection(state, step("SUCCEED", { Id: "1-2-1" }))).toContain("1 has ended");
    expect(rejection(state, context("SUCCEED", { Id: "1-2" }))).toContain("parent 1 has ended");
    record(state, [happened({ kind: "callback_succeeded", id: "1-2-2", result: "1" })]);
    expect(state.operations.get("1-2-2")?.Status).toBe("STARTED");
  });

  it("holds within one checkpoint", () => {
    expect(rejection(nested(), context("SUCCEED"), step("SUCCEED", { Id: "1-2-1" }))).toContain(
      "1 has ended",
    );

    const state = nested();
    record(state, [context("SUCCEED"), happened({ kind: "callback_succeeded", id: "1-2-2" })]);
    expect([...state.operations.keys()]).toEqual(["1"]);
  });

  it("takes an end of the children before that of the context", () => {
    const state = nested();

    const changed = record(state, [
      step("SUCCEED", { Id: "1-2-1" }),
      context("SUCCEED", { Id: "1-2" }),
      context("SUCCEED"),
    ]);

    expect(changed.map(({ Id, Status }) => [Id, Status])).toEqual([
      ["1-2-1", "SUCCEEDED"],
      ["1-2", "SUCCEEDED"],
      ["1", "SUCCEEDED"],
    ]);
  });

  it("looks at the recorded parent, which a flat branch does not have in its id", () => {
    const state = newState();
    record(state, [context("START"), step("START", { Id: "1-2-1", ParentId: "1" })]);

    record(state, [context("SUCCEED")]);

    expect([...state.operations.keys()]).toEqual(["1"]);
  });
});

describe("apply: outside events", () => {
  function started(type: OperationType, more: Partial<OperationUpdate> = {}): ExecutionState {
    const state = newState();
    record(state, [update(type, "START", more)]);
    return state;
  }

  it.each([
    [{ kind: "wait_elapsed", id: "1" }, "WAIT", { Status: "SUCCEEDED" }],
    [
      { kind: "callback_succeeded", id: "1", result: "7" },
      "CALLBACK",
      { Status: "SUCCEEDED", CallbackDetails: { Result: "7" } },
    ],
    [
      { kind: "callback_failed", id: "1", error: { ErrorType: "E" } },
      "CALLBACK",
      { Status: "FAILED", CallbackDetails: { Error: { ErrorType: "E" } } },
    ],
    [
      { kind: "callback_timed_out", id: "1", reason: "timeout" },
      "CALLBACK",
      { Status: "TIMED_OUT", CallbackDetails: { Error: { ErrorType: "Callback.Timeout" } } },
    ],
    [
      { kind: "callback_timed_out", id: "1", reason: "heartbeat" },
      "CALLBACK",
      { Status: "TIMED_OUT", CallbackDetails: { Error: { ErrorType: "Callback.Heartbeat" } } },
    ],
    [{ kind: "invoke_settled", id: "1", outcome: "STOPPED" }, "CHAINED_INVOKE", { Status: "STOPPED" }],
  ] as [OutsideEvent, OperationType, object][])("settles with %j", (event, type, expected) => {
    const state = started(type);

    record(state, [happened(event)], T0 + 500);

    expect(state.operations.get("1")).toMatchObject({
      ...expected,
      EndTimestamp: at(T0 + 500),
      SettleOrder: 2,
    });
  });

  it("lets the first outcome win, also within one checkpoint (invariant 5)", () => {
    const state = started("CALLBACK");

    record(state, [
      happened({ kind: "callback_succeeded", id: "1", result: '"first"' }),
      happened({ kind: "callback_timed_out", id: "1", reason: "timeout" }),
    ]);
    record(state, [happened({ kind: "callback_failed", id: "1", error: {} })]);

    expect(state.operations.get("1")).toMatchObject({
      Status: "SUCCEEDED",
      CallbackDetails: { Result: '"first"' },
    });
    expect(state.operations.get("1")?.CallbackDetails).not.toHaveProperty("Error");
  });

  it("ignores what is for an operation that is not there, or of another kind", () => {
    const state = started("CONTEXT");

    expect(record(state, [happened({ kind: "callback_succeeded", id: "9" })])).toEqual([]);
    expect(record(state, [happened({ kind: "wait_elapsed", id: "1" })])).toEqual([]);
  });

  it("gives a callback its id", () => {
    expect(started("CALLBACK").operations.get("1")?.CallbackDetails).toEqual({
      CallbackId: callbackId("e1", "1", T0),
    });
  });
});

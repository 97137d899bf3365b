import fc from "fast-check";
import { apply, isRejection, takeDueEvents } from "./apply.js";
import type { ErrorObject, OperationType } from "./operation.js";
import type { OutsideEvent } from "./outside-event.js";
import type { LogEntry, LogRecord } from "./record.js";
import { type BarrenRun, decodeSnapshot, encodeSnapshot, SNAPSHOT_VERSION } from "./snapshot-codec.js";
import { ExecutionState } from "./state.js";
import type { OperationUpdate } from "./update.js";

const T0 = 1_732_000_000_000;
const NOT_BARREN: BarrenRun = { count: 0, isOpen: false };

const newState = (): ExecutionState => new ExecutionState("e1", T0);

function fold(state: ExecutionState, entries: readonly Pick<LogEntry, "atMs" | "records">[]): ExecutionState {
  for (const { records, atMs } of entries) {
    const transition = apply(state, records, atMs);
    if (isRejection(transition)) throw new Error(transition.rejected);
    state.commit(transition);
  }
  return state;
}

/** All that a state is, its timers taken out in their order. */
function wholeOf(state: ExecutionState): unknown {
  const { nowMs, nextOrder, operations, startedSteps, openInvokes } = state;
  return {
    nowMs,
    nextOrder,
    operations: [...operations],
    startedSteps: [...startedSteps].sort(),
    openInvokes: [...openInvokes].sort(),
    // A retry may be due twice at one time: the second does nothing.
    due: [...new Set(takeDueEvents(state, Number.POSITIVE_INFINITY).map((each) => JSON.stringify(each)))],
  };
}

/** Any text: also NUL and halves of surrogate pairs. */
const text = fc.string({ unit: "binary", maxLength: 8 });
const error: fc.Arbitrary<ErrorObject> = fc.record(
  {
    ErrorMessage: text,
    ErrorType: text,
    StackTrace: fc.array(text, { maxLength: 2 }),
    Cause: fc.constant({}),
  },
  { requiredKeys: [] },
);

/** What is to happen next; which operation it happens to is drawn from those that are there. */
const wish = fc.record({
  what: fc.constantFrom("start", "start", "start", "end", "end", "retry", "event", "event"),
  type: fc.constantFrom<OperationType>("STEP", "CONTEXT", "CONTEXT", "WAIT", "CALLBACK", "CHAINED_INVOKE"),
  at: fc.nat(),
  fails: fc.boolean(),
  keeps: fc.constantFrom({}, {}, { ReplayChildren: true }, { KeepChildren: true }),
  name: fc.option(text, { nil: undefined }),
  /** Not the usual one, or none. */
  subType: fc.constantFrom("usual", "Map", undefined),
  payload: fc.option(text, { nil: undefined }),
  error,
  seconds: fc.integer({ min: 1, max: 5 }),
  hasTimeouts: fc.boolean(),
  /** The id does not say its parent. */
  isHashed: fc.boolean(),
  beginsEntry: fc.boolean(),
  advanceMs: fc.constantFrom(0, 0, 1, 1000, -500),
});
type Wish = typeof wish extends fc.Arbitrary<infer T> ? T : never;

const USUAL = {
  STEP: "Step",
  CONTEXT: "RunInChildContext",
  WAIT: "Wait",
  CALLBACK: "Callback",
  CHAINED_INVOKE: "ChainedInvoke",
  EXECUTION: undefined,
} as const;

/** A log in which all that is wished for and allowed happens. */
function logOf(wishes: readonly Wish[]): LogEntry[] {
  const state = newState();
  const entries: LogEntry[] = [];
  let records: LogRecord[] = [];
  let atMs = T0;
  const close = (): void => {
    const sequence = entries.length + 1;
    entries.push({ sequence, epoch: 1, nonce: `n${sequence}`, atMs, records });
    records = [];
  };
  for (const [index, each] of wishes.entries()) {
    const record = recordOf(each, index, state);
    if (record === undefined) continue;
    if (each.beginsEntry && records.length > 0) {
      close();
      atMs = Math.max(atMs, atMs + each.advanceMs);
    }
    const transition = apply(state, [record], atMs);
    if (isRejection(transition)) continue;
    state.commit(transition);
    records.push(record);
  }
  close();
  return entries;
}

function recordOf(drawn: Wish, index: number, state: ExecutionState): LogRecord | undefined {
  const { what, type, at, fails, payload: Payload } = drawn;
  const all = [...state.operations.values()];
  if (what === "start") return { update: startOf(drawn, index, state) };
  const operation = all[at % Math.max(all.length, 1)];
  if (operation === undefined) return undefined;
  const { Id, Type, Name, SubType, ParentId } = operation;
  const same = { Id, Type, Name, SubType, ParentId };
  if (what === "event") return { event: eventOf(drawn, operation.Id as string, operation.Type as never) };
  if (what === "retry") {
    const StepOptions = { NextAttemptDelaySeconds: drawn.seconds };
    return {
      update: { ...same, Action: "RETRY", StepOptions, ...(fails ? { Error: drawn.error } : { Payload }) },
    };
  }
  const ContextOptions = type === "CONTEXT" ? drawn.keeps : undefined;
  if (fails) return { update: { ...same, Action: "FAIL", Error: drawn.error, ContextOptions } };
  return { update: { ...same, Action: "SUCCEED", Payload, ContextOptions } };
}

function startOf(drawn: Wish, index: number, state: ExecutionState): OperationUpdate {
  const { type, at, seconds } = drawn;
  const ready = [...state.operations.values()].find(({ Status }) => Status === "READY");
  if (ready !== undefined && drawn.fails) return { Id: ready.Id, Type: "STEP", Action: "START" };
  const contexts = [...state.operations.values()].filter(({ Type }) => Type === "CONTEXT");
  const parent = at % 3 === 0 ? undefined : contexts[at % Math.max(contexts.length, 1)];
  const own = drawn.isHashed ? `abcdef${index}` : `${index + 1}`;
  return {
    Id: parent === undefined || drawn.isHashed ? own : `${parent.Id}-${own}`,
    ParentId: parent?.Id,
    Type: type,
    Action: "START",
    Name: drawn.name,
    SubType: drawn.subType === "usual" ? USUAL[type] : drawn.subType,
    ...(type === "CONTEXT" && drawn.hasTimeouts ? { StartedAfter: at % 7 } : {}),
    ...(type === "WAIT" ? { WaitOptions: { WaitSeconds: seconds } } : {}),
    ...(type === "CALLBACK" && drawn.hasTimeouts
      ? { CallbackOptions: { TimeoutSeconds: seconds, HeartbeatTimeoutSeconds: 2 } }
      : {}),
    ...(type === "CHAINED_INVOKE"
      ? {
          ChainedInvokeOptions: { FunctionName: "ship", ...(drawn.hasTimeouts ? { TenantId: "t" } : {}) },
          Payload: drawn.payload,
        }
      : {}),
  };
}

function eventOf(drawn: Wish, id: string, type: OperationType): OutsideEvent {
  const { payload: result, error: failure } = drawn;
  switch (type) {
    case "WAIT":
      return { kind: "wait_elapsed", id };
    case "CALLBACK":
      if (drawn.hasTimeouts) return { kind: "callback_heartbeat", id, atMs: T0 + drawn.seconds * 1000 };
      if (drawn.seconds > 3) return { kind: "callback_timed_out", id, reason: "heartbeat" };
      return drawn.fails
        ? { kind: "callback_failed", id, error: failure }
        : { kind: "callback_succeeded", id, result };
    case "CHAINED_INVOKE":
      return drawn.fails
        ? { kind: "invoke_settled", id, outcome: "STOPPED", error: failure }
        : { kind: "invoke_settled", id, outcome: "SUCCEEDED", result };
    default:
      return drawn.fails ? { kind: "step_interrupted", id } : { kind: "retry_ready", id };
  }
}

const wishes = fc.array(wish, { minLength: 1, maxLength: 60, size: "max" });

describe("a snapshot", () => {
  it("stands for the entries that it was made of: what follows does the same to both states", () => {
    fc.assert(
      fc.property(wishes, fc.nat(), (drawn, cut) => {
        const entries = logOf(drawn);
        const until = cut % (entries.length + 1);
        const snapshot = encodeSnapshot(fold(newState(), entries.slice(0, until)), NOT_BARREN);
        const restored = newState();
        decodeSnapshot(snapshot, restored);

        expect(encodeSnapshot(restored, NOT_BARREN)).toBe(snapshot);
        const whole = wholeOf(fold(newState(), entries));
        expect(wholeOf(fold(restored, entries.slice(until)))).toEqual(whole);
      }),
      { numRuns: 300 },
    );
  });

  it("is the same text, whatever snapshots it was made from", () => {
    fc.assert(
      fc.property(wishes, fc.array(fc.boolean(), { minLength: 60, maxLength: 60 }), (drawn, isTaken) => {
        const entries = logOf(drawn);
        let state = newState();
        for (const [index, entry] of entries.entries()) {
          fold(state, [entry]);
          if (isTaken[index % isTaken.length] !== true) continue;
          const snapshot = encodeSnapshot(state, NOT_BARREN);
          state = newState();
          decodeSnapshot(snapshot, state);
        }

        const once = encodeSnapshot(fold(newState(), entries), NOT_BARREN);
        expect(encodeSnapshot(state, NOT_BARREN)).toBe(once);
      }),
      { numRuns: 100 },
    );
  });

  it("does not grow with attempts that are over and children of contexts that have ended", () => {
    const state = newState();
    const step = (Id: string, Action: "START" | "RETRY" | "SUCCEED", ParentId?: string): LogRecord => ({
      update: { Id, Type: "STEP", Action, ParentId, Payload: Action === "SUCCEED" ? "1" : undefined },
    });
    const context = (Action: "START" | "SUCCEED"): LogRecord => ({
      update: { Id: "1", Type: "CONTEXT", Action },
    });
    fold(state, [{ atMs: T0, records: [context("START")] }]);
    for (let child = 0; child < 50; child++) {
      const Id = `1-${child}`;
      const again: LogRecord = { event: { kind: "retry_ready", id: Id } };
      const records = [step(Id, "RETRY", "1"), again, step(Id, "SUCCEED", "1")];
      fold(state, [{ atMs: T0, records }]);
    }
    fold(state, [{ atMs: T0, records: [context("SUCCEED")] }]);

    expect(encodeSnapshot(state, { count: 2, isOpen: true })).toBe(
      `{"v":1,"s":${T0},"t":${T0},"o":153,"b":[2,1],"r":[{"i":"1","k":"C+","a":0,"o":1,"s":"","z":0,"q":152}]}`,
    );
  });

  it.each([
    ["no JSON", "{"],
    ["no snapshot", "null"],
    ["without operations", JSON.stringify({ v: SNAPSHOT_VERSION, s: T0, t: T0, o: 1, b: [0, 0] })],
    [
      "of another execution",
      JSON.stringify({ v: SNAPSHOT_VERSION, s: T0 + 1, t: T0, o: 1, b: [0, 0], r: [] }),
    ],
    [
      "with an unknown operation",
      JSON.stringify({ v: SNAPSHOT_VERSION, s: T0, t: T0, o: 1, b: [0, 0], r: [{ i: "1", k: "?+" }] }),
    ],
    ["with a hole", JSON.stringify({ v: SNAPSHOT_VERSION, s: T0, t: T0, o: 1, b: [0, 0], r: [null] })],
  ])("that is %s is refused, and the state stays new", (_what, damaged) => {
    const state = newState();

    expect(() => decodeSnapshot(damaged, state)).toThrow(
      expect.objectContaining({ code: "TIDEMARK_SNAPSHOT_CORRUPT", message: expect.stringContaining("e1") }),
    );
    expect(wholeOf(state)).toEqual(wholeOf(newState()));
  });

  it("of a newer format is refused by its version", () => {
    const newer = JSON.stringify({ v: SNAPSHOT_VERSION + 1, operations: {} });

    expect(() => decodeSnapshot(newer, newState())).toThrow(
      expect.objectContaining({
        code: "TIDEMARK_SNAPSHOT_VERSION",
        message: expect.stringContaining("format 2"),
      }),
    );
  });
});
